"""The lock file: it pins all that `make` installs, for every machine, and names none."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
PINNED = [Requirement(line) for line in LINES]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def installed_by_make():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    extras = re.search(r"^EXTRAS := (.*)$", makefile, flags=re.MULTILINE)
    assert extras is not None
    wanted = PROJECT["dependencies"] + [
        text for extra in extras[1].split(",") for text in PROJECT["optional-dependencies"][extra]
    ]
    return [Requirement(text) for text in wanted]


def test_every_line_is_a_version_and_nothing_else():
    for line in LINES:
        assert re.fullmatch(r"[a-z0-9.-]+==[a-z0-9.]+( ; [^/\\:@]+)?", line), line


def test_the_build_of_pytorch_is_left_to_the_machine():
    names = {pin.name for pin in PINNED}
    assert not {name for name in names if name.startswith(("torch", "triton", "nvidia", "cuda"))}


def test_all_that_make_installs_is_pinned_within_its_bounds():
    for wanted in installed_by_make():
        if wanted.name == "torch":
            continue
        versions = [
            str(pin.specifier).removeprefix("==")
            for pin in PINNED
            if pin.name == canonicalize_name(wanted.name)
        ]
        assert versions, f"{wanted} is not pinned: make lock"
        assert all(version in wanted.specifier for version in versions), (wanted, versions)
