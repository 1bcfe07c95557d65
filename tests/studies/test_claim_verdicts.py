"""From outcomes to verdicts, and a study that is one file."""

import json
from dataclasses import replace
from itertools import product

import pytest

from geometric_memory.studies.runner import Plan, carry_out, write_pages
from geometric_memory.studies.scales import laptop
from geometric_memory.studies.study import (
    Conclusion,
    Study,
    at_least,
    control,
    judge,
    mean,
    number,
)
from geometric_memory.work.piece import Piece


@pytest.mark.parametrize(
    ("outcomes", "controls", "wanted"),
    [
        (["met", "met"], [False, False], "holds"),
        (["met", "undecided"], [False, False], "undecided"),
        (["undecided"], [False], "undecided"),
        (["undecided", "undecided"], [False, False], "undecided"),
        (["not met", "undecided"], [False, False], "undecided"),
        (["met", "not met", "undecided"], [False, False, False], "holds in part"),
        (["met", "not met"], [False, False], "holds in part"),
        (["not met", "not met"], [False, False], "does not hold here"),
        (["not met", "met"], [False, True], "does not hold here"),
        (["met", "not met"], [False, True], "holds in part"),
        (["met", "undecided"], [False, True], "undecided"),
        (["not met", "undecided"], [False, True], "does not hold here"),
        (["met", "met"], [False, True], "holds"),
    ],
)
def test_verdicts(outcomes, controls, wanted):
    assert judge(outcomes, controls) == wanted


def test_a_verdict_is_what_every_decision_of_the_undecided_would_give():
    for outcomes in product(("met", "undecided", "not met"), repeat=3):
        open_ones = [place for place, each in enumerate(outcomes) if each == "undecided"]
        given = set()
        for decided in product(("met", "not met"), repeat=len(open_ones)):
            each = list(outcomes)
            for place, outcome in zip(open_ones, decided, strict=True):
                each[place] = outcome
            given.add(judge(each, [False, False, True]))
        wanted = given.pop() if len(given) == 1 else "undecided"
        assert judge(outcomes, [False, False, True]) == wanted


def grown(*, seed, folder):
    """A piece of work of a study that a reader wrote."""
    return {"numbers": {"height": [10.0 + seed]}, "curves": {"height": [([0, 1], [0.0, 10.0])]}}


TREE = Study(
    name="tree",
    title="Trees",
    statement="Are trees high?",
    setting="Trees of some seeds.",
    limits="No forest.",
    arms=lambda scale: {
        "oak": [Piece(function=grown, arguments={"seed": seed}) for seed in scale.seeds]
    },
    criteria=lambda scale: (
        at_least(8, "height (m)", mean("oak", "height")),
        control(at_least(99, "height of a control (m)", mean("oak", "height"))),
    ),
    conclude=lambda found: Conclusion(
        sentences=(f"They are {number(found['oak'], 'height').mean():.0f} m high.",),
        numbers={"heights": number(found["oak"], "height").tolist()},
    ),
)


def test_a_new_study_is_one_file(tmp_path):
    """Statement, work, criteria, sentences and numbers become a result, a page and a picture."""
    plan = Plan(studies=(TREE,), scale=replace(laptop(), seeds=(0, 1, 2)), results=tmp_path)
    said = []
    concluded = list(carry_out(plan, 1, said.append))
    about = {"core_seconds": 0.0, "machine": {"processor": "paper"}}
    files = write_pages(plan, concluded, tmp_path / "pages", about=about)
    assert [file.suffix for file in files] == [".html", ".json", ".md", ".png"]
    page = (tmp_path / "pages/tree.md").read_text()
    assert page.startswith("# Trees\n")
    answer = "It holds in part: 1 of 1 numbers came as foretold, and 0 of 1 controls. "
    for text in ("Question: Are trees high?", f"Answer: {answer}They are 11 m high.",
                 "Limits: No forest.", "(tree.png)",
                 "| height (m) | at least 8 | 11 | 8.516 to 13.48 | met |"):  # fmt: skip
        assert text in page
    assert "They are 11 m high." in (tmp_path / "findings.html").read_text()
    content = json.loads((tmp_path / "pages/tree.json").read_text())
    assert content["numbers"] == {"heights": [10.0, 11.0, 12.0]}
    assert (content["verdict"], content["runs"]) == ("holds in part", 3)
    assert said[0].startswith("0 of 3")
    list(carry_out(plan, 1, said.append))
    assert said[-1].startswith("3 of 3")


@pytest.mark.parametrize(("change", "kept"), [({"revised": "taller"}, True),
                                              ({"statement": "Are they low?"}, False)])  # fmt: skip
def test_a_plan_keeps_its_time_while_what_is_asked_stays(change, kept, tmp_path):
    scale = replace(laptop(), seeds=(0, 1))
    Plan(studies=(TREE,), scale=scale, results=tmp_path).write_plan(TREE)
    file = tmp_path / "findings/tree/plan.json"
    written = file.stat().st_mtime_ns
    other = replace(TREE, **change)
    plan = Plan(studies=(other,), scale=scale, results=tmp_path)
    plan.write_plan(other)
    assert (file.stat().st_mtime_ns == written) == kept
    assert plan.planned(other)["revised"] == other.revised
