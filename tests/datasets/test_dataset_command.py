"""The command behind `geomem dataset` and the published script."""

import subprocess
import sys
from pathlib import Path

import pytest

from geometric_memory.cli.dataset import main

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "data" / "build_in_weights_datasets.py"
CYCLE = ["--graph_type", "cycle", "--total_nodes", "9"]


@pytest.fixture
def command(tmp_path, capsys):
    def run(*options):
        code = main([*options, "--dataset_root", str(tmp_path)])
        return code, *capsys.readouterr()

    return run


def test_it_says_what_was_built_and_where(command, tmp_path):
    code, out, err = command(*CYCLE, "--add_forward_edges")
    assert code == 0
    assert err == ""
    assert out.startswith("cycle: 9 nodes, paths of 5 nodes, seed 0\n")
    assert str(tmp_path) in out
    assert "cycle_N_9_sd_00_fb_10_selfedge_1_pretrain.txt  18 lines" in out


def test_switches_without_effect_are_warned_about(command):
    code, _, err = command(*CYCLE, "--add_self_edges", "--no-randomize_node_ids")
    assert code == 0
    assert "using both" in err
    assert "only the ids of a star are shuffled" in err
    assert "both variants are always written" in err


def test_leaves_alone_with_self_edges_change_no_file(command):
    code, _, err = command(*CYCLE, "--self_edges", "leaves")
    assert code == 0
    assert "--self_edges changes no file" in err


def test_existing_files_need_overwrite(command):
    assert command(*CYCLE)[0] == 0
    code, out, err = command(*CYCLE)
    assert (code, out) == (3, "")
    assert "use --overwrite" in err
    assert command(*CYCLE, "--overwrite")[0] == 0


def test_the_graph_type_is_required_and_nothing_is_made(command, tmp_path):
    code, _, err = command("--train_split_ratio", "1.7")
    assert code == 2
    assert "--graph_type is required" in err
    assert "train_split_ratio" in err
    assert not list(tmp_path.iterdir())


def test_notes_of_a_graph_file_are_warnings(command, tmp_path):
    graph = tmp_path / "g.csv"
    graph.write_text("a,a\na,b\nb,c\n")
    options = ["--graph_type", "custom", "--graph_file", str(graph), "--path_length", "3"]
    code, _, err = command(*options)
    assert code == 0
    assert "warning: g.csv: 1 self-loops dropped" in err


def test_the_published_script_runs_without_an_installation(tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *CYCLE, "--dataset_root", "here"],
        cwd=tmp_path,
        env={"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout[:5]) == (0, "cycle"), done.stderr
    assert len(list(tmp_path.glob("here/*/*"))) == 7


def test_help_needs_no_numpy():
    code = (
        "import sys; from geometric_memory.cli.dataset import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert b"--overwrite" in done.stdout
