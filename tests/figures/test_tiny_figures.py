"""Figures hold what they are given: nodes, edges, bars, cells, frames."""

import json
import re

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from geometric_memory.figures.embedding import Drawing, embedding_graph, evolution_panels
from geometric_memory.figures.heatmaps import similarity_heatmaps
from geometric_memory.figures.interactive import Movie, evolution_page
from geometric_memory.figures.memorization import Trajectory, memorization_curves
from geometric_memory.figures.spectral import eigenspace_bars, projection_curves, spectral_bars

EDGES = np.array([(0, 1), (1, 2), (2, 3), (0, 3)])
POINTS = np.random.default_rng(0).standard_normal((4, 3))


def test_embedding_has_every_node_and_edge_and_marks_the_root():
    figure = embedding_graph(
        POINTS, Drawing(edges=EDGES, root=2, view=(10.0, 20.0, 30.0)), title="t"
    )
    (axes,) = figure.axes
    assert len(axes.lines) == 4
    (nodes,) = [c for c in axes.collections if isinstance(c, PathCollection)]
    colors = {tuple(color.round(3)) for color in nodes.get_facecolors()}
    assert len(colors) == 2
    assert sorted(text.get_text() for text in axes.texts) == ["0", "1", "2", "3"]
    assert (axes.elev, axes.azim, axes.roll) == (10, 20, 30)


def test_axes_of_an_embedding_have_one_scale():
    figure = embedding_graph(POINTS * [1, 5, 0.1], Drawing(edges=EDGES))
    (axes,) = figure.axes
    reach = [high - low for low, high in (axes.get_xlim(), axes.get_ylim(), axes.get_zlim())]
    assert reach == pytest.approx([reach[0]] * 3)


def test_evolution_has_a_panel_per_step():
    figure = evolution_panels([POINTS] * 3, ["a", "b", "c"], Drawing(edges=EDGES))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]


def test_heatmaps_leave_the_diagonal_blank():
    similarity = np.full((4, 4), 0.5)
    figure = similarity_heatmaps(similarity, np.eye(4, dtype=bool), list("3120"))
    left, right = figure.axes[:2]
    for axes in (left, right):
        values = axes.images[0].get_array()
        assert np.isnan(np.diag(np.ma.filled(values, np.nan))).all()
    assert left.images[0].get_clim() == (-1, 1)
    assert [label.get_text() for label in left.get_xticklabels()] == list("3120")
    assert similarity[0, 0] == 0.5


def trajectory(seeds: int, steps: int = 50) -> Trajectory:
    values = np.linspace(0, 1, steps)[:, None] * np.ones(seeds)
    return Trajectory(
        steps=np.arange(steps), recovery=100 * values, level=values, non_edges=-values, shown=0
    )


@pytest.mark.parametrize(("seeds", "bands"), [(1, 0), (16, 3)])
def test_curves_have_a_band_when_there_are_seeds(seeds, bands):
    figure = memorization_curves(trajectory(seeds), marked=[10])
    left, right = figure.axes
    assert len(left.collections) + len(right.collections) == bands
    assert right.get_ylim() == (-1, 1.1)
    assert any("all edges: 10" in text.get_text() for text in left.texts)


def test_long_runs_get_a_logarithmic_axis():
    assert memorization_curves(trajectory(1)).axes[0].get_xscale() == "linear"
    assert memorization_curves(trajectory(1, 2000)).axes[0].get_xscale() == "symlog"


def test_spectral_bars_come_in_pairs():
    figure = spectral_bars(np.array([1.0, 0.5, -1.0]), np.array([0.2, 1.0, 0.1]))
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [1.0, 0.5, -1.0, 0.2, 1.0, 0.1]


def test_areas_of_eigenspace_bars_are_their_shares():
    shares = np.array([0.5, 0.3, 0.1])
    figure = eigenspace_bars(np.array([1.8, 0.2, -1.0]), np.array([2, 1, 3]), shares)
    areas = [bar.get_height() * bar.get_width() / 0.92 for bar in figure.axes[0].patches]
    assert areas == pytest.approx(shares)


def test_projections_have_a_line_per_eigenspace_and_a_panel_per_quantity():
    values = np.arange(8.0).reshape(4, 2)
    panels = {"projection": values, "coefficient": values[::-1]}
    figure = projection_curves(np.array([0, 1, 5, 9]), panels, np.array([1.8, -1.0]))
    left, right, bar = figure.axes
    assert [line.get_ydata().tolist() for line in left.lines] == values.T.tolist()
    assert left.lines[0].get_color() == right.lines[0].get_color() != left.lines[1].get_color()
    assert (left.get_ylabel(), right.get_ylabel()) == ("projection", "coefficient")
    assert "eigenvalue" in bar.get_ylabel()


def test_page_is_complete_and_needs_no_network():
    movie = Movie(
        steps=np.array([0, 5, 9]),
        coordinates=np.stack([POINTS, 2 * POINTS, 3 * POINTS]),
        edges=EDGES,
        names=["a", "b", "c", "<b>d</b>"],
        recovery=np.array([0.0, 50.0, 100.0]),
        level=np.zeros(3),
        non_edges=np.zeros(3),
        root=1,
        title="a title",
    )
    page = evolution_page(movie)
    assert "<b>d" not in page
    assert r"\u003cb\u003ed" not in page
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="http', page)
    for part in ("a title", "play", "step ", "neighbours: a, c", "(root)"):
        assert part in page
    frames = re.search(r"Plotly\.addFrames\(\s*'[^']+',\s*(\[.*?\])\s*\);", page, re.DOTALL)
    assert frames is not None
    found = json.loads(frames[1])
    assert [frame["name"] for frame in found] == ["0", "5", "9"]
    nodes = np.array([frame["data"][1]["x"] for frame in found], dtype=float)
    assert np.allclose(nodes[0], nodes[2], atol=1e-3)  # equal shapes, one size
    assert [frame["data"][2]["x"][0] for frame in found] == [1, 6, 10]
