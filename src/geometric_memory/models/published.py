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
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from geometric_memory.errors import CheckpointError

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
