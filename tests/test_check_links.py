import runpy
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CHECKER = runpy.run_path(str(REPOSITORY / "docs" / "check_links.py"))
broken_links, documents = CHECKER["broken_links"], CHECKER["documents"]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text("# First steps, in brief\n[up](../README.md)\n")
    (tmp_path / "README.md").write_text("# Package\n")
    return tmp_path


@pytest.mark.parametrize(
    "link",
    [
        "[guide](docs/guide.md)",
        "[guide](docs/guide.md#first-steps-in-brief)",
        "[here](#package)",
        '[guide](<docs/guide.md> "title")',
        "[paper](https://arxiv.org/abs/2510.26745)",
        "`[code](nowhere.md)`",
        "```\n[code](nowhere.md)\n```",
    ],
)
def test_good_links_pass(root, link):
    (root / "README.md").write_text(f"# Package\n{link}\n")
    assert not [line for file in documents(root) for line in broken_links(file, root)]


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("[gone](docs/gone.md)", "docs/gone.md does not exist"),
        ("![figure](docs/gone.svg)", "docs/gone.svg does not exist"),
        ("[outside](../elsewhere)", "../elsewhere does not exist"),
        ("[guide](docs/guide.md#gone)", "docs/guide.md#gone: no such heading"),
        ("[here](#gone)", "#gone: no such heading"),
    ],
)
def test_broken_links_are_named_with_file_and_line(root, link, complaint):
    (root / "README.md").write_text(f"# Package\n\n{link}\n")
    assert broken_links(root / "README.md", root) == [f"README.md:3: {complaint}"]


def test_our_own_links_lead_somewhere():
    assert not [line for file in documents(REPOSITORY) for line in broken_links(file, REPOSITORY)]
