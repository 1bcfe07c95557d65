"""Sections from their settings to their results: all seeds, and grid points, as one batch."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from geometric_memory.config import ModelSettings
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError
from geometric_memory.models.node2vec import (
    Node2VecSettings,
    Node2VecTables,
    edge_targets,
    initial_tables,
    train_node2vec,
)
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.tiny.engine import (
    Member,
    Network,
    Precision,
    Problem,
    State,
    Trainer,
)
from geometric_memory.tiny.initial import own_weights, stack_weights
from geometric_memory.tiny.measures import EdgeReader, Measured
from geometric_memory.tiny.recording import Progress, Recorder
from geometric_memory.tiny.results import SectionRun
from geometric_memory.tiny.sections import Section, TinyModel, tiny_graph
from geometric_memory.tiny.stacked import StackedGPT, StackedMamba
from geometric_memory.tiny.stacked_linear import LINEAR_MAP, StackedLinear
from geometric_memory.training.machine import keep_freed_memory

EMBEDDING_NAMES = ("token_embedding.weight", "head.weight", "position_embedding.weight")
PUBLISHED_NODE2VEC_K = 5
SNAPSHOT_INTERVAL = Node2VecSettings().snapshot_interval
STRETCH = 16
"""Updates that are made before they are measured at once."""


def train_section(
    section: Section, seeds: Sequence[int], *, precision: Precision = "fp32"
) -> SectionRun:
    """Train `section` for all `seeds` at once; Node2Vec is always fp32.

    Raises:
        NonFiniteError: when a loss is no longer finite.
    """
    return train_batch((section,), seeds, precision=precision)[0]


def train_batch(
    sections: Sequence[Section],
    seeds: Sequence[int],
    *,
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> list[SectionRun]:
    """Train sections that differ in nothing but what `shape` leaves out, all seeds, at once.

    With `progress` the batch goes on from the state stored there, to the bits of one that was never
    interrupted. Node2Vec, which takes seconds, starts again.

    Raises:
        NonFiniteError: when a loss is no longer finite.
        CheckpointError: when the stored state is damaged.
        DiskError: when no state can be stored.
    """
    if len({shape(section) for section in sections}) != 1:
        raise ConfigurationError(["sections of different shapes cannot be trained as one batch"])
    first = sections[0]
    graph = tiny_graph(first)
    if first.block == "node2vec":
        recorder = Recorder(sections, seeds, graph, "fp32")
        states = node2vec_states(first, seeds, graph)
    else:
        recorder = Recorder(sections, seeds, graph, precision)
        trainer = batch_trainer(sections, seeds, graph, precision=precision)
        states = trainer.run(first.steps, together=STRETCH)
        if progress is not None:
            states = progress.followed(states, trainer, recorder)
    return recorder.follow(states)


def training_part(section: Section) -> Section:
    """Return `section` without its name and what only figures need: equal parts train alike."""
    return replace(
        section,
        experiment="any",
        view=(),
        graph_view=(),
        evolution_steps=(),
        heatmap_step=None,
        published=section.published and section.self_edges,  # the star with doubled self edges
    )


def shape(section: Section) -> Section:
    """Return `section` without what members of one batch may differ in."""
    part = training_part(section)
    if section.block == "node2vec":
        return part
    return replace(
        part, learning_rate=0.0, weight_decay=0.0, decay=False, init_scale=1.0, init="default"
    )


def batch_trainer(
    sections: Sequence[Section],
    seeds: Sequence[int],
    graph: Dataset,
    *,
    precision: Precision = "fp32",
) -> Trainer:
    """Return the trainer before its first step: one member per section and seed, in this order."""
    first = sections[0]
    stacked = [_stack_network(s.model, graph, seeds, s.init_scale) for s in sections]
    weights = {name: torch.cat([own[name] for _, own in stacked]) for name in stacked[0][1]}
    keep_freed_memory()
    return Trainer(
        stacked[0][0],
        weights,
        members_of(sections, seeds),
        Problem(
            facts=graph.facts,
            node_count=graph.node_count,
            vocabulary_size=Vocabulary(graph.node_count).size,
            frozen=EMBEDDING_NAMES if first.frozen else (),
            dropout=first.dropout,
            precision=precision,
        ),
    )


def members_of(models: Sequence[TinyModel], seeds: Sequence[int]) -> list[Member]:
    """Return one member per model and seed, in this order."""
    return [
        Member(
            seed=seed,
            learning_rate=model.learning_rate,
            weight_decay=model.weight_decay,
            decay=model.decay,
        )
        for model in models
        for seed in seeds
    ]


def _stack_network(
    settings: ModelSettings, graph: Dataset, seeds: Sequence[int], init_scale: float
) -> tuple[Network, dict[str, Tensor]]:
    """Return the network of a tiny model, and the initial weights of one member per seed."""
    vocabulary = Vocabulary(graph.node_count)
    if settings.model_family == "mamba":
        weights = own_weights(settings, vocabulary.size, seeds, init_scale)
        return StackedMamba(settings, vocabulary.edge_task), weights
    scales = [init_scale] * len(seeds)
    weights = stack_weights(settings, vocabulary.size, seeds, scales)
    if settings.use_mlp_only_blocks:
        return StackedLinear([LINEAR_MAP] * settings.transformer_layer_count), weights
    return StackedGPT(settings, vocabulary.edge_task), weights


def node2vec_states(
    section: Section, seeds: Sequence[int], graph: Dataset, *, every: int = SNAPSHOT_INTERVAL
) -> Iterator[State]:
    """Yield the states of Node2Vec after every so many updates, every seed a member.

    Without self edges no node predicts itself.

    Raises:
        NonFiniteError: when an embedding is no longer finite.
    """
    settings = Node2VecSettings(
        dimension=section.width,
        tied=section.tied,
        learning_rate=section.learning_rate,
        epochs=section.steps,
        snapshot_interval=every,
    )
    reader = EdgeReader(graph.facts, graph.node_count)
    targets = edge_targets(graph.facts, graph.node_count)
    tables = initial_tables(seeds, graph.node_count, settings)
    for state in train_node2vec(targets, tables, settings):
        yield State(
            step=state.step,
            weights={"token_embedding.weight": state.tables.nodes},
            measured=_node2vec_measured(state.tables, state.loss, reader, section.self_edges),
        )


def _node2vec_measured(
    tables: Node2VecTables, loss: Tensor, reader: EdgeReader, self_edges: bool
) -> Measured:
    scores = tables.scores()
    if not self_edges:
        scores.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
    levels = reader.levels(tables.nodes)
    return Measured(
        loss=loss,
        recovery=reader.recovery(scores),
        published_recovery=reader.recovery.within(scores, PUBLISHED_NODE2VEC_K),
        level=levels[:, 0],
        level_without_self=levels[:, 1],
        non_edge_level=levels[:, 2],
    )


def shortened(section: Section, steps: int) -> Section:
    """Return `section` with at most `steps` updates, for tests and first looks."""
    return replace(section, steps=min(steps, section.steps))
