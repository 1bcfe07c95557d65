"""Comparison, storage, batches and report."""

import json
from dataclasses import replace

import numpy as np
import pytest

from geometric_memory.analysis.estimate import estimate
from geometric_memory.tiny import batches, laboratory
from geometric_memory.tiny.batches import run_sections
from geometric_memory.tiny.comparison import compare, reason, rounding
from geometric_memory.tiny.laboratory import comparison, train_or_load
from geometric_memory.tiny.pictures import draw_section, file_stem
from geometric_memory.tiny.report import summary_lines, write_report
from geometric_memory.tiny.results import load_run, numbers, save_run
from geometric_memory.tiny.sections import published_sections, section
from geometric_memory.tiny.training import shortened, train_section


@pytest.fixture(scope="module")
def run():
    return train_section(section("associative_fast", "grid"), [6, 7, 8])


def test_rounding_is_half_a_unit_of_the_last_digit():
    assert rounding("0.6946") == pytest.approx(0.00005)
    assert rounding("134") == 0.5


def test_rows_mark_what_lies_outside(run):
    rows = {row.quantity: row for row in compare([run])}
    loss = rows["loss"]
    assert loss.published == 1.1431
    assert loss.same_seed == pytest.approx(1.143, abs=1e-3)
    moved = replace(loss, published=2.0, published_text="2.0")
    assert moved.outside
    assert not replace(loss, published=loss.here.mean).outside


def test_reasons_say_what_was_found(run):
    loss = next(row for row in compare([run]) if row.quantity == "loss")
    assert reason(loss).startswith("Within half a percent of ours at seed 7")
    same = replace(loss, same_seed=loss.published)
    assert reason(same) == "Ours is the same at seed 7, which is an unusual seed."
    away = replace(loss, published=2.0, published_text="2.0")
    assert "bf16" in reason(away)
    near = estimate(np.array([1.9, 2.0, 2.1]))
    assert reason(replace(away, rounded=near)).startswith("Rounding: inside the interval of bf16")
    far = estimate(np.array([3.0, 3.01]))
    assert "bf16 here ends at" in reason(replace(away, rounded=far))
    curve = replace(away, section=replace(run.section, steps=10_000), quantity="first_complete")
    assert reason(curve).startswith("Read off a drawn curve")


def test_the_level_without_self_pairs_is_told_where_there_are_some(run):
    assert "end_level_no_self" not in {row.quantity for row in compare([run])}
    other = train_section(section("associative_fast_self_edges", "grid"), [7])
    assert "end_level_no_self" in {row.quantity for row in compare([other])}


def test_numbers_follow_the_curves(run):
    found = numbers(run)
    assert found["first_complete"].tolist() == [1, 1, 1]
    assert found["end_recovery"].tolist() == [100, 100, 100]
    never = replace(
        run, curves=run.curves | {"published_recovery": np.zeros_like(run.curves["loss"])}
    )
    assert np.isnan(numbers(never)["first_complete"]).all()
    assert np.isnan(numbers(never)["level_at_complete"]).all()


def test_a_stored_run_comes_back_for_equal_settings_alone(run, tmp_path):
    save_run(run, tmp_path)
    again = load_run(run.section, run.seeds, "fp32", tmp_path)
    assert again is not None
    for name, curve in run.curves.items():
        assert np.array_equal(again.curves[name], curve)
    assert np.array_equal(again.snapshots, run.snapshots)
    assert (again.final, again.verdicts) == (run.final, run.verdicts)
    assert load_run(run.section, (6, 7), "fp32", tmp_path) is None
    assert load_run(replace(run.section, steps=9), run.seeds, "fp32", tmp_path) is None
    assert load_run(run.section, run.seeds, "bf16", tmp_path) is None


def test_training_is_skipped_when_the_run_is_there(tmp_path, monkeypatch):
    short = section("associative_fast", "cycle")
    first = train_or_load(short, [7], tmp_path, steps=2)
    monkeypatch.setattr(laboratory, "train_section", None)
    again = train_or_load(short, [7], tmp_path, steps=2)
    assert np.array_equal(first.snapshots, again.snapshots)
    assert "seed 7" in repr(comparison(again))


def test_seeds_cut_into_batches_join_in_order(run, monkeypatch):
    monkeypatch.setattr(batches, "CACHED_WEIGHTS", 300_000)
    joined = run_sections([run.section], run.seeds, workers=1)[run.section]
    assert joined.seeds == run.seeds
    assert np.allclose(joined.curves["loss"], run.curves["loss"], atol=1e-6)
    assert np.allclose(joined.snapshots, run.snapshots)
    assert joined.verdicts == run.verdicts


def test_two_notebooks_share_a_section():
    shared = [section("neural_network", "cycle"), section("regularizer_2a", "cycle")]
    short = [shortened(one, 2) for one in shared]
    trained = []
    found = run_sections(short, [7], workers=1, finished=lambda run: trained.append(run.section))
    assert trained == short
    assert found[short[0]].curves["loss"] is found[short[1]].curves["loss"]


def test_report_has_every_section(run, tmp_path):
    write_report([run], tmp_path / "deep" / "table", took={"seconds": 90.0, "cores": 2.0})
    text = (tmp_path / "deep" / "table.md").read_text()
    assert "| grid | loss at the end (fp32) | 1.1431 |" in text
    assert "1.5 minutes on 2 cores" in text
    content = json.loads((tmp_path / "deep" / "table.json").read_text())
    assert content["sections"][0]["comparison"]["loss"]["published"] == 1.1431
    seeds = json.loads((tmp_path / "deep" / "table_seeds.json").read_text())
    assert len(seeds["sections"][0]["loss"]) == 3
    assert summary_lines([run])[0].startswith("associative_fast, grid: seed 7: all edges at step 1")


def test_sections_with_fewer_seeds_are_named(run, tmp_path):
    short = train_section(section("associative_fast", "star"), [7])
    write_report([run, short], tmp_path / "table")
    assert "Fewer seeds than 3: associative_fast-star (1)." in (tmp_path / "table.md").read_text()


def test_figures_lie_beside_their_arrays(run, tmp_path):
    files = draw_section(run, tmp_path)
    stem = "grid__associative_fast__lr_0.1"
    assert file_stem(run.section) == stem
    assert (tmp_path / "embeddings" / f"{stem}__embedding.pdf").stat().st_size > 1000
    arrays = json.loads((tmp_path / "heatmaps" / f"{stem}__heatmap.json").read_text())
    assert len(arrays["similarity"]) == 16
    suffixes = {
        suffix: sum(file.suffix == suffix for file in files) for suffix in (".pdf", ".json")
    }
    assert suffixes[".pdf"] == suffixes[".json"] == 5


def test_figure_names_are_distinct_within_a_notebook():
    stems = [file_stem(one) for one in published_sections() if one.experiment[:4] != "regu"]
    assert len(set(stems)) == len(stems)
    regularizers = [file_stem(one) for one in published_sections() if one.experiment[:4] == "regu"]
    assert len(set(regularizers)) == 7
