"""Weights of GPT-2 and Pythia under our names and back; every weight is used once, or an error.

| transformers, gpt2             | here                                  |
| wte.weight, wpe.weight         | token_embedding, position_embedding   |
| h.i.ln_1, h.i.ln_2             | layers.i.attention.norm, .mlp.norm    |
| h.i.attn.c_attn, .c_proj       | layers.i.attention.inner.query_key_value, .output, transposed |
| h.i.mlp.c_fc, .c_proj          | layers.i.mlp.inner.up, .down, transposed |
| ln_f                           | final_norm                            |
| lm_head.weight                 | the token embedding again             |

| transformers, gpt_neox                     | here                              |
| embed_in.weight, embed_out.weight          | token_embedding, head             |
| layers.i.input_layernorm                   | layers.i.attention_norm           |
| layers.i.attention.query_key_value         | the same, by query, key, value, not by head |
| layers.i.attention.dense                   | layers.i.attention.output         |
| layers.i.post_attention_layernorm          | layers.i.mlp_norm                 |
| layers.i.mlp.dense_h_to_4h, .dense_4h_to_h | layers.i.mlp.up, .down            |
| final_layer_norm                           | final_norm                        |

With the node vocabulary the token embedding, and a head of its own, are fresh: those of the file
are left out, and nothing else is. With the text vocabulary they open the table, and the nine
special tokens follow as fresh rows. Masks that old files store as weights are no weights.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from geometric_memory.config import ModelSettings
from geometric_memory.config.model import gpt_ablations
from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.limits import PathName
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.names import rename, swapped
from geometric_memory.pretrained_files import (
    ARCHITECTURES,
    EXPECTED,
    NAMES,
    TYPES,
    find_pretrained,
    read_json_object,
)

EMBEDDINGS = ("token_embedding.weight", "head.weight")
_STEMS = {
    "gpt2": {
        "wte": "token_embedding",
        "wpe": "position_embedding",
        "ln_f": "final_norm",
        "lm_head": "head",
        "h.#.ln_1": "layers.#.attention.norm",
        "h.#.ln_2": "layers.#.mlp.norm",
        "h.#.attn.c_attn": "layers.#.attention.inner.query_key_value",
        "h.#.attn.c_proj": "layers.#.attention.inner.output",
        "h.#.mlp.c_fc": "layers.#.mlp.inner.up",
        "h.#.mlp.c_proj": "layers.#.mlp.inner.down",
    },
    "pythia": {
        "lm_head": "head",
        "embed_in": "token_embedding",
        "embed_out": "head",
        "final_layer_norm": "final_norm",
        "layers.#.input_layernorm": "layers.#.attention_norm",
        "layers.#.post_attention_layernorm": "layers.#.mlp_norm",
        "layers.#.attention.query_key_value": "layers.#.attention.query_key_value",
        "layers.#.attention.dense": "layers.#.attention.output",
        "layers.#.mlp.dense_h_to_4h": "layers.#.mlp.up",
        "layers.#.mlp.dense_4h_to_h": "layers.#.mlp.down",
    },
}
_PREFIXES = {"gpt2": "transformer.", "pythia": "gpt_neox."}
_MASKS = re.compile(r"\.(attn|attention)\.(bias|masked_bias|rotary_emb\.inv_freq)$")
_TRANSPOSED = re.compile(r"\.(c_attn|c_proj|c_fc)\.weight$")


def load_pretrained(model: SequenceModel, settings: ModelSettings) -> None:
    """Load the weights of `--pretrained` into `model`, whose embeddings may stay fresh.

    Raises:
        CheckpointError: if the files are missing or damaged, or a weight is left over, missing or
            of another shape, whole numbers, NaN or infinite; the model is then untouched.
    """
    folder = find_pretrained(settings)
    found = from_transformers(_read_weights(folder), settings)
    fresh = model.state_dict()
    if settings.tokenizer == "node":
        found = {name: value for name, value in found.items() if name not in EMBEDDINGS}
        found |= {name: fresh[name] for name in EMBEDDINGS if name in fresh}
    else:
        for name in EMBEDDINGS:
            if name in fresh and _opens(found.get(name), fresh[name]):
                found[name] = torch.cat([found[name], fresh[name][len(found[name]) :]])
    problems = model.misfits(found)
    if problems:
        raise CheckpointError(f"{folder}: does not fit this model:\n  " + "\n  ".join(problems))
    model.load_state_dict(found)


def _opens(rows: Tensor | None, table: Tensor) -> bool:
    """Whether `rows` may stand in the place of the first rows of `table`."""
    return rows is not None and rows.is_floating_point() and rows.shape[1:] == table.shape[1:]


def from_transformers(state: Mapping[str, Tensor], settings: ModelSettings) -> dict[str, Tensor]:
    """Return the weights of a transformers GPT-2 or GPT-NeoX under our names, float32.

    Raises:
        CheckpointError: if a name is unknown, or two weights have one name here.
    """
    family, heads = settings.model_family, settings.attention_head_count
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if _MASKS.search(name):
            continue
        ours = rename(name.removeprefix(_PREFIXES[family]), _STEMS[family])
        if ours is None:
            raise CheckpointError(f"{name}: no weight of {family} has this name")
        if ours in found:
            raise CheckpointError(f"{name}: the file holds this weight twice")
        found[ours] = _in_our_order(name, _widen(value), family, heads)
    if family == "gpt2" and "head.weight" in found:
        head = found.pop("head.weight")
        if not torch.equal(head, found.get("token_embedding.weight", head)):
            raise CheckpointError("lm_head.weight: differs from wte.weight, but GPT-2 is tied")
    return found


def to_transformers(state: Mapping[str, Tensor], settings: ModelSettings) -> dict[str, Tensor]:
    """Return weights of ours as transformers stores them; gpt is GPT-2 where it has all its parts.

    A tied head is left out, as transformers does.
    """
    family = "pythia" if settings.model_family == "pythia" else "gpt2"
    heads, stems = settings.attention_head_count, swapped(_STEMS[family])
    found = {}
    for name, value in state.items():
        theirs = rename(name, stems)
        assert theirs is not None, name
        if family == "gpt2":
            value = value.mT if _TRANSPOSED.search(theirs) else value
        elif ".query_key_value." in theirs:
            value = value.unflatten(0, (3, heads, -1)).transpose(0, 1).flatten(0, 2)
        alone = theirs.startswith(("lm_head", "embed_out"))
        found[theirs if alone else _PREFIXES[family] + theirs] = value.contiguous()
    return found


def transformers_config(
    model: SequenceModel, settings: ModelSettings, positions: int
) -> dict[str, Any]:
    """Return the config.json with which transformers computes what `model` does.

    Raises:
        DataError: if transformers has no such model: an ablation of gpt, or Mamba.
    """
    ablated = any(gpt_ablations(settings).values())
    if settings.model_family == "mamba" or ablated:
        raise DataError(
            "transformers has no model with these layers: it has gpt without ablations, gpt2 "
            "and pythia"
        )
    family = "pythia" if settings.model_family == "pythia" else "gpt2"
    rows, width = model.token_embedding.weight.shape
    sizes = (len(model.layers), width, settings.attention_head_count, positions, rows, 4 * width)
    tied = {"tie_word_embeddings": model.head_weight is model.token_embedding.weight}
    dropouts = ("attn_pdrop", "embd_pdrop", "resid_pdrop") if family == "gpt2" else ()
    return {
        "architectures": [ARCHITECTURES[family]],
        "model_type": TYPES[family],
        "dtype": "float32",
        **dict(zip(NAMES[family], sizes, strict=True)),
        **EXPECTED[family],
        **tied,
        **dict.fromkeys(dropouts, 0.0),
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """Return every tensor of the safetensors files of `folder`.

    Raises:
        CheckpointError: if there are none, or one is damaged.
    """
    index = folder / "model.safetensors.index.json"
    parts = _parts(index) if index.is_file() else ["model.safetensors"]
    tensors: dict[str, Tensor] = {}
    for part in parts:
        file = folder / part
        if not file.is_file():
            hint = " (pickled weights are not read: save them anew with save_pretrained)"
            pickled = hint if list(folder.glob("*.bin")) else ""
            raise CheckpointError(f"{file}: is missing{pickled}")
        try:
            tensors |= load_file(file)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{file}: cannot be read: {error}") from None
    return tensors


def _parts(index: Path) -> list[str]:
    """Return the names of the files that an index lists; all lie beside it."""
    try:
        listed = msgspec.convert(read_json_object(index).get("weight_map"), dict[str, PathName])
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{index}: weight_map is no list of files: {error}") from None
    return sorted(set(listed.values()))


def _widen(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value  # which no model takes


def _in_our_order(name: str, value: Tensor, family: str, heads: int) -> Tensor:
    if family == "gpt2":
        return value.mT.contiguous() if _TRANSPOSED.search(name) and value.ndim > 1 else value
    if ".query_key_value." in name and value.ndim and len(value) and len(value) % (3 * heads) == 0:
        return value.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)
    return value  # whatever does not fit is refused with the names of all that does not
