"""What a run ran on: versions, device, and the state of the code."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from geometric_memory import __version__
from geometric_memory.errors import printable
from geometric_memory.training.precision import Arithmetic

PACKAGES = ("torch", "numpy", "scipy", "safetensors", "msgspec", "transformers", "networkx")


def describe_environment(arithmetic: Arithmetic) -> dict[str, Any]:
    """Return the content of environment.json."""
    return {
        **describe_machine(),
        **arithmetic.describe(),
        "threads": torch.get_num_threads(),
        "git": _git(),
        "command": [printable(word) for word in (Path(sys.argv[0]).name, *sys.argv[1:])],
    }


def describe_machine() -> dict[str, Any]:
    """Return versions and processor."""
    return {
        "geometric_memory": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    """Return the name of the processor where the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _git() -> dict[str, Any]:
    """Return commit and cleanliness of the checkout this code lies in, if it is one."""
    folder = Path(__file__).parent

    def ask(*arguments: str) -> str:
        answer = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
        return answer.stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "clean": not ask("status", "--porcelain")}
    except (OSError, subprocess.SubprocessError):
        return {}
