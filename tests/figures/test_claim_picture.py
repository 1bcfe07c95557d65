"""The picture of a claim shows what failed, however many criteria there are."""

import pytest

from geometric_memory.figures.claims import LONGEST_ROW, MOST_ROWS, claim_picture


def row(text, outcome="met", values=(1.0, 2.0)):
    return {"text": text, "bound": "at least 0.5", "values": values, "mean": 1.5,
            "interval": [1.0, 2.0], "outcome": outcome}  # fmt: skip


@pytest.mark.parametrize("count", [2, MOST_ROWS + 6])
def test_criteria_that_are_not_met_are_shown_first_where_not_all_can_be(count):
    rows = [row(f"height of tree {place}") for place in range(count)]
    rows[-1] = row("height of the last tree", "not met", (0.1, None))
    shown = claim_picture({}, rows, "trees").panels[-1]
    assert shown.rows is not None
    assert len(shown.rows) == min(count, MOST_ROWS)
    place = 0 if count > MOST_ROWS else count - 1
    name = "height of the last tree, at least 0.5 (1 of 2 have none)"
    assert shown.rows[place].replace("\n", " ") == name
    assert all(len(line) <= LONGEST_ROW for each in shown.rows for line in each.split("\n"))
    assert (f"{MOST_ROWS} of {count} numbers" in shown.x_title) == (count > MOST_ROWS)
