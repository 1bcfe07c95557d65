"""The page for those who know the release: every flag is on it, and every name leads somewhere."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import geometric_memory as gm

PAGE = (Path(__file__).parents[1] / "docs/coming_from_the_release.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`(geometric_memory\.[a-z_.A-Z]+)`", PAGE)))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_ours_is_there(name):
    module, _, last = name.rpartition(".")
    assert name == "geometric_memory.analysis" or hasattr(import_module(module), last)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`run\.([a-z_]+)", PAGE))))
def test_every_part_of_a_run_is_there(name):
    assert hasattr(gm.Run, name)


def test_every_published_flag_is_on_the_page(shared):
    text = (shared / "spec" / "behaviour.md").read_text(encoding="utf-8")
    flags = re.findall(r"^\| `(--[a-z_]+)` \|", text, re.MULTILINE)
    assert len(flags) == 19 + 66
    assert [flag for flag in flags if f"`{flag}`" not in PAGE] == []
