"""A run that is killed anywhere and gone on with is, bit for bit, the run of one piece."""

import random
import shutil
import sys

import pytest
from trials import TINY, differences, result, run_folder, run_folders

from geometric_memory.runs.fault_points import POINTS

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
    "pythia": [
        "--model_family", "pythia", "--attention_head_count", "1",
        "--checkpoint_interval_steps", "0",
    ],
    "frozen": ["--freeze_token_embeddings", "--checkpoints_kept", "1", "--max_steps", "37"],
}  # fmt: skip
TRIALS_OF_EACH_KIND = 30
SAMPLE = [
    ("mixed", "before_tmp_write", 4), ("staged", "mid_write", 9), ("mixed", "before_fsync", 7),
    ("staged hardest", "before_manifest", 3), ("dropout", "before_rename", 9),
    ("mamba", "after_rename", 6), ("staged", "mid_epoch", 17), ("dropout", "mid_eval", 5),
    ("staged hardest", "mid_epoch", 27),
]  # fmt: skip


@pytest.fixture(scope="module")
def reference(workshop, tmp_path_factory):
    """Return a function from a kind of run to the result of one piece."""
    known = {}

    def result_of(kind):
        if kind not in known:
            folder = tmp_path_factory.mktemp("reference")
            ended = workshop.run([*TINY, *KINDS[kind]], folder)
            assert ended.code == 0, ended.said
            known[kind] = result(run_folder(folder))
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
    assert differences(reference(kind), found) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_random_kills_and_resumes(workshop, reference, tmp_path, capsys, kind):
    """Stop runs at random moments, some of the resumed ones too; nothing may differ."""
    chance = random.Random(kind)
    stops, failed = 0, []
    for trial in range(TRIALS_OF_EACH_KIND):
        folder = tmp_path / str(trial)
        folder.mkdir()
        plan = [random_fault(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
        for number, fault in enumerate(plan):
            resume = ["--resume", "auto"] if number else []
            ended = workshop.run([*TINY, *KINDS[kind], *resume], folder, **fault)
            # -15: a signal before training begins ends the process as ever.
            assert ended.code in (-9, -15, 143, 0), ended.said
            stops += ended.code != 0
            if ended.code == 0:
                break
        # A run that ended before its fault is finished already.
        done = finish(workshop, folder, kind) if ended.code else [result(run_folder(folder))]
        found = [differences(reference(kind), one) for one in done]
        if any(found):
            failed.append((trial, plan, found))
        shutil.rmtree(folder)
    with capsys.disabled():
        text = f"{kind}: {trial + 1} runs stopped {stops} times, {len(failed)} ended otherwise"
        sys.stdout.write(f"\n{text}\n")
    assert failed == []


def random_fault(chance):
    """A kill or a signal at a random moment."""
    deed = chance.choice(({"deed": "kill"}, {"deed": "signals", "names": ["SIGTERM"]}))
    return {"moment": chance.choice(POINTS), "occurrence": chance.randint(1, 30)} | deed
