"""A run that is killed anywhere and gone on with is, bit for bit, the run of one piece."""

import random
import shutil
import sys
from itertools import product
from pathlib import Path

import pytest
from trials import TINY, differences, result, run_folder, run_folders, seen

from geometric_memory.files.whole import POINTS

RECIPES = ("mixed_full_path", "staged_full_path", "mixed_hardest_token", "staged_hardest_token")
RECIPES_OF = {
    f"{family} {recipe}": ["--model_family", family, "--training_recipe", recipe]
    for family, recipe in product(("gpt", "mamba"), RECIPES)
}
KINDS = {
    "mixed": ["--training_recipe", "mixed_full_path"],
    "staged": ["--training_recipe", "staged_full_path"],
    "mixed hardest": ["--training_recipe", "mixed_hardest_token", "--track_top_k_predictions"],
    "staged hardest": [
        "--training_recipe", "staged_hardest_token", "--track_embedding_evolution",
        "--enable_edge_memorization_early_stopping",
    ],
    "dropout": [
        "--training_recipe", "staged_full_path", "--use_mlp_only_blocks", "--dropout_rate", "0.2",
        "--track_embedding_evolution", "--tracking_schedule", "log", "--no-use_attention",
    ],
    "mamba": ["--model_family", "mamba", "--path_finetuning_epochs", "3"],
    "gpt2": ["--model_family", "gpt2", "--track_top_k_predictions"],
    "text": [
        "--model_family", "pythia", "--attention_head_count", "1", "--tokenizer", "text",
        "--tokenizer_file", str(Path(__file__).with_name("tokenizer.json")),
    ],
    "pythia": [
        "--model_family", "pythia", "--attention_head_count", "1",
        "--checkpoint_interval_steps", "0",
    ],
    "frozen": ["--freeze_token_embeddings", "--keep_checkpoints", "1", "--max_steps", "37"],
}  # fmt: skip
TRIALS_OF_EACH_KIND = 25
SAMPLE = [
    ("mixed", "before_tmp_write", 4), ("staged", "mid_write", 9), ("mixed", "before_fsync", 7),
    ("staged hardest", "before_manifest", 3), ("dropout", "before_rename", 9),
    ("mamba", "after_rename", 6), ("staged", "mid_epoch", 17), ("dropout", "mid_eval", 5),
    ("staged hardest", "mid_epoch", 27),
]  # fmt: skip


@pytest.fixture(scope="module")
def reference(workshop, tmp_path_factory):
    """Return a function from a kind of run to the result of one piece, with what it saw."""
    known = {}

    def result_of(kind):
        if kind not in known:
            folder = tmp_path_factory.mktemp("reference")
            line = [*TINY, *(KINDS | RECIPES_OF)[kind]]
            ended = workshop.run(line, folder, record=folder / "seen")
            assert ended.code == 0, ended.said
            known[kind] = result(run_folder(folder)) | {"seen": seen(folder / "seen")}
        return known[kind]

    return result_of


def finish(workshop, folder, kind):
    """Go on with a killed run, or start afresh, and return the result of every finished run."""
    ended = workshop.run([*TINY, *KINDS[kind], "--resume", "auto"], folder)
    assert ended.code == 0, ended.said
    runs = run_folders(folder)
    for run in runs:
        assert not list(run.rglob(".tmp-*"))
    return [result(run) for run in runs]


@pytest.mark.parametrize(("kind", "point", "occurrence"), SAMPLE)
def test_a_killed_run_goes_on_to_the_same_bits(
    workshop, reference, tmp_path, kind, point, occurrence
):
    ended = workshop.run(
        [*TINY, *KINDS[kind]], tmp_path, moment=point, occurrence=occurrence, deed="kill"
    )
    assert ended.code == -9, ended.said
    (found,) = finish(workshop, tmp_path, kind)
    assert differences(found, reference(kind)) == []


@pytest.mark.parametrize("point", ["mid_epoch", "mid_eval"])
@pytest.mark.parametrize("kind", RECIPES_OF)
def test_each_recipe_goes_on_with_the_very_examples(workshop, reference, tmp_path, kind, point):
    """Bits of weights, optimizer and rows, and example for example what every update saw."""
    line, record = [*TINY, *RECIPES_OF[kind]], tmp_path / "seen"
    occurrence = random.Random(kind).randint(2, 20) if point == "mid_epoch" else 3
    fault = {"moment": point, "occurrence": occurrence, "deed": "kill"}
    assert workshop.run(line, tmp_path, record=record, **fault).code == -9
    resumed = workshop.run([*line, "--resume", "auto"], tmp_path, record=record)
    assert resumed.code == 0, resumed.said
    found = result(run_folder(tmp_path)) | {"seen": seen(record)}
    assert differences(reference(kind), found) == []
    assert sorted(found["seen"]) == list(range(found["summary"]["steps"]))


def test_what_a_killed_writer_left_is_removed_and_told(workshop, tmp_path):
    fault = {"moment": "before_manifest", "occurrence": 3, "deed": "kill"}
    assert workshop.run(TINY, tmp_path, **fault).code == -9
    assert list(tmp_path.rglob(".tmp-*"))
    resumed = workshop.run([*TINY, "--resume", "auto"], tmp_path)
    assert "note: removed 1 unfinished files of a run that was killed" in resumed.said
    assert not list(tmp_path.rglob(".tmp-*"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_random_kills_and_resumes(workshop, reference, tmp_path, capsys, kind):
    """Stop runs at random moments, some of the resumed ones too; nothing may differ."""
    chance = random.Random(kind)
    runs, stops, failed = 0, 0, []
    while runs < TRIALS_OF_EACH_KIND:
        folder = tmp_path / "run"
        folder.mkdir()
        plan = [random_fault(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
        count, done = stopped_and_finished(workshop, folder, kind, plan)
        found = [differences(one, reference(kind)) for one in done]
        if any(found):
            failed.append((plan, found))
        runs, stops = runs + (count > 0), stops + count
        shutil.rmtree(folder)
    with capsys.disabled():
        text = f"{kind}: {runs} runs stopped {stops} times, {len(failed)} ended otherwise"
        sys.stdout.write(f"\n{text}\n")
    assert failed == []


def stopped_and_finished(workshop, folder, kind, plan):
    """Follow a plan of faults; return how often the run was stopped, and every result at the end.

    A run that ends before its fault comes is finished already.
    """
    stops = 0
    for number, fault in enumerate(plan):
        resume = ["--resume", "auto"] if number else []
        ended = workshop.run([*TINY, *KINDS[kind], *resume], folder, **fault)
        # -15: a signal before training begins ends the process as ever.
        assert ended.code in (-9, -15, 143, 0), ended.said
        if ended.code == 0:
            return stops, [result(run_folder(folder))]
        stops += 1
    return stops, finish(workshop, folder, kind)


def random_fault(chance):
    """A kill or a signal at a random moment."""
    deed = chance.choice(({"deed": "kill"}, {"deed": "signals", "names": ["SIGTERM"]}))
    return {"moment": chance.choice(POINTS), "occurrence": chance.randint(1, 30)} | deed
