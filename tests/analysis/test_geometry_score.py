"""The geometry score against embeddings of known content, and its laws."""

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometric_memory.analysis.geometry_score import (
    graph_reference,
    measure_geometry,
    measure_orders,
)
from geometric_memory.analysis.nulls import MOST_MATRIX_NODES, Positions
from geometric_memory.analysis.triples import UNREACHED, Family, Levels
from geometric_memory.errors import DataError, NonFiniteError

PLANTED = Path(__file__).parents[2] / "docs" / "planted_geometry.py"
WRONG = {"map", "folded", "clusters"}
"""Verdicts that claim order among far nodes."""


@pytest.fixture(scope="session")
def planted():
    spec = importlib.util.spec_from_file_location("planted_geometry", PLANTED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def references(planted):
    graphs = {name: build() for name, build in planted.GRAPHS.items()}
    return {
        name: (graph, graph_reference(graph.edges, graph.count)) for name, graph in graphs.items()
    }


@pytest.fixture(scope="session")
def verdicts(planted, references):
    """Verdicts on the first draws of every case of a group, by case and verdict."""

    def of(group, graph_name, *, width=64, noise=0.0, draws=3) -> Counter:
        graph, reference = references[graph_name]
        found = Counter()
        for case in planted.cases():
            chosen = (case.group, case.width, case.noise) == (group, width, noise)
            if chosen and case.fits(graph):
                for draw in range(draws):
                    rows = case.plant(graph, np.random.default_rng(draw))
                    found[case.name, measure_geometry(rows, reference).verdict] += 1
        return found

    return of


GRAPHS = ("star 4x5", "star 5x5", "grid 4x4", "cycle 15", "irregular")


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("group", ["local codes", "depth alone", "random, collapsed"])
def test_what_knows_no_order_of_far_nodes_is_called_none_of_what_does(verdicts, group, graph):
    found = verdicts(group, graph)
    assert sum(found.values()) >= 9
    assert not {verdict for _, verdict in found} & WRONG


@pytest.mark.parametrize("graph", GRAPHS[:4])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_map_by_scaling_is_found(verdicts, graph, noise):
    found = verdicts("maps", graph, noise=noise)
    assert found["scaling", "map"] == 3


@pytest.mark.parametrize("graph", ["star 4x5", "star 5x5", "grid 4x4"])
def test_a_folded_map_is_found(verdicts, graph):
    found = verdicts("folded", graph)
    assert found["scaling", "folded"] == 3


@pytest.mark.parametrize("graph", ["star 4x5", "star 5x5"])
def test_arms_without_distances_are_clusters(verdicts, graph):
    found = verdicts("clusters", graph, noise=0.5)
    assert found["a code for every block", "clusters"] >= 2
    assert not found["a code for every block", "map"]


@pytest.mark.parametrize(
    ("group", "case", "verdict"),
    [("local codes", "sum", "local"), ("depth alone", "line", "depth"),
     ("random, collapsed", "gaussian", "none"), ("random, collapsed", "collapsed", "none")],
)  # fmt: skip
def test_every_other_word_is_said_where_it_fits(verdicts, group, case, verdict):
    found = verdicts(group, "star 4x5")
    assert found[case, verdict] >= 2


def line(count: int) -> np.ndarray:
    return np.stack([np.arange(count - 1), np.arange(1, count)], 1)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_score_of_a_path_star_is_that_of_its_own_arm_against_others(seed):
    """At equal depth: 2 AUC - 1 of a leaf and its first hop."""
    rng = np.random.default_rng(seed)
    below = 1 + np.arange(12).reshape(3, 4)
    chains = np.concatenate([np.zeros((3, 1), dtype=int), below], axis=1)
    edges = np.stack([chains[:, :-1].ravel(), chains[:, 1:].ravel()], 1)
    rows = rng.normal(size=(13, 3))

    def apart(one, other):
        return np.linalg.norm(rows[one] - rows[other])

    answers = [
        np.mean([np.sign(apart(a, other) - apart(a, own)) for other in others])
        for arm in range(3)
        for a, own, others in (
            (below[arm, 3], below[arm, 0], np.delete(below[:, 0], arm)),
            (below[arm, 0], below[arm, 3], np.delete(below[:, 3], arm)),
        )
    ]  # fmt: skip
    found = measure_orders(rows, graph_reference(edges, 13))
    assert found.score == pytest.approx(np.mean(answers))


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_scale_offset_and_rotation_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    reference = graph_reference(line(14), 14)
    rows = rng.normal(size=(14, 6))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    before, after = (measure_orders(each, reference) for each in (rows, 5 * rows @ turn + 3))
    assert after.score == pytest.approx(before.score)
    assert after.whole == pytest.approx(before.whole)
    assert after.correlation == pytest.approx(before.correlation)


def test_directions_self_edges_and_repeated_edges_do_not_matter(planted):
    edges = planted.grid(4).edges
    more = np.concatenate([edges, edges[:, ::-1], edges[:3], np.arange(32).reshape(16, 2) // 2])
    one, other = (graph_reference(each, 16) for each in (edges, more))
    for name, triples in one.families.items():
        np.testing.assert_array_equal(triples.c, other.families[name].c)
        assert triples.weights.sum() == pytest.approx(1 if len(triples) else 0)


def test_the_same_seed_gives_the_same_numbers_and_names_of_nodes_do_not_matter(planted, references):
    graph, reference = references["grid 4x4"]
    rng = np.random.default_rng(0)
    rows = planted.noisy(planted.scaling(graph), 1.0, rng)
    assert str(measure_geometry(rows, reference)) == str(measure_geometry(rows, reference))
    order = rng.permutation(16)
    named = np.empty(16, dtype=int)
    named[order] = np.arange(16)
    again = graph_reference(named[graph.edges], 16)
    assert measure_orders(rows[order], again).score == pytest.approx(
        measure_orders(rows, reference).score
    )


def test_paths_are_longer_than_their_halves_in_a_map_and_never_in_a_clustering(references):
    graph, reference = references["star 5x5"]
    rng = np.random.default_rng(0)
    tree = np.zeros((21, 0))
    for size in (1, 2, 4, 8):  # an ultrametric: nested clusters, each with a code of its own
        codes = np.zeros((21, 21))
        codes[np.arange(21), np.arange(21) // size * size] = size
        tree = np.concatenate([tree, codes], axis=1)
    assert measure_orders(tree, reference).whole <= 0
    centre = np.eye(21) - 1 / 21
    values, vectors = np.linalg.eigh(-centre @ graph.hops**2 @ centre / 2)
    scaled = vectors[:, values > 0] * np.sqrt(values[values > 0])
    assert measure_orders(scaled, reference).whole == pytest.approx(1)
    drawn = [measure_orders(rng.normal(size=(21, 64)), reference).whole for _ in range(60)]
    assert -0.4 < np.mean(drawn) < -0.2  # -1/3, but for the choice of short or long paths


def test_collapsed_embeddings_score_nothing_and_bad_ones_are_refused(references):
    _, reference = references["grid 4x4"]
    flat = measure_geometry(np.full((16, 3), 7.0), reference)
    assert (flat.score, flat.verdict, flat.rho) == (0, "none", 0)
    with pytest.raises(DataError, match="15 embeddings for a graph of 16 nodes"):
        measure_geometry(np.ones((15, 2)), reference)
    with pytest.raises(NonFiniteError):
        measure_geometry(np.full((16, 2), np.nan), reference)


@pytest.mark.parametrize(
    ("edges", "count"),
    [(np.zeros((0, 2), dtype=int), 1), (np.zeros((0, 2), dtype=int), 5), (line(2), 2),
     (line(4), 4), (np.argwhere(np.triu(np.ones((6, 6)), 1)), 6)],
)  # fmt: skip
def test_a_graph_that_cannot_tell_is_undecided_with_a_reason(edges, count):
    rows = np.random.default_rng(0).normal(size=(count, 4))
    found = measure_geometry(rows, graph_reference(edges, count))
    assert found.verdict in ("undecided", "none")
    assert found.reason
    assert "undecided" in str(found) or "none" in str(found)


def test_arms_of_three_nodes_cannot_tell_a_map_from_a_local_code(planted):
    graph = planted.star(6, 4)
    reference = graph_reference(graph.edges, graph.count)
    assert not len(reference.families["far"])
    found = measure_geometry(planted.scaling(graph), reference)
    assert found.verdict == "undecided"
    assert "shared neighbours" in found.reason


def test_numbers_by_hop_of_a_line_on_a_line():
    """Thirty nodes on a line, placed on a line: every distance is the number of hops."""
    count = 30
    rows = np.arange(count, dtype=float)[:, None] * np.ones((1, 2))
    found = measure_geometry(rows, graph_reference(line(count), count))
    scale = np.sqrt(np.mean([(i - j) ** 2 for i in range(count) for j in range(count) if i != j]))
    for row in found.by_hop:
        assert row.distance == pytest.approx(row.hops / scale)
        assert row.pairs == 2 * (count - row.hops)
        assert row.score == pytest.approx(1) or not row.comparisons
    assert found.rho == pytest.approx(1)
    assert [row.hops for row in found.by_hop] == list(range(1, count))


def test_geometry_is_printed_with_verdict_reason_and_a_table(planted, references):
    graph, reference = references["cycle 15"]
    found = measure_geometry(planted.scaling(graph), reference)
    assert str(found).startswith("map (score +1.00 [")
    assert str(found).splitlines()[2].split() == [
        "hops",
        "distance",
        "95",
        "%",
        "interval",
        "AUC",
        "95",
        "%",
        "interval",
    ]
    assert found._repr_html_().count("<tr>") == 8
    assert found.reach == 6


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_levels_count_list_and_draw_the_same_pairs(seed):
    rng = np.random.default_rng(seed)
    hops = rng.integers(1, 6, 12).astype(np.uint16)
    hops[rng.integers(12, size=2)] = UNREACHED
    hops[0] = 0
    places = rng.integers(0, 3, 12)
    levels = Levels(hops, places)
    for family in (
        Family(b=(2, None)), Family(b=(1, 1), c=(3, None)),
        Family(b=(2, None), c=(2, None), places="other"),
        Family(b=(2, None), c=(UNREACHED, UNREACHED)),
    ):  # fmt: skip
        expected = {
            (b, c)
            for b in range(1, 12)
            for c in range(1, 12)
            if allowed(family, hops, places, b, c)
        }
        strata = levels.strata(family, int(places[0]))
        assert levels.count(strata) == len(expected)
        if expected:
            b, c, chances = levels.every(strata)
            assert set(zip(b.tolist(), c.tolist(), strict=True)) == expected
            assert chances.sum() == pytest.approx(1)
            drawn = levels.draw(strata, 50, rng)
            assert set(zip(*map(np.ndarray.tolist, drawn), strict=True)) <= expected


def allowed(family: Family, hops: np.ndarray, places: np.ndarray, b: int, c: int) -> bool:
    most = family.b[1] or UNREACHED - 1
    if not family.b[0] <= hops[b] <= most:
        return False
    if family.places == "other":
        placed = places[b] == places[0] != places[c]
    else:
        placed = places[b] == places[c]
    if family.c is None:
        return bool(placed and hops[b] < hops[c] < UNREACHED)
    return bool(placed and family.c[0] <= hops[c] <= (family.c[1] or UNREACHED - 1))


@pytest.mark.parametrize("folded", [False, True])
def test_distances_of_large_graphs_are_those_of_small_ones(folded):
    count = MOST_MATRIX_NODES + 1
    rows = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    left, right = np.arange(100), np.arange(100, 200)
    odd = np.arange(100) % 2 == 1 if folded else None
    centred = rows.astype(float) - rows.mean(axis=0, dtype=float)
    sign = np.where(odd, -1, 1)[:, None] if folded else 1
    all_pairs = 2 * count / (count - 1) * np.square(centred).sum(axis=1).mean()
    expected = np.square(centred[left] - sign * centred[right]).sum(axis=1) / all_pairs
    np.testing.assert_allclose(Positions(rows).squares(left, right, odd), expected)
    small = Positions(rows[:200])
    again = np.square(small._at(left) - sign * small._at(right)).sum(axis=1)
    np.testing.assert_allclose(small.squares(left, right, odd), again)


@pytest.fixture(scope="session")
def big_star(planted) -> tuple:
    graph = planted.star(250, 5)
    return graph, graph_reference(graph.edges, graph.count)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("arms by depth", "map"), ("sum", "local"), ("mean", "local"), ("norm", "depth"),
     ("gaussian", "none")],
)  # fmt: skip
def test_big_path_stars(planted, big_star, kind, expected):
    graph, reference = big_star
    rng = np.random.default_rng(3)
    rows = {
        "arms by depth": lambda: planted.noisy(planted.arms_by_depth(graph, 64, rng), 0.3, rng),
        "norm": lambda: planted.depth_code(graph, "norm", 64, rng),
        "gaussian": lambda: rng.normal(size=(graph.count, 64)),
    }.get(kind, lambda: planted.local_code(graph, kind, False, 64, rng))()
    assert measure_geometry(rows.astype(np.float32), reference).verdict == expected


@pytest.mark.slow
def test_few_of_many_local_codes_are_called_maps(planted, verdicts):
    total = Counter()
    for graph in GRAPHS:
        for width in planted.WIDTHS:
            for (_, verdict), times in verdicts(
                "local codes", graph, width=width, draws=10
            ).items():
                total[verdict] += times
    assert sum(total[verdict] for verdict in WRONG) <= 0.01 * total.total()
    assert total["local"] >= 0.8 * total.total()


GOLDEN_VERDICTS = {
    "base_cycle_node2vec": "map",
    "base_cycle_transformer_fb10_d32": "local",
    "base_grid_associative_fast_d512": "none",
    "base_grid_node2vec": "map",
    "base_grid_transformer_d32": "local",
    "base_star_node2vec": "map",
    "base_star_transformer_d32": "clusters",
    "reg_cycle_feedforward_plain_d512_non_geometric_lr0p0001_wd0_do0": "none",
    "self_irregular_node2vec": "map",
    "self_irregular_transformer_d48": "undecided",
    "self_star_associative_d32": "none",
    "self_star_transformer_d32": "map",
}


def test_published_checkpoints_get_the_verdict_of_their_section(checkpoint):
    if checkpoint.name not in GOLDEN_VERDICTS:
        return
    reference = graph_reference(checkpoint.edges, checkpoint.nodes)
    verdict = measure_geometry(checkpoint.embeddings, reference).verdict
    assert verdict == GOLDEN_VERDICTS[checkpoint.name]
