"""The end of a run, and the way back from it, killed at every change of the file system."""

import json

import pytest
from trials import TINY, differences, result, run_folder

KINDS = {
    "cut in an epoch": ["--max_steps", "15"],
    "cut in the first stage": [
        "--training_recipe", "staged_full_path", "--max_steps", "7", "--track_embedding_evolution",
        "--tracking_schedule", "log",
    ],
    "cut at the end of an epoch": ["--max_steps", "20"],
    "whole": ["--path_finetuning_epochs", "3", "--path_finetuning_eval_interval_epochs", "2"],
}  # fmt: skip
STEPS = {
    "cut in an epoch": 15,
    "cut in the first stage": 7,
    "cut at the end of an epoch": 20,
    "whole": 30,
}
SAMPLE = [
    ("cut in an epoch", 7),
    ("cut at the end of an epoch", 7),
    ("cut in the first stage", 12),
    ("whole", 12),
    ("whole", 15),
]
FIRST = ["train", "--preset", "tiny", "--dataset_root", "data", "--experiment_log_root", "logs"]


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


def ends_well(workshop, folder, reference, kind, number) -> bool:
    """Kill a run at a change after its last step, go on; whether there were that many changes."""
    fault = {"moment": "change", "occurrence": number, "deed": "kill"}
    fault["since"] = ("mid_epoch", STEPS[kind])
    ended = workshop.run([*TINY, *KINDS[kind]], folder, **fault)
    if ended.code == 0:
        return False
    assert ended.code == -9, ended.said
    run = run_folder(folder)
    finished = (run / "summary.json").exists()
    resumed = workshop.run(["train", "--resume", run], folder)
    assert resumed.code == 0, resumed.said
    assert finished == ("finished already" in resumed.said)
    assert differences(result(run), reference(kind)) == []
    assert not list(folder.rglob(".tmp-*"))
    return True


@pytest.mark.parametrize(("kind", "number"), SAMPLE)
def test_a_run_killed_at_its_end_is_ended_again(workshop, reference, tmp_path, kind, number):
    assert ends_well(workshop, tmp_path, reference, kind, number)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_end_killed_at_every_change(workshop, reference, tmp_path, kind):
    number = 1
    while True:
        folder = tmp_path / str(number)
        folder.mkdir()
        if not ends_well(workshop, folder, reference, kind, number):
            break
        number += 1
    assert number > 15


def test_a_run_in_two_parts_has_the_rows_of_an_undisturbed_one(workshop, tmp_path):
    """The first example of how_to/resume.md, with histories and predictions too."""
    more = ["--prediction_logging_multiplier", "1", "--track_embedding_evolution",
            "--training_recipe", "staged_full_path", "--tracking_schedule", "log"]  # fmt: skip
    for name, words in {"plain": [], "tracked": more}.items():
        for steps, longer in ((4, 8), (25, 40)):
            parts, whole = (tmp_path / f"{name}-{steps}-{part}" for part in ("parts", "whole"))
            parts.mkdir()
            whole.mkdir()
            first = workshop.run([*FIRST, *words, "--max_steps", str(steps)], parts)
            assert first.code == 0, first.said
            run = run_folder(parts)
            second = workshop.run(["train", "--resume", run, "--max_steps", str(longer)], parts)
            assert second.code == 0, second.said
            assert workshop.run([*FIRST, *words, "--max_steps", str(longer)], whole).code == 0
            assert differences(result(run), result(run_folder(whole))) == []


def goes_back_well(workshop, folder, number) -> bool:
    """Kill a run at a change on its way back to a checkpoint; whether there were that many."""
    assert workshop.run([*TINY, "--keep_checkpoints", "100"], folder).code == 0
    run = run_folder(folder)
    before = result(run)
    back = ["train", "--resume", run / "checkpoints/step-00000030"]
    fault = {"moment": "change", "occurrence": number + 1, "deed": "kill"}  # 1: the lock
    if workshop.run(back, folder, **fault, until="mid_epoch").code == 0:
        return False
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    if (run / "summary.json").exists():
        summary = json.loads((run / "summary.json").read_text())
        assert summary["steps"] == rows[-1]["step"]
        assert differences(before, result(run)) == []
    again = workshop.run(["train", "--resume", run], folder)
    assert again.code == 0, again.said
    assert "warning" not in again.said
    assert differences(before, result(run)) == []
    return True


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 13])
def test_a_way_back_that_is_killed_leaves_no_summary_of_a_later_state(workshop, tmp_path, number):
    assert goes_back_well(workshop, tmp_path, number)


@pytest.mark.slow
def test_a_way_back_killed_at_every_change(workshop, tmp_path):
    number = 1
    while True:
        folder = tmp_path / str(number)
        folder.mkdir()
        if not goes_back_well(workshop, folder, number):
            break
        number += 1
    assert number > 20
