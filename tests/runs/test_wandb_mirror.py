"""W&B may be absent, raise or hang: the run and its own metrics do not change."""

import sys
import threading
from types import SimpleNamespace

import pytest

from geometric_memory.runs import wandb_mirror
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows


class Stub:
    """A module `wandb` that does as it is told."""

    def __init__(self, *, init=None, log=None, finish=None):
        self.rows, self.options, self.finished = [], {}, False
        self._init, self._log, self._finish = init, log, finish

    def Settings(self, **options):  # noqa: N802 - the name in wandb
        return options

    def init(self, **options):
        self.options = options
        if self._init:
            self._init()
        return SimpleNamespace(
            log=self.log, finish=self.finish, step=0, id="1", define_metric=lambda *a, **k: None
        )

    def Table(self, **table):  # noqa: N802 - the name in wandb
        return table

    def log(self, row, step):
        if self._log:
            self._log()
        self.rows.append((step, row))

    def finish(self):
        if self._finish:
            self._finish()
        self.finished = True


def trouble():
    raise SystemExit("the back end was killed by [/usr/lib]")


@pytest.fixture
def run(train, monkeypatch):
    """Return a function that trains with a stub as W&B."""

    def trained(stub):
        monkeypatch.setitem(sys.modules, "wandb", stub)
        return train(enable_wandb=True, wandb_tags="a, b", wandb_project="p")

    return trained


@pytest.fixture(scope="module")
def without(train):
    return train()[0]


@pytest.fixture(scope="module")
def plain(without, weights):
    return weights(without)


@pytest.fixture(scope="module")
def row_count(without):
    return len(list(read_rows(without.folder.metrics)))


def test_a_working_mirror_gets_every_row_in_order(run, weights, plain):
    stub = Stub()
    result, said = run(stub)
    rows = list(read_rows(result.folder.metrics))
    sent = [row for _, row in stub.rows if "predictions" not in row]
    assert sent == [{k: v for k, v in row.items() if v is not None} for row in rows]
    tables = [row["predictions"] for _, row in stub.rows if "predictions" in row]
    assert sum(len(table["data"]) for table in tables) == len(
        list(read_rows(result.folder.predictions))
    )
    steps = [step for step, _ in stub.rows]
    assert steps == sorted(steps)
    assert steps[-1] == 4 + 3  # the epochs of both stages
    assert stub.finished
    assert (stub.options["project"], stub.options["tags"]) == ("p", ["a", "b"])
    assert stub.options["mode"] == "offline"
    assert "warning" not in said
    assert weights(result) == plain


@pytest.mark.parametrize("moment", ["init", "log", "finish"])
def test_whatever_it_raises_is_one_warning(run, weights, plain, row_count, moment):
    result, said = run(Stub(**{moment: trouble}))
    reason = "SystemExit: the back end was killed by [/usr/lib]"
    assert said.count(f"warning: W&B failed ({reason}); metrics.jsonl is whole\n") == 1
    assert len(list(read_rows(result.folder.metrics))) == row_count
    assert weights(result) == plain


@pytest.mark.parametrize("moment", ["init", "log", "finish"])
def test_a_mirror_that_hangs_is_left_behind(run, weights, plain, row_count, moment, monkeypatch):
    monkeypatch.setattr(wandb_mirror, "FINISH_SECONDS", 0.1)
    release = threading.Event()
    try:
        result, said = run(Stub(**{moment: release.wait}))
    finally:
        release.set()
    assert said.count("W&B did not finish in time") == 1
    assert len(list(read_rows(result.folder.metrics))) == row_count
    assert weights(result) == plain


def test_without_wandb_there_is_a_warning_and_how_to_install_it(run, weights, plain):
    result, said = run(None)
    assert said.count("warning: W&B is not installed") == 1
    assert "pip install 'geometric-memory[wandb]' adds the mirror" in said
    assert weights(result) == plain


def test_a_disabled_mirror_is_never_started(train, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    _, said = train(enable_wandb=True, wandb_mode="disabled", max_steps=1)
    assert "W&B" not in said


def test_a_full_queue_drops_rows_and_says_so(monkeypatch, tmp_path):
    from small_models import small_config

    monkeypatch.setattr(wandb_mirror, "QUEUE_LENGTH", 2)
    monkeypatch.setattr(wandb_mirror, "FINISH_SECONDS", 0.1)
    release = threading.Event()
    monkeypatch.setitem(sys.modules, "wandb", Stub(init=release.wait))
    mirror = wandb_mirror.WandbMirror(small_config(), RunFolder(tmp_path))
    mirror.start()
    for step in range(4):
        mirror.log({"stage": "joint_training", "epoch": step, "step": step})
    assert "fell behind" in mirror.failure
    release.set()
    mirror.finish()
