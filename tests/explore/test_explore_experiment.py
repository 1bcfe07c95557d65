"""What the form may ask for, what is refused, and that everything wrong is told at once."""

import json
from dataclasses import asdict
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.explore.experiment import (
    GRAPHS,
    MODELS,
    MOST_NODES,
    MOST_NUMBERS,
    SETTINGS,
    SIZES,
    Experiment,
    ModelChoice,
    choose_graph,
    differences,
    experiment_from,
    experiment_in,
    proposal,
)
from geometric_memory.explore.form import NAMES, hidden_fields
from geometric_memory.figures.colors import node_colors
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.graph import branches
from geometric_memory.graphs.settings import tiny_settings


def test_a_link_holds_all_that_was_asked():
    for model in MODELS:
        for graph in GRAPHS:
            asked = {"edges": 'a "b c"\n'} if graph == "own" else {}
            found = experiment_from(
                {
                    "graph": graph,
                    "model": model,
                    "seed": 5,
                    "frozen": True,
                    "init_scale": 1.5,
                    **asked,
                }
            )
            link = {n: v if isinstance(v, str) else json.dumps(v) for n, v in found.asked.items()}
            assert experiment_in(link) == found


def test_every_proposal_is_allowed():
    for model in MODELS:
        for graph in GRAPHS:
            own = {"edges": "a b"} if graph == "own" else {}
            found = experiment_from({"graph": graph, "model": model, **own, **proposal(model)})
            assert len(choose_graph(found).facts) >= 2


def test_what_a_choice_does_not_use_cannot_be_wrong():
    wrong = {"star_degree": -1, "init_scale": "", "frozen": True}
    found = experiment_from({"graph": "grid", "model": "node2vec", **wrong})
    assert (found.star_degree, found.init_scale) == (Experiment().star_degree, 1.0)
    assert not found.frozen


def test_whole_numbers_may_come_as_floats():
    assert experiment_from({"graph": "cycle", "total_nodes": 9.0}).total_nodes == 9


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"width": 0, "steps": 10**6, "rate": ""}, ["Width: ", "Steps: ", "Learning rate: give"]),
        ({"graph": "star", "star_degree": None}, ["Arms: give a number from 1 to 64"]),
        ({"graph": "own", "edges": " "}, ["The graph is empty"]),
        ({"seed": 1.5}, ["Seed: expected int"]),
        ({"model": "lstm"}, ["Model: "]),
        ({"__class__": 1}, ["__class__: there is no such setting"]),
    ],
)
def test_every_problem_is_told_at_once(values, problems):
    with pytest.raises(ConfigurationError) as caught:
        experiment_from(values)
    assert len(caught.value.problems) == len(problems)
    for found, expected in zip(caught.value.problems, problems, strict=True):
        assert found.startswith(expected)


@pytest.mark.parametrize(
    "values",
    [
        {"graph": "grid", "grid_rows": 64, "grid_cols": 64},
        {"graph": "star", "star_degree": 64, "path_length": 64},
        {"graph": "tree", "tree_branching": 8, "tree_depth": 7},
        {"graph": "own", "edges": "\n".join(f"a n{i}" for i in range(MOST_NODES))},
        {"graph": "cycle", "total_nodes": 200, "width": MOST_NUMBERS // 200 + 1},
        {"graph": "grid", "grid_rows": 1, "grid_cols": 1},
    ],
)
def test_a_page_cannot_swallow_the_machine(values):
    with pytest.raises(ConfigurationError):
        choose_graph(experiment_from(values))


def test_a_bad_edge_list_is_refused_with_its_line():
    with pytest.raises(DataError, match=r"^edges:3: expected two node names, found 'c'$"):
        choose_graph(experiment_from({"graph": "own", "edges": "a b\n\nc\n"}))


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(NAMES), st.none() | st.text(max_size=8) | st.floats()))
def test_any_form_is_read_or_refused(values):
    try:
        found = experiment_from(values)
    except ConfigurationError:
        return
    assert experiment_from(asdict(found)) == found


def test_facts_are_edges_in_both_directions_and_self_edges():
    cycle = {"graph": "cycle", "total_nodes": 5}
    counts = [
        len(choose_graph(experiment_from(cycle | more)).facts)
        for more in ({"backward": False}, {}, {"self_edges": True})
    ]
    assert counts == [5, 10, 15]


def test_differences_are_labelled():
    one = Experiment()
    other = Experiment(model="linear", rate=0.1)
    assert differences(one, one) == []
    assert differences(one, other) == [
        ("Model", "transformer", "linear"),
        ("Learning rate", 0.01, 0.1),
    ]


def test_fields_show_where_they_matter():
    hidden = hidden_fields("star", "node2vec")
    shown = {name for name, off in hidden.items() if not off}
    assert shown == {"star_degree", "path_length", "width", "tied"}


def test_branches_are_found_wherever_edges_stand_in_the_list():
    edges = np.array([[3, 4], [2, 3], [1, 2], [0, 1], [0, 5], [5, 6]])
    assert branches(edges, 7, 0).tolist() == [-1, 0, 0, 0, 0, 1, 1]


def colors_of(graph):
    return node_colors(graph)


def test_arms_have_colours_of_their_own_and_near_nodes_look_alike():
    star = choose_graph(experiment_from({"graph": "star"})).graph
    groups = colors_of(star).group
    assert np.bincount(groups + 1).tolist() == [1, 4, 4, 4, 4]
    line = choose_graph(experiment_from({"graph": "own", "edges": "c d\na b\nb c\n"})).graph
    places = dict(zip(line.names, colors_of(line).place, strict=True))
    ordered = [places[name] for name in "abcd"]
    assert ordered in ([0, 1 / 3, 2 / 3, 1], [1, 2 / 3, 1 / 3, 0])


def test_all_graphs_and_models_have_names():
    assert set(MODELS) == set(get_args(ModelChoice))


@pytest.mark.parametrize("graph", [graph for graph in GRAPHS if graph != "own"])
def test_the_form_has_the_settings_of_every_family_as_fields(graph):
    wanted = dict(FAMILIES[graph].tiny)
    shown = {name for name, off in hidden_fields(graph, "transformer").items() if not off}
    assert shown & set(SIZES) == set(wanted)
    experiment = experiment_from({"graph": graph})
    assert experiment.graph_settings == tiny_settings(graph)
    for name in wanted:
        assert SETTINGS[name].help and SETTINGS[name].label
    assert FAMILIES[graph].title.lower() in experiment.title
