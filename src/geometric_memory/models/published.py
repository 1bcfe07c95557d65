"""Published weights: their parameter names, and the one explicit way from a `.pt` file to ours.

| published                                   | here                                              |
| embed_tokens.weight                         | token_embedding.weight                            |
| lm_head.weight                              | head.weight (the token embedding when tied)       |
| pos_encoding.weight                         | position_embedding.weight                         |
| layers.i.ln_1.*                             | layers.i.attention.norm.*, or mlp.norm.* if alone |
| layers.i.attn.{queries,keys,values}_linear.*| layers.i.attention.inner.query_key_value.*        |
| layers.i.attn.proj.*                        | layers.i.attention.inner.output.*                 |
| layers.i.ln_2.*                             | layers.i.mlp.norm.*                               |
| layers.i.mlp.swapd.*, .proj.*               | layers.i.mlp.inner.up.*, .down.*                  |
| layers.i.mlp.fc1.*                          | layers.i.mlp.inner.linear.*                       |
| final_layernorm.*                           | final_norm.*                                      |

The unpickler of PyTorch has had holes, so it is run in a process of its own, on plain tensors only,
and only for a file that the user trusts.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from geometric_memory.errors import CheckpointError, DiskError
from geometric_memory.files.tensors import read_tensors, write_tensors

_FIXED = {
    "embed_tokens.weight": "token_embedding.weight",
    "lm_head.weight": "head.weight",
    "pos_encoding.weight": "position_embedding.weight",
    "final_layernorm.weight": "final_norm.weight",
    "final_layernorm.bias": "final_norm.bias",
}
_IN_LAYER = {
    "attn.proj": "attention.inner.output",
    "mlp.swapd": "mlp.inner.up",
    "mlp.proj": "mlp.inner.down",
    "mlp.fc1": "mlp.inner.linear",
    "ln_2": "mlp.norm",
}
_STACKED = ("queries_linear", "keys_linear", "values_linear")


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return published weights under our names; a head equal to the embedding counts as tied.

    Raises:
        CheckpointError: if a name is unknown, or parts of a stacked weight are missing or unlike.
    """
    renamed: dict[str, Tensor] = {}
    has_attention = any(".attn." in name for name in state)
    for name in state:
        new_name = published_name(name, has_attention=has_attention)
        if new_name not in renamed:
            renamed[new_name] = _value(state, name)
    head, embedding = renamed.get("head.weight"), renamed.get("token_embedding.weight")
    if embedding is None:
        raise CheckpointError("published weights without embed_tokens.weight")
    if head is not None and head.dtype == embedding.dtype and torch.equal(head, embedding):
        del renamed["head.weight"]
    return renamed


def published_name(name: str, *, has_attention: bool = True) -> str:
    """Return our name for a published parameter name.

    Raises:
        CheckpointError: if the name is unknown.
    """
    if name in _FIXED:
        return _FIXED[name]
    match = re.fullmatch(r"layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if match:
        layer, part, kind = match.groups()
        if part.removeprefix("attn.") in _STACKED:
            part = "attention.inner.query_key_value"
        elif part == "ln_1":
            part = "attention.norm" if has_attention else "mlp.norm"
        else:
            part = _IN_LAYER.get(part, "")
        if part:
            return f"layers.{layer}.{part}.{kind}"
    raise CheckpointError(f"{name}: no parameter of a published model has this name")


def _value(state: Mapping[str, Tensor], name: str) -> Tensor:
    parts = [part for part in _STACKED if part in name]
    if not parts:
        return state[name]
    names = [name.replace(parts[0], part) for part in _STACKED]
    missing = [part for part in names if part not in state]
    if missing:
        raise CheckpointError(f"published weights without {', '.join(missing)}")
    stacked = [state[part] for part in names]
    kinds = {(value.dtype, value.shape) for value in stacked}
    if len(kinds) > 1 or not stacked[0].ndim:
        raise CheckpointError(f"{', '.join(names)}: are not of one shape and type")
    return torch.cat(stacked)


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
