"""A graph of one's own: what it is trained with where its user names no sizes."""

from collections.abc import Collection, Mapping
from math import ceil, gcd
from random import Random
from typing import Any

from geometric_memory.config.run import RunConfig
from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph, select_facts
from geometric_memory.settings import changed

LONGEST_PATH = 4
"""Nodes of the paths that are asked, where the graph has any that long."""
KNOWN, GOOD = "edge_memorization/top_k_recovery", 90.0
"""Metric of the facts, and percent of held-out paths that leaves nothing to try."""
LARGE, MANY_PATHS = 2000, 20_000
"""Nodes above which a graph is given two layers, and four paths a node up to so many paths."""
PLAIN_STEP, FLOPS = 4e-3, 6e10
"""Seconds of a step beside its products, and their rate on one core."""


def settings_for(
    nodes: int, facts: int, paths: int, *, cores: int, width: int = 0
) -> tuple[dict[str, Any], float]:
    """Return settings for a graph, and about how many seconds they take.

    Args:
        nodes: of the graph.
        facts: edge facts to memorize.
        paths: paths to train on.
        cores: of the processor.
        width: of the model, where it is given.
    """
    examples, large = facts + paths, nodes > LARGE
    width = width or (64 if nodes <= 200 else 128)
    # Batches of one size: a last one of a few examples would be a step of noise at the full rate.
    # Small ones, of some noise, are better at paths than large ones.
    batches = max(1, round(examples / (512 if large else min(max(128, examples / 16), 1024))))
    least, steps = (12, 2000) if large else (100, 1500)
    epochs = max(least, ceil(steps / batches))
    steps, layers = epochs * batches, 2 if large else 1
    chosen = {
        "model_family": "gpt2", "transformer_layer_count": layers, "embedding_dimension": width,
        "attention_head_count": gcd(16 if large else 4, width), "add_self_edges": True,
        "include_start_node_in_path_finetuning": True,
    }  # fmt: skip
    for stage in ("edge_memorization", "path_finetuning"):
        chosen |= {
            f"{stage}_batch_size": ceil(examples / batches), f"{stage}_learning_rate": 0.003,
            f"{stage}_warmup_steps": min(100, steps // 20), f"{stage}_epochs": epochs,
            f"{stage}_eval_interval_epochs": max(1, epochs // 20),
        }  # fmt: skip
    # Two tokens of a fact and six of a path meet the layers; one and four targets meet every node.
    layered = 12 * width**2 * layers * (2 * facts + (LONGEST_PATH + 2) * paths)
    headed = nodes * width * (facts + LONGEST_PATH * paths)
    return chosen, steps * PLAIN_STEP + epochs * 6 * (layered + headed) / (FLOPS * cores)


def is_open(config: RunConfig, given: Collection[str]) -> bool:
    """Whether what is not `given` may be chosen for the graph of a run without preset or file."""
    return config.graph.graph_type == "custom" and not {"model_size", "pretrained"} & {*given}


def fit_settings(
    config: RunConfig, given: Collection[str], graph: Graph, *, cores: int
) -> tuple[RunConfig, str]:
    """Return `config` with what is not `given` chosen for the graph, and a line that names it.

    Raises:
        DataError: if the graph has no path of the length that is given.
    """
    generator, count = Random(config.graph.random_seed), config.graph.path_count
    if graph.node_count > LARGE and "path_count" not in given:
        count = max(graph.node_count, min(4 * graph.node_count, MANY_PATHS))
    length = config.graph.path_length if "path_length" in given else LONGEST_PATH
    while True:
        try:
            paths = graph.sample_paths(length, generator, None if count == -1 else count).paths
            break
        except DataError:
            if "path_length" in given or length == 2:
                raise
            length -= 1
    directions = {"add_forward_edges", "add_backward_edges"}
    both = {} if directions & {*given} else dict.fromkeys(directions, True)
    config = changed(config, path_length=length, path_count=count, **both)
    about = config.dataset
    open_to_choice = about.self_edges == "auto" and "add_self_edges" not in given
    facts = graph.facts(
        forward=about.forward_edges, backward=about.backward_edges,
        self_edges=about.has_self_edges or open_to_choice,
    )  # fmt: skip
    facts = select_facts(facts, paths, about.self_edges)
    chosen, seconds = settings_for(
        graph.node_count, len(facts), round(about.train_split_ratio * len(paths)), cores=cores,
        width=config.model.embedding_dimension if "embedding_dimension" in given else 0,
    )  # fmt: skip
    config = changed(config, **{n: value for n, value in chosen.items() if n not in given})
    model, training = config.model, config.training
    layers = f"{model.transformer_layer_count} layer{'s' * (model.transformer_layer_count != 1)}"
    return config, (
        f"{graph.node_count} nodes, {len(facts)} facts, {len(paths)} paths of {length} nodes: "
        f"{model.model_family} of {layers} of width {model.embedding_dimension}, rate "
        f"{training.path_finetuning_learning_rate:g}, {training.path_finetuning_epochs} epochs, "
        f"about {max(1, round(seconds))} s"
    )


def outcome(config: RunConfig, summary: Mapping[str, Any]) -> str:
    """Return how much of facts and held-out paths a training has ended with, and what to try."""
    final, training = summary["final"], config.training
    known, answered = final[KNOWN], final.get("test/any_shortest_path", final.get("test/accuracy"))
    if known == 100:
        told = "all facts are known"
    else:
        told = (
            f"only {known:.3f} % of the facts are known: try longer (path_finetuning_epochs "
            f"{2 * training.path_finetuning_epochs}), or a wider model (embedding_dimension "
            f"{2 * config.model.embedding_dimension})"
        )
    if answered is None:
        return told
    told += f"; {answered:.3g} % of the held-out questions are answered by a shortest path"
    paths = 4 * round(summary["test_paths"] / (1 - config.dataset.train_split_ratio))
    return (
        told if answered >= GOOD else f"{told}: to answer more, try more paths (path_count {paths})"
    )
