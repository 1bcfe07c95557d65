"""An explorer on a free port, and the page of one tab."""

import threading
from contextlib import contextmanager

import pytest
from explorer_tab import Tab

from geometric_memory.explore.server import Explorer


@contextmanager
def serving():
    """Return an explorer that serves in a thread of this process; it may open nothing."""
    found = Explorer([], 0)
    thread = threading.Thread(target=found.serve)
    thread.start()
    yield found
    found.stop()
    thread.join(10)
    found.close()


@pytest.fixture(scope="module")
def explorer():
    """An explorer that the tests of a file share."""
    with serving() as found:
        yield found


@pytest.fixture
def fresh_explorer():
    """An explorer that nobody has used."""
    with serving() as found:
        yield found


@pytest.fixture
def tab(browser, explorer):
    return Tab(browser, explorer.address)
