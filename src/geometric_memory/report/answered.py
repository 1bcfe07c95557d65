"""The answers to held-out paths, and in which ways they are wrong."""

import numpy as np

from geometric_memory.analysis.path_answers import KINDS
from geometric_memory.report.answers import Answers
from geometric_memory.report.parts import Part, Table, number, percent

MOST_ROWS = 24
"""Answers that are listed, those of every kind among them."""
MEANING = {
    "right": "the expected path",
    "another route": "along edges from the start to the node asked for, another way",
    "wrong arm": "along edges, but the first step from the root goes into another arm",
    "another target": "along edges, but to another node",
    "broken edge": "two neighbours in the answer share no edge",
    "not a node": "a token that is no node",
}


def answers_part(answers: Answers) -> Part:
    """Return the counts of every kind of answer, and examples of each."""
    counts = np.bincount(answers.kinds, minlength=len(KINDS))
    kinds = [
        [kind, number(count), percent(100 * count / answers.asked), MEANING[kind]]
        for kind, count in zip(KINDS, counts.tolist(), strict=True)
    ]
    rows = [
        [answers.prompts[row], answers.targets[row], answers.given[row], KINDS[answers.kinds[row]]]
        for row in listed(answers)
    ]
    return Part(
        name="answers",
        title="What it answers",
        text=f"{answers.origin[0].upper()}{answers.origin[1:]} of {answers.held_out:,}.",
        tables=[
            Table(name="kinds", headings=("answer", "count", "share", "meaning"), rows=kinds),
            Table(
                name="predictions",
                headings=("prompt", "expected", "answered", "kind"),
                rows=rows,
                caption="Examples of every kind",
            ),
        ],
    )


def listed(answers: Answers) -> list[int]:
    """Return the rows that are shown: every kind in turn, then in the order of the data set."""
    rank = np.zeros(answers.asked, dtype=np.int64)
    for kind in range(len(KINDS)):
        own = np.flatnonzero(answers.kinds == kind)
        rank[own] = np.arange(len(own))
    order = np.lexsort((np.arange(answers.asked), rank))[:MOST_ROWS]
    return sorted(order.tolist(), key=lambda row: (answers.kinds[row], row))
