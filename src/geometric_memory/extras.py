"""Extras: the packages that only some work needs, loaded when it does, and what to install."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from geometric_memory.errors import ConfigurationError, GeometricMemoryError

EXTRAS = {
    "networkx": "graphs",
    "defusedxml": "graphs",
    "matplotlib": "plot",
    "jinja2": "plot",
    "umap": "umap",
    "tokenizers": "hf",
    "transformers": "hf",
    "wandb": "wandb",
    "dash": "explore",
    "pyarrow": "sweeps",
    "ray": "sweeps",
    "submitit": "sweeps",
}
"""The extra of this project that brings each package."""


class MissingPackageError(GeometricMemoryError, ImportError):
    """A package that is not installed, and the command that installs it."""

    exit_code = ConfigurationError.exit_code


def is_installed(package: str) -> bool:
    """Whether `package` can be imported; it is not."""
    try:
        return find_spec(package) is not None
    except ValueError:  # something has put None, or a module without a spec, in its place
        return False


def require(purpose: str, *packages: str) -> None:
    """Check that `packages` are installed, before anything is done.

    Raises:
        MissingPackageError: naming every one that is missing, and the extras that bring them.
    """
    missing = [package for package in packages if not is_installed(package)]
    if missing:
        raise MissingPackageError(
            f"{purpose} needs {' and '.join(missing)}: {installation(missing)}"
        )


def load(package: str, purpose: str) -> Any:
    """Return the module `package`.

    Raises:
        MissingPackageError: if it is not installed.
    """
    require(purpose, package)
    return import_module(package)


def installation(packages: Iterable[str]) -> str:
    """Return the command that installs `packages` by the extras that bring them."""
    extras = ",".join(dict.fromkeys(EXTRAS[package] for package in packages))
    return f"pip install 'geometric-memory[{extras}]'"
