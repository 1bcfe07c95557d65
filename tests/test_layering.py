"""The house: each room imports only from rooms above it, and no file outgrows its room."""

import ast
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

import geometric_memory

PACKAGE = Path(geometric_memory.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# From the top down. The modules beside these packages (errors, limits, randomness, ...) are open to
# all; the settings of graphs are made by their families, so that `config` comes after `graphs`.
ROOMS = (
    "files",
    "graphs",
    "config",
    "datasets",
    "tasks",
    "analysis",
    "models",
    "training",
    "runs",
    "work",
    "figures",
    "tiny",
    "studies",
    "sweeps",
    "report",
    "explore",
    "api",
    "cli",
)
# Figures are drawn from arrays: they never start or read a run.
NARROWER = {"figures": ("files", "graphs", "analysis")}
HEAVY = ("torch", "scipy", "networkx", "matplotlib", "plotly", "sklearn", "transformers", "wandb")
# A family of graphs makes graphs, and a graph its own kind; a picture draws itself.
MADE_TOGETHER = ("memory.graphs.", "memory.figures.live")
MOST_LINES = 500


def name_of(file: Path) -> str:
    """`geometric_memory/graphs/star.py` is `graphs/star.py`."""
    return file.relative_to(PACKAGE).as_posix()


def room_of(parts: tuple[str, ...]) -> str:
    """The package that a module below `geometric_memory` lies in; "" for the modules at the top."""
    return parts[0] if parts and (PACKAGE / parts[0]).is_dir() else ""


def imported_modules(source: str) -> set[str]:
    """Absolute names of everything imported anywhere in `source`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def without_type_checking(source: str) -> str:
    """Return `source` without the blocks that only a type checker reads."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return ast.unparse(tree)


def rooms_imported(source: str) -> set[str]:
    """Rooms of this package that `source` imports from."""
    names = (tuple(name.split(".")) for name in imported_modules(source))
    return {room_of(name[1:]) for name in names if name[0] == "geometric_memory"}


def open_to(room: str) -> set[str]:
    """Rooms that a module of `room` may import from: its own, those above, and the top."""
    if room == "":
        return {"", "config"}
    return {"", room, *NARROWER.get(room, ROOMS[: ROOMS.index(room)])}


def test_every_package_is_a_room_of_the_house():
    packages = {file.parent.name for file in PACKAGE.glob("*/*.py")}
    assert packages <= set(ROOMS)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_come_from_rooms_above(file):
    room = room_of(file.relative_to(PACKAGE).parts[:-1])
    # The front door names what it gives, for type checkers; what it loads is tested below.
    allowed = set(ROOMS[:-1]) if file == PACKAGE / "__init__.py" else open_to(room)
    assert rooms_imported(file.read_text(encoding="utf-8")) <= allowed


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import torch", set()),
        ("import geometric_memory.models.gpt as gpt", {"models"}),
        ("from geometric_memory import __version__, config", {"", "config"}),
        ("from geometric_memory import training", {"training"}),
        ("def later():\n    from geometric_memory.runs.folder import RunFolder", {"runs"}),
    ],
)
def test_rooms_are_found_in_every_kind_of_import(source, rooms, monkeypatch, tmp_path):
    for room in ROOMS:
        (tmp_path / room).mkdir()
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert rooms_imported(source) == rooms


def test_no_modules_import_each_other_in_a_circle():
    """Wherever in a module an import stands; what only a type checker reads is no import."""
    names = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in FILES]
    known = {name.removesuffix(".__init__"): file for name, file in zip(names, FILES, strict=True)}
    circles = nx.DiGraph(
        (name, other if other in known else other.rpartition(".")[0])
        for name, file in known.items()
        for other in imported_modules(without_type_checking(file.read_text(encoding="utf-8")))
        if other.startswith("geometric_memory.")
    )
    found = [part for part in nx.strongly_connected_components(circles) if len(part) > 1]
    assert [part for part in found if not any(kind in min(part) for kind in MADE_TOGETHER)] == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_are_absolute(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert not [
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level
    ]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_names_say_what_is_inside(file):
    assert not {"utils", "util", "helpers", "helper", "common", "misc", "lib"} & {
        file.stem,
        *file.relative_to(PACKAGE).parts,
    }


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_files_stay_small(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


LARGE = {
    "docs/companion/index.html": 15_000_000,
    "src/geometric_memory/figures/templates/plotly-cartesian.min.js.gz": 600_000,
}
"""What must be in one piece: a page that works from the file system, and a vendored library."""


def test_no_file_in_git_is_over_200_kb():
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=PACKAGE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    root = PACKAGE.parents[1]
    names = [name for name in listed.stdout.split("\0") if name]
    assert names or listed.returncode
    sizes = {name: (root / name).stat().st_size for name in names if (root / name).is_file()}
    assert not [name for name, size in sizes.items() if size > LARGE.get(name, 200_000)]


def test_settings_and_command_line_load_nothing_heavy():
    files = [*PACKAGE.glob("*.py"), *PACKAGE.glob("config/*.py"), *PACKAGE.glob("cli/*.py")]
    names = [".".join(("geometric_memory", *file.relative_to(PACKAGE).parts)) for file in files]
    modules = [name.removesuffix(".py").removesuffix(".__init__") for name in names]
    loading = "\n".join(f"import {name}" for name in modules if not name.endswith("__main__"))
    asking = f"import sys\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", f"{loading}\n{asking}"], capture_output=True, text=True, check=False
    )
    assert (answer.stderr, answer.stdout.strip()) == ("", "")
