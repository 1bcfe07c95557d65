"""The histories that a run was asked for: node embeddings, and the best predictions per node."""

import numpy as np
import torch

from geometric_memory.config import LoggingSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.history import Tracker
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task
from geometric_memory.training.evaluation import top_predictions
from geometric_memory.training.trainer import Trainer

TRACKED_PREDICTIONS = 5


def build_trackers(settings: LoggingSettings, task: Task, folder: RunFolder) -> dict[str, Tracker]:
    """Return the trackers by the name of their history."""
    node_count = task.vocabulary.node_count

    def embeddings(trainer: Trainer) -> torch.Tensor:
        return trainer.model.node_embeddings(node_count)

    def predictions(trainer: Trainer) -> torch.Tensor:
        if not isinstance(task.edge_facts, Examples):
            raise ConfigurationError(["--track_top_k_predictions needs --tokenizer node"])
        sources, best = top_predictions(
            trainer.model, task.edge_facts, TRACKED_PREDICTIONS, trainer.arithmetic
        )
        by_node = np.full((node_count, TRACKED_PREDICTIONS), -1)
        by_node[sources] = best
        return torch.from_numpy(by_node)

    wanted = {
        "embedding_evolution": embeddings if settings.track_embedding_evolution else None,
        "top_k_predictions": predictions if settings.track_top_k_predictions else None,
    }
    return {
        name: Tracker(folder.artifacts / name, value, schedule=settings.tracking_schedule)
        for name, value in wanted.items()
        if value is not None
    }
