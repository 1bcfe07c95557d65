"""One tiny model of an experiment, trained by the engine of the tiny graphs."""

from collections.abc import Iterator

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.experiments.tiny.engine import Member, Problem, State, Trainer
from geometric_memory.experiments.tiny.training import (
    EMBEDDING_NAMES,
    STRETCH,
    node2vec_training,
    stacked_network,
)
from geometric_memory.explore.experiment import Experiment
from geometric_memory.models.node2vec import Node2VecSettings
from geometric_memory.tasks.vocabulary import Vocabulary


def training_states(experiment: Experiment, graph: Dataset) -> Iterator[State]:
    """Yield the state after every update (Node2Vec: after every few), the first at step 0.

    With published settings and seed they are the states of `geomem tiny`.

    Raises:
        NonFiniteError: when a loss or an embedding is no longer finite.
    """
    if experiment.model == "node2vec":
        return node2vec_training(_node2vec(experiment), [experiment.seed], graph,
                               self_edges=experiment.self_edges)  # fmt: skip
    network, weights = stacked_network(
        experiment.settings, graph, [experiment.seed], experiment.init_scale
    )
    member = Member(
        seed=experiment.seed,
        learning_rate=experiment.rate,
        weight_decay=0.0,
        decay=experiment.decay,
    )
    problem = Problem(
        facts=graph.facts,
        node_count=graph.node_count,
        vocabulary_size=Vocabulary(graph.node_count).size,
        frozen=EMBEDDING_NAMES if experiment.freezes else (),
    )
    return Trainer(network, weights, [member], problem).run(experiment.steps, together=STRETCH)


def _node2vec(experiment: Experiment) -> Node2VecSettings:
    return Node2VecSettings(
        dimension=experiment.width,
        tied=experiment.tied,
        learning_rate=experiment.rate,
        epochs=experiment.steps,
        snapshot_interval=max(1, experiment.steps // 500),
    )
