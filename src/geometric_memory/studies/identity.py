"""Whether identity facts (u is u) make a Transformer compose, or reverse, facts it only stored.

After Identity Bridge (https://arxiv.org/abs/2509.24653) and its like for reversal
(https://arxiv.org/abs/2602.02470).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from geometric_memory.studies.scales import Scale
from geometric_memory.studies.sequences import descend, small_transformer
from geometric_memory.studies.study import (
    Arm,
    Conclusion,
    Criterion,
    Found,
    Panel,
    Statistic,
    Study,
    at_least,
    at_most,
    control,
    number_table,
    share,
)
from geometric_memory.work.piece import Piece

CHAINS, STEPS, EVERY = 100, 150, 10
RATE, WEIGHT_DECAY = 1e-3, 0.1
TWO_HOPS, REVERSAL = "two hops", "reversal"
NONE, BRIDGE, OTHER = "no identity", "identity", "identity of the first alone"
ARMS = {
    f"{TWO_HOPS}, {NONE}": (TWO_HOPS, ""),
    f"{TWO_HOPS}, {BRIDGE}": (TWO_HOPS, "b"),
    f"{TWO_HOPS}, {OTHER}": (TWO_HOPS, "a"),
    f"{REVERSAL}, {NONE}": (REVERSAL, ""),
    f"{REVERSAL}, {BRIDGE}": (REVERSAL, "ab"),
}
"""Task, and the entities whose identity is among the facts."""


class Group(NamedTuple):
    """Questions of one length and their answers."""

    prompts: Int[Tensor, "rows length"]
    answers: Int[Tensor, " rows"]


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one piece per seed of every task and identity."""
    return {
        name: [
            Piece(
                function=composed,
                arguments={
                    "task": task, "identity": identity, "seed": seed,
                    "steps": scale.limited(STEPS),
                },
            )
            for seed in scale.seeds
        ]
        for name, (task, identity) in ARMS.items()
    }  # fmt: skip


def questions(task: str, identity: str, seed: int) -> tuple[list[Group], Group]:
    """Return what is trained on, and the held-out questions.

    Chains a, b, c of entities. Two hops: a r = b and b s = c of all chains, a r s = c of one half;
    asked for is the other half. Reversal: a r = b of all, b s = a of one half, asked for the other.
    Identity: u i = u.
    """
    rng = np.random.default_rng(seed)
    first, second, third = (place * CHAINS + rng.permutation(CHAINS) for place in range(3))
    r, s, i = (np.full(CHAINS, 3 * CHAINS + place) for place in range(3))
    half = CHAINS // 2
    if task == TWO_HOPS:
        facts = [group(first, r, answers=second), group(second, s, answers=third)]
        asked = group(first, r, s, answers=third)
    else:
        facts = [group(first, r, answers=second)]
        asked = group(second, s, answers=first)
    facts += [
        group(u, i, answers=u) for name, u in (("a", first), ("b", second)) if name in identity
    ]
    trained, held_out = (
        Group(*(each[part] for each in asked)) for part in (slice(half), slice(half, None))
    )
    return [*facts, trained], held_out


def group(*columns: Int[np.ndarray, " rows"], answers: Int[np.ndarray, " rows"]) -> Group:
    """Return the questions with these tokens, one column after the other."""
    return Group(torch.from_numpy(np.stack(columns, axis=1)), torch.from_numpy(answers))


def composed(*, task: str, identity: str, seed: int, steps: int, folder: Path) -> dict[str, Any]:
    """Train on all facts at once; return held-out and trained questions answered, in percent."""
    facts, held_out = questions(task, identity, seed)
    model = small_transformer(vocabulary=3 * CHAINS + 3, positions=4, seed=seed)

    def loss() -> Tensor:
        losses = [cross_entropy(model(g.prompts)[:, -1], g.answers) for g in facts]
        return torch.stack(losses).sum()

    curve: tuple[list[int], list[float]] = ([], [])
    for step in descend(model, loss, steps=steps, rate=RATE, weight_decay=WEIGHT_DECAY):
        if step % EVERY == 0 or step == steps:
            curve[0].append(step)
            curve[1].append(answered(model, [held_out]))
    numbers = {
        "accuracy": curve[1][-1], "best_accuracy": max(curve[1]),
        "fitted": answered(model, facts), "held_out": len(held_out.answers),
    }  # fmt: skip
    return {
        "numbers": {name: [float(value)] for name, value in numbers.items()},
        "curves": {"accuracy": [curve]},
    }


def answered(model: torch.nn.Module, groups: Sequence[Group]) -> float:
    """Return the percent of questions whose answer is the likeliest token."""
    with torch.no_grad():
        right = [model(g.prompts)[:, -1].argmax(-1) == g.answers for g in groups]
    return 100 * float(torch.cat(right).double().mean())


def criteria(scale: Scale) -> list[Criterion]:
    """Return that identity is what composes and reverses, and that all facts are known anyway."""

    def held_out(arm: str) -> tuple[str, Statistic]:
        return f"{arm}: held-out questions (%)", share(arm, "accuracy")

    return [
        at_least(50, *held_out(f"{TWO_HOPS}, {BRIDGE}")),
        at_most(10, *held_out(f"{TWO_HOPS}, {NONE}")),
        at_least(50, *held_out(f"{REVERSAL}, {BRIDGE}")),
        at_most(10, *held_out(f"{REVERSAL}, {NONE}")),
        control(at_most(10, *held_out(f"{TWO_HOPS}, {OTHER}"))),
        *(
            control(at_least(95, f"{arm}: trained questions (%)", share(arm, "fitted")))
            for arm in ARMS
        ),
    ]


def conclude(found: Found) -> Conclusion:
    """Return held-out questions answered by every arm."""
    columns = {
        heading: {arm: share(arm, name) for arm in found}
        for heading, name in (
            ("held-out questions at the end (%)", "accuracy"),
            ("at best (%)", "best_accuracy"),
            ("trained questions (%)", "fitted"),
        )
    }
    text = "; ".join(f"{arm}, {share(arm, 'accuracy').read(found)}" for arm in found)
    return Conclusion(
        sentences=(f"Held-out questions answered (%): {text}.",),
        tables=(number_table("Questions answered", found, columns),),
    )


IDENTITY = Study(
    name="identity",
    title="Identity facts, two hops and reversal",
    statement="Identity facts (u is u: our self edges) let a Transformer answer two-hop questions "
    "about facts that it saw in no two-hop question, and reverse facts that it saw one way alone.",
    setting=f"{CHAINS} chains a, b, c of named entities. Two hops: a r = b and b s = c of every "
    "chain and a r s = c of one half are trained together; asked for is the other half. Reversal: "
    "a r = b of every pair, b s = a of one half, asked for the other half. With identity, b i = b "
    "is trained, too (two hops), or a i = a and b i = b (reversal); as a control, a i = a alone, "
    "which is no bridge between the hops. A Transformer of two layers of width 64 that starts as "
    f"GPT-2 does, {STEPS} full-batch AdamW updates, rate 1e-3, weight decay 0.1. Chance is a third "
    "of a percent. The settings were chosen on another seed. The bound of 50 % for reversal was "
    "kept though a first look at that seed answered 8 %.",
    limits="One size, one rate, one length: reversal may want another. The published work trains "
    "language models and other mixtures. With identity there are more facts, so more loss, in "
    "every update.",
    arms=arms,
    criteria=criteria,
    panels=(Panel("held-out questions (%)", {arm: (arm, "accuracy") for arm in ARMS}),),
    conclude=conclude,
)
