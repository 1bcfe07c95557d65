"""Time of one step of 64 tiny models trained together, against one alone.

Run: python benchmarks/tiny_seeds.py. One and many are timed in turn within one run, and the ratio
of their best rounds is printed, since other work on the machine only adds time. For information,
the ordinary model of `geomem train` (one seed, nothing measured) stands beside them.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch.nn.functional import cross_entropy

from geometric_memory.models.gpt import GPT
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.tiny.engine import State
from geometric_memory.tiny.initial import published_weights
from geometric_memory.tiny.sections import Section, section, tiny_graph
from geometric_memory.tiny.training import batch_trainer

TARGETS = {"neural_network": 3.0, "transformer": 6.0}


def milliseconds(step: Callable[[], object], steps: int) -> float:
    """Return the wall time of one step."""
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - begin) / steps * 1e3


def together(found: Section, seeds: int) -> Callable[[], State]:
    """Return a step of `seeds` members as one batch, measures of every step included."""
    states: Iterator[State] = batch_trainer([found], range(seeds), tiny_graph(found)).run(10**9)
    return lambda: next(states)


def ordinary(found: Section) -> Callable[[], object]:
    """Return a step of the model of `geomem train`, nothing measured."""
    graph = tiny_graph(found)
    model = GPT(found.model, vocabulary_size=Vocabulary(graph.node_count).size, block_size=64)
    model.load_state_dict(published_weights(found.model, Vocabulary(graph.node_count).size, 7))
    facts = torch.from_numpy(graph.facts)
    prompt = torch.full_like(facts[:, 0], Vocabulary(graph.node_count).edge_task)
    inputs = torch.stack([prompt, facts[:, 0]], 1)
    batch = [Rectangle(inputs=inputs, first_target=1, shared_first_token=True)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=found.learning_rate, fused=True)

    def step() -> object:
        optimizer.zero_grad()
        cross_entropy(model(batch) @ model.head_weight.T, facts[:, 1]).backward()
        return optimizer.step()

    return step


def main() -> int:
    """Print the table and return 1 when a ratio misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    missed = 0
    print(f"star of 17 nodes, width 32, {options.threads} thread(s), ms per step")
    print(f"{'':<16}{'one':>8}{options.seeds:>8}{'ratio':>8}{'target':>8}{'ordinary':>10}")
    for experiment, target in TARGETS.items():
        found = section(experiment, "star")
        one, many = together(found, 1), together(found, options.seeds)
        usual = ordinary(found)
        times: list[list[float]] = [[], [], []]
        for _ in range(options.rounds):
            for own, step in zip(times, (one, many, usual), strict=True):
                own.append(milliseconds(step, options.steps))
        alone, company, plain = (min(own) for own in times)
        ratio = company / alone
        missed += ratio >= target
        print(
            f"{experiment:<16}{alone:>8.2f}{company:>8.2f}{ratio:>8.2f}{target:>8g}{plain:>10.2f}"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
