"""The store of checkpoints: whole or absent, the right ones kept, the newest by step."""

import json
import os

import pytest

from geometric_memory.errors import CheckpointError
from geometric_memory.files.whole import remove_unfinished
from geometric_memory.runs.checkpoints import FILES, CheckpointStore, is_valid, step_of, verify


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path, keep=2)


def contents(text="x"):
    return lambda: dict.fromkeys(FILES, text.encode())


def steps(store):
    return [step_of(path) for path in store.all()]


def test_a_saved_checkpoint_is_whole(store):
    path = store.save(7, contents(), "best")
    verify(path)
    assert path.name == "step-00000007"
    assert store.labelled("best") == path
    assert {file.name for file in path.iterdir()} == {*FILES, "manifest.json"}
    assert not list(store.folder.glob(".tmp-*"))


def test_the_last_few_and_the_labelled_are_kept(store):
    for step in range(1, 8):
        store.save(step, contents(), *{2: ["stage_final"], 3: ["best"], 5: ["best"]}.get(step, []))
    assert steps(store) == [2, 5, 6, 7]


def test_a_whole_checkpoint_is_not_written_again_and_a_damaged_one_is(store):
    path = store.save(1, contents())
    store.save(1, lambda: pytest.fail("written again"), "best")
    (path / FILES[0]).write_bytes(b"damaged")
    assert not is_valid(path)
    store.save(1, contents("y"))
    assert is_valid(path)
    assert (path / FILES[0]).read_bytes() == b"y"


def test_the_newest_is_that_of_the_highest_step_whatever_the_clock_says(store):
    for step, time in ((9, 300), (10, 200), (100_000_000, 100)):
        os.utime(store.save(step, contents()), (time, time))
    assert step_of(store.newest(pytest.fail)) == 100_000_000


def test_what_a_killed_writer_left_is_never_taken_and_is_cleared(store):
    path = store.save(1, contents())
    path.rename(store.folder / ".tmp-123")
    (store.folder / ".tmp-456").write_text("half")
    (store.folder / "step-notes").mkdir()
    assert store.newest(pytest.fail) is None
    assert remove_unfinished(store.folder) == 2
    assert [path.name for path in store.folder.iterdir()] == ["step-notes"]


def test_return_to_an_earlier_state(store):
    first = store.save(1, contents(), "best")
    store.save(2, contents(), "best", "final")
    store.return_to(first, {"best": "step-00000001", "gone": "step-00000099"})
    assert steps(store) == [1]
    assert store.labels() == {"best": "step-00000001"}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"checkpoint": "../../x"}', '{"checkpoint": 3}']
)
def test_a_label_that_names_no_checkpoint(store, content):
    (store.folder / "best.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"best\.json"):
        store.labelled("best")


def test_a_label_that_is_not_there_names_those_that_are(store):
    store.save(1, contents(), "final")
    with pytest.raises(CheckpointError, match=r"no checkpoint named best \(but final\)"):
        store.labelled("best")


def test_a_step_is_found_by_its_number(store):
    for step in (1, 10, 100):
        store.save(step, contents(), *(["final"] if step == 1 else []))
    for name in ("100", "step-100", "step-00000100", "00100"):
        assert step_of(store.labelled(name)) == 100
    assert step_of(store.labelled("final")) == 1
    with pytest.raises(CheckpointError, match=r"named 50 \(but final\); of steps, 1, 10, 100"):
        store.labelled("50")


def test_a_newer_schema_says_so(store):
    path = store.save(1, contents())
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"schema": 2}))
    with pytest.raises(CheckpointError, match="newer version"):
        verify(path)
