"""A run finds the data that it was trained on, whatever becomes of the places it came from."""

import shutil
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.runs.folder import RunFolder, read_run_dataset
from geometric_memory.runs.measurement import evaluate_run
from geometric_memory.runs.replay import replay
from geometric_memory.runs.run import Run
from geometric_memory.runs.train import resume_or_start, resume_training

SHORT = {"training_recipe": "mixed_full_path", "path_finetuning_epochs": 2, "max_steps": 3}


@pytest.fixture
def trained(train, tmp_path):
    """A short run with a data set root of its own: (result, configuration)."""
    result, _ = train(**SHORT, dataset_root=str(tmp_path / "data"))
    return result, result.folder.read_config()


def check_measured_verified_and_reported(folder: RunFolder) -> None:
    evaluate_run(Run(folder.path), "final")
    assert replay(Run(folder.path), 1000, Console(file=StringIO())).differing == ()
    run = Run(folder.path)
    assert run.dataset is not None
    assert run.dataset.origin == "read from the files of the data set"
    assert not [note for note in run.notes if "data set" in note]


def test_nothing_that_happens_to_the_data_sets_matters_to_a_run(trained):
    result, config = trained
    before = evaluate_run(Run(result.path), "final")
    other = replace(config, graph=replace(config.graph, random_seed=9))
    build_dataset(other)
    build_dataset(other, overwrite=True)
    check_measured_verified_and_reported(result.folder)
    build_dataset(replace(other, graph=replace(config.graph, random_seed=10)), overwrite=True)
    check_measured_verified_and_reported(result.folder)
    shutil.rmtree(config.dataset.dataset_root)
    check_measured_verified_and_reported(result.folder)
    assert evaluate_run(Run(result.path), "final") == before


def test_a_run_may_be_moved_and_gone_on_with_anywhere(trained, tmp_path, monkeypatch):
    result, config = trained
    moved = Run(result.folder.path.rename(tmp_path / "moved"))
    shutil.rmtree(config.dataset.dataset_root)
    monkeypatch.chdir(tmp_path)
    longer = replace(config, training=replace(config.training, max_steps=5))
    ended = resume_training(longer, moved, Console(file=StringIO()))
    assert ended.summary["steps"] == 5
    assert not (tmp_path / "data").exists()
    check_measured_verified_and_reported(moved.folder)


def test_a_graph_file_may_be_edited_moved_or_lost(train, tmp_path):
    file = tmp_path / "graph.csv"
    file.write_text("".join(f"n{i},n{i + 1}\n" for i in range(12)))
    result, _ = train(
        **SHORT, dataset_root=str(tmp_path / "data"), graph_type="custom", graph_file=str(file),
        path_length=3, total_nodes=-1,
    )  # fmt: skip
    config = result.folder.read_config()
    facts = read_run_dataset(result.folder, config).facts
    file.write_text("".join(f"n{i},n{(5 * i + 1) % 13}\n" for i in range(12)))
    check_measured_verified_and_reported(result.folder)
    file.unlink()
    check_measured_verified_and_reported(result.folder)
    longer = replace(config, training=replace(config.training, max_steps=4))
    assert resume_training(longer, Run(result.path), Console(file=StringIO())).summary["steps"] == 4
    kept = read_run_dataset(result.folder, config)
    np.testing.assert_array_equal(kept.facts, facts)
    assert kept.graph.names[:2] == ("n0", "n1")


def test_an_edited_graph_file_is_another_run(train, tmp_path):
    """`--resume auto` goes on with no run of another graph, though its settings are equal."""
    file = tmp_path / "graph.csv"
    file.write_text("".join(f"{i},{i + 1}\n" for i in range(12)))
    result, _ = train(
        **SHORT, dataset_root=str(tmp_path / "data"), graph_type="custom", graph_file=str(file),
        path_length=3, total_nodes=-1,
    )  # fmt: skip
    result.folder.summary.unlink()
    file.write_text("".join(f"{i},{i + 1}\n" for i in range(14)))
    fresh = resume_or_start(result.folder.read_config(), Console(file=StringIO()))
    assert fresh.folder.path != result.folder.path
    assert fresh.summary["nodes"] == 15
    file.write_text("".join(f"{i},{i + 1}\n" for i in range(12)))
    again = resume_or_start(result.folder.read_config(), Console(file=StringIO()))
    assert again.folder.path == result.folder.path


@pytest.mark.parametrize(
    "sweep",
    [
        [{"random_seed": seed} for seed in range(3)],
        [{"path_length": length} for length in (2, 3, 4)],
        [{"train_split_ratio": share} for share in (0.5, 0.75)],
    ],
    ids=["random_seed", "path_length", "train_split_ratio"],
)
def test_runs_over_one_published_name_have_data_of_their_own(train, tmp_path, sweep):
    settings = {**SHORT, "graph_type": "cycle", "total_nodes": 9, "path_length": 3}
    for changed in sweep:
        result, _ = train(**{**settings, "dataset_root": str(tmp_path / "data"), **changed})
        config = result.folder.read_config()
        own, shared = read_run_dataset(result.folder, config), read_dataset(config)
        assert own.sha256 == shared.sha256
        assert own.settings == config.graph
    assert len(list(tmp_path.glob("data/*/*_manifest.json"))) == len(sweep)


def test_damage_is_named_and_links_are_not_followed(trained, tmp_path):
    result, config = trained
    train_paths = result.folder.dataset / "train.txt"
    whole = train_paths.read_bytes()
    train_paths.write_bytes(whole[:-1] + b"7\n")
    with pytest.raises(DataError, match=r"dataset/train\.txt: \d+ bytes expected"):
        evaluate_run(Run(result.path), "final")
    (tmp_path / "elsewhere.txt").write_bytes(whole)
    train_paths.unlink()
    train_paths.symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(CheckpointError, match="symbolic link"):
        evaluate_run(Run(result.path), "final")
    shutil.rmtree(result.folder.dataset)
    evaluate_run(Run(result.path), "final")  # as runs of older versions are
    result.folder.dataset.symlink_to(config.dataset.dataset_root)
    evaluate_run(Run(result.path), "final")


def test_a_run_of_an_older_version_takes_its_copy_when_it_goes_on(trained):
    result, config = trained
    shutil.rmtree(result.folder.dataset)
    longer = replace(config, training=replace(config.training, max_steps=4))
    resume_training(longer, Run(result.path), Console(file=StringIO()))
    shutil.rmtree(config.dataset.dataset_root)
    check_measured_verified_and_reported(result.folder)
