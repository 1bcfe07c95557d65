"""The model that a configuration asks for, with its initial weights."""

import torch

from geometric_memory.config import RunConfig
from geometric_memory.errors import ConfigurationError
from geometric_memory.models.gpt import GPT
from geometric_memory.models.initialization import initialize_gpt, initialize_mamba
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.mamba import Mamba
from geometric_memory.randomness import stream_seed


def build_model(config: RunConfig, *, vocabulary_size: int) -> SequenceModel:
    """Return the model of `config` on the CPU, its weights drawn from the stream `init`.

    Raises:
        ConfigurationError: if the model family is not available.
    """
    settings, training = config.model, config.training
    seed = training.seed if training.init_seed == -1 else training.init_seed
    generator = torch.Generator().manual_seed(stream_seed(seed, "init"))
    with torch.device("meta"):  # no draws from global randomness, no time spent on them
        model = _uninitialized(config, vocabulary_size)
    model.to_empty(device="cpu")
    if isinstance(model, Mamba):
        initialize_mamba(model, settings.mamba_variant, settings.weight_init_mode, generator)
    else:
        initialize_gpt(model, settings.weight_init_mode, generator)
    return model


def _uninitialized(config: RunConfig, vocabulary_size: int) -> GPT | Mamba:
    match config.model.model_family:
        case "gpt":
            return GPT(config.model, vocabulary_size=vocabulary_size, block_size=config.block_size)
        case "mamba":
            return Mamba(config.model, vocabulary_size=vocabulary_size)
        case family:
            raise ConfigurationError([f"--model_family {family} is not available yet"])
