"""Recipes as data: a stage is examples, a batch size, a length and a schedule."""

from dataclasses import dataclass

from geometric_memory.config import RunConfig
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task
from geometric_memory.training.intervals import stretched_interval
from geometric_memory.training.schedule import Schedule, constant


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """One stage of training."""

    name: str
    """edge_memorization, path_finetuning or joint_training: the prefix of its logged names."""
    examples: tuple[Examples, ...]
    batch_size: int
    epochs: int
    learning_rate: float
    warmup_steps: int
    decay: bool
    eval_interval_epochs: int
    memorizes_edges: bool
    """Whether edge facts are among the examples, so that tracking applies."""
    early_stopping: bool = False

    @property
    def topic(self) -> str:
        """What the names of its settings begin with: edge_memorization or path_finetuning."""
        return "edge_memorization" if self.name == "edge_memorization" else "path_finetuning"

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch; the last short batch counts."""
        return -(-sum(len(kind) for kind in self.examples) // self.batch_size)

    @property
    def steps(self) -> int:
        """Updates in the whole stage."""
        return self.epochs * self.steps_per_epoch

    @property
    def schedule(self) -> Schedule:
        """The learning rate over the steps of the stage."""
        if not self.decay:
            return constant(self.learning_rate)
        return Schedule(
            peak=self.learning_rate,
            warmup_steps=self.warmup_steps,
            decay_steps=self.steps,
            floor=self.learning_rate / 10,
        )


def build_stages(config: RunConfig, task: Task) -> tuple[Stage, ...]:
    """Return the stages of the recipe that `config` names (section 5 of the contract)."""
    if not config.training.staged:
        kinds = (*task.edge_facts.groups, *task.train_paths.groups)
        mixed = tuple(kind for kind in kinds if len(kind))
        return (_path_stage(config, task, "joint_training", mixed, memorizes_edges=True),)
    paths = _path_stage(
        config, task, "path_finetuning", task.train_paths.groups, memorizes_edges=False
    )
    if config.training.skip_edge_memorization:
        return (paths,)
    return (_edge_stage(config, task), paths)


def _edge_stage(config: RunConfig, task: Task) -> Stage:
    training = config.training
    return Stage(
        name="edge_memorization",
        examples=task.edge_facts.groups,
        batch_size=training.edge_memorization_batch_size,
        epochs=training.edge_memorization_epochs,
        learning_rate=training.edge_memorization_learning_rate,
        warmup_steps=training.edge_memorization_warmup_steps,
        decay=training.decay_edge_memorization_learning_rate,
        eval_interval_epochs=stretched_interval(
            config.logging.edge_memorization_eval_interval_epochs,
            task,
            task.edge_facts.groups,
            config.logging,
            evaluates_paths=False,
        ),
        memorizes_edges=True,
        early_stopping=training.enable_edge_memorization_early_stopping,
    )


def _path_stage(
    config: RunConfig,
    task: Task,
    name: str,
    examples: tuple[Examples, ...],
    *,
    memorizes_edges: bool,
) -> Stage:
    training = config.training
    return Stage(
        name=name,
        examples=examples,
        batch_size=training.path_finetuning_batch_size,
        epochs=training.path_finetuning_epochs,
        learning_rate=training.path_finetuning_learning_rate,
        warmup_steps=training.path_finetuning_warmup_steps,
        decay=training.decay_path_finetuning_learning_rate,
        eval_interval_epochs=stretched_interval(
            config.logging.path_finetuning_eval_interval_epochs,
            task,
            examples,
            config.logging,
            evaluates_paths=True,
        ),
        memorizes_edges=memorizes_edges,
    )
