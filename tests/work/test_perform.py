"""Pieces of work: done once, isolated, ended after a limit, whatever they are."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from geometric_memory.errors import ConfigurationError, RunLockedError
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Answers, Failure, Piece


def double(*, number: int, folder: Path) -> dict:
    (folder / "made").write_text("here")
    return {"number": 2 * number}


def refuse(*, folder: Path) -> dict:
    raise ConfigurationError(["first", "second"])


def stumble(*, folder: Path) -> dict:
    raise ZeroDivisionError("by nothing")


def die(*, folder: Path) -> dict:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def hang(*, folder: Path) -> dict:
    time.sleep(600)
    raise AssertionError


def add(*, numbers: list, folder: Path) -> dict:
    if 3 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"sum": sum(numbers)}


def meet(*, folder: Path) -> dict:
    """Find another process at it the first time."""
    mark = folder / "met"
    if not mark.exists():
        mark.write_text("")
        raise RunLockedError("another process works in this run folder")
    return {"met": True}


def count_threads(*, folder: Path) -> dict:
    np.linalg.eigvalsh(np.eye(2))  # the BLAS of NumPy is there
    found = {torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())}
    return {"threads": sorted(found)}


def piece(function, parts=(), **arguments) -> Piece:
    return Piece(function=function, arguments=arguments, parts=tuple(parts))


def test_a_piece_is_done_once_and_its_answer_stored(tmp_path):
    pieces = [piece(double, number=number) for number in (1, 2, 1)]
    assert [answer for _, answer in perform(pieces, tmp_path)] == [{"number": 2}, {"number": 4}]
    store = Answers(tmp_path)
    assert (store.place(pieces[0]) / "made").read_text() == "here"
    assert store.core_seconds(pieces[0]) >= 0
    for file in tmp_path.rglob("made"):
        file.unlink()
    answers = dict(perform(pieces, tmp_path))
    assert [answers[each]["number"] for each in pieces] == [2, 4, 2]
    assert not list(tmp_path.rglob("made"))


@pytest.mark.parametrize("content", ["", "[]", '{"answer": 3, "core_seconds": 1}', "\x00"])
def test_a_damaged_answer_is_named_and_its_piece_done_again(tmp_path, content):
    said: list[str] = []
    first = piece(double, number=1)
    list(perform([first], tmp_path))
    (Answers(tmp_path).place(first) / "answer.json").write_text(content)
    assert dict(perform([first], tmp_path, report=said.append)) == {first: {"number": 2}}
    assert Answers(tmp_path).answer(first) == {"number": 2}
    (line,) = said
    assert "answer.json: is" in line
    assert "it is done again" in line


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_whatever_happens_to_one_piece_the_others_go_on(tmp_path, monkeypatch, workers):
    monkeypatch.setattr("geometric_memory.work.perform.PATIENCE", 0.0)
    said: list[str] = []
    pieces = [piece(refuse), piece(stumble), piece(meet), piece(double, number=4)]
    answers = dict(perform(pieces, tmp_path, workers=workers, report=said.append))
    refused, stumbled, met, doubled = (answers[each] for each in pieces)
    assert (met, doubled) == ({"met": True}, {"number": 8})
    assert isinstance(refused, Failure)
    assert (str(refused), refused.exit_code, refused.trace) == ("first\nsecond", 2, "")
    assert isinstance(stumbled, Failure)
    assert str(stumbled) == "ZeroDivisionError: by nothing"
    assert "in stumble" in stumbled.trace
    assert said == [f"another process is at it: {pieces[2].key}"]
    assert len(list(tmp_path.rglob("answer.json"))) == 2


@pytest.mark.slow
def test_a_piece_that_dies_or_hangs_is_told_apart_and_a_batch_falls_into_its_parts(tmp_path):
    parts = [piece(add, numbers=[number]) for number in (2, 3, 4)]
    batch = piece(add, numbers=[2, 3, 4], parts=parts)
    pieces = [piece(hang), piece(die), batch, *(piece(double, number=n) for n in range(3))]
    begin = time.monotonic()
    answers = dict(perform(pieces, tmp_path, workers=2, timeout=2.0))
    assert time.monotonic() - begin < 300
    assert str(answers[pieces[0]]) == "took longer than --timeout 2 seconds"
    assert str(answers[pieces[1]]).startswith("its process ended with signal SIGKILL")
    assert [answers[each]["number"] for each in pieces[3:]] == [0, 2, 4]
    assert batch not in answers
    assert answers[parts[0]] == {"sum": 2}
    assert isinstance(answers[parts[1]], Failure)
    assert answers[parts[2]] == {"sum": 4}


def test_a_worker_has_one_thread_and_the_environment_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    before = dict(os.environ)
    pieces = [piece(count_threads)]
    assert dict(perform(pieces, tmp_path, workers=2)) == {pieces[0]: {"threads": [1]}}
    assert dict(os.environ) == before


def need(*, size: int) -> dict:
    return {"cpu": size}


def hold(*, size: int, folder: Path) -> dict:
    begin = time.monotonic()
    time.sleep(0.5)
    return {"from": begin, "to": time.monotonic()}


@pytest.mark.slow
def test_pieces_run_at_once_as_far_as_they_fit_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("geometric_memory.work.local.free", lambda: {"cpu": 10})
    said: list[str] = []
    pieces = [
        Piece(
            function=hold, arguments={"size": size}, shape=str(size), need=need, name=f"of {size}"
        )
        for size in (4, 6, 7, 100)
    ]
    answers = dict(perform(pieces, tmp_path, workers=4, report=said.append))
    spans = [(answers[each]["from"], answers[each]["to"]) for each in pieces]

    def overlap(one: int, other: int) -> bool:
        return max(spans[one][0], spans[other][0]) < min(spans[one][1], spans[other][1])

    assert not any(overlap(one, 3) for one in range(3))
    assert not overlap(1, 2)
    assert said == ["warning: of 100 needs more memory than is free; it runs alone"]


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_perform import hang
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Piece
for _ in perform([Piece(function=hang, arguments={{}})], Path({folder!r}), workers=2): pass
"""


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(word) for word in text.split()]


@pytest.mark.slow
@pytest.mark.parametrize(("blow", "code"), [("SIGKILL", -9), ("SIGTERM", 1), ("SIGINT", 1)])
def test_workers_end_with_their_parent(tmp_path, blow, code):
    script = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("work/*")):
        assert process.poll() is None
        time.sleep(0.1)
    started = children(process.pid)
    process.send_signal(getattr(signal, blow))
    _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert blow == "SIGKILL" or f"Interrupted: {blow}: stopped" in said
    end = time.monotonic() + 10
    while any(Path(f"/proc/{number}/cmdline").exists() for number in started):
        assert time.monotonic() < end
        time.sleep(0.05)
