"""Published weight files to safetensors; the only place where a `.pt` file is opened.

The unpickler of PyTorch has had holes, so it is run in a process of its own, on plain tensors only,
and only for a file that the user says to trust.
"""

import os
import subprocess
import sys
from pathlib import Path

import torch

from geometric_memory.errors import CheckpointError, DiskError
from geometric_memory.files.tensors import read_tensors, write_tensors
from geometric_memory.models.published import from_published


def convert_published(source: Path, target: Path, *, trust: bool = False) -> int:
    """Write the published weights in `source` to `target` and return the number of tensors.

    Raises:
        CheckpointError: if the file is a pickle without `trust`, or holds anything but named
            tensors of a published model, or `target` exists.
        DiskError: if `target` cannot be written.
    """
    if target.exists():
        raise CheckpointError(f"{target}: exists already; choose another name or remove it")
    if not source.is_file():
        raise CheckpointError(f"{source}: there is no such file")
    if not target.parent.is_dir():
        raise DiskError(f"{target}: there is no folder {target.parent}; make it first")
    if source.suffix == ".safetensors":
        return _convert(read_tensors(source), target)
    if not trust:
        raise CheckpointError(
            f"{source}: is a pickle, which can be made to run code when it is opened; if you know "
            "where it comes from, add --trust"
        )
    return _convert_apart(source, target)


def _convert_apart(source: Path, target: Path) -> int:
    """Convert in another process, so that whatever a file does to the unpickler stays there."""
    command = [sys.executable, "-m", __name__, str(source), str(target)]
    paths = os.pathsep.join(str(Path(path).resolve()) for path in sys.path if path)
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": paths}
    )
    if answer.returncode == DiskError.exit_code:
        raise DiskError(answer.stderr.strip())
    if answer.returncode == CheckpointError.exit_code:
        raise CheckpointError(answer.stderr.strip())
    if answer.returncode:
        raise CheckpointError(f"{source}: the converter ended with {answer.returncode}")
    return int(answer.stdout)


def _convert(state: dict[str, torch.Tensor], target: Path) -> int:
    ours = from_published(state)
    write_tensors(target, ours)
    return len(ours)


def _read_pickle(source: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{source}: cannot be read: {error.strerror}") from None
    except Exception as error:  # whatever a file makes of the unpickler
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


def _main(source: str, target: str) -> int:
    try:
        count = _convert(_read_pickle(Path(source)), Path(target))
    except (CheckpointError, DiskError) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{count}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
