"""`geomem train`: refusals before anything is created, presets, configs, resuming."""

import json

import pytest

from geometric_memory.cli.main import main

BRIEF = ["train", "--preset", "tiny", "--max_steps", "3", "--path_finetuning_epochs", "2"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_of(folder):
    (config,) = folder.glob("experiment_logs/in_weights/*/config.json")
    return config.parent


def test_a_run_says_its_result_and_can_be_run_again_from_its_config(here, capsys):
    assert main([*BRIEF, "--run_name", "first"]) == 0
    said = capsys.readouterr()
    assert "held-out paths answered" in said.out
    assert "chance 25 %" in said.out
    assert "run folder: experiment_logs/in_weights/first" in said.err
    first = run_of(here)
    assert main(["train", "--config", str(first / "config.json"), "--run-name", "second"]) == 0
    weights = [
        (first.with_name(name) / "checkpoints/step-00000003/model.safetensors").read_bytes()
        for name in ("first", "second")
    ]
    assert weights[0] == weights[1]


def test_resume_auto_starts_afresh_and_says_so_then_finds_nothing_unfinished(here, capsys):
    assert main([*BRIEF, "--resume", "auto"]) == 0
    assert "nothing to resume" in capsys.readouterr().err
    assert main(["train", "--resume", str(run_of(here))]) == 0
    assert "finished already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--star_deg", "5"], 2, "did you mean --star_degree?"),
        (["--resume"], 2, "--resume needs a value"),
        (["--resume="], 2, "--resume needs a value"),
        (["--resume", "nowhere"], 4, "is not a run folder"),
        (["--resume", "logs/checkpoints/step-00009999"], 4, "no such checkpoint"),
        (["--resume", "nowhere", "--preset", "tiny"], 2, "takes its settings from the run"),
        (["--config", "none.json"], 2, "none.json: cannot be read"),
        (["--preset", "tyni"], 2, "did you mean tiny?"),
        (
            ["--checkpoint_interval_steps", "-1", "--keep_checkpoints", "0"],
            2,
            "must be all, a number of",
        ),
        (["--run_name", "../../x"], 2, "plain name"),
    ],
)
def test_refusals_create_nothing(here, capsys, words, code, message):
    assert main(["train", *words]) == code
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert list(here.iterdir()) == []


def test_every_problem_is_told_at_once(here, capsys):
    words = (
        "--star_deg 5 --path_finetuning_epochs -5 --train_split_ratio 1.7 --path_length 1 "
        "--path_finetuning_learning_rate nan"
    )
    assert main(["train", *words.split()]) == 2
    said = capsys.readouterr().err
    for name in (
        "star_deg",
        "path_finetuning_epochs",
        "train_split_ratio",
        "path_length",
        "learning_rate",
    ):
        assert f"--{name}" in said or name in said
    assert said.count("\n") >= 6
    assert list(here.iterdir()) == []


def test_help_is_grouped_and_tells_how_to_go_on(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["train", "--help"])
    assert leaving.value.code == 0
    said = capsys.readouterr().out
    for text in ("--resume RUN", "--checkpoint_interval_steps", "Going on with a run"):
        assert text in said


def test_an_unwritable_summary_is_a_disk_error(here, capsys):
    (here / "experiment_logs").write_text("")
    assert main(BRIEF) == 6
    assert "experiment_logs" in capsys.readouterr().err


def test_predictions_of_the_config_survive_json(here):
    assert main([*BRIEF, "--prediction_logging_multiplier", "1"]) == 0
    config = json.loads((run_of(here) / "config.json").read_text())
    assert config["logging"]["prediction_logging_multiplier"] == 1
