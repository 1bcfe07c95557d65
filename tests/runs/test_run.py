"""A run read back: numbers, names and embeddings as they were stored, frame by frame."""

import tracemalloc

import numpy as np
import pandas
import pytest
import torch
from small_models import FLOAT32

from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.runs.history import HistoryWriter, read_frames, read_history
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.run import Run
from geometric_memory.tasks.vocabulary import SPECIAL_TOKENS
from geometric_memory.training.evaluation import evaluate_paths


def read(result) -> Run:
    return Run(result.path)


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
    monkeypatch.setattr("geometric_memory.runs.history.MOST_BYTES", 5 * 4 * 10 * 4)
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


WAYS = {
    "mixed": {"training_recipe": "mixed_full_path", "path_finetuning_epochs": 60},
    "hardest": {"training_recipe": "mixed_hardest_token"},
    "reversed": {"reverse_path_targets": True},
    "teacherless": {"use_teacherless_inputs": True},
    "with_start": {"include_start_node_in_path_finetuning": True, "graph_type": "grid",
                   "grid_rows": 3, "grid_cols": 3},
    "mamba": {"model_family": "mamba"},
    "pythia": {"model_family": "pythia", "embedding_dimension": 32},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_answers_are_those_of_the_evaluation_in_names(way, train):
    result, _ = train(**WAYS[way])
    run = read(result)
    task, model = result.task, result.network("final")
    names = [*run.nodes, *SPECIAL_TOKENS]
    for paths in (task.train_paths, task.test_paths):
        found = evaluate_paths(model, paths, FLOAT32)
        held_out = paths is task.test_paths
        given = run.dataset.test_paths if held_out else run.dataset.train_paths
        turn = -1 if way == "reversed" else 1
        for row, path in enumerate(given.tolist()):
            start = path[0] if way == "with_start" else None
            prompt = run.tokens(path[-1], start=start)
            assert prompt.tolist() == [paths.prompts[row].tolist()]
            answer = run.answer(path[-1], start=start)
            assert answer.path == tuple(names[token] for token in found.generated[row][::turn])
            if np.array_equal(found.generated[row], found.targets[row]):
                assert answer.right
            shares = run.model(torch.cat([prompt, torch.tensor(found.generated[row : row + 1])], 1))
            if way != "teacherless":
                shares = shares[0, prompt.shape[1] - 1 : -1].softmax(-1)
                wanted = shares[range(len(shares)), found.generated[row]].tolist()[::turn]
                assert answer.probabilities == pytest.approx(wanted, rel=1e-5)
            assert (answer.held_out is held_out) or len(answer.known) > 1


def test_a_run_that_has_learned_its_paths_says_so(train):
    result, _ = train(
        training_recipe="mixed_full_path", path_finetuning_epochs=150,
        path_finetuning_learning_rate=1e-2, path_finetuning_batch_size=64,
    )  # fmt: skip
    run = read(result)
    path = run.dataset.train_paths[0]
    answer = run.answer(int(path[-1]))
    assert answer.right
    assert answer.path == tuple(run.nodes[node] for node in path)
    assert answer.probability > 0.9
    assert str(answer).startswith(f"{path[-1]}: {path[0]} (")
    assert str(answer).endswith("right, trained on")
    leaves = [run.graph.node(f"leaf {arm}") for arm in range(4)]
    assert sorted(leaves) == sorted(run.graph.paths[:, -1])
    firsts = [run.answer(f"leaf {arm}").known[0][1] for arm in range(4)]
    assert firsts == sorted(firsts)
    assert run.tokens("leaf 1", leaves[2]).shape == (2, 3)
    with pytest.raises(DataError, match="no node 'leaf 4': leaves are 0 to 3"):
        run.answer("leaf 4")


def test_what_a_run_does_not_have_is_said(train):
    result, _ = train(
        task_family="in_context", context_train_prompts=8, context_test_prompts=4, max_steps=1,
        training_recipe="mixed_full_path", context_label_count=20, path_length=3,
    )  # fmt: skip
    run = read(result)
    asked = (
        lambda: run.embeddings,
        lambda: run.nodes,
        lambda: run.answer(0),
        lambda: run.tokens(0),
    )
    for ask in asked:
        with pytest.raises(DataError, match="every prompt brings its own graph"):
            ask()
    assert run.model([[0, 1]]).shape == (1, 2, 29)
