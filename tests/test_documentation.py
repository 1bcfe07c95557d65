"""Every command and every Python block in README.md and docs/ runs, shortened where it is long."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import pytest
import torch

from geometric_memory.cli.main import SUBCOMMANDS, main

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
SMALL_MODEL = "--transformer_layer_count 1 --embedding_dimension 8 --attention_head_count 1"
SHORTENINGS = {
    "train --skip_edge_memorization": "--max_steps 1",
    "train --config": "--max_steps 1",
    "train path_star_5000x5": f"--max_steps 1 --star_degree 50 {SMALL_MODEL}",
    "train paper_5000x5": f"--max_steps 1 --star_degree 50 {SMALL_MODEL}",
    "train demo_gpt2": f"--max_steps 1 --star_degree 20 {SMALL_MODEL}",
    "train in_context": f"--max_steps 1 --context_train_prompts 64 {SMALL_MODEL}",
    "train": f"--max_steps 1 {SMALL_MODEL}",
    "sweep --preset": f"--max_steps 1 {SMALL_MODEL}",
    "sweep --grid": "--grid steps=2",
    "findings": "--list",  # tests/experiments runs them, each for a few steps
    "tiny run": "--steps 2 --seeds 7 --workers 1 --no-figures",
    "tiny all": "--steps 2 --seeds 7 --workers 1 --report tiny_graphs",
}
"""What is added to a command; of several that fit, the first. Later options win over earlier."""
SCRIPTS = {"train_in_weights.py": "train", "data/build_in_weights_datasets.py": "dataset"}


WHOLE = {"reproduce": "complexity"}
"""Commands that alone would do all that there is to do, and what is asked of them instead."""


def first_piece_alone(
    pieces: Sequence[object], folder: object, **_: object
) -> Iterator[tuple[object, object]]:
    """Do the first of the pieces of a sweep, in this process."""
    yield from import_module("geometric_memory.work.perform").perform(pieces[:1], folder)


STAND_INS = {
    "explore": {
        "geometric_memory.explore.server.Explorer.serve": lambda _: None,
        "webbrowser.open": lambda _: True,
    },
    "sweep": {"geometric_memory.sweeps.sweep.perform": first_piece_alone},
}
"""What is put in place of a server, a browser or many processes."""
CODES = {"sweep": (0, 1)}
"""Right exit codes beside 0: a sweep whose stand-in did one piece has cells that are missing."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return language and text of the bash and Python blocks of a page, in order."""
    found = re.findall(
        r"^```(bash|python)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [(language, text) for language, text in found]


def commands(text: str) -> list[str]:
    """Return the commands of a bash block, continued lines joined."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip()]


PROGRAMS = [page for page in PAGES if any(language == "python" for language, _ in blocks(page))]
ALL = [
    (page.name, command)
    for page in PAGES
    if page not in PROGRAMS
    for _, text in blocks(page)
    for command in commands(text)
]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the documentation speaks of, and a finished run."""
    folder = tmp_path_factory.mktemp("documentation")
    (folder / "my_graph.csv").write_text("".join(f"{i},{i + 1}\n" for i in range(12)))
    (folder / "my_vectors.txt").write_text("".join(f"{i} {i / 2} 1.5\n" for i in range(13)))
    weight = torch.randn(12, 4)
    state = {
        "embed_tokens.weight": weight,
        "lm_head.weight": weight,
        "layers.0.mlp.fc1.weight": torch.randn(4, 4),
        "layers.0.mlp.fc1.bias": torch.zeros(4),
    }
    torch.save(state, folder / "published.pt")
    programs = [text for language, text in blocks(ROOT / "docs/sweeps.md") if language == "python"]
    (folder / "my_cells.py").write_text(programs[0])
    previous = Path.cwd()
    os.chdir(folder)
    try:
        assert main(["train", "--preset", "tiny", "--max_steps", "2", "--run_name", "RUN"]) == 0
    finally:
        os.chdir(previous)
    return folder


@pytest.mark.parametrize(("page", "command"), ALL, ids=[f"{p}-{c[:60]}" for p, c in ALL])
def test_every_documented_command_runs(
    page: str, command: str, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    assert succeeds(command, monkeypatch), f"{page}: {command}"


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.stem)
def test_every_documented_program_runs_after_the_commands_before_it(
    page: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names: dict[str, object] = {"__name__": "__main__"}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, str(page), "exec"), names)
        for command in commands(text) if language == "bash" else ():
            assert succeeds(command, monkeypatch), f"{page.name}: {command}"


def succeeds(command: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run a documented command, shortened; tools that install are looked at alone."""
    for made in ("weights.safetensors", "experiment_logs/in_weights/RUN/published.pt"):
        Path(made).unlink(missing_ok=True)
    words = shlex.split(command, comments=True)
    if words[0] in ("make", "pip", "cd", "git"):
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        return words[0] != "make" or set(words[1:]) <= set(targets)
    if words[0] == "torchrun":
        words = words[words.index("geomem") :]
    if words[0] == "geomem":
        for target, stand_in in STAND_INS.get(words[1], {}).items():
            monkeypatch.setattr(target, stand_in)
        known = words[1] in (*SUBCOMMANDS, "--version")
        return known and exit_code(words[1:]) in CODES.get(words[1], (0,))
    if words[1] in SCRIPTS:
        return exit_code([SCRIPTS[words[1]], *words[2:]]) == 0
    return words[0] == "python" and (ROOT / words[1]).is_file()


@pytest.mark.parametrize("script", SCRIPTS)
def test_published_scripts_start_without_installation(script: str) -> None:
    finished = subprocess.run(
        [sys.executable, str(ROOT / script), "--help"], capture_output=True, text=True, check=True
    )
    assert "--graph_type" in finished.stdout


def exit_code(words: Sequence[str]) -> int:
    """Return the exit code of a subcommand; help leaves by SystemExit."""
    try:
        return main(shortened(words))
    except SystemExit as leave:
        return int(leave.code or 0)


def shortened(words: Sequence[str]) -> list[str]:
    """Return the arguments of a subcommand with what makes it quick."""
    kept = [word for word in words if word != "--enable_wandb"]
    if len(words) == 1 and words[0] in WHOLE:
        return [words[0], WHOLE[words[0]]]
    if "--help" in words or ("--resume" in words and "auto" not in words):
        return kept
    for beginning, added in SHORTENINGS.items():
        first, *rest = beginning.split()
        if words[0] == first and set(rest) <= set(words):
            return [*kept, *shlex.split(added)]
    return kept
