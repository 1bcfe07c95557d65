"""The model that a configuration asks for, with its initial weights."""

import torch

from geometric_memory.config import RunConfig
from geometric_memory.errors import ConfigurationError
from geometric_memory.models.gpt import GPT
from geometric_memory.models.initialization import initialize_gpt
from geometric_memory.models.interface import SequenceModel
from geometric_memory.randomness import stream_seed


def build_model(config: RunConfig, *, vocabulary_size: int) -> SequenceModel:
    """Return the model of `config` on the CPU, its weights drawn from the stream `init`.

    Raises:
        ConfigurationError: if the model family is not available.
    """
    settings, training = config.model, config.training
    seed = training.seed if training.init_seed == -1 else training.init_seed
    generator = torch.Generator().manual_seed(stream_seed(seed, "init"))
    if settings.model_family != "gpt":
        raise ConfigurationError([f"--model_family {settings.model_family} is not available yet"])
    with torch.device("meta"):  # no draws from global randomness, no time spent on them
        model = GPT(settings, vocabulary_size=vocabulary_size, block_size=config.block_size)
    model.to_empty(device="cpu")
    initialize_gpt(model, settings.weight_init_mode, generator)
    return model
