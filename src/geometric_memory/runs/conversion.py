"""Published weight files to safetensors; the only place where a `.pt` file is opened."""

import pickle
from pathlib import Path

import torch

from geometric_memory.errors import CheckpointError
from geometric_memory.models.published import from_published
from geometric_memory.runs.files import read_tensors, write_tensors


def convert_published(source: Path, target: Path) -> int:
    """Write the published weights in `source` to `target` and return the number of tensors.

    Raises:
        CheckpointError: if the file holds anything but named tensors of a published model, or
            `target` exists.
    """
    if target.exists():
        raise CheckpointError(f"{target}: exists already; choose another name or remove it")
    state = read_tensors(source) if source.suffix == ".safetensors" else _read_pt(source)
    ours = from_published(state)
    write_tensors(target, ours)
    return len(ours)


def _read_pt(source: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{source}: cannot be read: {error.strerror}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{source}: holds more than plain tensors: {first_line}") from None
    for key in ("model_state_dict", "state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    named = isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    )
    if not named:
        raise CheckpointError(f"{source}: is no state dict: expected names and tensors")
    return content
