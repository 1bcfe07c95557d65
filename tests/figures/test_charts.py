"""Charts for paper and page say the same; names of nodes stay text."""

import json
import warnings

import numpy as np
import pytest
from matplotlib.cbook import is_math_text

from geometric_memory.errors import DiskError
from geometric_memory.figures.colors import PALETTE
from geometric_memory.figures.picture import (
    Chart,
    Level,
    Line,
    Matrix,
    Picture,
    Space,
    thin,
)
from geometric_memory.figures.spectral import eigenspace_bars

STEPS = np.array([0.0, 10.0, 100.0])
LINE = Line(
    label="loss", x=STEPS, y=np.array([3.0, np.nan, 1.0]), color=PALETTE[0],
    band=(np.array([2.0, 1.0, 0.5]), np.array([4.0, 3.0, 1.5])),
)  # fmt: skip
CHART = Chart(lines=[LINE], levels=[Level(label="floor", value=0.7)], log_x=True, y_title="nats")


def picture(*panels):
    return Picture(panels=panels, label="a picture")


def test_paper_and_page_draw_the_same_values():
    axes = picture(CHART).figure.axes[0]
    band, line, floor = picture(CHART).live()["data"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), line["y"])
    np.testing.assert_allclose(line["x"], STEPS + 1)  # a logarithm has no zero
    assert axes.lines[1].get_ydata()[0] == floor["y"][0] == 0.7
    np.testing.assert_allclose(band["y"], [4.0, 3.0, 1.5, 0.5, 1.0, 2.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["loss", "floor"]


def test_words_of_others_are_text_in_both_drawings():
    line = Line(label="<b>$x$</b> %{y}", x=STEPS, y=STEPS, color=PALETTE[0])
    found = picture(Chart(lines=[line, LINE]))
    assert found.live()["data"][0]["name"] == "&lt;b&gt;$x$&lt;/b&gt; %{y}"
    legend = found.figure.axes[0].get_legend().get_texts()[0]
    assert legend.get_text() == r"<b>\$x\$</b> %{y}"
    assert not is_math_text(legend.get_text())


def test_long_names_of_rows_are_cut():
    panel = Matrix(values=np.eye(2), names=["<i>", "a" * 50], title="t", range=(0.0, 1.0))
    shown = picture(panel, panel).live()["layout"]["xaxis2"]["ticktext"]
    assert shown[0] == "&lt;i&gt;"
    assert len(shown[1]) == 16


def test_areas_of_bars_are_shares():
    chart = eigenspace_bars(np.array([1.5, 0.5]), np.array([2, 3]), np.array([0.4, 0.6]))
    bars, even = picture(chart).live()["data"]
    np.testing.assert_allclose(bars["y"] * bars["width"] / 0.92, [0.4, 0.6], rtol=1e-6)
    assert even["y"][0] == 1 / 5


def test_names_in_any_script_are_drawn_or_said_to_be_missing_once():
    names = ["Köln", "Αθήνα", "Москва", "القاهرة", "\U0001f4a9\U00020000"]
    space = Space(coordinates=np.random.default_rng(0).random((5, 2)), names=names,
                  edges=np.array([[0, 1]]), colors=["#000000"] * 5)  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert picture(space).drawn().startswith(b"\x89PNG")
        assert picture(space, space).drawn().startswith(b"\x89PNG")
    (warning,) = caught  # matplotlib's own are one per sign and file
    assert str(warning.message).startswith("no font here has ")
    signs = str(warning.message).partition(":")[0].removeprefix("no font here has ")
    assert not set("".join(names[:3])) & set(signs)


def test_beside_a_saved_picture_lie_its_numbers(tmp_path):
    for name in ("one", "two"):
        picture(CHART).save(tmp_path / f"{name}.lr_0.1.png", ".svg", ".pdf")
    for suffix in ("png", "svg", "pdf", "json"):
        one, two = (tmp_path / f"{name}.lr_0.1.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    found = json.loads((tmp_path / "one.lr_0.1.json").read_text())
    assert found["panels"][0]["lines"][0]["y"] == [3, None, 1]
    with pytest.raises(DiskError, match="cannot be written"):
        picture(CHART).save(tmp_path / "no" / "it.png")


def test_few_places_are_kept_of_many_the_early_ones_and_the_last_among_them():
    kept = thin(100_000, 400)
    assert len(kept) <= 400
    assert set(range(10)) <= set(kept.tolist())
    assert kept[-1] == 99_999
    assert thin(7, 400).tolist() == list(range(7))
