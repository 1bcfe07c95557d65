"""Tensors in safetensors files, the only form in which they are stored."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from geometric_memory.errors import CheckpointError
from geometric_memory.files.whole import write_whole

PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"\x93NUMPY")

TYPES = {
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64,
    torch.complex128, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
}  # fmt: skip
"""Those that PyTorch can add up; a file may hold others."""


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write `tensors` as one whole safetensors file.

    Raises:
        DiskError: if the disk is full, read-only or gone; nothing is left behind.
    """
    write_whole(path, tensor_bytes(tensors))


def tensor_bytes(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Return `tensors` in the format of safetensors."""
    return save({name: tensor.contiguous() for name, tensor in tensors.items()})


def nonfinite(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the names of the tensors that hold NaN or infinity."""
    # A sum is quick, and never finite over NaN or infinity; where it only overflows, one looks.
    suspects = [name for name, tensor in tensors.items() if not bool(tensor.sum().isfinite())]
    return [name for name in suspects if not bool(tensors[name].isfinite().all())]


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file, on the CPU.

    Raises:
        CheckpointError: if it cannot be read or is no safetensors file, a pickle for example.
    """
    try:
        tensors = load_file(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # safetensors raises its own type for every kind of damage
        reason = _pickle_advice(path) or str(error)
        raise CheckpointError(f"{path}: is not a safetensors file: {reason}") from None
    for name, tensor in tensors.items():
        if tensor.dtype not in TYPES:
            raise CheckpointError(f"{path}: {name}: numbers of type {tensor.dtype} are not read")
    return tensors


def _pickle_advice(path: Path) -> str:
    with path.open("rb") as file:
        if not file.read(6).startswith(PICKLE_STARTS):
            return ""
    return (
        "it looks like a pickle or an array file, which is not read; convert weights once: "
        "geomem convert --trust FILE OUT"
    )
