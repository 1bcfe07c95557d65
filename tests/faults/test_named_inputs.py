"""Inputs that once ended a command badly, as the shell sees them: exit code and one message."""

import re
from pathlib import Path

import pytest
from fuzz import Place
from readers import IN_RUN, READERS
from safetensors.torch import load, save

from geometric_memory.cli.main import main
from geometric_memory.runs import preparation

TRAIN = ["train", "--preset", "tiny", "--max_steps", "1"]
TINY = ["tiny", "run", "transformer"]
OWN_GRAPH = ["dataset", "--graph_type", "custom", "--graph_file"]
SHARD = f"{IN_RUN}/artifacts/embedding_evolution/shard-00000000.safetensors"


def without_steps(content):
    return save({name: value for name, value in load(content).items() if name != "steps"})


ENDLESS = b"9" * 400
HARMS = {
    "infinite": ("metrics.jsonl", lambda good: re.sub(rb'(loss"): *[0-9.]+', rb"\1: 1e999", good)),
    "stepless": ("artifacts/embedding_evolution/shard-00000000.safetensors", without_steps),
    "empty": ("summary.json", lambda _: b"{}"),
    "list": ("summary.json", lambda _: b"[]"),
    "endless": ("summary.json", lambda good: re.sub(rb"[0-9.]+(?=[,}])", ENDLESS, good)),
    "endless rows": ("metrics.jsonl", lambda good: re.sub(rb'(?<=loss":)[0-9.]+', ENDLESS, good)),
    "record": ("metrics.jsonl", lambda good: good + b"[]\n{}\n"),
}  # fmt: skip
"""Runs with one harmed file, by their folder."""
NAMED = [
    ([*TINY, "--seeds", "²"], 2),
    ([*TINY, "--seeds", "0-999999999"], 2),
    ([*TINY, "--workers", "1000000000"], 2),
    ([*TRAIN, "--seed", "9" * 5000], 2),
    ([*TRAIN, "--run_name", "\udc80"], 2),
    (["evaluate", "\udc80"], 4),
    ([*OWN_GRAPH, "g.graphml"], 3),
    ([*OWN_GRAPH, "g.csv", "--columns", "9" * 5000 + ",1"], 3),
    (["convert", "w.safetensors", "missing/out.safetensors"], 6),
    (["report", f"infinite/{IN_RUN}"], 4),
    (["report", f"record/{IN_RUN}"], 4),
    (["report", f"endless rows/{IN_RUN}"], 4),
    (["report", f"endless/{IN_RUN}"], 0),
    *[(["report", f"{name}/{IN_RUN}"], 0) for name in ("stepless", "empty", "list")],
    *[(["list", name], 0) for name in HARMS],
]  # fmt: skip
SIZES = [
    "embedding_dimension=1000000000", "transformer_layer_count=1000000000",
    "position_count=1000000000", "star_degree=1000000000", "path_length=1000000000",
    "graph_type=cycle,total_nodes=1000000000", "graph_type=erdos_renyi,total_nodes=10000000",
    "graph_type=tree,tree_branching=10000000,tree_depth=100",
    "star_subtree_degree=10000000,path_length=100000",
    "graph_type=cycle,total_nodes=10000000,path_length=100000",
    "model_family=mamba,mamba_state_dimension=1000000000",
    "task_family=in_context,context_label_count=10000000",
]  # fmt: skip


def exit_code(words, capsys) -> int:
    """Return the exit code of a line that has one message at most."""
    code = main(words)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.count("error: ") == (code != 0)
    return code


@pytest.mark.parametrize(("words", "code"), NAMED, ids=lambda value: str(value)[:60])
def test_the_exit_code_is_that_of_the_documentation(words, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("g.graphml").write_bytes(b"<?xml version='1.0' encoding='no-such-code'?><graphml/>")
    Path("g.csv").write_bytes(b"1,2\n2,3\n")
    Place(tmp_path, READERS["published weights"].files())
    files = READERS["run"].files()
    for name, (file, harm) in HARMS.items():
        path = f"{IN_RUN}/{file}"
        Place(tmp_path / name, {**files, path: harm(files[path])})
    assert exit_code(words, capsys) == code


@pytest.mark.parametrize("settings", SIZES)
def test_a_size_beyond_reason_is_refused_before_anything_is_made(
    settings, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for command in (TRAIN, ["dataset", "--graph_type", "star"]):
        words = [word for pair in settings.split(",") for word in ("--" + pair).split("=")]
        assert exit_code([*command, *words], capsys) == 2
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("settings", [
    ["--embedding_dimension", "100000"],
    ["--transformer_layer_count", "1000", "--embedding_dimension", "5000"],
    ["--position_count", "10000000", "--embedding_dimension", "2000"],
])  # fmt: skip
def test_a_model_beyond_the_memory_is_refused_before_it_takes_any(
    settings, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preparation, "build_model", lambda *_, **__: pytest.fail("built"))
    monkeypatch.setattr(preparation, "free_memory", lambda _: 20 * 10**9)
    assert exit_code([*TRAIN, *settings], capsys) == 7
