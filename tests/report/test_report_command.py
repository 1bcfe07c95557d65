"""Records, pages and cards of runs of every kind, from the command line."""

import json
import shutil
from contextlib import chdir
from dataclasses import replace

import numpy as np
import pytest
from report_pages import trained

from geometric_memory.analysis.estimate import estimate
from geometric_memory.cli.main import main
from geometric_memory.figures.page import Note, inert, percent
from geometric_memory.report import write
from geometric_memory.report.answers import read_answers
from geometric_memory.report.comparison import group_runs
from geometric_memory.report.curves import ACCURACY, accuracy_picture, loss_floor
from geometric_memory.report.embedding import arms_section, embedding_section
from geometric_memory.report.run_page import finding, key_numbers, run_page
from geometric_memory.report.stored import runs_in, runs_of
from geometric_memory.report.view import RECOVERY, course_of, view_of
from geometric_memory.report.write import default_target
from geometric_memory.runs.history import choose_steps
from geometric_memory.runs.metrics import Metrics, Series
from geometric_memory.runs.run import Run
from geometric_memory.settings import changed


def read(path):
    return runs_of(path)[0]


def parts_of(record):
    return run_page(record).sections


def part(record, name):
    return next((found for found in parts_of(record) if found.name == name), None)


def test_equal_runs_give_equal_bytes_wherever_they_lie(star, page, tmp_path, workplace):
    shutil.copytree(star, tmp_path / "star")
    with chdir(workplace):
        assert main(["report", str(tmp_path / "star"), "--output", str(tmp_path / "it.html")]) == 0
    assert (tmp_path / "it.html").read_bytes() == page.read_bytes()
    assert str(workplace) not in page.read_text()


@pytest.mark.slow
def test_a_card_is_a_figure_with_its_arrays(star, tmp_path, workplace):
    with chdir(workplace):
        for name in ("one", "two"):
            base = str(tmp_path / f"{name}.pdf")
            assert main(["report", str(star), "--card", "--output", base]) == 0
    for suffix in ("pdf", "png", "json"):
        one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    arrays = json.loads((tmp_path / "one.json").read_text())
    rows = [json.loads(row) for row in (star / "metrics.jsonl").read_text().splitlines()]
    found = arrays["edge_memorization/loss"]
    assert found["values"] == pytest.approx([r["edge_memorization/loss"] for r in rows], abs=1e-6)
    assert np.shape(arrays["coordinates"]) == (25, 3)


def test_the_graph_is_built_again_where_the_data_set_is_not_at_hand(
    star, workplace, tmp_path, monkeypatch
):
    monkeypatch.chdir(workplace)
    near = read(star)
    near_answers = read_answers(near)
    assert "read from the files" in near.dataset.origin
    older = shutil.copytree(star, tmp_path / "star", ignore=shutil.ignore_patterns("dataset"))
    monkeypatch.chdir(tmp_path)
    assert read(star).dataset.origin == near.dataset.origin
    far = read(older)
    assert "built again" in far.dataset.origin
    for name in ("facts", "train_paths", "test_paths"):
        np.testing.assert_array_equal(getattr(near.dataset, name), getattr(far.dataset, name))
    np.testing.assert_array_equal(near.graph.order, far.graph.order)
    np.testing.assert_array_equal(near.graph.edges, far.graph.edges)
    np.testing.assert_array_equal(near_answers.kinds, read_answers(far).kinds)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("staged", ("--training_recipe", "staged_full_path", "--edge_memorization_epochs", "20")),
        ("hardest", ("--training_recipe", "mixed_hardest_token")),
        ("reversed", ("--reverse_path_targets", "--use_teacherless_inputs")),
        ("grid", ("--graph_type", "grid", "--grid_rows", "3", "--grid_cols", "4")),
        ("mamba", ("--model_family", "mamba",)),
        ("tree", ("--star_subtree_degree", "2", "--include_start_node_in_path_finetuning")),
    ],
)  # fmt: skip
def test_runs_of_every_kind_have_a_page(name, options, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    run = trained(workplace, name, *options, "--path_finetuning_epochs", "4")
    record = read(run)
    assert (record.status, record.last_step > 0) == ("finished", True)
    assert {"summary", "asked", "curves", "embedding", "verdict", "structure", "answers",
            "provenance"} <= {found.name for found in parts_of(record)}  # fmt: skip
    answers = read_answers(record)
    assert answers.asked == answers.held_out == len(record.dataset.test_paths)


def test_the_best_possible_accuracy_stands_beside_that_of_ambiguous_questions(
    hostile, star, workplace, monkeypatch
):
    # Of a chain every path is the only one with its end and length, from either side.
    monkeypatch.chdir(workplace)
    assert read(star).ceiling is None
    chain = read(hostile)
    chart = accuracy_picture(chain).panels[0]
    ceiling = chain.summary["ceiling"]
    assert f"best possible, {ceiling:.3g} %" in {level.label for level in chart.levels}
    assert "any shortest path" in {line.label for line in chart.lines}
    assert key_numbers(chain, None, None)["best possible, held-out paths"]


def test_in_context_runs_have_curves_and_no_map(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    small = ("--task_family", "in_context", "--context_train_prompts", "64", "--max_steps", "2")
    record = read(trained(workplace, "context", *small))
    assert (record.dataset, record.frames) == (None, None)
    assert "every prompt brings its own graph" in " ".join(record.notes)
    assert "accuracy" in [picture.name for picture in part(record, "curves").pictures]


def test_failed_and_interrupted_runs_say_so(star, workplace, tmp_path, monkeypatch):
    monkeypatch.chdir(workplace)
    failed = trained(workplace, "failed", "--path_finetuning_learning_rate", "1e30",
                     "--path_finetuning_warmup_steps", "0")  # fmt: skip
    record = read(failed)
    assert record.status == "failed"
    assert "not finite at step 1 of joint_training" in part(record, "summary").text
    assert "holds no checkpoint" in " ".join(record.notes)
    cut = tmp_path / "cut"
    shutil.copytree(star, cut)
    (cut / "summary.json").unlink()
    record = read(cut)
    assert "interrupted" in record.remark
    assert part(record, "summary").facts["status"] == "unfinished"


@pytest.mark.parametrize(
    ("broken", "message"),
    [("absent", "is not a run folder"), ("config.json", "is not JSON"),
     ("metrics.jsonl", "metrics.jsonl")],
)  # fmt: skip
def test_bad_input_is_one_message_and_leaves_nothing(broken, message, star, tmp_path, capsys):
    run = tmp_path / "run"
    if broken != "absent":
        shutil.copytree(star, run)
        (run / broken).write_text('{"no": \n[1]\n')
    assert main(["report", str(run), "--output", str(tmp_path / "page.html")]) != 0
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert "Traceback" not in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [] + ["run"] * (broken != "absent")


@pytest.mark.parametrize("card", [(), ("--card",)])
def test_a_folder_to_write_into_is_refused_before_anything_is_drawn(
    card, star, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for folder in (".", str(tmp_path)):
        assert main(["report", str(star), "--output", folder, *card]) == 2
        assert f"--output {folder}: is a folder; name the file to write" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_one_message(
    star, workplace, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(workplace)
    monkeypatch.setattr(write, "run_page", lambda *asked: None)
    monkeypatch.setattr(write, "html", lambda page: "page")
    assert main(["report", str(star), "--output", str(tmp_path / "no" / "page.html")]) == 6
    assert "cannot be written" in capsys.readouterr().err
    assert main(["report", str(star), str(star), "--card"]) == 2
    assert "name one folder" in capsys.readouterr().err


def test_damaged_pieces_become_notes(star, workplace, tmp_path, monkeypatch):
    monkeypatch.chdir(workplace)
    run = tmp_path / "run"
    shutil.copytree(star, run)
    (run / "summary.json").write_text("[")
    shard = next((run / "artifacts" / "embedding_evolution").glob("*"))
    shard.write_bytes(shard.read_bytes()[:100])
    record = read(run)
    assert record.frames is None
    assert record.summary == {}
    assert "is not a shard of a history" in " ".join(record.notes)
    assert "summary.json: is not JSON" in " ".join(record.notes)
    assert str(tmp_path) not in " ".join(record.notes)
    assert part(record, "embedding") is None


def test_runs_are_grouped_over_seeds_and_means_have_their_interval(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    short = ("--path_finetuning_epochs", "5")
    runs = [trained(workplace, f"seed{seed}", *short, "--seed", str(seed)) for seed in (1, 2, 3)]
    runs.append(trained(workplace, "wide", *short, "--embedding_dimension", "48"))
    for run in runs:
        (workplace / "sweep").mkdir(exist_ok=True)
        run.rename(workplace / "sweep" / run.name)
    runs = runs_in(workplace / "sweep")
    assert [run.name for run in runs] == ["seed1", "seed2", "seed3", "wide"]
    assert main(["report", "sweep", "--output", "several.html"]) == 0
    groups = group_runs([read(run) for run in runs])
    assert [group.seeds for group in groups] == ["1, 2, 3", "0"]
    assert groups[0].settings == {"embedding_dimension": "32"}
    losses = [json.loads((run / "summary.json").read_text())["final"]["edge_memorization/loss"]
              for run in runs[:3]]  # fmt: skip
    found = estimate(losses)
    reach = 4.302653 * np.std(losses, ddof=1) / np.sqrt(3)
    assert found.mean == pytest.approx(np.mean(losses))
    assert found.interval[1] - found.mean == pytest.approx(reach, rel=1e-6)
    assert f"{np.mean(losses):.3g} ± {reach:.2g}" in (workplace / "several.html").read_text()


def test_stored_sections_of_the_laboratory_have_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["tiny", "run", "associative_fast", "--graph", "cycle", "--seeds", "6-8", "--workers"]
    assert main([*command, "1", "--no-figures", "--results", "tiny"]) == 0
    stored = tmp_path / "tiny" / "fp32" / "associative_fast-cycle.json"
    assert default_target(stored, ".html").name == "associative_fast-cycle.report.html"
    records = runs_of(stored)
    assert [record.seed for record in records] == [7, 6, 8]
    assert [record.frames is None for record in records] == [False, True, True]
    assert group_runs(records)[0].seeds == "6, 7, 8"
    assert {"embedding", "verdict", "curves"} <= {found.name for found in parts_of(records[0])}
    assert part(records[1], "embedding") is None


def test_a_bounded_number_of_steps_is_chosen_ends_included():
    stored = np.arange(0, 5001)
    chosen = choose_steps(stored, 60)
    assert len(chosen) <= 60
    assert (chosen[0], chosen[-1]) == (0, 5000)
    assert set(range(5)) <= set(chosen.tolist())
    np.testing.assert_array_equal(choose_steps(stored[:7], 60), stored[:7])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.04, "0.0 %"), (99.94, "99.9 %"), (99.9999, "99.9 %"), (100, "100 %")],
)
def test_a_hundred_percent_is_all(share, text):
    assert percent(share) == text


def test_figures_cannot_end_their_script():
    text = inert({"name": "</script><!--&amp;"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"name": "</script><!--&amp;"}


def test_the_floor_of_the_loss_is_that_of_the_facts_that_were_asked(star):
    """The mean of log d over the facts of the nodes asked, d facts of a node."""
    count = np.bincount(read(star).dataset.facts[:, 0])
    for most in (0, 1, 2, 5):
        asked = count if not most else count[np.arange(most) * len(count) // most]
        run = Run(star, config=changed(read(star).config, evaluate_at_most=most))
        assert loss_floor(run) == pytest.approx(float((asked * np.log(asked)).sum() / asked.sum()))
    assert len(set(count)) > 1


@pytest.mark.parametrize(
    ("metrics", "verdict", "expected"),
    [
        ({RECOVERY: 100.0, ACCURACY: 96.0}, "map",
         "Knows all 48 facts; answers 96.0 % of the one path it never saw (chance 25 %); its "
         "embedding is a map of the graph (score +0.83 among nodes three hops apart and more), "
         "though nobody trained for one."),
        ({RECOVERY: 100.0}, "local", "Knows all 48 facts; its embedding is no map (score +0.83 "
         "among nodes three hops apart and more): nodes within two hops are near; beyond that no "
         "order shows."),
        ({RECOVERY: 100.0}, "undecided",
         "Knows all 48 facts; whether its embedding is a map is undecided: it is small."),
        ({RECOVERY: 99.99}, "map", "Knows 99.9 % of the 48 facts."),
        ({RECOVERY: 99.999}, "clusters", "Knows 99.9 % of the 48 facts; its embedding is no map "
         "(score +0.83 among nodes three hops apart and more): which far nodes belong together is "
         "known, but not the paths between them."),
        ({}, "map", ""),
    ],
)  # fmt: skip
def test_a_report_opens_with_what_came_of_the_run(star, metrics, verdict, expected):
    geometry = replace(read(star).geometry(), score=0.83, verdict=verdict, reason="it is small")
    curves = {n: Series(steps=np.array([1.0]), values=np.array([v])) for n, v in metrics.items()}
    run = Run(star, config=read(star).config, metrics=Metrics(curves),
              summary={"test_paths": 1, "chance": 25.0}, dataset=read(star).dataset)  # fmt: skip
    assert finding(run, geometry) == expected


def test_a_report_says_of_how_many_nodes_and_paths_it_was_asked(star):
    config = changed(read(star).config, evaluate_at_most=2)
    curves = {n: Series(steps=np.ones(1), values=np.full(1, 100.0)) for n in (RECOVERY, ACCURACY)}
    run = Run(star, config=config, metrics=Metrics(curves), dataset=read(star).dataset,
              summary={"test_paths": 3, "chance": 25.0})  # fmt: skip
    nodes = run.dataset.graph.node_count
    of_some = Run(star, config=config, metrics=run.metrics).geometry().memorized
    assert of_some == f"All edges of 2 among {nodes} nodes are memorized."
    nearly = replace(Run(star, config=config, metrics=run.metrics).geometry(), recovery=0.9999)
    assert nearly.memorized.startswith("Only 99.9 % of the ")
    assert finding(run, None) == (
        f"Knows all facts of 2 among {nodes} nodes; answers 100 % of the 2 among 3 paths it never "
        "saw (chance 25 %)."
    )
    assert key_numbers(run, None, None)[f"edges memorized, of 2 among {nodes} nodes"] == "100 %"


def test_below_an_embedding_stands_whose_memorization_it_shows(star):
    """Of a graph too big for the page some nodes are shown; what is measured may be of others."""
    of_all = read(star)
    course = course_of(of_all, view_of(of_all), 2)
    few = replace(view_of(of_all), whole=False)
    thinned = Run(star, config=changed(of_all.config, evaluate_at_most=2))
    nodes = of_all.graph.node_count
    for run, numbers in (
        (of_all, "every number is of all nodes"),
        (thinned, f"memorization is of 2 among {nodes} nodes, every other number of all"),
    ):
        below = embedding_section(run, of_all.graph, few, course).blocks[-1]
        assert below == Note(f"{nodes} of {nodes} nodes are shown; {numbers}.")


def test_a_guess_among_many_arms_is_not_called_impossible(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    many = ("--star_degree", "300", "--path_length", "3", "--max_steps", "2")
    arms = arms_section(read(trained(workplace, "many", *many)))
    assert arms.blocks[1]["a guess"] == "0.33 %"
