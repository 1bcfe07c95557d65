"""The picture of a claim shows what failed, however many criteria there are."""

import pytest

from geometric_memory.figures.claims import LONGEST_ROW, claim_picture


def row(text, outcome="met", values=(1.0, 2.0)):
    return {"text": text, "bound": "at least 0.5", "values": values, "mean": 1.5,
            "interval": [1.0, 2.0], "outcome": outcome}  # fmt: skip


@pytest.mark.parametrize("count", [2, 40])
def test_every_criterion_is_shown_and_those_that_are_not_met_first_and_marked(count):
    rows = [row(f"height of tree {place}") for place in range(count)]
    rows[-1] = row("height of the last tree", "not met", (0.1, None))
    shown = claim_picture({}, rows, "trees").panels[-1]
    assert shown.rows is not None
    assert len(shown.rows) == count
    name = "NOT MET: height of the last tree, at least 0.5 (1 of 2 have none)"
    assert shown.rows[0].replace("\n", " ") == name
    assert shown.rows[1] == "height of tree 0, at least 0.5"
    assert all(len(line) <= LONGEST_ROW for each in shown.rows for line in each.split("\n"))
