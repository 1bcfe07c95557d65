"""A run in the files of other programs: what is read back is what the run holds."""

import json

import numpy as np
import pytest
import torch

import geometric_memory as gm
from geometric_memory.api.vectors import read_vectors
from geometric_memory.cli.main import main
from geometric_memory.errors import CheckpointError, ConfigurationError, DataError
from geometric_memory.models.published import from_published

SMALL = {
    "preset": "tiny", "embedding_dimension": 64, "path_finetuning_epochs": 5,
    "path_finetuning_eval_interval_epochs": 5, "quiet": True,
}  # fmt: skip


def test_published_weights_of_a_run_are_plain_tensors(trained, tmp_path):
    run, _ = trained
    written = run.convert("published", tmp_path / "w.pt")
    back = from_published(torch.load(written, weights_only=True))
    state = run.network().state_dict()
    assert set(back) == set(state)
    assert all(back[name].equal(value) for name, value in state.items())


@pytest.mark.parametrize(
    ("form", "name"), [("word2vec", "e.txt"), ("npy", "e.npy"), ("csv", "e.csv")]
)
def test_embeddings_are_read_back_bit_for_bit(trained, tmp_path, form, name):
    run, _ = trained
    found = read_vectors(run.convert(form, tmp_path / name), list(map(str, run.nodes)))
    rows = found if form == "npy" else [found[str(node)] for node in run.nodes]
    assert np.array_equal(np.array(rows, dtype=np.float32), run.embeddings)


def test_a_checkpoint_may_be_chosen(trained, tmp_path):
    run, _ = trained
    first = run.checkpoints[0]
    assert first != run.checkpoint
    rows = np.load(run.convert("npy", tmp_path / "e.npy", checkpoint=first.name))
    expected = run.network(first.name).node_embeddings(len(run.nodes)).numpy()
    assert np.array_equal(rows, expected)
    assert not np.array_equal(rows, run.embeddings)


def test_the_projector_gets_a_row_and_a_note_per_node(trained, tmp_path):
    run, _ = trained
    folder = run.convert("projector", tmp_path / "projector")
    rows = np.loadtxt(folder / "vectors.tsv", dtype=np.float32)
    assert np.array_equal(rows, run.embeddings)
    head, *notes = (folder / "metadata.tsv").read_text().splitlines()
    assert head.split("\t") == ["node", "degree", "part"]
    assert [note.split("\t")[0] for note in notes] == list(map(str, run.nodes))
    arms = {note.split("\t")[2] for note in notes}
    assert arms == {"-1", *map(str, range(8))}


@pytest.mark.parametrize(
    "model",
    [
        {"model_family": "gpt"},
        {"model_family": "gpt", "tie_input_output_embeddings": False},
        {"model_family": "gpt2"},
        {"model_family": "pythia", "attention_head_count": 2},
        {"model_family": "pythia", "tie_input_output_embeddings": False},
        {"model_family": "gpt2", "transformer_layer_count": 0},
    ],
)
def test_transformers_computes_the_same_logits(star, tmp_path, monkeypatch, model):
    transformers = pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    run = gm.train(star, **SMALL, **model)
    folder = run.convert("huggingface")
    assert folder == run.path / "huggingface"
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokens = torch.randint(30, (4, 7), generator=torch.Generator().manual_seed(0))
    logits = run.model(tokens)
    assert logits.std() > 0.1
    torch.testing.assert_close(theirs(tokens).logits, logits, rtol=1e-5, atol=1e-5)
    config = json.loads((folder / "config.json").read_text())
    assert config["tie_word_embeddings"] == model.get("tie_input_output_embeddings", True)


def test_the_card_gives_numbers_and_how_to_ask(trained, tmp_path):
    run, _ = trained
    card = run.convert("card", tmp_path / "card.md").read_text()
    prompt = run.task.test_paths.prompts[0].tolist()
    for text in (run.name, "25 nodes", "2 held out", run.geometry().verdict, str(prompt),
                 f"held-out paths (chance) | {run['test/accuracy']:.3g} %"):  # fmt: skip
        assert text in card
    assert "library_name" not in card


@pytest.mark.parametrize(
    ("model", "form", "reason"),
    [
        ({"model_family": "mamba"}, "huggingface", "transformers has no model"),
        ({"use_attention": False}, "huggingface", "transformers has no model"),
        ({"model_family": "gpt2"}, "published", "--to huggingface"),
    ],
)
def test_what_has_no_counterpart_is_refused(star, tmp_path, monkeypatch, model, form, reason):
    monkeypatch.chdir(tmp_path)
    run = gm.train(star, **SMALL, **model)
    with pytest.raises(DataError, match=reason):
        run.convert(form)
    assert not (run.path / form).exists()


def test_unknown_formats_and_verbs_get_the_nearest(trained, capsys):
    with pytest.raises(ConfigurationError, match="did you mean word2vec"):
        trained[0].convert("word2vecs")
    assert main(["export"]) == 2
    assert "did you mean convert" in capsys.readouterr().err


def test_nothing_is_overwritten_and_names_with_spaces_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = gm.train(gm.graph([("New York", "Rome"), ("Rome", "Paris"), ("Paris", "New York")]),
                   quiet=True, path_finetuning_epochs=2, edge_memorization_epochs=2)  # fmt: skip
    with pytest.raises(DataError, match="'New York', which has a space; take csv"):
        run.convert("word2vec")
    found = read_vectors(run.convert("csv"), run.nodes)
    assert set(found) == {"New York", "Rome", "Paris"}
    with pytest.raises(CheckpointError, match="exists already"):
        run.convert("csv")


def test_the_shell_writes_runs_and_sections(trained, place, tmp_path, monkeypatch, capsys):
    run, _ = trained
    assert main(["convert", str(run.path), str(tmp_path / "w.pt"), "--to", "published"]) == 0
    assert f"wrote {tmp_path / 'w.pt'}" in capsys.readouterr().out
    assert main(["convert", str(run.path)]) == 2
    assert "--to FORMAT is missing" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    command = ["tiny", "run", "node2vec", "--graph", "cycle", "--steps", "20", "--no-figures"]
    assert main(command) == 0
    section = tmp_path / "experiment_logs" / "tiny" / "fp32" / "node2vec-cycle.safetensors"
    assert main(["convert", str(section), "--to", "published"]) == 0
    weights = torch.load(section.with_name("node2vec-cycle.published.pt"), weights_only=True)
    assert torch.equal(weights["weight"], torch.from_numpy(gm.load(section).embeddings))
