"""A run read back: numbers, names and embeddings as they were stored, frame by frame."""

import tracemalloc

import numpy as np
import pandas
import pytest
import torch

from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.runs.frames import read_frames
from geometric_memory.runs.history import HistoryWriter, read_history
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.run import Run
from geometric_memory.runs.source import TrainingSource


def read(result) -> Run:
    return Run(TrainingSource(result.folder.path))


def test_metrics_are_the_logged_rows_by_name(finished):
    run, rows = read(finished), list(read_rows(finished.folder.metrics))
    for name in ("test/accuracy", "edge_memorization/loss"):
        own = [row for row in rows if name in row]
        assert run.metrics[name].steps.tolist() == [row["step"] for row in own]
        assert run.metrics[name].values.tolist() == [row[name] for row in own]
        assert run[name] == own[-1][name] == finished.summary["final"][name]
    with pytest.raises(KeyError, match="the run has logged"):
        run["test/acuracy"]


def test_metrics_as_a_data_frame_have_a_row_per_step(finished):
    metrics = read(finished).metrics
    frame = metrics.to_pandas()
    assert frame.index.tolist() == sorted({s for m in metrics.values() for s in m.steps.tolist()})
    series = metrics["test/accuracy"]
    pandas.testing.assert_series_equal(
        frame["test/accuracy"].dropna(),
        pandas.Series(series.values, index=series.steps.astype(int), name="test/accuracy"),
        check_index_type=False, check_names=False,
    )  # fmt: skip


def test_embeddings_are_those_of_the_history_and_of_the_last_checkpoint(finished):
    run = read(finished)
    history = dict(read_history(finished.folder.artifacts / "embedding_evolution"))
    for step, rows in history.items():
        np.testing.assert_array_equal(run.embeddings_at(step), rows)
    assert run.frames.steps.tolist() == [*history, finished.summary["steps"]]
    assert run.embeddings.shape == (len(run.nodes), 16)
    assert not np.array_equal(run.embeddings, history[max(history)])
    assert run.config == finished.folder.read_config()
    assert [path.name for path in run.checkpoints][-1].endswith(str(finished.summary["steps"]))
    assert (run.status, run.notes) == ("finished", [])


def test_frames_are_read_one_at_a_time(tmp_path):
    nodes, width, count = 2000, 64, 40
    writer = HistoryWriter(tmp_path)
    for step in range(count):
        writer.append(step, torch.full((nodes, width), float(step)))
    writer.flush()
    frames = read_frames(tmp_path, [], nodes)
    tracemalloc.start()
    chosen = frames.spread(20, rows=nodes)
    assert [rows[0, 0] for rows in chosen] == chosen.steps.tolist()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 10 < len(chosen) <= 20
    assert most < 4 * nodes * width * 4


def test_rows_of_all_frames_fit_into_the_budget(tmp_path, monkeypatch):
    writer = HistoryWriter(tmp_path)
    for step in range(40):
        writer.append(step, torch.ones(10, 4))
    writer.flush()
    frames = read_frames(tmp_path, [], 10)
    monkeypatch.setattr("geometric_memory.runs.frames.MOST_BYTES", 5 * 4 * 10 * 4)
    assert len(frames.spread(30, rows=10)) == 5
    assert frames.spread(30, rows=10).steps[[0, -1]].tolist() == [0, 39]


def test_frames_that_are_not_finite_are_left_out(tmp_path):
    writer = HistoryWriter(tmp_path)
    for step in range(3):
        writer.append(step, torch.full((4, 2), float("nan") if step == 1 else 1.0))
    writer.flush()
    frames = read_frames(tmp_path, [], 4)
    assert frames.spread(9).steps.tolist() == [0, 2]
    with pytest.raises(CheckpointError, match="does not fit the 5 nodes"):
        read_frames(tmp_path, [], 5).read(0)


def test_what_a_run_does_not_have_is_said(train):
    result, _ = train(
        task_family="in_context", context_train_prompts=8, context_test_prompts=4, max_steps=1,
        training_recipe="mixed_full_path", context_label_count=20, path_length=3,
    )  # fmt: skip
    run = read(result)
    for name in ("embeddings", "nodes"):
        with pytest.raises(DataError, match="every prompt brings its own graph"):
            getattr(run, name)
