"""Charts for paper and page say the same; names of nodes stay text."""

import numpy as np
from matplotlib.cbook import is_math_text

from geometric_memory.figures.charts import Chart, Level, Line, live_chart, still_chart
from geometric_memory.figures.heatmaps import Matrix
from geometric_memory.figures.interactive_matrices import eigenspaces, matrices
from geometric_memory.figures.interactive_space import Nodes, plane, space
from geometric_memory.figures.style import PALETTE

STEPS = np.array([0.0, 10.0, 100.0])
LINE = Line(
    label="loss", x=STEPS, y=np.array([3.0, np.nan, 1.0]), color=PALETTE[0],
    band=(np.array([2.0, 1.0, 0.5]), np.array([4.0, 3.0, 1.5])),
)  # fmt: skip
CHART = Chart(lines=[LINE], levels=[Level(label="floor", value=0.7)], log_x=True, y_title="nats")


def test_paper_and_page_draw_the_same_values():
    axes = still_chart(CHART).axes[0]
    band, line, floor = live_chart(CHART).data
    np.testing.assert_allclose(axes.lines[0].get_ydata(), line.y)
    np.testing.assert_allclose(line.x, STEPS + 1)  # a logarithm has no zero
    assert axes.lines[1].get_ydata()[0] == floor.y[0] == 0.7
    np.testing.assert_allclose(band.y, [4.0, 3.0, 1.5, 0.5, 1.0, 2.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["loss", "floor"]


def test_names_are_escaped_and_edges_lift_the_pen():
    nodes = Nodes(names=["<b>x</b>", "&amp;"], colors=["#000000"] * 2, edges=np.array([[0, 1]]))
    flat = plane(np.array([[0.0, 1.0], [2.0, 3.0]]), nodes)
    assert list(flat.data[1].text) == ["&lt;b&gt;x&lt;/b&gt;", "&amp;amp;"]
    assert flat.data[0].x[:2].tolist() == [0, 2]
    assert np.isnan(flat.data[0].x[2])
    assert list(space(np.zeros((2, 3)), nodes).data[1].hovertext) == list(flat.data[1].hovertext)


def test_words_of_others_are_text_in_both_drawings():
    line = Line(label="<b>$x$</b> %{y}", x=STEPS, y=STEPS, color=PALETTE[0])
    chart = Chart(lines=[line, LINE])
    assert live_chart(chart).data[0].name == "&lt;b&gt;$x$&lt;/b&gt; %{y}"
    legend = still_chart(chart).axes[0].get_legend().get_texts()[0]
    assert legend.get_text() == r"<b>\$x\$</b> %{y}"
    assert not is_math_text(legend.get_text())


def test_long_names_of_rows_are_cut():
    panel = Matrix(values=np.eye(2), names=["<i>", "a" * 50], title="t", range=(0.0, 1.0))
    shown = matrices([panel, panel]).layout.xaxis2.ticktext
    assert shown[0] == "&lt;i&gt;"
    assert len(shown[1]) == 16


def test_areas_of_bars_are_shares():
    figure = eigenspaces(np.array([1.5, 0.5]), np.array([2, 3]), np.array([0.4, 0.6]))
    bars, even = figure.data
    np.testing.assert_allclose(bars.y * bars.width / 0.92, [0.4, 0.6], rtol=1e-6)
    assert even.y[0] == 1 / 5
