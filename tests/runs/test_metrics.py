"""Rows of metrics: flushed one by one, JSON whatever the numbers, readable after a kill."""

import json

import pytest

from geometric_memory.errors import CheckpointError, DiskError
from geometric_memory.runs.metrics import MetricLog, RowFile, read_rows


class Copy:
    """A mirror that remembers."""

    def __init__(self):
        self.rows = []

    def log(self, row):
        self.rows.append(row)

    def log_predictions(self, rows):
        self.predictions = rows


def test_each_row_is_on_disk_at_once_and_in_every_mirror(tmp_path):
    mirror = Copy()
    log = MetricLog(tmp_path / "m.jsonl", [mirror])
    for step in range(3):
        log.write(stage="s", epoch=0, step=step, loss=step / 2)
        lines = (tmp_path / "m.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines] == list(range(step + 1))
    log.close()
    assert mirror.rows == list(read_rows(tmp_path / "m.jsonl"))


def test_what_json_does_not_know_is_null(tmp_path):
    log = MetricLog(tmp_path / "m.jsonl")
    log.write(stage="s", epoch=0, step=0, a=float("nan"), b=float("-inf"), c=1.5)
    log.close()
    row = json.loads((tmp_path / "m.jsonl").read_text(), parse_constant=pytest.fail)
    assert (row["a"], row["b"], row["c"]) == (None, None, 1.5)


def test_a_row_cut_short_by_a_kill_is_left_out(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert [row["step"] for row in read_rows(path)] == [1, 2]


def test_any_other_broken_row_is_named(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\nx\n{"step": 3}\n')
    with pytest.raises(CheckpointError, match=r"m\.jsonl:2"):
        list(read_rows(path))
    with pytest.raises(CheckpointError, match="cannot be read"):
        list(read_rows(tmp_path / "none"))


def test_rows_are_cut_back_to_a_state(tmp_path):
    rows = RowFile(tmp_path / "r.jsonl")
    rows.append({"a": 1})
    size = rows.size()
    rows.append({"a": 2})
    rows.close()
    again = RowFile(tmp_path / "r.jsonl")
    assert again.cut(size)
    again.append({"a": 3})
    assert not again.cut(10**6)
    again.close()
    assert [row["a"] for row in read_rows(tmp_path / "r.jsonl")] == [1, 3]


def test_seconds_go_on_after_a_resume(tmp_path):
    log = MetricLog(tmp_path / "m.jsonl")
    log.restore(log.state() | {"seconds": 1000.0})
    log.write(stage="s", epoch=0, step=0)
    log.close()
    assert next(read_rows(tmp_path / "m.jsonl"))["seconds"] >= 1000


def test_a_place_that_cannot_be_opened(tmp_path):
    with pytest.raises(DiskError, match="no_folder"):
        RowFile(tmp_path / "no_folder" / "m.jsonl")
