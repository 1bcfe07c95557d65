"""The model that a configuration asks for, with its initial weights."""

import torch

from geometric_memory.config import RunConfig
from geometric_memory.models.gpt import GPT
from geometric_memory.models.initialization import (
    initialize_gpt,
    initialize_gpt2,
    initialize_mamba,
)
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.mamba import Mamba
from geometric_memory.models.pythia import Pythia
from geometric_memory.randomness import stream_seed


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
