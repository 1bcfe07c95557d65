"""`geomem plot`: metrics of runs in a picture or as text, with what they are drawn from."""

import json

import numpy as np
import pytest

from geometric_memory.cli.main import main
from geometric_memory.figures.picture import Chart, Line
from geometric_memory.figures.terminal import draw

RECOVERY = "edge_memorization/top_k_recovery"


def test_a_line_stands_where_it_should_with_its_band_and_its_end():
    x = np.linspace(0.0, 10.0, 11)
    line = Line(x=x, y=x, label="rising", band=(x - 2.0, x + 2.0))
    rows = draw(Chart(lines=[line], y_title="y"), width=15, height=11).splitlines()
    assert rows[0] == "y"
    body = [row.partition("|")[2].ljust(11) for row in rows[1:12]]
    assert [row.index("a") for row in body] == list(range(10, -1, -1))
    assert body[5] == "   ..a..   "
    assert rows[1].startswith(" 10|")
    assert rows[11].startswith("  0|")
    assert rows[-1] == "a  rising: 10 at the end"


def test_a_logarithmic_axis_and_what_is_not_finite():
    line = Line(x=np.array([0, 1, 3, 7]), y=np.array([0.0, 1.0, np.nan, 3.0]), label="l")
    text = draw(Chart(lines=[line], log_x=True), width=20, height=4)
    assert text.splitlines()[1].endswith("a")
    assert draw(Chart(lines=[], y_title="none")) == "none: nothing to draw\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three seeds of a tiny training, in one folder."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        common = ["--dataset_root", str(folder / "data"), "--experiment_log_root", str(folder)]
        steps = ["--max_steps", "20", "--path_finetuning_eval_interval_epochs", "5"]
        assert main(["train", "--preset", "tiny", "--seed", str(seed), *steps, *common]) == 0
    return folder


def test_seeds_are_one_curve_with_its_interval(runs, tmp_path, capsys):
    target = tmp_path / "recovery.svg"
    assert main(["plot", str(runs), "--metric", RECOVERY, "--output", str(target)]) == 0
    assert f"wrote {target}" in capsys.readouterr().out
    assert target.read_bytes().lstrip().startswith(b"<?xml")
    (chart,) = json.loads(target.with_suffix(".json").read_text())["panels"]
    (line,) = chart["lines"]
    low, high = line["band"]
    assert all(a <= b <= c for a, b, c in zip(low, line["y"], high, strict=True))
    assert main(["plot", str(runs), "--metric", RECOVERY]) == 0
    assert "a  all runs: " in capsys.readouterr().out


def test_what_cannot_be_drawn_is_said_and_nothing_is_written(runs, tmp_path, capsys):
    target = tmp_path / "x.png"
    assert main(["plot", str(runs), "--metric", f"{RECOVERY}y", "--output", str(target)]) == 2
    assert f"did you mean {RECOVERY}?" in capsys.readouterr().err
    assert main(["plot", str(runs), "--output", str(tmp_path / "x.gif")]) == 2
    assert "a file ends in .png, .svg, .pdf" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
