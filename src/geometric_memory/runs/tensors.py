"""Tensors in safetensors files, the only form in which they are stored."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from geometric_memory.errors import CheckpointError
from geometric_memory.runs.files import write_whole

PICKLE_STARTS = (b"\x80", b"PK\x03\x04", b"\x93NUMPY")


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write `tensors` as one whole safetensors file.

    Raises:
        DiskError: if the disk is full, read-only or gone; nothing is left behind.
    """
    write_whole(path, tensor_bytes(tensors))


def tensor_bytes(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Return `tensors` in the format of safetensors."""
    return save({name: tensor.contiguous() for name, tensor in tensors.items()})


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file, on the CPU.

    Raises:
        CheckpointError: if it cannot be read or is no safetensors file, a pickle for example.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
        # A header as long as this would be refused anyway; its first byte is that of a pickle.
        if start.startswith(PICKLE_STARTS):
            raise CheckpointError(
                f"{path}: is a pickle or array file, whatever its name says, and is not read; "
                "convert weights once: geomem convert --trust FILE OUT"
            )
        return load_file(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except CheckpointError:
        raise
    except Exception as error:  # safetensors raises its own type for every kind of damage
        raise CheckpointError(f"{path}: is not a safetensors file: {error}") from None
