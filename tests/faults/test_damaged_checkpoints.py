"""Damaged checkpoints are seen before a tensor of them reaches a model."""

import json
import shutil
import time
import tracemalloc

import pytest
from trials import TINY, change_checkpoint, differences, result, run_folder

from geometric_memory.errors import CheckpointError
from geometric_memory.runs.checkpoints import FILES, CheckpointStore, verify
from geometric_memory.training.stages import Schedule

FILE_NAMES = (*FILES, "manifest.json")


@pytest.fixture(scope="module")
def stopped(workshop, tmp_path_factory):
    """A working folder with a run that was stopped after 23 steps, and its result in one piece."""
    folder = tmp_path_factory.mktemp("stopped")
    fault = {"moment": "mid_epoch", "occurrence": 23, "deed": "kill"}
    assert workshop.run(TINY, folder, **fault).code == -9
    whole = tmp_path_factory.mktemp("whole")
    assert workshop.run(TINY, whole).code == 0
    return folder, result(run_folder(whole))


@pytest.fixture
def copy(stopped, tmp_path):
    """A copy of that folder to damage: working folder, run, and its last checkpoint."""
    folder = tmp_path / "copy"
    shutil.copytree(stopped[0], folder)
    run = run_folder(folder)
    return folder, run, CheckpointStore(run / "checkpoints").all()[-1]


def cut(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


def flip(file, share):
    content = bytearray(file.read_bytes())
    content[int((len(content) - 1) * share)] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("share", [0, 0.07, 0.5, 0.99])
@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("name", FILE_NAMES)
def test_any_damage_is_found(copy, name, damage, share):
    _, run, last = copy
    damage(last / name, share)
    with pytest.raises(CheckpointError, match=name if damage is cut and share else "step-"):
        verify(last)
    warnings = []
    found = CheckpointStore(run / "checkpoints").newest(warnings.append)
    assert found.name == "step-00000015"
    assert len(warnings) == 1
    assert str(last) in warnings[0]


def test_the_checkpoint_before_a_damaged_one_gives_the_same_run(workshop, stopped, copy):
    folder, run, last = copy
    assert last.name == "step-00000020"
    cut(last / "model.safetensors", 0.5)
    strict = workshop.run(["train", "--resume", run, "--strict_resume"], folder)
    assert strict.code == 4
    assert "bytes expected" in strict.said
    resumed = workshop.run(["train", "--resume", run], folder)
    assert resumed.code == 0, resumed.said
    assert "warning" in resumed.said
    assert "resumed from step-00000015" in resumed.said
    assert differences(stopped[1], result(run)) == []


def test_no_valid_checkpoint_is_no_silent_fresh_start(workshop, copy):
    folder, run, _ = copy
    for checkpoint in CheckpointStore(run / "checkpoints").all():
        (checkpoint / "manifest.json").unlink()
    ended = workshop.run(["train", "--resume", run], folder)
    assert ended.code == 4
    assert "no valid checkpoint" in ended.said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"), ("{}", "is not the manifest"), ("[]", "is not the manifest"),
        ("[" * 100_000, "is not JSON"), ('{"schema": ' + "1" * 10_000 + "}", "is not JSON"),
        (" " * 2**21, "is too large"), ("[" + "{}," * 349_000 + "{}]", "is not the manifest"),
        ('{"schema": 99, "files": {}}', "newer version"),
        ('{"schema": "1", "files": {}}', "damaged"), ('{"schema": 1, "files": {}}', "not list"),
        ('{"schema": 1, "files": {"model.safetensors": 3}}', "not list"),
        ('{"schema": 1, "files": []}', "is not the manifest"), ("\x00", "is not JSON"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_hostile_manifests_are_refused_quickly(copy, content, message):
    _, _, last = copy
    (last / "manifest.json").write_text(content)
    begin = time.process_time()
    with pytest.raises(CheckpointError, match=message):
        verify(last)
    assert time.process_time() - begin < 1
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=message):
        verify(last)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50e6


def test_a_manifest_of_a_gigabyte_is_not_read(copy):
    _, _, last = copy
    with (last / "manifest.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(CheckpointError, match="is too large"):
        verify(last)


@pytest.mark.parametrize(
    "change",
    [
        {"position": None},
        {"position": {"stage": 7, "epoch": 0, "batch": 0, "stage_step": 0, "step": 0}},
        {"position": {"stage": 0, "epoch": -1, "batch": 0, "stage_step": 0, "step": 0}},
        {"callbacks": {"evaluations": {}}}, {"callbacks": {"evaluations": 3}}, {"labels": [1]},
        {"callbacks": {"early_stopping": {"best": "x", "best_epoch": []}}}, {"stop_stage": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_a_state_that_does_not_fit_is_refused(workshop, copy, change):
    """Someone who makes the sums right as well gets no further than a message."""
    folder, run, last = copy
    state = json.loads((last / "state.json").read_text()) | change
    change_checkpoint(last, "state.json", json.dumps(state).encode())
    before = (run / "metrics.jsonl").read_bytes()
    ended = workshop.run(["train", "--resume", run], folder)
    assert ended.code == 4
    assert "Traceback" not in ended.said
    assert (run / "metrics.jsonl").read_bytes() == before


def test_resuming_elsewhere_is_refused(workshop, copy):
    """Other data, other settings, a checkpoint or run that is not there."""
    folder, run, last = copy
    data = next(folder.glob("data/*/*selfedge_0_train_*.txt"))
    lines = data.read_text().splitlines()
    asked = {
        "--path_finetuning_learning_rate 0.5": (2, "0.01 -> 0.5"),
        "--path_finetuning_batch_size 8": (2, "4 -> 8"),
        "--seed 3": (2, "0 -> 3"),
        "--preset tiny": (2, "takes its settings from the run"),
        f"--config {run / 'config.json'}": (2, "takes its settings from the run"),
    }
    for words, (code, message) in asked.items():
        ended = workshop.run(["train", "--resume", run, *words.split()], folder)
        assert (ended.code, message in ended.said) == (code, True), ended.said
    missing = workshop.run(["train", "--resume", last.with_name("step-00009999")], folder)
    assert missing.code == 4
    assert workshop.run(["train", "--resume", folder / "nothing"], folder).code == 4
    shutil.rmtree(run / "dataset")  # as in runs of older versions, which have no copy of their data
    data.write_text("\n".join(lines[::-1]) + "\n")
    changed = workshop.run(["train", "--resume", run], folder)
    assert changed.code == 3
    assert "SHA-256" in changed.said
    for manifest in folder.glob("data/*/*manifest.json"):
        manifest.unlink()
    unlisted = workshop.run(["train", "--resume", run], folder)
    assert unlisted.code == 3
    assert "when saved" in unlisted.said
    allowed = workshop.run(["train", "--resume", run, "--other_data"], folder)
    assert allowed.code == 0, allowed.said
    assert "warning: the data set is not the one of the checkpoint" in allowed.said
    noted = [json.loads(line) for line in (run / "resumes.jsonl").read_text().splitlines()]
    assert [row["same_data"] for row in noted] == [False]


def test_a_run_may_go_on_for_longer(workshop, tmp_path):
    """The schedule is that of the settings, so a run in two parts equals one of one piece."""
    first = workshop.run([*TINY, "--max_steps", "17"], tmp_path)
    assert first.code == 0, first.said
    run = run_folder(tmp_path)
    again = workshop.run(["train", "--resume", run], tmp_path)
    assert "finished already" in again.said
    longer = workshop.run(["train", "--resume", run, "--max_steps", "0"], tmp_path)
    assert longer.code == 0, longer.said
    whole = tmp_path / "whole"
    whole.mkdir()
    assert workshop.run(TINY, whole).code == 0
    parts, piece = result(run), result(run_folder(whole))
    assert parts["model"] == piece["model"]
    assert parts["optimizer"] == piece["optimizer"]
    assert json.loads((run / "resumes.jsonl").read_text())["changes"] == {"max_steps": "17 -> 0"}


def test_a_target_that_is_reached_already(workshop, tmp_path):
    """A finished run, or one that asks for less than was done, is left as it is."""
    assert workshop.run([*TINY, "--training_recipe", "staged_full_path"], tmp_path).code == 0
    run = run_folder(tmp_path)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    steps = json.loads((run / "summary.json").read_text())["steps"]
    for words, code, message in (
        ([], 0, f"finished already, after {steps} steps"),
        (["--max_steps", str(steps)], 0, f"finished already, after {steps} steps"),
        (["--max_steps", "7"], 2, f"--max_steps 7: this run has made {steps} updates; ask for"),
        (["--path_finetuning_epochs", "3"], 2, "epochs 3: this run is in epoch 6 already"),
        (["--edge_memorization_epochs", "9"], 2, "epochs 9: this stage has ended, after 6"),
    ):
        ended = workshop.run(["train", "--resume", run, *words], tmp_path)
        assert (ended.code, message in ended.said) == (code, True), ended.said
        assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_damaged_summary_is_written_again(workshop, tmp_path):
    assert workshop.run(TINY, tmp_path).code == 0
    run = run_folder(tmp_path)
    before = result(run)
    for content in ("", "[]", '{"ste'):
        (run / "summary.json").write_text(content)
        ended = workshop.run(["train", "--resume", run], tmp_path)
        assert ended.code == 0, ended.said
        assert "summary.json: is not" in ended.said
        assert differences(before, result(run)) == []
    (run / "summary.json").write_text("{")
    assert workshop.run([*TINY, "--resume", "auto"], tmp_path).code == 0
    assert len(list(run.parent.iterdir())) == 1
    assert differences(before, result(run)) == []


def test_more_epochs_stretch_the_schedule_and_do_not_start_it_again(workshop, copy):
    folder, run, _ = copy
    longer = workshop.run(["train", "--resume", run, "--path_finetuning_epochs", "12"], folder)
    assert longer.code == 0, longer.said
    rows = {row["step"]: row["joint_training/learning_rate"] for row in result(run)["rows"]}
    schedule = Schedule(peak=0.01, warmup_steps=10, decay_steps=120, floor=0.001)
    assert max(rows) == 120
    for step in (40, 60, 80, 100, 120):
        assert rows[step] == pytest.approx(schedule.rate(step), rel=1e-9)


def test_weights_of_another_model_are_told_apart_setting_by_setting(workshop, copy):
    folder, run, _ = copy
    line = [*TINY, "--training_recipe", "staged_full_path", "--skip_edge_memorization"]
    line += ["--edge_memorization_checkpoint_path", run / "checkpoints/step-00000020"]
    others = {
        "--star_degree 7": ["shape (", "--star_degree 6 -> 7"],
        "--no-tie_input_output_embeddings": ["head.weight: not in the file", "tie_input", "False"],
        "--model_family mamba": ["mixer.in_proj.weight: not in the file", "gpt -> mamba"],
        "--model_family pythia --attention_head_count 1": ["attention_head_count", "gpt -> pythia"],
    }
    for words, parts in others.items():
        before = sorted(path.name for path in (folder / "logs/in_weights").iterdir())
        ended = workshop.run([*line, *words.split()], folder)
        assert ended.code == 4, ended.said
        assert [part for part in parts if part not in ended.said] == [], ended.said
        assert sorted(path.name for path in (folder / "logs/in_weights").iterdir()) == before


def test_verify_trains_again_and_compares(workshop, copy):
    folder, run, _ = copy
    same = workshop.run(["verify", run], folder)
    assert same.code == 0, same.said
    assert "equal, bit for bit" in same.said
    limited = workshop.run(["verify", run, "--steps", "2"], folder)
    assert limited.code == 4
    config = json.loads((run / "config.json").read_text())
    config["training"]["path_finetuning_learning_rate"] = 0.02
    (run / "config.json").write_text(json.dumps(config))
    other = workshop.run(["verify", run], folder)
    assert other.code == 4
    assert "differ" in other.said
