"""The example lines of the published README, copied from it, run unchanged (and shortened)."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from geometric_memory.runs.metrics import read_rows

REPOSITORY = Path(__file__).parents[2]
RECIPES = ("staged_full_path", "mixed_full_path", "staged_hardest_token", "mixed_hardest_token")
SMALL = shlex.split(
    "--transformer_layer_count 1 --embedding_dimension 8 --attention_head_count 2 --max_steps 1 "
    "--path_finetuning_batch_size 64 --edge_memorization_batch_size 64 "
    "--edge_memorization_epochs 1 --edge_memorization_eval_interval_epochs 1"
)


@pytest.fixture(scope="module")
def lines(shared):
    """Every command of the published README that starts a script, as words."""
    text = (shared / "spec" / "published_readme.txt").read_text(encoding="utf-8")
    found = re.findall(r"^python (?:[^\n]*\\\n)*[^\n]*$", text, flags=re.MULTILINE)
    return [shlex.split(line.replace("\\\n", " ")) for line in found if "..." not in line]


def run(words, folder):
    """Run a published line in `folder`, the script taken from the repository."""
    assert words[0] == "python"
    line = [sys.executable, str(REPOSITORY / words[1]), *words[2:]]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def starting(lines, script, word):
    (found,) = [line for line in lines if line[1] == script and word in line]
    return found


def test_help(lines, tmp_path):
    done = run(starting(lines, "train_in_weights.py", "--help"), tmp_path)
    assert "--training_recipe" in done.stdout
    assert "--edge_memorization_checkpoint_path" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_script_evaluates_and_keeps_as_published(tmp_path):
    line = [
        "python", "train_in_weights.py", "--star_degree", "4", "--path_length", "4", *SMALL,
        "--path_finetuning_epochs", "9", "--path_finetuning_eval_interval_epochs", "4",
        "--checkpoint_interval_epochs", "2", "--max_steps", "0",
    ]  # fmt: skip
    run(line, tmp_path)
    (folder,) = [path.parent for path in tmp_path.rglob("metrics.jsonl")]
    assert [row["epoch"] for row in read_rows(folder / "metrics.jsonl")] == [0, 1, 5, 9]
    steps = {int(path.name[5:]) for path in folder.glob("checkpoints/step-*")}
    assert steps >= {2, 4, 6, 8, 9}


@pytest.mark.slow
def test_the_data_set_and_the_big_run(lines, tmp_path):
    run(starting(lines, "data/build_in_weights_datasets.py", "--graph_type"), tmp_path)
    stem = "star_deg_5000_deg_tree_1_path_5_nodes_20001_sd_00_fb_11"
    assert len(list(tmp_path.rglob(f"{stem}_selfedge_*.txt"))) == 6
    done = run([*starting(lines, "train_in_weights.py", "--training_recipe"), *SMALL], tmp_path)
    assert "built the data set" not in done.stderr
    assert "a mixed recipe has no edge stage and ignores --edge_memorization" in done.stderr
    rows = list(read_rows(next(tmp_path.rglob("metrics.jsonl"))))
    assert rows[-1]["step"] == 1
    assert "test/token_5" in rows[-1]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_with_both_histories_and_then_without_the_edge_stage(tmp_path, recipe):
    line = [
        "python", "train_in_weights.py", "--training_recipe", recipe, "--graph_type", "star",
        "--star_degree", "12", "--path_length", "4", "--add_forward_edges", "--add_backward_edges",
        "--path_finetuning_epochs", "2", *SMALL, "--max_steps", "0",
        "--track_embedding_evolution", "--track_top_k_predictions",
    ]  # fmt: skip
    run(line, tmp_path)
    first = next(tmp_path.rglob("summary.json")).parent
    assert {path.name for path in (first / "artifacts").iterdir()} == {
        "embedding_evolution", "top_k_predictions",
    }  # fmt: skip
    if recipe.startswith("staged"):
        skip = ["--skip_edge_memorization", "--edge_memorization_checkpoint_path", str(first)]
        run([*line, *skip], tmp_path)
        assert len(list(tmp_path.rglob("summary.json"))) == 2
