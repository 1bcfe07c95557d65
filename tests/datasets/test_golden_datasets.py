"""All golden data sets, where the shared folder is at hand: every byte agrees."""

import hashlib
import json
from pathlib import Path

import pytest

from geometric_memory.cli.dataset import main

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden data is not here")


def configurations():
    path = GOLDEN / "datasets.json"
    return json.loads(path.read_text()) if path.is_file() else []


@pytest.mark.parametrize("golden", configurations(), ids=lambda golden: golden["name"])
def test_every_file_has_its_golden_sum(tmp_path, golden):
    assert main([*golden["flags"], "--dataset_root", str(tmp_path)]) == 0
    for file in golden["files"]:
        content = (tmp_path / file["folder"] / file["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"], file["name"]
        assert content.count(b"\n") == file["lines"]
    written = {path.name for path in tmp_path.glob("*/*.txt")}
    assert written == {file["name"] for file in golden["files"]}


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("star_d4_l5", "--graph_type star --star_degree 4"),
        ("grid_4x4_l5", "--graph_type grid"),
        ("cycle_15_l5", "--graph_type cycle --total_nodes 15"),
        ("irregular_l5", "--graph_type irregular"),
    ],
)
def test_tiny_files_equal_the_golden_text(tmp_path, folder, options):
    both = ["--add-forward-edges", "--add-backward-edges", "--random_seed", "7"]
    assert main([*options.split(), *both, "--dataset_root", str(tmp_path)]) == 0
    golden = {p.name: p.read_text() for p in (GOLDEN / "tiny_datasets" / folder).iterdir()}
    written = {path.name: path.read_text() for path in tmp_path.glob("*/*.txt")}
    assert len(golden) == 6
    assert written == golden
