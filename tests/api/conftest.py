"""A run made through the front door, small enough to be made in seconds, and where it lies."""

from contextlib import chdir

import pytest

import geometric_memory as gm

SMALL = {
    "preset": "tiny", "seed": 1, "embedding_dimension": 32, "path_finetuning_epochs": 40,
    "path_finetuning_eval_interval_epochs": 10, "track_embedding_evolution": True, "quiet": True,
}  # fmt: skip


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder that the runs below lie in."""
    return tmp_path_factory.mktemp("front_door")


@pytest.fixture(scope="session")
def star():
    """A path-star of 8 arms."""
    return gm.path_star(arms=8, length=4)


@pytest.fixture(scope="session")
def trained(place, star):
    """A run on it, and what it was at each evaluation: step, accuracy, embeddings, an answer."""
    seen = []

    def look(run):
        seen.append((run.last_step, run["test/accuracy"], run.embeddings.copy(), run.answer(3)))

    with chdir(place):
        run = gm.train(star, run_name="star", on_evaluation=look, **SMALL)
    return run, seen


@pytest.fixture
def run(trained, place, monkeypatch):
    """The run, in the folder that it was made in."""
    monkeypatch.chdir(place)
    return trained[0]
