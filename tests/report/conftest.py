"""Runs, a page, and a page opened in the browser."""

from contextlib import chdir
from itertools import pairwise
from pathlib import Path

import pytest
from report_pages import HOSTILE, trained, wait

from geometric_memory.report.write import report


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="session")
def star(workplace) -> Path:
    """A tracked path-star: 6 arms of 4 nodes and the root."""
    return trained(
        workplace, "star", "--star_degree", "6", "--path_length", "5",
        "--track_embedding_evolution", "--path_finetuning_epochs", "30",
    )  # fmt: skip


@pytest.fixture(scope="session")
def hostile(workplace) -> Path:
    """A chain whose node names are HTML."""
    names = [name.replace('"', '""') for name in HOSTILE]
    links = [f'"{left}","{right}"\n' for left, right in pairwise(names)]
    (workplace / "hostile.csv").write_text("".join(links), encoding="utf-8")
    options = ("--graph_type", "custom", "--graph_file", "hostile.csv", "--path_length", "3")
    return trained(
        workplace, "hostile", *options, "--track_embedding_evolution", "--max_steps", "8"
    )


@pytest.fixture(scope="session")
def page(star, workplace) -> Path:
    """The page of the path-star, elsewhere than in its folder."""
    with chdir(workplace):
        return report([star], workplace / "star.html")


@pytest.fixture
def opened(browser):
    """Open a file in the browser and wait until all its figures are drawn."""
    return lambda path: drawn(browser, path)


@pytest.fixture(scope="module")
def shown(chromium, page):
    """The page of the path-star, opened once for the tests of a module."""
    return drawn(chromium, page)


def drawn(browser, path: Path):
    browser.get(path.resolve().as_uri())
    wait(lambda: browser.execute_script("return document.documentElement.dataset.drawn"))
    return browser
