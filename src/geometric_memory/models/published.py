"""Published weights: their parameter names, and the way to ours and back.

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
| weight, alone: a tied Node2Vec              | nodes                                             |

No published Mamba is at hand. Its mixers are known by the names of mamba_ssm wherever in a layer
they hang (`layers.i.*.in_proj.weight`), the norm before one by a name with `norm` or `ln_`; on the
way back they are `layers.i.mixer.*` and `layers.i.norm.*`, as in mamba_ssm.

The unpickler of PyTorch has had holes, so it is run in a process of its own, on plain tensors only,
and only for a file that the user trusts.
"""

import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from geometric_memory.errors import CheckpointError, DiskError
from geometric_memory.files.tensors import TYPES, nonfinite, read_tensors, write_tensors
from geometric_memory.files.whole import write_whole
from geometric_memory.models.names import rename, swapped

_STEMS = {
    "embed_tokens": "token_embedding",
    "lm_head": "head",
    "pos_encoding": "position_embedding",
    "final_layernorm": "final_norm",
    "layers.#.attn.proj": "layers.#.attention.inner.output",
    "layers.#.mlp.swapd": "layers.#.mlp.inner.up",
    "layers.#.mlp.proj": "layers.#.mlp.inner.down",
    "layers.#.mlp.fc1": "layers.#.mlp.inner.linear",
}
_WITH_ATTENTION = _STEMS | {
    "layers.#.ln_1": "layers.#.attention.norm",
    "layers.#.ln_2": "layers.#.mlp.norm",
}
_WITHOUT = _STEMS | {"layers.#.ln_1": "layers.#.mlp.norm"}
_STACKED = ("queries_linear", "keys_linear", "values_linear")
_STACK = "attention.inner.query_key_value"
_MIXER = re.compile(
    r"layers\.([0-9]+)\.(?:.+\.)?"
    r"((?:in_proj|conv1d|x_proj|dt_proj|out_proj)\.(?:weight|bias)|A_log|D)"
)
_MIXER_NORM = re.compile(r"layers\.([0-9]+)\..*(?:norm|ln_).*\.(weight|bias)")
_NODE2VEC = ("weight", "nodes")
_WRAPPED = re.compile(r"^((module|_orig_mod)\.)+")
"""What wrappers put before names: data parallel training and torch.compile."""
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""What a file of torch.save begins with, if it is no ZIP file."""


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return published weights under our names; a head equal to the embedding counts as tied.

    Raises:
        CheckpointError: if a name is unknown, or parts of a stacked weight are missing or unlike.
    """
    if set(state) == {_NODE2VEC[0]}:
        return {_NODE2VEC[1]: state[_NODE2VEC[0]]}
    renamed: dict[str, Tensor] = {}
    for name, new_name in our_names(state).items():
        if new_name in renamed and _STACK not in new_name:
            raise CheckpointError(f"{name}: the file holds this weight twice")
        if new_name not in renamed:
            renamed[new_name] = _value(state, name)
    head, embedding = renamed.get("head.weight"), renamed.get("token_embedding.weight")
    if embedding is None:
        raise CheckpointError("published weights without embed_tokens.weight")
    if head is not None and head.dtype == embedding.dtype and torch.equal(head, embedding):
        del renamed["head.weight"]
    return renamed


def our_names(names: Iterable[str]) -> dict[str, str]:
    """Return our name for each of the parameters of a published model.

    Raises:
        CheckpointError: if a name is unknown.
    """
    names = list(names)
    mixers = any(name.endswith(".A_log") for name in names)
    stems = _WITH_ATTENTION if any(".attn." in name for name in names) else _WITHOUT
    found = {}
    for name in names:
        mixer, norm = _MIXER.fullmatch(name), _MIXER_NORM.fullmatch(name)
        if mixers and mixer:
            ours = f"layers.{mixer[1]}.mixer.{mixer[2]}"
        elif mixers and norm:
            ours = f"layers.{norm[1]}.norm.{norm[2]}"
        elif any(f".attn.{part}." in name for part in _STACKED):
            ours = re.sub(r"attn\.[a-z]+_linear", _STACK, name)
        else:
            ours = rename(name, stems)
        if ours is None:
            raise CheckpointError(f"{name}: no parameter of a published model has this name")
        found[name] = ours
    return found


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


def to_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of ours as the published code names them; a tied head is there twice.

    Raises:
        CheckpointError: if a name is none of a published model, or a stack has no three parts.
    """
    if set(state) == {_NODE2VEC[1]}:
        return {_NODE2VEC[0]: state[_NODE2VEC[1]]}
    if "token_embedding.weight" not in state:
        raise CheckpointError("weights of ours without token_embedding.weight")
    has_attention = any(_STACK in name for name in state)
    stems = swapped(_WITH_ATTENTION if has_attention else _WITHOUT)
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if _STACK in name:
            if not value.ndim or len(value) % 3 or not len(value):
                raise CheckpointError(f"{name}: holds no queries, keys and values of one shape")
            names = [name.replace(_STACK, f"attn.{part}") for part in _STACKED]
            found |= {n: part.clone() for n, part in zip(names, value.chunk(3), strict=True)}
            continue
        kept = re.match(r"layers\.[0-9]+\.(mixer|norm)\.", name)
        theirs = name if kept else rename(name, stems)
        if theirs is None:
            raise CheckpointError(f"{name}: no published model has such a weight")
        found[theirs] = value
    found.setdefault("lm_head.weight", found["embed_tokens.weight"])
    return found


def published_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Return weights of ours as a .pt file of the published code: a state dict, tensors alone.

    Raises:
        CheckpointError: if a name is none of a published model.
    """
    content = io.BytesIO()
    torch.save(to_published(state), content)
    return content.getvalue()


def convert_published(
    source: Path, target: Path, *, trust: bool = False, back: bool = False
) -> int:
    """Write the published weights in `source` to `target` and return the number of tensors.

    With `back`, `source` holds weights of ours, and `target` gets the state dict of the release.

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
    if back:
        state = read_tensors(source)
        write_whole(target, published_bytes(state))
        return len(state)
    if source.suffix == ".safetensors":
        return _convert(source, read_tensors(source), target)
    _refuse_foreign(source)
    if not trust:
        raise CheckpointError(
            f"{source}: is a pickle, which can be made to run code when it is opened; if you know "
            "where it comes from, add --trust"
        )
    return _convert_apart(source, target)


def _refuse_foreign(source: Path) -> None:
    """Raise `CheckpointError` for a file that torch.save has not written, without opening it."""
    try:
        with source.open("rb") as file:
            head = file.read(len(_LEGACY))
    except OSError as error:
        raise CheckpointError(f"{source}: cannot be read: {error.strerror}") from None
    if head.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(source) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile:
            raise CheckpointError(f"{source}: the file is cut off or damaged") from None
        if any(name.endswith("/data.pkl") for name in names):
            return
    if head != _LEGACY:
        other = "another pickle" if head.startswith(b"\x80") else "another kind of file"
        raise CheckpointError(
            f"{source}: holds no weights: it is {other}, neither of torch.save nor safetensors"
        )


def _convert_apart(source: Path, target: Path) -> int:
    """Convert in another process, so that whatever a file does to the unpickler stays there."""
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(source), str(target)]
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


def _convert(source: Path, state: dict[str, torch.Tensor], target: Path) -> int:
    plain = {_WRAPPED.sub("", name): value for name, value in state.items()}
    bad = nonfinite(plain)
    try:
        if len(plain) < len(state):
            raise CheckpointError("a weight is there with and without module. or _orig_mod.")
        if bad:
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            raise CheckpointError(f"NaN or infinity in {bad[0]}{more}")
        ours = from_published(plain)
    except CheckpointError as error:
        raise CheckpointError(f"{source}: {error}") from None
    write_tensors(target, ours)
    return len(ours)


def _read_pickle(source: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{source}: cannot be read: {error.strerror}") from None
    except Exception as error:  # whatever a file makes of the unpickler
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        reason = f"{found[1]} for one" if found else f"{error}".split("\n")[0][:200] or "damaged"
        raise CheckpointError(
            f"{source}: holds more than plain tensors, {reason}; save the weights alone: "
            "torch.save(model.state_dict(), FILE)"
        ) from None
    for key in ("model_state_dict", "state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    named = isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor)
        and value.layout is torch.strided and value.dtype in TYPES
        for name, value in content.items()
    )  # fmt: skip
    if not named:
        raise CheckpointError(f"{source}: is no state dict: expected names and dense tensors")
    return content


def _main(source: str, target: str) -> int:
    try:
        count = _convert(Path(source), _read_pickle(Path(source)), Path(target))
    except (CheckpointError, DiskError) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{count}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
