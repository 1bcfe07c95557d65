"""Cells from settings, grids and files: keys, checks, and every problem at once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.errors import ConfigurationError
from geometric_memory.sweeps.cells import Shared, make_cell, make_cells, training_config, varied
from geometric_memory.sweeps.rows import expand, read_cells

TINY = Shared(base=make_cell({"preset": "tiny"}).settings)


def problems_of(call, *arguments):
    with pytest.raises(ConfigurationError) as caught:
        call(*arguments)
    return caught.value.problems


def test_a_cell_is_its_settings_however_they_were_written():
    typed = make_cell({"preset": "tiny", "seed": "3", "path_finetuning_learning_rate": "1e-2"})
    assert typed == make_cell({"preset": "tiny", "seed": 3})
    assert typed == make_cell({"seed": 3}, TINY)
    config = PRESETS["tiny"].config
    assert training_config(typed) == replace(config, training=replace(config.training, seed=3))


def test_a_cell_s_own_settings_go_before_typed_ones_and_those_before_presets():
    shared = Shared(base=TINY.base, typed={"seed": 8, "star_degree": 6})
    settings = make_cell({"preset": "demo", "seed": 9}, shared).settings
    assert (settings["seed"], settings["star_degree"], settings["path_length"]) == (9, 6, 4)
    assert settings["embedding_dimension"] == 64
    assert make_cell({"seed": 9}, shared).settings["embedding_dimension"] == 32


def test_where_things_lie_does_not_make_another_cell():
    there = make_cell({"preset": "tiny", "dataset_root": "elsewhere"})
    assert there.key == make_cell({"preset": "tiny"}).key
    assert there.settings["dataset_root"] == "elsewhere"


@given(st.sampled_from(["seed", "star_degree", "embedding_dimension"]), st.integers(16, 40))
def test_any_other_setting_does(name, value):
    changed = make_cell({"preset": "tiny", name: 2 * value})
    assert changed.key != make_cell({"preset": "tiny", name: 2 * value + 2}).key


def test_a_grid_is_every_combination_the_last_axis_fastest():
    rows = expand(["seed=0-2,7", "add-self-edges=true,false", "training_recipe=staged_full_path"])
    assert len(rows) == 8
    assert [row["seed"] for row in rows] == ["0", "0", "1", "1", "2", "2", "7", "7"]
    assert [row["add_self_edges"] for row in rows[:2]] == [True, False]
    cells = make_cells(rows, TINY)
    assert varied(cells) == ("add_self_edges", "seed")


def test_every_problem_of_a_grid_is_told_at_once():
    found = problems_of(expand, ["sed=0-3", "seed=1,1", "model_family=", "seed=2", "x"])
    for text in ("did you mean seed?", "a value is there twice", "model_family=: write it as",
                 "seed: is there twice", "x: write it as"):  # fmt: skip
        assert any(text in problem for problem in found)


def test_every_problem_of_every_cell_is_told_once_with_the_first_cell_that_has_it():
    rows = expand(["seed=0-3", "path_finetuning_epochs=5,-5", "model_family=gpt,gtp"])
    found = problems_of(make_cells, rows)
    assert len(found) == 2
    (epochs,) = (text for text in found if text.startswith("--path_finetuning"))
    assert "seed=0 path_finetuning_epochs=-5 model_family=gpt) and 7 more" in epochs
    assert any("did you mean gpt?" in text for text in found)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"preset": "tyni"}, "did you mean tiny?"),
        ({"run_name": "x"}, "the sweep sets this itself"),
        ({"experiment": "transformer"}, "graph is required"),
        ({"experiment": "transfomer", "graph": "star"}, "did you mean transformer?"),
        ({"experiment": "transformer", "graph": "star", "sed": 1}, "did you mean seed?"),
        (
            {"experiment": "transformer", "graph": "star", "width": "wide"},
            "width 'wide': expected int",
        ),
        (
            {"experiment": "transformer", "graph": "star", "steps": 0},
            "steps 0: expected int >= 1",
        ),
    ],
)
def test_what_a_cell_cannot_be(row, message):
    assert any(message in problem for problem in problems_of(make_cells, [row]))


def test_the_same_cell_twice_and_no_cell_are_refused():
    assert "twice" in problems_of(make_cells, [{"seed": 1}, {"seed": "1"}])[0]
    assert "at least one cell" in problems_of(make_cells, [])[0]


def test_a_tiny_cell_is_a_section_with_its_changes_and_a_seed():
    cell = make_cell({"experiment": "neural_network", "graph": "cycle", "learning_rate": "0.1"})
    assert (cell.kind, cell.seed, cell.settings["learning_rate"]) == ("tiny", 7, 0.1)
    assert cell.key != make_cell({"experiment": "neural_network", "graph": "cycle"}).key


@pytest.mark.parametrize(
    "text",
    [
        "cells = [{'preset': 'tiny', 'seed': s} for s in (0, 1)]",
        "def cells():\n    for s in (0, 1):\n        yield {'preset': 'tiny', 'seed': s}",
        "from dataclasses import replace\n"
        "from geometric_memory.config.presets import PRESETS\n"
        "tiny = PRESETS['tiny'].config\n"
        "cells = [replace(tiny, training=replace(tiny.training, seed=s)) for s in (0, 1)]",
    ],
)
def test_a_file_tells_cells_in_three_ways(tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    expected = make_cells([{"preset": "tiny", "seed": 0}, {"preset": "tiny", "seed": 1}])
    assert make_cells(read_cells(tmp_path / "mine.py")) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cells = [", "mine.py:1: SyntaxError"),
        ("def cells():\n    return 1 / 0", "mine.py:2: ZeroDivisionError: division by zero"),
        ("rows = []", "defines no `cells`"),
        ("cells = [3, {}]", "cell 1 is int"),
        ("cells = 3", "TypeError"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line(tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text)
    assert message in problems_of(read_cells, tmp_path / "mine.py")[0]


def test_a_run_config_keeps_all_its_settings(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from geometric_memory.config import RunConfig\ncells = [RunConfig()]"
    )
    (row,) = read_cells(tmp_path / "mine.py")
    assert training_config(make_cell(row)) == RunConfig()
