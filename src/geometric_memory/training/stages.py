"""Recipes as data: a stage is examples, a batch size, a length and a schedule.

How often evaluation is affordable is a function of the work alone, never of the clock: forward
passes of evaluation are compared with forward and backward passes of training (three times a
forward pass), position by position and target by target; the dearer of the two counts, so that the
answer holds for any width and depth. Greedy decoding is counted as if every row went wrong, and
everything twice, for what evaluation does beside matrix products.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from geometric_memory.config import LoggingSettings, RunConfig
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.text import TextExamples
from geometric_memory.training.evaluation import ROWS_AT_MOST
from geometric_memory.training.sampling import thin_task


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A learning rate that warms up from 0 and decays by a cosine until `decay_steps`."""

    peak: float
    warmup_steps: int
    decay_steps: int
    floor: float

    def rate(self, step: int) -> float:
        """Return the learning rate of update `step`, counted from 0; the first may be 0."""
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        if self.decay_steps <= self.warmup_steps:
            return self.floor if step >= self.decay_steps else self.peak
        if step > self.decay_steps:
            return self.floor
        done = (step - self.warmup_steps) / (self.decay_steps - self.warmup_steps)
        return self.floor + 0.5 * (1 + math.cos(math.pi * done)) * (self.peak - self.floor)


def constant(rate: float) -> Schedule:
    """Return the schedule of a constant rate, without warmup."""
    return Schedule(peak=rate, warmup_steps=0, decay_steps=0, floor=rate)


FORWARD_PASSES_OF_A_STEP = 3
MARGIN = 2

Work = tuple[int, int]
"""Positions and targets of forward passes."""


def stretch_interval(
    interval: int, task: Task, trained: Sequence[Examples], settings: LoggingSettings, *,
    evaluates_paths: bool,
) -> int:  # fmt: skip
    """Return the least multiple of `interval` epochs at which evaluation is affordable.

    That is, takes at most `evaluation_share` of the work of training; 0 leaves the interval alone.
    """
    share = settings.evaluation_share
    if not share or not sum(map(len, trained)):
        return interval
    task = thin_task(task, settings.evaluate_at_most)
    epoch = _sum(_forward(kind) for kind in trained)
    evaluation = _sum(
        [
            _edge_work(task.edge_facts, task.vocabulary.node_count),
            *(_path_work(kind) for kind in task.test_paths.groups if evaluates_paths),
        ]
    )
    dearer = max(e / t for e, t in zip(evaluation, epoch, strict=True))
    needed = MARGIN * dearer / FORWARD_PASSES_OF_A_STEP / share
    return interval * max(1, math.ceil(needed / interval))


def _forward(examples: Examples) -> Work:
    return examples.inputs.size, examples.targets.size


def _edge_work(edge_facts: Examples | TextExamples, node_count: int) -> Work:
    """One row per source; with text tokens, one for each pair of source and candidate at most."""
    if isinstance(edge_facts, TextExamples):
        length = max((group.inputs.shape[1] for group in edge_facts.groups), default=0)
        return _sum([*map(_path_work, edge_facts.groups), (ROWS_AT_MOST * length, ROWS_AT_MOST)])
    sources = min(len(edge_facts), node_count)
    return sources * edge_facts.inputs.shape[1], sources * edge_facts.targets.shape[1]


def _path_work(examples: Examples) -> Work:
    """One forced pass, and one for each later token if every row goes wrong at the first."""
    rows, prompt = examples.prompts.shape
    later = examples.targets.shape[1] - 1
    decoded = rows * sum(prompt + index for index in range(1, later + 1))
    return examples.inputs.size + decoded, examples.targets.size + rows * later


def _sum(works: Iterable[Work]) -> Work:
    positions, targets = zip(*works, strict=True)
    return sum(positions), sum(targets)


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
    evaluation_offset: int
    """Epochs by which evaluations come after the multiples of their interval."""
    memorizes_edges: bool
    """Whether edge facts are among the examples, so that tracking applies."""
    early_stopping: bool = False

    def evaluates(self, epoch: int, every: int = 1) -> bool:
        """Whether `epoch` (1 is the first) is evaluated, or one of `every` such epochs."""
        return (epoch - self.evaluation_offset) % (every * self.eval_interval_epochs) == 0

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
        peak = self.learning_rate
        if not self.decay:
            return constant(peak)
        return Schedule(
            peak=peak, warmup_steps=self.warmup_steps, decay_steps=self.steps, floor=peak / 10
        )


def build_stages(config: RunConfig, task: Task) -> tuple[Stage, ...]:
    """Return the stages of the recipe that `config` names (section 5 of the contract)."""
    edges, paths = task.edge_facts.groups, task.train_paths.groups
    if not config.training.staged:
        mixed = tuple(kind for kind in (*edges, *paths) if len(kind))
        return (_stage(config, task, "joint_training", mixed),)
    last = _stage(config, task, "path_finetuning", paths)
    if config.training.skip_edge_memorization:
        return (last,)
    return (_stage(config, task, "edge_memorization", edges), last)


def _stage(config: RunConfig, task: Task, name: str, examples: tuple[Examples, ...]) -> Stage:
    edges = name == "edge_memorization"
    topic = name if edges else "path_finetuning"
    training, logging = vars(config.training), config.logging
    return Stage(
        name=name,
        examples=examples,
        batch_size=training[f"{topic}_batch_size"],
        epochs=training[f"{topic}_epochs"],
        learning_rate=training[f"{topic}_learning_rate"],
        warmup_steps=training[f"{topic}_warmup_steps"],
        decay=training[f"decay_{topic}_learning_rate"],
        eval_interval_epochs=stretch_interval(
            getattr(logging, f"{topic}_eval_interval_epochs"), task, examples, logging,
            evaluates_paths=not edges,
        ),
        evaluation_offset=int(logging.evaluated_epochs == "published"),
        memorizes_edges=name != "path_finetuning",
        early_stopping=edges and config.training.enable_edge_memorization_early_stopping,
    )  # fmt: skip
