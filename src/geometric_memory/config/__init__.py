"""Every setting of a data set and of a training run, with its default, its meaning and its limits.

One frozen dataclass per topic; `RunConfig` holds one of each. The string below a
field is its help text. Limits of one value stand in its type (msgspec checks them); rules that join
several values stand in the `problems` methods, which return every broken rule as a sentence. No
module here imports torch, so that `--help` stays instant.
"""

from geometric_memory.config.model import ModelSettings
from geometric_memory.config.run import DatasetConfig, GraphConfig, RunConfig
from geometric_memory.config.topics import (
    DatasetSettings,
    LoggingSettings,
    TaskSettings,
    TrainingSettings,
)
from geometric_memory.graphs.settings import GraphSettings

__all__ = [
    "DatasetConfig",
    "DatasetSettings",
    "GraphConfig",
    "GraphSettings",
    "LoggingSettings",
    "ModelSettings",
    "RunConfig",
    "TaskSettings",
    "TrainingSettings",
]
