"""Figures hold what they are given: nodes, edges, bars, cells, frames."""

import base64
import json
import re
import zlib

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from mpl_toolkits.mplot3d.art3d import Line3DCollection

from geometric_memory.figures.evolution import evolution_page
from geometric_memory.figures.picture import Chart, Level, Line, Matrix, Picture, Space
from geometric_memory.figures.spectral import eigenspace_bars, projection_curves, spectral_bars

EDGES = np.array([(0, 1), (1, 2), (2, 3), (0, 3)])
POINTS = np.random.default_rng(0).standard_normal((4, 3))


def space(points=POINTS, *, names=tuple("0123"), root=None, **more):
    colors = ["#444444" if node == root else "#0072B2" for node in range(4)]
    return Space(coordinates=points, edges=EDGES, names=names, colors=colors, root=root, **more)


def drawn(*panels):
    return Picture(panels=panels, label="a picture").figure


def test_embedding_has_every_node_and_edge_and_marks_the_root():
    figure = drawn(space(root=2, view=(10.0, 20.0, 30.0), title="t"))
    (axes,) = figure.axes
    (lines,) = [c for c in axes.collections if isinstance(c, Line3DCollection)]
    figure.draw_without_rendering()
    assert len(lines.get_segments()) == 4
    (nodes,) = [c for c in axes.collections if isinstance(c, PathCollection)]
    colors = {tuple(color.round(3)) for color in nodes.get_facecolors()}
    assert len(colors) == 2
    assert sorted(text.get_text() for text in axes.texts) == ["0", "1", "2", "3"]
    assert (axes.elev, axes.azim, axes.roll) == (10, 20, 30)


def test_axes_of_an_embedding_have_one_scale():
    (axes,) = drawn(space(POINTS * [1, 5, 0.1])).axes
    reach = [high - low for low, high in (axes.get_xlim(), axes.get_ylim(), axes.get_zlim())]
    assert reach == pytest.approx([reach[0]] * 3)


def test_evolution_has_a_panel_per_step():
    figure = drawn(*(space(title=title) for title in "abc"))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]


def test_heatmaps_leave_the_diagonal_blank():
    similarity = np.full((4, 4), 0.5)
    panels = [
        Matrix(values=values, names=list("3120"), title="", range=(-1.0, 1.0), diagonal=False)
        for values in (similarity, np.eye(4))
    ]
    left, right = drawn(*panels).axes[:2]
    for axes in (left, right):
        values = axes.images[0].get_array()
        assert np.isnan(np.diag(np.ma.filled(values, np.nan))).all()
    assert left.images[0].get_clim() == (-1, 1)
    assert [label.get_text() for label in left.get_xticklabels()] == list("3120")
    assert similarity[0, 0] == 0.5


def test_curves_with_a_band_on_two_axes_and_a_marked_step():
    x = np.arange(50.0)
    lines = [Line(x=x, y=x, band=(x - 1, x + 1), label="memorization"),
             Line(x=x, y=x / 50, band=(x, x), label="level", right=True)]  # fmt: skip
    marked = Level(value=10.0, label="all edges: 10", upright=True)
    left, right = drawn(
        Chart(lines=lines, levels=[marked], right_title="cosine", right_range=(-1.0, 1.1))
    ).axes
    assert (len(left.collections), len(right.collections)) == (1, 1)
    assert right.get_ylim() == (-1, 1.1)
    assert any("all edges: 10" in text.get_text() for text in left.texts)
    assert [t.get_text() for t in left.get_legend().get_texts()] == ["memorization", "level"]


def test_spectral_bars_come_in_pairs():
    figure = drawn(spectral_bars(np.array([1.0, 0.5, -1.0]), np.array([0.2, 1.0, 0.1])))
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [1.0, 0.5, -1.0, 0.2, 1.0, 0.1]


def test_areas_of_eigenspace_bars_are_their_shares():
    shares = np.array([0.5, 0.3, 0.1])
    figure = drawn(eigenspace_bars(np.array([1.8, 0.2, -1.0]), np.array([2, 1, 3]), shares))
    areas = [bar.get_height() * bar.get_width() / 0.92 for bar in figure.axes[0].patches]
    assert areas == pytest.approx(shares)


def test_projections_have_a_line_per_eigenspace_and_a_panel_per_quantity():
    values = np.arange(8.0).reshape(4, 2)
    panels = {"projection": values, "coefficient": values[::-1]}
    figure = drawn(*projection_curves(np.array([0, 1, 5, 9]), panels, np.array([1.8, -1.0])))
    left, right, bar = figure.axes
    assert [line.get_ydata().tolist() for line in left.lines] == values.T.tolist()
    assert left.lines[0].get_color() == right.lines[0].get_color() != left.lines[1].get_color()
    assert (left.get_ylabel(), right.get_ylabel()) == ("projection", "coefficient")
    assert "eigenvalue" in bar.get_ylabel()


def test_page_is_complete_and_needs_no_network():
    page = evolution_page(
        "a title",
        np.array([0, 5, 9]),
        np.stack([POINTS, 2 * POINTS, 3 * POINTS]),
        space(names=["a", "b", "c", "<b>d</b>"], root=1),
        {"memorization": np.array([0.0, 50.0, 100.0]), "geometric level": np.zeros(3),
         "non-edges": np.zeros(3)},
    )  # fmt: skip
    assert "<b>d" not in page
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="http', page)
    for part in ("a title", "play", "step ", "neighbours: ", "(root)", "memorization 50 %"):
        assert part in page
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    figures = json.loads(found[1])
    movie = figures["space"]["space"]["movie"]
    assert movie["steps"] == [0, 5, 9]
    packed = zlib.decompress(base64.b64decode(movie["values"]))
    values = np.frombuffer(packed, "<i2").reshape(3, 4, 3).cumsum(axis=0, dtype=np.int16)
    assert np.allclose(values[0], values[2], atol=1)  # equal shapes, one size
    assert figures["curves"]["cursor"]
    x = figures["curves"]["figure"]["data"][0]["x"]
    assert x == [1, 6, 10]
