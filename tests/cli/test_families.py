"""Every model family in every recipe, full, reversed and teacherless, through the command line."""

import json
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

import pytest

from geometric_memory.cli.main import main
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.history import history_steps, read_history

REPOSITORY = Path(__file__).resolve().parents[2]
FAMILIES = ("gpt", "gpt2", "pythia", "mamba")
RECIPES = ("staged_full_path", "mixed_full_path", "staged_hardest_token", "mixed_hardest_token")
VARIANTS = {
    "full": [], "reversed": ["--reverse_path_targets"], "teacherless": ["--use_teacherless_inputs"]
}  # fmt: skip
TINY = [
    "--graph_type", "star", "--star_degree", "4", "--path_length", "4",
    "--transformer_layer_count", "1", "--embedding_dimension", "32", "--attention_head_count", "2",
    "--edge_memorization_batch_size", "16", "--path_finetuning_batch_size", "16",
    "--edge_memorization_epochs", "1", "--path_finetuning_epochs", "1",
    "--train_split_ratio", "0.5", "--device", "cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("families")


def arguments(root, *options):
    places = ["--dataset_root", str(root / "data"), "--experiment_log_root", str(root / "logs")]
    return ["train", *TINY, *places, *options]


def trained(root, name, *options):
    """Train through the command line and return the folder and the summary of the run."""
    assert main(arguments(root, "--run_name", name, *options)) == 0
    folder = RunFolder(root / "logs" / "in_weights" / name)
    return folder, json.loads(folder.summary.read_text())


def check(summary, recipe):
    assert summary["status"] == "finished"
    assert summary["test_paths"] == 2
    final = summary["final"]
    nodes = 4 if recipe.endswith("full_path") else 1
    assert {f"test/token_{i}" for i in range(1, nodes + 1)} <= final.keys()
    assert f"test/token_{nodes + 1}" not in final
    assert {"test/accuracy", "test_forced/loss", "edge_memorization/top_k_recovery"} <= final.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_without_layers_is_a_control(root, family, capsys):
    options = ("--model_family", family, "--transformer_layer_count", "0")
    folder, summary = trained(root, f"bare_{family}", *options, "--path_finetuning_epochs", "3")
    check(summary, "mixed_full_path")
    for command in ("evaluate", "verify", "report"):
        assert main([command, str(folder.path)]) == 0
    assert "bit for bit" in capsys.readouterr().out
    refused = arguments(root, *options, "--freeze_token_embeddings")
    assert main(refused) == 2
    assert "leaves nothing to train without layers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("family", "recipe", "variant"), list(product(FAMILIES, RECIPES, VARIANTS))
)
def test_every_family_recipe_and_variant(root, family, recipe, variant):
    _, summary = trained(
        root, f"{family}-{recipe}-{variant}", "--model_family", family,
        "--training_recipe", recipe, *VARIANTS[variant],
    )  # fmt: skip
    check(summary, recipe)
    assert summary["steps"] == (3 if recipe.startswith("staged") else 2)


@pytest.fixture(scope="module")
def tokenizer_file(root):
    """Digits and a comma, 1 and 2 merged: node 12 is one token, 10 and 11 are two."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {character: i for i, character in enumerate("0123456789,")} | {"12": 11}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("1", "2")]))
    path = root / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize(
    ("family", "recipe", "variant"), list(product(("gpt2", "pythia"), RECIPES, VARIANTS))
)
def test_text_tokens_in_every_recipe_and_variant(root, tokenizer_file, family, recipe, variant):
    folder, summary = trained(
        root, f"text-{family}-{recipe}-{variant}", "--model_family", family, "--tokenizer", "text",
        "--tokenizer_file", str(tokenizer_file), "--training_recipe", recipe,
        "--prediction_logging_multiplier", "1", *VARIANTS[variant],
    )  # fmt: skip
    check(summary, recipe)
    rows = [json.loads(line) for line in folder.predictions.read_text().splitlines()]
    nodes = 4 if recipe.endswith("full_path") else 1
    assert all(row["target"].count(",") == nodes for row in rows)
    assert all(row["prompt"].startswith("[PATH]") for row in rows)


@pytest.mark.parametrize(
    ("family", "tokenizer"), [*product(FAMILIES, ["node"]), ("gpt2", "text"), ("pythia", "text")]
)
def test_every_family_tells_what_a_run_would_need(
    tmp_path, tokenizer_file, family, tokenizer, capsys
):
    text = ["--tokenizer", "text", "--tokenizer_file", str(tokenizer_file)]
    options = ["--model_family", family, "--dry-run", *text * (tokenizer == "text")]
    assert main(arguments(tmp_path, *options, "--training_recipe", "staged_full_path")) == 0
    said = capsys.readouterr().out
    for part in (
        "parameters: ", "token embedding: ", "stage edge_memorization: 2 steps",
        "stage path_finetuning: 1 steps", " tokens in, ", "memory: about ", "disk: up to ",
        "steps: 3 in all", "time: ",
    ):  # fmt: skip
        assert part in said, said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("family", FAMILIES)
def test_frozen_embeddings_stay_and_evolution_is_tracked(root, family):
    folder, _ = trained(
        root, f"frozen-{family}", "--model_family", family, "--freeze_token_embeddings",
        "--track_embedding_evolution", "--track_top_k_predictions", "--training_recipe",
        "staged_full_path", "--edge_memorization_epochs", "2",
    )  # fmt: skip
    values = [value for _, value in read_history(folder.artifacts / "embedding_evolution")]
    assert all((value == values[0]).all() for value in values)
    assert values[0].shape == (13, 32)
    moving, _ = trained(
        root, f"moving-{family}", "--model_family", family, "--track_embedding_evolution",
        "--training_recipe", "staged_full_path", "--edge_memorization_epochs", "2",
        "--disable_edge_memorization_lr_decay",
    )  # fmt: skip
    history = moving.artifacts / "embedding_evolution"
    assert history_steps(history).tolist() == [0, 1, 2, 3, 4]
    values = [value for _, value in read_history(history)]
    assert all((after != before).any() for before, after in pairwise(values))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_finished_run_is_measured_again(root, family, capsys):
    folder, summary = trained(root, f"again-{family}", "--model_family", family)
    capsys.readouterr()
    assert main(["evaluate", str(folder.path), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    for name, value in again.items():
        assert value == pytest.approx(summary["final"][name], rel=1e-5, abs=1e-5), name


@pytest.fixture(scope="module", params=("gpt2", "pythia"))
def checkpoint(request, root, tokenizer_file):
    """A tiny random model of transformers with the tokenizer beside it."""
    transformers = pytest.importorskip("transformers")
    if request.param == "gpt2":
        sizes = {"n_layer": 2, "n_embd": 32, "n_head": 2, "n_positions": 50}
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=16, **sizes))
    else:
        config = transformers.GPTNeoXConfig(
            vocab_size=16, num_hidden_layers=2, hidden_size=32, num_attention_heads=2,
            intermediate_size=128, max_position_embeddings=50,
        )  # fmt: skip
        model = transformers.GPTNeoXForCausalLM(config)
    folder = root / f"pretrained-{request.param}"
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    return request.param, folder


@pytest.mark.parametrize("tokenizer", ["node", "text"])
def test_training_starts_from_pretrained_weights(root, checkpoint, tokenizer, capsys):
    family, pretrained = checkpoint
    untied = family == "pythia" and tokenizer == "text"
    folder, summary = trained(
        root, f"pretrained-{family}-{tokenizer}", "--model_family", family,
        "--pretrained", str(pretrained), "--tokenizer", tokenizer,
        *["--no-tie_input_output_embeddings"] * untied,
    )  # fmt: skip
    check(summary, "mixed_full_path")
    stored = json.loads(folder.config.read_text())["model"]
    assert stored["transformer_layer_count"] == 2
    assert stored["position_count"] == (50 if family == "gpt2" else 0)
    assert main(["evaluate", str(folder.path), "--json"]) == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (
            ["--model_family", "mamba", "--no-use_attention"],
            2,
            "ablation is for --model_family gpt",
        ),
        (["--model_family", "mamba", "--pretrained", "x"], 2, "for --model_family gpt2 and pythia"),
        (["--model_family", "gpt2", "--tokenizer", "text"], 2, "--tokenizer_file"),
        (["--model_family", "gpt2", "--model_size", "gpt2-huge"], 2, "gpt2-medium"),
        (["--model_family", "gpt2", "--pretrained", "./nothing"], 4, "./nothing"),
        (["--model_family", "pythia", "--embedding_dimension", "36"], 2, "multiple of 8"),
        (
            ["--model_family", "gpt2", "--tokenizer", "text", "--tokenizer_file", "nothing.json"],
            4,
            "nothing.json",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason(root, options, code, message, capsys):
    assert main(arguments(root, *options)) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("family", ["mamba", "pythia"])
def test_the_published_command_trains_every_family(root, family):
    options = arguments(root, "--model_family", family, "--run_name", f"command-{family}")[1:]
    answer = subprocess.run(
        [sys.executable, "train_in_weights.py", *options],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert "held-out paths answered" in answer.stdout
