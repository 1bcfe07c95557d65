"""The settings of the model: its family, size, ablations, initial weights and tokens."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from geometric_memory.limits import MOST_NODES, Depth, Width
from geometric_memory.topic import Topic

SIZES = {
    "gpt2": {
        "gpt2": (12, 768, 12),
        "gpt2-medium": (24, 1024, 16),
        "gpt2-large": (36, 1280, 20),
        "gpt2-xl": (48, 1600, 25),
    },
    "pythia": {
        "pythia-14m": (6, 128, 4),
        "pythia-31m": (6, 256, 8),
        "pythia-70m": (6, 512, 8),
        "pythia-160m": (12, 768, 12),
        "pythia-410m": (24, 1024, 16),
        "pythia-1b": (16, 2048, 8),
        "pythia-1.4b": (24, 2048, 16),
        "pythia-2.8b": (32, 2560, 32),
        "pythia-6.9b": (32, 4096, 32),
        "pythia-12b": (36, 5120, 40),
    },
}
"""Layers, width and heads of the published sizes."""
ROTARY_SHARE = 4
"""Pythia turns the first quarter of every head."""


class ModelSettings(Topic):
    """The model, its ablations and its initial weights."""

    model_family: Literal["gpt", "gpt2", "pythia", "mamba"] = "gpt"
    """Architecture."""
    model_size: str = ""
    """Published size, such as gpt2-medium or pythia-70m: sets layers, width and heads."""
    transformer_layer_count: Depth = 12
    """Layers; with 0 the head reads the embedding, a control."""
    embedding_dimension: Width = 384
    """Width of the model."""
    attention_head_count: Width = 8
    """Attention heads; they divide the width."""
    position_count: Annotated[int, Meta(ge=0, le=MOST_NODES)] = 0
    """Positions of gpt and gpt2; 0 is max(64, 3 x path length)."""
    dropout_rate: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Dropout, which acts only in MLP-only blocks."""
    use_attention: bool = True
    """Attention; without it a layer is LayerNorm and MLP alone."""
    use_residual_connections: bool = True
    """Residual connections."""
    use_layer_norm: bool = True
    """LayerNorm, the final one included."""
    use_positional_encoding: bool = True
    """Learned positions."""
    tie_input_output_embeddings: bool = True
    """Use the token embedding as the output head."""
    freeze_token_embeddings: bool = False
    """Keep embedding, head and positions at their initial values (associative control)."""
    use_mlp_only_blocks: bool = False
    """Replace the MLP by one biased linear map followed by dropout."""
    weight_init_mode: Literal["default", "non_geometric"] = "default"
    """non_geometric draws the head, so a tied embedding too, from N(0, 1)."""
    mamba_state_dimension: Width = 16
    """State size of a Mamba mixer."""
    mamba_convolution_kernel: Width = 4
    """Kernel of the causal convolution of a Mamba mixer."""
    mamba_expand_factor: Annotated[int, Meta(ge=1, le=1000)] = 2
    """Inner width of a Mamba mixer, in units of the model width."""
    mamba_variant: Literal["published", "standard"] = "published"
    """published: no residual, no final norm, weights N(0, 0.02); standard: as mamba_ssm."""
    pretrained: str = "none"
    """Weights to start gpt2 or pythia from: a folder, or a name in the Hugging Face cache."""
    download_pretrained: bool = False
    """Fetch --pretrained NAME over the network when it is not in the cache."""
    tokenizer: Literal["node", "text"] = "node"
    """One token per node, or the text tokens of gpt2 or pythia."""
    tokenizer_file: str = ""
    """tokenizer.json, or its folder, of --tokenizer text; that of --pretrained when empty."""

    @property
    def architecture(self) -> str:
        """The published label of the architecture."""
        if self.model_family != "gpt":
            return self.model_family
        if self.freeze_token_embeddings:
            label = "associative"
        elif not self.use_attention:
            label = "feedforward_residual" if self.use_residual_connections else "feedforward_plain"
        else:
            label = "transformer"
        return label if self.tie_input_output_embeddings else label + "_untied"

    @property
    def uses_pretrained(self) -> bool:
        """Whether training starts from pretrained weights."""
        return self.pretrained not in ("", "none")

    @property
    def learns_positions(self) -> bool:
        """Whether the model has a table of positions, so that its sequences have a limit."""
        return self.model_family == "gpt2" or (
            self.model_family == "gpt" and self.use_positional_encoding
        )

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule and how to mend it."""
        yield from _broken_sizes(self)
        yield from _broken_pretraining(self)
        if self.model_family != "gpt":
            for name, changed in gpt_ablations(self).items():
                if changed:
                    yield (
                        f"--{name}: this ablation is for --model_family gpt, "
                        f"not {self.model_family}"
                    )
        if self.model_family == "mamba" and not self.tie_input_output_embeddings:
            yield "--no-tie_input_output_embeddings: the head of mamba is always tied"
        if self.model_family not in SIZES and self.tokenizer == "text":
            yield "--tokenizer text is for --model_family gpt2 and pythia"
        if self.tokenizer == "text" and not (self.uses_pretrained or self.tokenizer_file):
            yield "--tokenizer text needs --tokenizer_file (or --pretrained)"
        if self.tokenizer == "node" and self.tokenizer_file:
            yield "--tokenizer_file is read only with --tokenizer text"


def model_warnings(model: ModelSettings, given: frozenset[str]) -> list[str]:
    """Return the settings of the model that were typed without effect, as sentences."""
    found = []
    if model.dropout_rate and not model.use_mlp_only_blocks:
        found.append("--dropout_rate has no effect: it acts in --use_mlp_only_blocks alone")
    shape = ("transformer_layer_count", "embedding_dimension", "attention_head_count")
    source = "--pretrained" if model.uses_pretrained else "--model_size" if model.model_size else ""
    if source:
        found += [f"--{n} has no effect: {source} sets it" for n in shape if n in given]
    if model.model_family != "mamba":
        names = sorted(name for name in given if name.startswith("mamba_"))
        found += [f"--{name} has no effect without --model_family mamba" for name in names]
    elif "attention_head_count" in given:
        found.append("--attention_head_count has no effect: mamba has no attention")
    return found


def gpt_ablations(model: ModelSettings) -> dict[str, bool]:
    """Return whether `model` has each of the ablations, by the option that asks for it."""
    return {
        "no-use_attention": not model.use_attention,
        "no-use_residual_connections": not model.use_residual_connections,
        "no-use_layer_norm": not model.use_layer_norm,
        "no-use_positional_encoding": not model.use_positional_encoding,
        "use_mlp_only_blocks": model.use_mlp_only_blocks,
    }


def _broken_sizes(model: ModelSettings) -> Iterator[str]:
    known = SIZES.get(model.model_family, {})
    width, heads = model.embedding_dimension, model.attention_head_count
    bare = not (model.transformer_layer_count or model.model_size or model.uses_pretrained)
    if bare and model.freeze_token_embeddings:
        yield "--freeze_token_embeddings leaves nothing to train without layers"
    if model.model_size:
        if model.model_size not in known:
            offered = ", ".join(known) or "none: set layers, width and heads"
            yield f"--model_size {model.model_size!r} of {model.model_family}: there is {offered}"
    elif bare or model.model_family == "mamba" or not model.use_attention or model.uses_pretrained:
        return
    elif width % heads:
        yield f"--attention_head_count {heads} does not divide --embedding_dimension {width}"
    elif model.model_family == "pythia" and (width // heads) % (2 * ROTARY_SHARE):
        yield (
            f"pythia turns pairs in a quarter of each head: --embedding_dimension {width} over "
            f"--attention_head_count {heads} must be a multiple of {2 * ROTARY_SHARE}"
        )


def _broken_pretraining(model: ModelSettings) -> Iterator[str]:
    if not model.uses_pretrained:
        if model.download_pretrained:
            yield "--download_pretrained needs --pretrained NAME"
        return
    if model.model_family not in SIZES:
        yield "--pretrained is for --model_family gpt2 and pythia"
    if model.model_size:
        yield "--model_size and --pretrained both set the size; give one of them"
    if model.weight_init_mode != "default" and model.tokenizer == "text":
        yield "--weight_init_mode has nothing to draw: the embeddings are pretrained"
    tied = model.tie_input_output_embeddings
    if model.tokenizer == "text" and model.model_family == "gpt2" and not tied:
        yield "--no-tie_input_output_embeddings: the pretrained head of gpt2 is tied"
    if model.tokenizer == "text" and model.model_family == "pythia" and tied:
        yield "the pretrained head of pythia is its own: --no-tie_input_output_embeddings"
