"""Sweeps and tiny experiments as one table: rows, means with intervals, plots."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import geometric_memory as gm
from geometric_memory.api.table import Table
from geometric_memory.errors import ConfigurationError
from geometric_memory.tiny import laboratory

SCRIPT = """
import geometric_memory as gm
table = gm.sweep(gm.path_star(5, 4), preset="tiny", seed=range(2), embedding_dimension=[16, 32],
                 max_steps=3, workers=2, quiet=True)
print(table)
print(*table["run"])
"""


def test_means_are_over_the_seeds_of_a_group_with_students_interval():
    rows = {"width": [1, 1, 1, 2, 2], "seed": [0, 1, 2, 0, 1], "loss": [1.0, 2.0, 6.0, 4.0, None]}
    table = Table(rows, by=["width"], shown=["loss"])
    first, second = table.means("loss")
    values = np.array([1.0, 2.0, 6.0])
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (first.group, first.estimate.mean) == ({"width": 1}, 3.0)
    assert first.estimate.interval == pytest.approx((low, high))
    assert (second.estimate.mean, second.estimate.count) == (4.0, 1)
    assert table.rows[3] == {"width": 2, "seed": 0, "loss": 4.0}
    assert str(table).splitlines()[1].split() == ["1", "3", "3", "±", "6.6"]
    assert "<td>3 ± 6.6</td>" in table._repr_html_()
    assert table.to_pandas()["loss"].isna().sum() == 1
    bars = table.plot().figure.axes[0].containers[0]
    assert [tuple(line.get_ydata()) for line in bars.lines[1]] == [
        pytest.approx((low, 4.0)), pytest.approx((high, 4.0)),
    ]  # fmt: skip
    assert table.plot("loss", x="width")._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ConfigurationError, match="unknown column los; did you mean loss"):
        table.plot("los")
    with pytest.raises(KeyError, match="did you mean loss"):
        table["los"]


def test_names_stand_along_the_axis_where_there_are_no_numbers():
    rows = {"graph": ["grid", "grid", "star"], "kind": ["a", "b", "a"], "loss": [1.0, 2.0, 3.0]}
    axes = Table(rows, by=["graph", "kind"], shown=["loss"]).plot().figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "graph grid, kind a", "graph grid, kind b", "graph star, kind a",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_sweep_needs_no_guard_in_a_script_and_goes_on(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    said = [
        subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert said[0].stdout == said[1].stdout
    *table, runs = said[0].stdout.splitlines()
    assert [row.split()[:2] for row in table[1:]] == [["16", "2"], ["32", "2"]]
    assert len(runs.split()) == 4
    loaded = [gm.load(tmp_path / run) for run in runs.split()]
    assert [run.config.model.embedding_dimension for run in loaded] == [16, 32, 16, 32]
    assert said[0].stderr == said[1].stderr == ""


def test_an_experiment_is_a_row_per_seed_and_trained_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = gm.tiny("associative_fast", graph=["cycle", "grid"], seeds=range(3), steps=4)
    assert table["graph"] == ["cycle"] * 3 + ["grid"] * 3
    assert table["seed"] == [0, 1, 2] * 2
    assert [mean.estimate.count for mean in table.means("loss")] == [3, 3]
    monkeypatch.setattr(laboratory, "train_section", None)
    again = gm.tiny("associative_fast", graph=["cycle", "grid"], seeds=range(3), steps=4)
    assert repr(again) == repr(table)
    with pytest.raises(ConfigurationError, match="did you mean transformer"):
        gm.tiny("transfomer")


def test_what_is_wrong_with_a_sweep_is_said_before_it_is_planned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        gm.sweep(gm.cycle(9), embeding_dimension=[1, 2], seed=["x", 1])
    assert "unknown setting embeding_dimension" in str(caught.value)
    assert "--seed 'x'" in str(caught.value)
    with pytest.raises(ConfigurationError, match="the graph is given already"):
        gm.sweep(gm.cycle(9), total_nodes=[8, 9])
    assert list(tmp_path.iterdir()) == []
