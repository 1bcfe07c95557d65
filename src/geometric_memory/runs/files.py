"""Files that are either whole or absent: written beside their place, synced, then renamed."""

import errno
import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from geometric_memory.errors import CheckpointError, DiskError


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        CheckpointError: if it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path}: is not JSON: {error}") from None


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write `tensors` as safetensors."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_whole(path, lambda temporary: save_file(contiguous, temporary))


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file, on the CPU.

    Raises:
        CheckpointError: if it cannot be read or is no safetensors file.
    """
    try:
        return load_file(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # safetensors raises its own type for every kind of damage
        raise CheckpointError(f"{path}: is not a safetensors file: {error}") from None


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, sync it and rename it into place.

    Raises:
        DiskError: if the disk is full, read-only or gone; nothing is left behind.
    """
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        write(temporary)
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or the entries of a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(path: Path, error: OSError) -> DiskError:
    """Return the error that tells the user what happened to `path`."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "free some space and try again" if full else "check the path and its permissions"
    return DiskError(f"{path}: cannot be written: {error.strerror or error}; {advice}")
