"""How many updates unseen paths take, as a path-star and its model grow, and where that ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.analysis.estimate import Estimate, estimate, estimate_power
from geometric_memory.config import RunConfig
from geometric_memory.figures.findings import growth_lines
from geometric_memory.files.whole import read_json
from geometric_memory.settings import changed
from geometric_memory.studies.path_claims import HELD_OUT
from geometric_memory.studies.path_runs import MISSING, path_pieces, train_path
from geometric_memory.studies.scales import Scale, started
from geometric_memory.studies.study import (
    Arm,
    Conclusion,
    Criterion,
    Found,
    Statistic,
    Study,
    at_least,
    at_most,
    control,
    mean,
    number,
    number_table,
    ratio,
    share,
)
from geometric_memory.work.piece import Piece

UPDATES, BATCH, EVERY = 3000, 256, 100
"""Updates of a schedule, examples of one, and updates between evaluations; about."""
LEVEL = 99.0
BASE = {"star_degree": 1000, "path_length": 5, "embedding_dimension": 64,
        "transformer_layer_count": 2, "path_finetuning_batch_size": BATCH}  # fmt: skip
EQUAL_EPOCHS, SIX_NODES = "arms and batch", "arms of six nodes and batch"


def along(setting: str, *values: int) -> dict[int, dict[str, int]]:
    """Return what is other than in BASE at each value of one setting."""
    return {value: {setting: value} for value in values}


def with_batch(*arms: int, **others: int) -> dict[int, dict[str, int]]:
    """Return that of stars whose batch grows as their arms do, so that all have as many epochs."""
    return {
        count: {
            "star_degree": count,
            "path_finetuning_batch_size": BATCH * count // BASE["star_degree"],
            **others,
        }
        for count in arms
    }


AXES = {
    "arms": along("star_degree", 250, 500, 1000, 2000, 5000, 10_000),
    EQUAL_EPOCHS: with_batch(500, 1000, 2000, 5000),
    SIX_NODES: with_batch(500, 1000, 2000, path_length=6),
    "nodes of a path": along("path_length", 4, 5, 6, 8, 10),
    "width": along("embedding_dimension", 32, 64, 128, 256),
    "layers": along("transformer_layer_count", 1, 2, 4),
}
"""What grows, and what is other than in BASE at each of its values."""
THE_BASE, ONE_RATE = "the base", "the base, one rate for all weights"


def path_star(**settings: Any) -> RunConfig:
    """Return the settings of one size, some other than those of BASE: as many updates for all."""
    size = BASE | settings
    edges = size["star_degree"] * (size["path_length"] - 1)
    epoch = (2 * edges + 0.75 * size["star_degree"]) / size["path_finetuning_batch_size"]
    config = started(
        "paper_5000x5", **size, attention_head_count=size["embedding_dimension"] // 4,
        path_finetuning_epochs=round(UPDATES / epoch),
        path_finetuning_eval_interval_epochs=max(1, round(EVERY / epoch)), evaluation_share=0.0,
    )  # fmt: skip
    return changed(config, stop_at_path_accuracy=LEVEL)


def sizes() -> dict[str, dict[str, Any]]:
    """Return the settings of every arm by its name: of every size on every axis, each once."""
    every = {
        arm_name(axis, value): settings
        for axis, values in AXES.items()
        for value, settings in values.items()
    }
    return every | {ONE_RATE: {"embedding_rate_factor": 1.0, "path_finetuning_learning_rate": 6e-3}}


def arm_name(axis: str, value: int) -> str:
    """Return what the arm of one value is called: as on the last axis that has this size."""
    size = BASE | AXES[axis][value]
    if size == BASE:
        return THE_BASE
    names = [
        f"{other}: {there}"
        for other, values in AXES.items()
        for there, settings in values.items()
        if BASE | settings == size
    ]
    return names[-1]


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one training per size and seed."""
    return {
        name: [
            Piece(function=train_timed, arguments=piece.arguments)
            for piece in path_pieces(path_star(**settings), scale)
        ]
        for name, settings in sizes().items()
    }


def train_timed(*, settings: Mapping[str, Any], seed: int, folder: Path) -> dict[str, Any]:
    """Train as `train_path` does; updates and seconds are missing where LEVEL never came."""
    found = train_path(settings=settings, seed=seed, folder=folder)
    (file,) = folder.glob("*/*/summary.json")
    summary, numbers = read_json(file), found["numbers"]
    reached = summary["status"] == "stopped early"
    effort = {"updates": summary["steps"], "seconds": summary["seconds"]}
    numbers |= {name: [value if reached else MISSING] for name, value in effort.items()}
    return {"numbers": numbers, "curves": {}}


def criteria(scale: Scale) -> list[Criterion]:
    """Return that arms cost little or help, that nodes of a path cost much, and of one rate."""

    def times(text: str, left: str, right: str) -> tuple[str, Statistic]:
        return f"updates: {text}", ratio((left, "updates"), (right, "updates"))

    few, many = (arm_name("arms", value) for value in (250, 2000))
    short, long = (arm_name("nodes of a path", value) for value in (4, 6))
    largest = arm_name(EQUAL_EPOCHS, 5000)
    small, large = (arm_name(SIX_NODES, value) for value in (500, 2000))
    return [
        at_most(4, *times("2000 arms, over 250", many, few)),
        at_most(1.5, *times("5000 arms with five times the batch, over 1000", largest, THE_BASE)),
        at_least(1.5, *times("6 nodes of a path, over 4", long, short)),
        at_most(50, f"500 arms of six nodes: {HELD_OUT}, at the end", share(small, "accuracy")),
        at_least(90, f"2000 arms of six nodes: {HELD_OUT}, at the end", share(large, "accuracy")),
        control(at_least(1.25, *times(f"{ONE_RATE}, over the base", ONE_RATE, THE_BASE))),
    ]


def exponent(found: Found, axis: str, name: str) -> Estimate:
    """Return the power of what grows with which a number goes, over sizes that reached LEVEL."""
    rows = [number(found[arm_name(axis, value)], name) for value in AXES[axis]]
    return estimate_power(tuple(AXES[axis]), rows, least=3)


def conclude(found: Found) -> Conclusion:
    """Return powers along every axis, what every size took, and which sizes never came there."""
    powers = {
        axis: {name: exponent(found, axis, name) for name in ("updates", "seconds")}
        for axis in AXES
    }
    sentences = [
        f"Along {axis}, updates to {LEVEL:.0f} % go with the power {own['updates']}, seconds with "
        f"{own['seconds']}."
        for axis, own in powers.items()
        if own["updates"].count
    ]
    failed = [arm for arm in found if np.isnan(number(found[arm], "updates")).any()]
    sentences.append(
        f"Not there within {UPDATES} updates with some seed: {', '.join(failed) or 'none'}."
    )
    columns = {
        f"updates to {LEVEL:.0f} %": {arm: mean(arm, "updates") for arm in found},
        "seconds of training": {arm: mean(arm, "seconds") for arm in found},
        f"{HELD_OUT}, at the end": {arm: share(arm, "accuracy") for arm in found},
        "node after the root (%)": {arm: share(arm, "hard_token") for arm in found},
        "copy of the leaf (%)": {arm: share(arm, "copied_leaf") for arm in found},
    }
    lines = {
        axis: [
            (value, estimate(number(found[arm_name(axis, value)], "updates"))) for value in values
        ]
        for axis, values in AXES.items()
    }
    return Conclusion(
        sentences=tuple(sentences),
        tables=(number_table("What every size took", found, columns),),
        numbers={
            axis: {name: power.plain() for name, power in own.items()}
            for axis, own in powers.items()
        },
        picture=growth_lines(
            lines, f"updates to {LEVEL:.0f} % of the held-out paths", most=UPDATES
        ),
    )


SCALING = Study(
    name="scaling",
    title="What a larger path-star costs, and a larger model",
    statement="Until unseen paths are answered, eight times the arms cost at most four times the "
    "updates, five times the arms with five times the batch at most half as many again, and two "
    "more nodes on a path at least half as many again; paths of six nodes are answered where arms "
    "are many, not where they are few; a rate of its own for the embedding saves a fifth and more.",
    setting=f"The Transformer of `paper_5000x5` on a path-star of {BASE['star_degree']} arms of "
    f"{BASE['path_length']} nodes, width {BASE['embedding_dimension']}, "
    f"{BASE['transformer_layer_count']} layers, batch {BATCH}; one of these at a time is another, "
    "and the batch with the arms where the axis says so: every edge is seen as often then, at any "
    f"size. Heads of four numbers, cosine over about {UPDATES} updates, a look every "
    f"{EVERY} or so, or every epoch where one has more. A "
    f"training stops when {LEVEL:.0f} % of every second held-out path are right; the control has "
    "the rate 6e-3 for the embedding and for all else, which was the best found of such.",
    limits="One schedule for all sizes: its rate falls with the updates, so that a size that is "
    "slow is slowed further, and powers are at most a rule of thumb. With one batch for all, "
    "10,000 arms are seen nine times, 250 arms 350 times. Rates were chosen at 2,000 "
    "and 5,000 arms of five nodes, width 64, two layers, on another seed; other sizes may want "
    "others. A seed that never came there has no number, so that means of some sizes are of the "
    "luckier seeds. Seconds are of a machine with other work beside. Eight and ten nodes are not "
    "out of reach: docs/paper_size.md has a wider model that learns them, with ten times the "
    "weight decay and more epochs.",
    revised="Stars had at most 2,000 arms, paths eight nodes, layers width 128, and one batch was "
    "for all; what is asked of five times the batch and of six nodes was added before those were "
    "run.",
    arms=arms,
    criteria=criteria,
    conclude=conclude,
)
