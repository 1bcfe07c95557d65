"""The settings of training: recipe, batches, rates, lengths, seeds, device."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from geometric_memory.limits import EDGE_STAGE, Count, NonNegative, Rate, Seed
from geometric_memory.topic import About, Topic

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
    """Stop at the first evaluation with this percent of held-out paths right; 0 never stops."""
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
    """Type of matrix products; auto is bf16 where a GPU has it, or a trial on the CPU says so."""
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
        """Yield a sentence for every broken rule, which says how to mend it."""
        if self.skip_edge_memorization and not self.edge_memorization_checkpoint_path:
            yield "--skip_edge_memorization needs --edge_memorization_checkpoint_path"
        if self.skip_edge_memorization and not self.staged:
            yield "--skip_edge_memorization is for the staged recipes"
        if self.edge_memorization_checkpoint_path and not self.skip_edge_memorization:
            yield "--edge_memorization_checkpoint_path needs --skip_edge_memorization"
