"""Every command in README.md and docs/ runs, shortened where it would take long."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from geometric_memory.cli.main import SUBCOMMANDS, main

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
SHORT = shlex.split(
    "--max_steps 1 --transformer_layer_count 1 --embedding_dimension 8 --attention_head_count 1"
)
SCRIPTS = {"train_in_weights.py": "train", "data/build_in_weights_datasets.py": "dataset"}


def commands(page: Path) -> list[str]:
    """Return the commands of the bash blocks of a page, continued lines joined."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


ALL = [(page.name, command) for page in PAGES for command in commands(page)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the documentation speaks of, and a finished run."""
    folder = tmp_path_factory.mktemp("documentation")
    (folder / "my_graph.csv").write_text("".join(f"{i},{i + 1}\n" for i in range(12)))
    weight = torch.randn(12, 4)
    state = {
        "embed_tokens.weight": weight,
        "lm_head.weight": weight,
        "layers.0.mlp.fc1.weight": torch.randn(4, 4),
        "layers.0.mlp.fc1.bias": torch.zeros(4),
    }
    torch.save(state, folder / "published.pt")
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
    (workplace / "weights.safetensors").unlink(missing_ok=True)
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[0] == "pip":
        assert words[1] == "install"
    elif words[0] == "geomem":
        assert words[1] in SUBCOMMANDS
        assert exit_code(words[1:]) == 0
    elif words[0] == "python" and words[1] in SCRIPTS:
        assert exit_code([SCRIPTS[words[1]], *words[2:]]) == 0
    else:
        assert words[0] == "python", command
        assert (ROOT / words[1]).is_file()


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
    """Return the arguments of a subcommand, made small if they train."""
    words = [word for word in words if word != "--enable_wandb"]
    if words[0] != "train" or "--help" in words:
        return list(words)
    return [*words, *SHORT] if "--config" not in words else [*words, "--max_steps", "1"]
