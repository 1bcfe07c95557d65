"""A graph of one's own without a preset gets settings that suit it, through both doors."""

import json
from pathlib import Path

import networkx as nx
import pytest

import geometric_memory as gm
from geometric_memory.cli.main import main
from geometric_memory.config.own_graph import outcome, settings_for
from geometric_memory.config.run import RunConfig
from geometric_memory.graphs import files
from geometric_memory.graphs.shortest_paths import ShortestPaths, draw_paths
from geometric_memory.settings import assemble

KITE = nx.krackhardt_kite_graph()


@pytest.mark.parametrize(("nodes", "facts", "paths"), [(4, 10, 2), (34, 190, 24), (120, 900, 90),
    (2000, 10_000, 1500), (30_000, 200_000, 22_000)])  # fmt: skip
def test_batches_are_even_and_settings_hold_together(nodes, facts, paths):
    chosen, seconds = settings_for(nodes, facts, paths, cores=2)
    batch, epochs = chosen["path_finetuning_batch_size"], chosen["path_finetuning_epochs"]
    batches = -(-(facts + paths) // batch)
    assert facts + paths > (batches - 1) * batch + batch // 2
    assert batches * epochs >= 1500
    assert seconds > settings_for(nodes, facts, paths, cores=4)[1] > 0
    own = {"graph_type": "custom", "graph_file": "some.csv"}
    assemble(RunConfig, own | chosen, typed=False)
    assert settings_for(nodes, facts, paths, cores=2, width=30)[0]["attention_head_count"] == 2


def test_the_time_of_a_large_graph_is_that_of_its_vocabulary():
    """As many facts and paths of ten times the nodes: nearly ten times the products of the head."""
    few, many = (settings_for(n, 80_000, 15_000, cores=1)[1] for n in (20_000, 200_000))
    assert 7 < many / few < 10


def test_a_large_graph_is_given_more_paths_and_a_deeper_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = gm.train(gm.graph(nx.watts_strogatz_graph(2001, 4, 0.1, 100)), max_steps=1)
    told = capsys.readouterr().err
    assert "2001 nodes, 10005 facts, 8004 paths of 4 nodes: gpt2 of 2 layers of width 128" in told
    assert "of the facts are known: try longer" in told
    assert run.config.graph.path_count == 8004


def test_a_small_graph_is_learned_whole_and_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = gm.train(gm.graph(KITE), max_steps=200)
    told = capsys.readouterr().err
    assert "10 nodes, 46 facts, 10 paths of 4 nodes: gpt2 of 1 layer of width 64" in told
    assert "all facts are known; " in told
    assert run["edge_memorization/top_k_recovery"] == 100
    assert run.config.graph.path_length == 4
    trained = run.graph.paths[0].tolist()
    assert run.answer(trained[-1], start=trained[0]).probability > 0.1


@pytest.mark.parametrize(("self_edges", "facts"), [("none", 10), ("leaves", 14), ("all", 16)])
def test_the_facts_that_are_named_are_those_that_are_trained(
    tmp_path, monkeypatch, capsys, self_edges, facts
):
    """A path of six nodes: those of five nodes end at the two nodes on either side."""
    monkeypatch.chdir(tmp_path)
    line = gm.graph(nx.path_graph(6))
    run = gm.train(line, path_length=5, self_edges=self_edges, max_steps=1)
    assert f"6 nodes, {facts} facts, 4 paths of 5 nodes" in capsys.readouterr().err
    assert run.summary["edge_facts"] == facts


def test_the_shell_chooses_the_same_and_keeps_what_is_given(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    nx.write_edgelist(KITE, "kite.txt", data=False)
    short = {"max_steps": 3, "seed": 2, "embedding_dimension": 32, "path_length": 3}
    typed = [word for name, value in short.items() for word in (f"--{name}", str(value))]
    assert main(["train", "--graph", "kite.txt", *typed]) == 0
    told = capsys.readouterr().err
    assert "10 paths of 3 nodes: gpt2 of 1 layer of width 32" in told
    assert "% of the facts are known: try longer (path_finetuning_epochs 3000), or a wider" in told
    assert "are answered by a shortest path: to answer more, try more paths (path_count 48)" in told
    shell = gm.load()
    python = gm.train(gm.graph("kite.txt"), quiet=True, **short)
    assert shell.config == python.config
    assert shell.config.model.model_family == "gpt2"
    assert capsys.readouterr().err == ""
    assert main(["train", "--graph", "kite.txt", "--dry_run", *typed]) == 0
    assert "width 32" in capsys.readouterr().err
    assert main(["train", "--graph", "no.txt"]) == 3


@pytest.mark.parametrize("source", ["kite.txt", KITE])
def test_a_sweep_chooses_what_a_training_does(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    nx.write_edgelist(KITE, "kite.txt", data=False)
    one = gm.train(gm.graph(source), max_steps=2, quiet=True, seed=1).config
    table = gm.sweep(gm.graph(source), max_steps=2, quiet=True, seed=[1], workers=1)
    (cell,) = (gm.load(run).config for run in table["run"])
    assert (cell.model, cell.training, cell.dataset) == (one.model, one.training, one.dataset)
    assert cell.graph.path_length == one.graph.path_length
    typed = ["--graph", "kite.txt", "--max_steps", "2"]
    assert main(["sweep", *typed, "--grid", "seed=1", "--workers", "1", "--folder", "s"]) == 0
    planned = json.loads(Path("s/plan.jsonl").read_text())["settings"]
    assert planned["path_finetuning_epochs"] == one.training.path_finetuning_epochs


@pytest.mark.parametrize("source", ["kite.txt", KITE])
def test_a_graph_is_read_once_and_its_paths_are_drawn_once(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    nx.write_edgelist(KITE, "kite.txt", data=False)
    done = []
    for owner, name in ((files, "edges_of_table"), (files, "read_json_graph"),
                        (ShortestPaths, "sample")):  # fmt: skip
        kept = getattr(owner, name)

        def counted(*given, kept=kept, name=name):
            done.append(name)
            return kept(*given)

        monkeypatch.setattr(owner, name, counted)
    files._graph_of.cache_clear()
    draw_paths.cache_clear()
    gm.train(gm.graph(source), max_steps=2, quiet=True)
    assert sorted(done) == ["edges_of_table" if source is not KITE else "read_json_graph", "sample"]


def test_one_missing_fact_of_many_is_not_all_of_them():
    config = assemble(RunConfig, {"graph_type": "custom", "graph_file": "some.csv"}, typed=False)
    final = {"edge_memorization/top_k_recovery": 99.9983, "test/accuracy": 95.0}
    told = outcome(config, {"final": final, "test_paths": 25})
    assert told.startswith("only 99.998 % of the facts are known: try longer")
    assert told.endswith("95 % of the held-out questions are answered by a shortest path")


def test_a_preset_or_published_size_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = gm.train(gm.graph(KITE), preset="tiny", max_steps=2, path_length=3)
    assert run.config.model.model_family == "gpt"
    assert "facts" not in capsys.readouterr().err


def test_a_graph_without_long_paths_is_asked_for_shorter_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = gm.train(gm.graph(nx.star_graph(8)), max_steps=2, quiet=True)
    assert run.config.graph.path_length == 3
    run = gm.train(gm.graph(nx.complete_graph(5)), max_steps=2, quiet=True)
    assert run.config.graph.path_length == 2
