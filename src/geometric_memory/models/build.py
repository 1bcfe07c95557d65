"""The model of a configuration, and its initial weights: a function per scheme, called last.

| parameter                         | default      | non_geometric |
| linear weights                    | N(0, 0.02^2) | N(0, 0.02^2)  |
| biases                            | 0            | 0             |
| norm weights, norm biases         | 1, 0         | 1, 0          |
| token embedding, head, when tied  | N(0, 0.02^2) | N(0, 1)       |
| token embedding, when untied      | N(0, 0.02^2) | N(0, 0.02^2)  |
| head, when untied                 | N(0, 0.02^2) | N(0, 1)       |
| positions                         | N(0, 1)      | N(0, 1)       |

There is no depth scaling. Positions of unit size beside embeddings of 0.02 are what the published
numbers were made with.

gpt2 starts as its authors did: positions N(0, 0.02^2), and the two output maps of every layer
divided by sqrt(2 layers). pythia starts as transformers does it: linear weights and embeddings
N(0, 0.02^2), biases 0. non_geometric means the same for both as above.

| parameter of mamba        | published         | standard (as mamba_ssm)                       |
| linear weights            | N(0, 0.02^2)      | U(+-1/sqrt(inputs)); output over sqrt(layers) |
| time-step bias            | 0                 | its softplus is log-uniform in 0.001 to 0.1   |
| convolution weight, bias  | U(+-1/sqrt(k)), 0 | U(+-1/sqrt(k)), both                          |
| A_log, D                  | log(1 to n), 1    | log(1 to n), 1                                |
| token embedding, so head  | N(0, 0.02^2)      | N(0, 0.02^2)                                  |

With non_geometric the token embedding of mamba is N(0, 1) in both variants.
"""

import math

import torch
from torch import Tensor, nn

from geometric_memory.config import RunConfig
from geometric_memory.models.gpt import GPT
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.mamba import Mamba, Mixer
from geometric_memory.models.pythia import Pythia
from geometric_memory.randomness import stream_seed

WEIGHT_STD = 0.02


def initialize_gpt(model: GPT | Pythia, mode: str, generator: torch.Generator) -> None:
    """Draw every weight of `model` from the scheme `mode`, on the CPU."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            _normal(module.weight, WEIGHT_STD, generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
    _normal(model.token_embedding.weight, WEIGHT_STD, generator)
    if model.position_embedding is not None:
        _normal(model.position_embedding.weight, 1.0, generator)
    if mode == "non_geometric":
        _normal(model.head_weight, 1.0, generator)


def initialize_gpt2(model: GPT, mode: str, generator: torch.Generator) -> None:
    """Draw every weight of `model` as GPT-2 does, on the CPU."""
    initialize_gpt(model, mode, generator)
    if model.position_embedding is not None:
        _normal(model.position_embedding.weight, WEIGHT_STD, generator)
    for name, weight in model.named_parameters():
        if name.endswith((".output.weight", ".down.weight")):
            weight.data /= math.sqrt(2 * len(model.layers))


def initialize_mamba(model: Mamba, variant: str, mode: str, generator: torch.Generator) -> None:
    """Draw every weight of `model` from the schemes `variant` and `mode`, on the CPU."""
    for module in model.modules():
        if isinstance(module, nn.LayerNorm | nn.RMSNorm):
            module.reset_parameters()
        elif isinstance(module, Mixer):
            state = torch.arange(1, module.A_log.shape[1] + 1, dtype=module.A_log.dtype)
            module.A_log.data.copy_(state.log().expand_as(module.A_log))
            nn.init.ones_(module.D)
            _uniform(module.conv1d.weight, module.conv1d.weight.shape[-1], generator)
            if variant == "published":
                _published_mixer(module, generator)
            else:
                _standard_mixer(module, len(model.layers), generator)
    std = 1.0 if mode == "non_geometric" else WEIGHT_STD
    _normal(model.token_embedding.weight, std, generator)


def _published_mixer(mixer: Mixer, generator: torch.Generator) -> None:
    for linear in (mixer.in_proj, mixer.x_proj, mixer.dt_proj, mixer.out_proj):
        _normal(linear.weight, WEIGHT_STD, generator)
    for bias in (mixer.conv1d.bias, mixer.dt_proj.bias):
        bias.data.zero_()


def _standard_mixer(mixer: Mixer, layer_count: int, generator: torch.Generator) -> None:
    for linear in (mixer.in_proj, mixer.x_proj, mixer.dt_proj, mixer.out_proj):
        _uniform(linear.weight, linear.in_features, generator)
    mixer.out_proj.weight.data /= math.sqrt(layer_count)
    _uniform(mixer.conv1d.bias, mixer.conv1d.weight.shape[-1], generator)
    draws = torch.rand(mixer.dt_proj.bias.shape, generator=generator)
    delta = torch.exp(draws * math.log(100) + math.log(0.001)).clamp(min=1e-4)
    mixer.dt_proj.bias.data.copy_(delta + torch.log(-torch.expm1(-delta)))  # inverse of softplus


def _uniform(weight: Tensor, inputs: int, generator: torch.Generator) -> None:
    bound = inputs**-0.5
    nn.init.uniform_(weight, -bound, bound, generator=generator)


def _normal(weight: Tensor, std: float, generator: torch.Generator) -> None:
    nn.init.normal_(weight, std=std, generator=generator)


def build_model(config: RunConfig, *, vocabulary_size: int) -> SequenceModel:
    """Return the model of `config` on the CPU, its weights drawn from the stream `init`."""
    settings, training = config.model, config.training
    seed = training.seed if training.init_seed == -1 else training.init_seed
    generator = torch.Generator().manual_seed(stream_seed(seed, "init"))
    model = uninitialized_model(config, vocabulary_size)
    if isinstance(model, Mamba):
        initialize_mamba(model, settings.mamba_variant, settings.weight_init_mode, generator)
    elif isinstance(model, GPT) and settings.model_family == "gpt2":
        initialize_gpt2(model, settings.weight_init_mode, generator)
    else:
        initialize_gpt(model, settings.weight_init_mode, generator)
    return model


def least_parameters(config: RunConfig, vocabulary_size: int) -> int:
    """Return a number of weights that the model of `config` has at least, without making it."""
    model, width = config.model, config.model.embedding_dimension
    rows = vocabulary_size + config.block_size * model.learns_positions
    return width * (rows + model.transformer_layer_count * width)


def uninitialized_model(config: RunConfig, vocabulary_size: int) -> GPT | Mamba | Pythia:
    """Return the model before its weights are drawn; the layers of GPT-2 are those of our GPT."""
    match config.model.model_family:
        case "gpt" | "gpt2":
            return GPT(config.model, vocabulary_size=vocabulary_size, block_size=config.block_size)
        case "mamba":
            return Mamba(config.model, vocabulary_size=vocabulary_size)
        case "pythia":
            return Pythia(config.model, vocabulary_size=vocabulary_size)
