"""The front door: what it shows, how little it loads, and that it is the shell's own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import geometric_memory as gm
from geometric_memory.cli.main import main
from geometric_memory.config.presets import PRESETS
from geometric_memory.errors import CheckpointError, ConfigurationError, DataError
from geometric_memory.runs.history import read_history

WORDS = {"path_star", "tree", "grid", "cycle", "irregular", "graph", "train", "load", "geometry",
         "sweep", "tiny"}  # fmt: skip
OBJECTS = {"Graph", "Run", "Geometry"}


def test_dir_shows_the_words_and_the_objects():
    assert set(dir(gm)) == WORDS | OBJECTS | {"__version__"}
    for name in WORDS | OBJECTS:
        assert getattr(gm, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'trian'") as caught:
        gm.trian  # noqa: B018
    assert caught.value.obj is gm  # of which Python itself finds the nearest name


def test_the_import_loads_nothing_and_takes_no_time():
    code = (
        "import sys, time; before = set(sys.modules); begin = time.perf_counter()\n"
        "import geometric_memory as gm\n"
        "took = time.perf_counter() - begin; dir(gm)\n"
        "print(took, *sorted(set(sys.modules) - before))"
    )
    answers = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    seconds, *modules = min(answer.stdout.split() for answer in answers)
    roots = {module.partition(".")[0] for module in modules}
    assert roots - sys.stdlib_module_names == {"geometric_memory"}
    assert float(seconds) < 0.1


def test_a_room_does_not_hide_the_word_of_its_name():
    code = (
        "import geometric_memory as gm\n"
        "from geometric_memory.tiny import sections\n"
        "import geometric_memory.tiny.comparison\n"
        "assert gm.tiny.__name__ == 'tiny' and callable(gm.tiny)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_shell_trains_the_same_bits(trained, star, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = ["--preset", "tiny", "--seed", "1", "--embedding_dimension", "32",
             "--path_finetuning_epochs", "40", "--path_finetuning_eval_interval_epochs", "10",
             "--track_embedding_evolution", "--star_degree", "8", "--path_length", "4"]  # fmt: skip
    assert main(["train", *typed, "--run_name", "star"]) == 0
    run = trained[0]
    shell = gm.load("experiment_logs/in_weights/star")
    assert shell.config == run.config
    ours, theirs = (load_file(each.checkpoints[-1] / "model.safetensors") for each in (run, shell))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_run_gives_what_it_has_logged_and_stored(run, star):
    summary = json.loads((run.path / "summary.json").read_text())
    assert run["test/accuracy"] == summary["final"]["test/accuracy"]
    history = dict(read_history(run.path / "artifacts" / "embedding_evolution"))
    assert np.array_equal(run.embeddings, history[max(history)])
    assert np.array_equal(run.embeddings_at(3), history[3])
    assert run.embeddings.shape == (len(run.nodes), 32)
    assert run.nodes == star.keys == tuple(range(25))
    leaf = star.node("leaf 5")
    answer = run.answer("leaf 5")
    assert answer.known[0][-1] == leaf
    assert answer.path == run.answer(leaf).path
    tokens = run.tokens("leaf 5")
    states = run.model.hidden_states(tokens)
    assert run.model(tokens).shape == (1, tokens.shape[1], 34)
    assert states.shape == (2, 1, tokens.shape[1], 32)
    assert not run.model(tokens).requires_grad


def test_evaluations_show_the_run_as_it_stands(trained):
    run, seen = trained
    series = run.metrics["test/accuracy"]
    assert [step for step, *_ in seen] == series.steps.tolist()
    assert [accuracy for _, accuracy, *_ in seen] == series.values.tolist()
    for step, _, rows, _ in seen:
        assert np.array_equal(rows, run.embeddings_at(step)) or step not in run.frames.steps
    assert np.array_equal(seen[-1][2], run.embeddings)
    assert seen[-1][3].path == run.answer(3).path
    assert seen[-1][3].probabilities == pytest.approx(run.answer(3).probabilities)


def test_geometry_of_a_run_is_that_of_its_vectors(run, star):
    ours, theirs = run.geometry(), gm.geometry(run.embeddings, star)
    assert isinstance(ours, gm.Geometry)
    assert ours.recovery == run["edge_memorization/top_k_recovery"] / 100
    assert (ours.score, ours.interval, ours.verdict) == (
        theirs.score,
        theirs.interval,
        theirs.verdict,
    )
    assert "of the edges are memorized" in str(ours)
    assert "memorized" not in str(theirs)


def test_figures_show_themselves_and_are_saved(run, tmp_path):
    for kind in ("curves", "cosine", "space", "loss", "accuracy", "memorization", "rate", "graph",
                 "hops", "spectrum", "map", "evolution"):  # fmt: skip
        assert run.plot(kind)._repr_png_().startswith(b"\x89PNG")
    for suffix in ("png", "svg", "pdf"):
        assert run.plot().save(tmp_path / f"it.{suffix}").stat().st_size > 1000
    with pytest.raises(ConfigurationError, match="did you mean cosine"):
        run.plot("cosin")
    assert run._repr_html_().startswith('<img alt="&lt;Run star: finished')
    assert run.report(tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_pictures_stop_at_a_step_and_show_named_components(run, tmp_path, monkeypatch, capsys):
    step = int(run.frames.steps[3])
    seen = run.seen(step=step, components=(4, 2))
    assert np.array_equal(seen.embeddings, run.embeddings_at(step))
    assert seen.frames.steps[-1] == step < run.frames.steps[-1]
    assert seen.geometry().score == gm.geometry(seen.embeddings, run.graph).score
    picture = run.plot("space", step=step, components=(4, 2))
    assert picture.movie.steps[-1] == step
    assert "components 4 and 2" in picture.caption
    first, clear = run.plot("space", components=(1, 2, 3)), run.plot("space")
    assert not np.allclose(first.movie.values[-1], picture.movie.values[-1])
    assert "principal components" in clear.caption
    assert "components 3 and 1" in run.plot("map", components=(3, 1)).caption
    with pytest.raises(ConfigurationError, match="shows no components; these do: space"):
        run.plot("hops", components=(1, 2))
    with pytest.raises(ConfigurationError, match="components 1,99: different ones of 1 to"):
        run.plot("space", components=(1, 99))
    command = ["report", str(run.path), "--step", str(step), "--output", str(tmp_path / "s.pdf")]
    assert main([*command, "--plot", "space", "--components", "4,2"]) == 0
    drawn = json.loads((tmp_path / "s.json").read_text())["panels"][0]["coordinates"]
    assert np.allclose(drawn, picture.movie.values[-1], atol=1e-6)
    with pytest.raises(SystemExit):
        main([*command, "--plot", "space", "--components", "4;2"])
    assert "write them as 2,3,4" in capsys.readouterr().err


def test_umap_draws_the_steps_of_the_evolution(run, monkeypatch):
    stand_in = "geometric_memory.analysis.reduction.umap"
    monkeypatch.setattr(stand_in, lambda rows, **_: rows[:, :3].astype(np.float64))
    picture, evolution = run.plot("umap"), run.plot("evolution")
    steps = picture.numbers["steps"]
    assert steps.tolist() == evolution.numbers["steps"].tolist()
    for own, step in zip(picture.numbers["coordinates"], steps.tolist(), strict=True):
        assert np.allclose(own, run.embeddings_at(step)[run.graph.order][:, :3])


def test_everything_wrong_is_said_at_once_and_nothing_is_made(star, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        gm.train(star, preset="tiny", sed=3, embedding_dimension="wide", star_degree=4,
                 path_finetuning_learning_rate=-1.0, model_family="gpt3")  # fmt: skip
    told = "\n".join(caught.value.problems)
    for part in ("--star_degree: the graph is given already", "unknown setting sed; did you mean "
                 "seed?", "--embedding_dimension 'wide'", "--path_finetuning_learning_rate -1.0",
                 "--model_family 'gpt3'"):  # fmt: skip
        assert part in told
    with pytest.raises(ConfigurationError, match="unknown preset tny; did you mean tiny"):
        gm.train(star, preset="tny")
    with pytest.raises(ConfigurationError, match="did you mean randomize_node_ids"):
        gm.path_star(4, 4, randomise_node_ids=False)
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_and_latest_is_found(run, place, star, tmp_path, monkeypatch):
    assert gm.load(run.path).summary == run.summary
    monkeypatch.chdir(tmp_path)
    short = {"preset": "tiny", "quiet": True, "checkpoint_interval_steps": 2, "seed": 1}
    whole = gm.train(star, run_name="whole", max_steps=6, **short)
    half = gm.train(star, run_name="half", max_steps=4, **short)
    assert half.last_step == 4
    again = gm.train(resume="latest", max_steps=6, quiet=True)
    assert again.path.samefile(half.path)
    assert gm.load().path == again.path
    assert np.array_equal(again.embeddings, whole.embeddings)
    shutil.rmtree(tmp_path / "experiment_logs")
    with pytest.raises(CheckpointError, match="there is no run"):
        gm.load()


def test_presets_need_no_graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = gm.train(preset="tiny", max_steps=2, quiet=True)
    assert run.config.graph == PRESETS["tiny"].config.graph
    assert run.answer("root").known == ()


def test_a_run_of_the_old_layout_is_read(tmp_path, monkeypatch):
    old = Path(__file__).parents[1] / "faults" / "old" / "0.1-schema-1"
    shutil.copytree(old, tmp_path / "old")
    monkeypatch.chdir(tmp_path)
    run = gm.load("old")
    assert (run.status, run.last_step) == ("unfinished", 20)
    assert run.embeddings.shape == (len(run.nodes), 8) == (19, 8)
    assert len(run.answer("leaf 2").path) == 4
    assert run.geometry().verdict == "undecided"
    assert run.model(run.tokens(3)).shape[-1] == run.vocabulary.size
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_what_is_misspelt_is_answered_with_the_nearest(run):
    with pytest.raises(KeyError, match="did you mean test/accuracy"):
        run.metrics["test/acuracy"]
    assert repr(gm.grid(3, 3)) == "<Graph grid: 9 nodes, 12 edges, 9 paths>"
    with pytest.raises(DataError, match="edge 0: expected a pair"):
        gm.train([5])


def test_seeds_of_a_stored_section_are_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = gm.tiny("transformer", graph="cycle", seeds=[3, 4], steps=4)
    stored = tmp_path / "experiment_logs" / "tiny" / "fp32" / "transformer-cycle"
    run, other = gm.load(stored), gm.load(stored, seed=4)
    assert (run.seed, other.seed) == (3, 4)
    assert run.embeddings.shape == (15, 32)
    for place, each in enumerate((run, other)):
        assert each["edge_memorization/loss"] == pytest.approx(table["loss"][place])
    with pytest.raises(DataError, match="Snapshots are stored of seed 3 alone"):
        other.embeddings  # noqa: B018
    with pytest.raises(DataError, match="stores curves and embeddings, no more"):
        run.answer(0)
    with pytest.raises(CheckpointError, match="has no seed 7, only 3, 4"):
        gm.load(stored, seed=7)
    assert gm.load("experiment_logs/latest").name == "transformer-cycle-seed3"


def test_settings_of_torch_are_as_before(star, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(5)
    before = torch.rand(3)
    torch.manual_seed(5)
    gm.train(star, preset="tiny", max_steps=2, quiet=True)
    assert torch.equal(torch.rand(3), before)
