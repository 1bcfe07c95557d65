"""The settings of data set, task, training and logging, a frozen dataclass per topic."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from geometric_memory.limits import (
    EDGE_STAGE,
    Count,
    NonNegative,
    Rate,
    Seed,
    Share,
    Size,
    unsafe_name,
)
from geometric_memory.topic import About, Topic


class DatasetSettings(Topic):
    """Which edge facts and paths are written, and where."""

    dataset_root: str = "data/datasets/in_weights_graphs"
    """Folder that holds one folder per graph family."""
    dataset_name: str = "in_weights"
    """Label of the data set in the places of its runs."""
    train_split_ratio: Share = 0.75
    """Share of the paths used for training."""
    split_subtree_holdout: bool = False
    """Hold out whole subtrees of a tree-star instead of single paths."""
    add_forward_edges: bool = False
    """Memorize edges away from the root (lower to higher id in the irregular graph)."""
    add_backward_edges: bool = False
    """Memorize edges towards the root; with neither switch both directions are used."""
    add_self_edges: bool = False
    """Memorize (u, u) for every node. Both variants are always written; this selects one."""
    self_edges: Literal["auto", "none", "leaves", "all"] = "auto"
    """Nodes u of which (u, u) is memorized; leaves end paths, auto is all with add_self_edges."""
    include_start_node_in_path_finetuning: bool = False
    """Prompt paths with start,leaf instead of leaf."""
    use_directional_edge_pretraining: bool = False
    """Set the metadata bit of that name in the file names; nothing else changes."""

    @property
    def forward_edges(self) -> bool:
        """Whether forward edges are used."""
        return self.add_forward_edges or not self.add_backward_edges

    @property
    def backward_edges(self) -> bool:
        """Whether backward edges are used."""
        return self.add_backward_edges or not self.add_forward_edges

    @property
    def has_self_edges(self) -> bool:
        """Whether any node has a self edge."""
        return self.add_self_edges if self.self_edges == "auto" else self.self_edges != "none"

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule and how to mend it."""
        if not self.dataset_root:
            yield "--dataset_root must not be empty"
        if unsafe_name(self.dataset_name):
            yield (
                f"--dataset_name {self.dataset_name!r} must be a plain name of at most 100 "
                "letters, digits, dots, dashes and underscores"
            )


class TaskSettings(Topic):
    """How edge facts and paths become token sequences."""

    task_family: Literal["in_weights", "in_context"] = "in_weights"
    """Where the graph is: memorized in the weights, or a fresh path-star listed in every prompt."""
    context_label_count: Size = 50
    """Labels that the nodes of an in-context graph are drawn from."""
    context_train_prompts: Size = 20_000
    """In-context prompts used for training; each lists its own graph."""
    context_test_prompts: Size = 1000
    """In-context prompts held out."""
    edge_memorization_include_pause_token: bool = False
    """Keep one [PAUSE] in edge prompts."""
    path_prefix_pause_token_count: Annotated[int, Meta(ge=0, le=1000)] = 1
    """[PAUSE] tokens after the prompt of a path."""
    include_task_token_in_prefix: Annotated[bool, About(off="exclude_task_token_in_prefix")] = True
    """Open each sequence with [EDGE] or [PATH]."""
    use_teacherless_inputs: bool = False
    """Replace every input token after the prompt by $."""
    reverse_path_targets: bool = False
    """Predict the path from the leaf to the root."""

    @property
    def in_context(self) -> bool:
        """Whether every prompt lists its own graph."""
        return self.task_family == "in_context"


Recipe = Literal[
    "staged_full_path", "mixed_full_path", "staged_hardest_token", "mixed_hardest_token"
]


Device = Literal["auto", "cpu", "cuda", "mps"]


class TrainingSettings(Topic):
    """Recipe, batches, rates and lengths."""

    training_recipe: Recipe = "mixed_full_path"
    """Staged or mixed training on edges and paths; full paths or the hardest token alone."""
    edge_memorization_batch_size: Annotated[Count, EDGE_STAGE] = 16384
    """Examples in a batch of the edge stage."""
    path_finetuning_batch_size: Count = 2048
    """Examples in a batch of the path stage, and of mixed recipes."""
    edge_memorization_learning_rate: Annotated[Rate, EDGE_STAGE] = 0.01
    """Peak learning rate of the edge stage."""
    path_finetuning_learning_rate: Rate = 0.0005
    """Peak learning rate of the path stage, and of mixed recipes."""
    embedding_rate_factor: Rate = 1.0
    """Learning rate of the token embedding, in units of that of the other weights."""
    optimizer_weight_decay: Rate = 0.01
    """AdamW weight decay, on every parameter."""
    edge_memorization_warmup_steps: Annotated[NonNegative, EDGE_STAGE] = 500
    """Linear warmup of the edge stage."""
    path_finetuning_warmup_steps: NonNegative = 1000
    """Linear warmup of the path stage, and of mixed recipes."""
    decay_edge_memorization_learning_rate: Annotated[
        bool, About(off="disable_edge_memorization_lr_decay", stage=EDGE_STAGE.stage)
    ] = True
    """Cosine decay in the edge stage; without it the rate is constant, without warmup."""
    decay_path_finetuning_learning_rate: Annotated[
        bool, About(off="disable_path_finetuning_lr_decay")
    ] = True
    """Cosine decay in the path stage, and in mixed recipes."""
    edge_memorization_epochs: Annotated[NonNegative, EDGE_STAGE] = 2500
    """Epochs of the edge stage."""
    path_finetuning_epochs: NonNegative = 10000
    """Epochs of the path stage, and of mixed recipes."""
    enable_edge_memorization_early_stopping: Annotated[bool, EDGE_STAGE] = False
    """Stop the edge stage after 250 epochs without a better accuracy."""
    skip_edge_memorization: bool = False
    """Start a staged recipe at its path stage, from --edge_memorization_checkpoint_path."""
    edge_memorization_checkpoint_path: str = ""
    """Checkpoint folder, run folder or .safetensors file of the memorized edges."""
    max_steps: NonNegative = 0
    """Stop after this many steps in all, schedules unchanged; 0 is no limit."""
    stop_at_path_accuracy: Annotated[float, Meta(ge=0, le=100)] = 0.0
    """Stop when this percent of every second held-out path is right; 0 never stops."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """Stop at a loss or gradient that is not finite, or leave that batch out and go on."""
    nonfinite_limit: NonNegative = 10
    """Batches of a stage that --on_nonfinite skip leaves out before it stops all the same."""
    seed: Seed = 0
    """Seed of everything in training: initial weights, order, dropout."""
    init_seed: Annotated[int, Meta(ge=-1, le=2**63 - 1)] = -1
    """Seed of the initial weights alone; -1 is --seed."""
    device: Device = "auto"
    """Where to compute; auto is the GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Type of matrix products; auto is bf16 where a GPU has it, or a trial on the CPU is for it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the model, which takes minutes; auto does so for long runs on an NVIDIA GPU."""

    @property
    def staged(self) -> bool:
        """Whether edges and paths are trained one after the other."""
        return self.training_recipe.startswith("staged")

    @property
    def full_path(self) -> bool:
        """Whether the target is the whole path, not the node after the root alone."""
        return self.training_recipe.endswith("full_path")

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule and how to mend it."""
        if self.skip_edge_memorization and not self.edge_memorization_checkpoint_path:
            yield "--skip_edge_memorization needs --edge_memorization_checkpoint_path"
        if self.skip_edge_memorization and not self.staged:
            yield "--skip_edge_memorization is for the staged recipes"
        if self.edge_memorization_checkpoint_path and not self.skip_edge_memorization:
            yield "--edge_memorization_checkpoint_path needs --skip_edge_memorization"


KEPT = r"all|[1-9][0-9]{0,8}|steps:[0-9]{1,15}(,[0-9]{1,15})*"
"""What --keep_checkpoints may be."""


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
    keep_checkpoints: str = "3"
    """Checkpoints kept beside best and stage ends: all, a number of the latest, or steps:1,2,5."""
    edge_memorization_eval_interval_epochs: Annotated[Count, EDGE_STAGE] = 50
    """Epochs between logged rows of the edge stage."""
    path_finetuning_eval_interval_epochs: Count = 1
    """Epochs between evaluations in the path stage and in mixed recipes."""
    evaluated_epochs: Literal["multiples", "published"] = "multiples"
    """Epochs evaluated at an interval k: k, 2k and so on; or, as published, 1, k + 1 and so on."""
    evaluation_share: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Evaluation's share of the work, by which untyped intervals are stretched; 0 never does."""
    evaluate_at_most: NonNegative = 0
    """Sources of edge facts, and held-out paths, of an evaluation, evenly spaced; 0 is all."""
    prediction_logging_multiplier: Count = 20
    """Evaluations between predictions, which are also kept at the start, each best and the end."""
    prediction_rows: NonNegative = 20
    """Held-out queries whose predictions are kept; 0 is none."""
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

    @property
    def kept_steps(self) -> frozenset[int]:
        """Updates after which a checkpoint is made and kept, whatever the intervals."""
        _, listed, steps = self.keep_checkpoints.partition("steps:")
        return frozenset(map(int, steps.split(","))) if listed else frozenset()

    @property
    def latest_kept(self) -> int:
        """Latest checkpoints that are always kept."""
        return int(self.keep_checkpoints) if self.keep_checkpoints.isdigit() else 3

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule and how to mend it."""
        if not re.fullmatch(KEPT, self.keep_checkpoints):
            yield (
                f"--keep_checkpoints {self.keep_checkpoints[:60]} must be all, a number of "
                "the latest such as 3, or steps:1,2,5"
            )
        if not self.experiment_log_root:
            yield "--experiment_log_root must not be empty"
        if self.run_name and unsafe_name(self.run_name):
            yield (
                f"--run_name {self.run_name[:60]!r} must be a plain name of at most 100 "
                "letters, digits, dots, dashes and underscores"
            )
