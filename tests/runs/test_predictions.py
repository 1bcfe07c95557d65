"""predictions.jsonl: which moments it keeps, and what a row says."""

import json
import re

import pytest

from geometric_memory.runs.metrics import read_rows

LONG = {"star_degree": 8, "train_split_ratio": 0.5, "path_finetuning_epochs": 12,
        "evaluation_share": 0.0}  # fmt: skip


def moments(run, file):
    """Stage, epoch and step of every row of a file, each once and in order."""
    places = [(row["stage"], row["epoch"], row["step"]) for row in read_rows(file)]
    assert places == sorted(places, key=lambda place: place[2])
    return list(dict.fromkeys(places))


def tokens(text):
    """The tokens of a decoded text."""
    return re.findall(r"[0-9]+|\[[A-Z]+\]|[|/$<>]", text)


@pytest.fixture(scope="module")
def mixed(train):
    """A mixed run of 12 epochs, predictions kept every fifth evaluation, of three queries."""
    found, _ = train(
        **LONG, training_recipe="mixed_full_path", prediction_logging_multiplier=5,
        prediction_rows=3,
    )  # fmt: skip
    return found


def test_they_are_kept_before_training_at_intervals_at_each_best_and_at_the_end(mixed):
    rows = list(read_rows(mixed.folder.metrics))
    best, bests = -1.0, set()
    for row in rows[1:]:
        if row["test/accuracy"] > best:
            best = row["test/accuracy"]
            bests.add(row["epoch"])
    epochs = [epoch for _, epoch, _ in moments(mixed, mixed.folder.predictions)]
    assert epochs == sorted({0, 5, 10, 12} | bests)


def test_a_row_is_a_query_with_each_token_right_or_wrong(mixed):
    rows = list(read_rows(mixed.folder.predictions))
    names = {"stage", "epoch", "step", "prompt", "target", "answer", "right"}
    assert all(set(row) == names for row in rows)
    assert len(rows) == 3 * len(moments(mixed, mixed.folder.predictions))
    assert len({row["prompt"] for row in rows}) == 3
    for row in rows:
        pairs = zip(tokens(row["answer"]), tokens(row["target"]), strict=True)
        assert row["right"] == [answer == target for answer, target in pairs]


def test_the_last_rows_are_the_answers_of_the_final_weights(train):
    found, _ = train(**LONG, training_recipe="mixed_full_path", prediction_rows=100)
    last = [row for row in read_rows(found.folder.predictions) if row["epoch"] == 12]
    assert len(last) == found.summary["test_paths"] == 4
    accuracy = 100 * sum(all(row["right"]) for row in last) / len(last)
    assert accuracy == found.summary["final"]["test/accuracy"]
    for row in last:
        leaf = int(row["target"].split(",")[-1])
        assert tokens(row["answer"]) == [str(node) for node in found.answer(leaf).path]


def test_paths_are_measured_before_their_stage_also_where_it_has_no_epoch(train):
    found, _ = train(path_finetuning_epochs=0)
    edges, paths = list(read_rows(found.folder.metrics))[-2:]
    assert (edges["stage"], paths["stage"]) == ("edge_memorization", "path_finetuning")
    assert edges["step"] == paths["step"] == 20
    assert not any(name.startswith("test/") for name in edges)
    assert found.summary["final"].keys() > {"test/accuracy", "edge_memorization/accuracy"}
    assert moments(found, found.folder.predictions) == [("path_finetuning", 0, 20)]


def test_none_is_kept_where_none_is_wanted(train):
    found, _ = train(prediction_rows=0)
    assert found.folder.predictions.read_bytes() == b""


@pytest.mark.parametrize(("epochs", "expected"), [("multiples", [4, 8]), ("published", [1, 5, 9])])
def test_the_epochs_that_are_evaluated(train, epochs, expected):
    found, _ = train(
        training_recipe="mixed_full_path", path_finetuning_epochs=9,
        path_finetuning_eval_interval_epochs=4, evaluated_epochs=epochs, evaluation_share=0.0,
    )  # fmt: skip
    rows = [row["epoch"] for row in read_rows(found.folder.metrics)]
    assert rows == [0, *expected] + [9] * (9 not in expected)


def test_the_best_of_the_edge_stage_has_a_label_with_and_without_early_stopping(train):
    for stops in (False, True):
        found, _ = train(enable_edge_memorization_early_stopping=stops, prediction_rows=0)
        label = found.folder.checkpoints / "edge_memorization_best.json"
        assert json.loads(label.read_text())["checkpoint"] <= "step-00000020"
