"""The settings of what a run writes, how often, and where."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from geometric_memory.limits import EDGE_STAGE, Count, NonNegative, unsafe_name
from geometric_memory.topic import Topic


class LoggingSettings(Topic):
    """What a run writes, how often, and where."""

    experiment_log_root: str = "./experiment_logs"
    """Folder of all runs."""
    run_name: str = ""
    """Name of the run folder; derived from the settings and the time when empty."""
    checkpoint_interval_epochs: Count = 500
    """Epochs between checkpoints."""
    checkpoint_interval_steps: NonNegative = 0
    """Steps between further checkpoints, for long epochs; 0 is none."""
    checkpoints_kept: Count = 3
    """Latest checkpoints that are kept, besides the best and those of stage ends."""
    edge_memorization_eval_interval_epochs: Annotated[Count, EDGE_STAGE] = 50
    """Epochs between logged rows of the edge stage."""
    path_finetuning_eval_interval_epochs: Count = 1
    """Epochs between evaluations in the path stage and in mixed recipes."""
    evaluation_share: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Evaluation's share of the work, by which untyped intervals are stretched; 0 never does."""
    evaluate_at_most: NonNegative = 0
    """Sources of edge facts, and held-out paths, of an evaluation, evenly spaced; 0 is all."""
    prediction_logging_multiplier: Count = 20
    """Evaluations between tables of predictions."""
    track_embedding_evolution: bool = False
    """Store the node embeddings along the edge stage (of a mixed recipe: along all of it)."""
    track_top_k_predictions: bool = False
    """Store the five best predicted nodes of every node along the same steps."""
    tracking_schedule: Literal["every", "log"] = "every"
    """Steps that are stored: every one, or about 20 per factor of ten."""
    enable_wandb: bool = False
    """Mirror the metrics to Weights & Biases."""
    wandb_project: str = "geometric-memory"
    """W&B project."""
    wandb_entity: str = ""
    """W&B entity."""
    wandb_group: str = ""
    """W&B group."""
    wandb_tags: str = ""
    """W&B tags, separated by commas."""
    wandb_mode: Literal["online", "offline", "disabled"] = "offline"
    """W&B mode."""

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule, which says how to mend it."""
        if not self.experiment_log_root:
            yield "--experiment_log_root must not be empty"
        if self.run_name and unsafe_name(self.run_name):
            yield (
                f"--run_name {self.run_name[:60]!r} must be a plain name of at most 100 "
                "letters, digits, dots, dashes and underscores"
            )
