"""Where pretrained weights lie, and the sizes they ask for; only JSON is read here.

The network is used in one case: `--download_pretrained` with a name that is not in the cache.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from geometric_memory.config import RunConfig
from geometric_memory.config.model import SIZES, ModelSettings
from geometric_memory.errors import CheckpointError
from geometric_memory.limits import Depth, Size, Width

OWNERS = {"gpt2": "openai-community", "pythia": "EleutherAI"}
FILES = ("config.json", "*.safetensors", "model.safetensors.index.json", "tokenizer.json")
TYPES = {"gpt2": "gpt2", "pythia": "gpt_neox"}
ARCHITECTURES = {"gpt2": "GPT2LMHeadModel", "pythia": "GPTNeoXForCausalLM"}
"""Classes of transformers."""
EXPECTED: dict[str, dict[str, Any]] = {
    "gpt2": {
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "add_cross_attention": False,
    },
    "pythia": {
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "use_parallel_residual": True,
        "attention_bias": True,
        "tie_word_embeddings": False,
        "rotary_pct": 0.25,
        "rotary_emb_base": 10000,
    },
}
"""What our layers compute; a checkpoint of anything else is refused."""

NAMES = {
    "gpt2": ("n_layer", "n_embd", "n_head", "n_positions", "vocab_size", "n_inner"),
    "pythia": (
        "num_hidden_layers", "hidden_size", "num_attention_heads", "max_position_embeddings",
        "vocab_size", "intermediate_size",
    ),
}  # fmt: skip
"""Layers, width, heads, positions, tokens and the width inside the MLP, as config.json says it."""


@dataclass(frozen=True, kw_only=True)
class PretrainedShape:
    """The sizes of a checkpoint."""

    layers: int
    width: int
    heads: int
    positions: int
    tokens: int
    """Rows of the token embedding."""


def resolve_sizes(config: RunConfig) -> RunConfig:
    """Return `config` with the numbers that `--model_size` or `--pretrained` stand for.

    Raises:
        CheckpointError: if the pretrained files are missing or of another architecture.
        ConfigurationError: if the sequences do not fit the positions of the checkpoint.
    """
    model = config.model
    if model.model_size:
        layers, width, heads = SIZES[model.model_family][model.model_size]
        positions = model.position_count
    elif model.uses_pretrained:
        shape = read_shape(find_pretrained(model), model.model_family)
        layers, width, heads = shape.layers, shape.width, shape.heads
        positions = shape.positions if model.model_family == "gpt2" else 0
    else:
        return config
    sized = replace(
        model, transformer_layer_count=layers, embedding_dimension=width,
        attention_head_count=heads, position_count=positions,
    )  # fmt: skip
    return replace(config, model=sized)


def find_pretrained(model: ModelSettings) -> Path:
    """Return the folder of `--pretrained`: itself, the cached one of a name, or a fresh download.

    Raises:
        CheckpointError: naming what is missing and where to put it.
    """
    folder = Path(model.pretrained).expanduser()
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import constants, snapshot_download
    except ImportError:
        raise CheckpointError(
            f"--pretrained {model.pretrained}: no such folder, and names need the extra `hf`: "
            "pip install 'geometric-memory[hf]'"
        ) from None
    name = model.pretrained
    if "/" not in name:
        name = f"{OWNERS[model.model_family]}/{name}"
    try:
        return Path(
            snapshot_download(
                name, allow_patterns=list(FILES), local_files_only=not model.download_pretrained
            )
        )
    except Exception as error:  # the hub's client raises many types, some of them private
        first_line = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        tried = f" (download: {first_line})" if model.download_pretrained else ""
        raise CheckpointError(
            f"--pretrained {model.pretrained}: there is no such folder, and {name} is not in the "
            f"cache {constants.HF_HUB_CACHE}{tried}. Put its config.json, model.safetensors and, "
            "for --tokenizer text, tokenizer.json into a folder and name that; or add "
            "--download_pretrained where there is a network"
        ) from None


def read_shape(folder: Path, family: str) -> PretrainedShape:
    """Return the sizes in config.json of `folder`.

    Raises:
        CheckpointError: if it is missing, damaged or of another architecture.
    """
    file = folder / "config.json"
    content = read_json_object(file)
    if content.get("model_type") != TYPES[family]:
        raise CheckpointError(
            f"{file}: model_type is {content.get('model_type')!r:.80}; "
            f"--model_family {family} reads {TYPES[family]!r}"
        )
    rope = content.get("rope_parameters")
    rope = rope if isinstance(rope, dict) else {}
    content.setdefault("rotary_pct", rope.get("partial_rotary_factor", 0.25))
    content.setdefault("rotary_emb_base", rope.get("rope_theta", 10000))
    *names, inner = NAMES[family]
    try:
        shape = msgspec.convert(
            [content.get(name) for name in names], tuple[Depth, Width, Width, Size, Size]
        )
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{file}: {', '.join(names)}: {error}") from None
    layers, width, heads, positions, tokens = shape
    expected = EXPECTED[family] | {inner: 4 * width}
    found = {name: content.get(name) or value for name, value in expected.items()}
    found |= {name: content[name] for name in expected if content.get(name) is False}
    problems = [
        f"{name} is {found[name]!r:.80}, only {value!r} is computed here"
        for name, value in expected.items()
        if found[name] != value
    ]
    if problems:
        raise CheckpointError(f"{file}: " + "; ".join(problems))
    return PretrainedShape(
        layers=layers, width=width, heads=heads, positions=positions, tokens=tokens
    )


def read_json_object(file: Path) -> dict[str, Any]:
    """Return the JSON object in `file`.

    Raises:
        CheckpointError: if the file is missing or holds anything else.
    """
    try:
        content = msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{file}: expected a JSON object")
    return content
