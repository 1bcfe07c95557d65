"""GPT-2 and Pythia: logits of transformers on tiny random models; strict import; no network."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from geometric_memory.config import GraphSettings, ModelSettings, RunConfig
from geometric_memory.errors import CheckpointError
from geometric_memory.models.build import build_model
from geometric_memory.models.pretrained import from_transformers, load_pretrained
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.pretrained_files import find_pretrained, resolve_sizes

transformers = pytest.importorskip("transformers")
SPECIAL = 9
ROWS = 30
FAMILIES = ("gpt2", "pythia")


def random_checkpoint(family, folder):
    """Save a tiny random model of transformers, every weight away from 0 and 1; return it."""
    torch.manual_seed(0)
    if family == "gpt2":
        sizes = {"n_layer": 2, "n_embd": 64, "n_head": 2, "n_positions": 40}
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=ROWS, **sizes))
    else:
        model = transformers.GPTNeoXForCausalLM(
            transformers.GPTNeoXConfig(
                vocab_size=ROWS, num_hidden_layers=2, hidden_size=64, num_attention_heads=2,
                intermediate_size=256, max_position_embeddings=40,
            )
        )  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    model.save_pretrained(folder)
    return model.eval()


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, folder, random_checkpoint(request.param, folder)


def configured(family, folder, **changes):
    settings = ModelSettings(
        model_family=family,
        pretrained=str(folder),
        tokenizer="text",
        tie_input_output_embeddings=family == "gpt2",
    )
    config = RunConfig(
        graph=GraphSettings(star_degree=4, path_length=4), model=replace(settings, **changes)
    )
    return resolve_sizes(config)


def loaded(family, folder, *, size=ROWS + SPECIAL, **changes):
    config = configured(family, folder, **changes)
    model = build_model(config, vocabulary_size=size)
    fresh = model.token_embedding.weight.detach().clone()
    load_pretrained(model, config.model)
    return model, fresh


@pytest.mark.parametrize("shared", [False, True])
def test_logits_are_those_of_transformers(checkpoint, shared):
    family, folder, theirs = checkpoint
    model, _ = loaded(family, folder)
    tokens = torch.randint(ROWS, (5, 9), generator=torch.Generator().manual_seed(1))
    tokens[:, 0] = 3
    rectangle = Rectangle(inputs=tokens, first_target=2, shared_first_token=shared)
    logits = model([rectangle]) @ model.head_weight.T
    expected = theirs(tokens).logits[:, 2:].flatten(0, 1)
    assert expected.std() > 0.5
    torch.testing.assert_close(logits[:, :ROWS], expected, rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_transformers(checkpoint):
    family, folder, theirs = checkpoint
    config = configured(family, folder)
    model, _ = loaded(family, folder)
    tokens = torch.randint(ROWS, (5, 9), generator=torch.Generator().manual_seed(1))
    tokens[:, 0] = 3
    logits = model([Rectangle(inputs=tokens, first_target=2, shared_first_token=True)])
    logits = logits @ model.head_weight.T
    weights = torch.randn(len(logits), ROWS)
    (logits[:, :ROWS] * weights).sum().backward()
    theirs.zero_grad()
    (theirs(tokens).logits[:, 2:].flatten(0, 1) * weights).sum().backward()
    gradients = from_transformers(
        {name: weight.grad for name, weight in theirs.named_parameters()}, config.model
    )
    for name, weight in model.named_parameters():
        ours, expected = weight.grad[: len(gradients[name])], gradients[name]
        assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max() + 1e-5, name


def test_text_vocabulary_keeps_the_embeddings_and_adds_fresh_rows(checkpoint):
    family, folder, theirs = checkpoint
    model, fresh = loaded(family, folder)
    table = model.token_embedding.weight
    assert torch.equal(table[:ROWS], theirs.get_input_embeddings().weight)
    assert torch.equal(table[ROWS:], fresh[ROWS:])
    assert torch.equal(model.head_weight[:ROWS], theirs.get_output_embeddings().weight)


@pytest.mark.parametrize("tied", [True, False])
def test_node_vocabulary_keeps_the_body_alone(checkpoint, tied):
    family, folder, theirs = checkpoint
    model, fresh = loaded(
        family, folder, size=22, tokenizer="node", tie_input_output_embeddings=tied
    )
    assert torch.equal(model.token_embedding.weight, fresh)
    assert (model.head_weight is model.token_embedding.weight) == tied
    assert torch.equal(
        model.final_norm.weight,
        theirs.transformer.ln_f.weight
        if family == "gpt2"
        else theirs.gpt_neox.final_layer_norm.weight,
    )


def test_sizes_come_from_the_checkpoint(checkpoint):
    family, folder, _ = checkpoint
    model = configured(family, folder).model
    assert (model.transformer_layer_count, model.embedding_dimension) == (2, 64)
    assert model.attention_head_count == 2
    assert model.position_count == (40 if family == "gpt2" else 0)


@pytest.mark.parametrize(
    ("family", "size", "parameters"),
    [
        ("gpt2", "gpt2", 124_439_808),
        ("gpt2", "gpt2-medium", 354_823_168),
        ("pythia", "pythia-70m", 70_426_624),
        ("pythia", "pythia-410m", 405_334_016),
    ],
)
def test_named_sizes_have_the_published_number_of_parameters(family, size, parameters):
    model = ModelSettings(
        model_family=family, model_size=size, position_count=1024,
        tie_input_output_embeddings=family == "gpt2",
    )  # fmt: skip
    config = resolve_sizes(RunConfig(model=model))
    vocabulary = {"gpt2": 50257, "pythia": 50304}[family]
    with torch.device("meta"):
        from geometric_memory.models.build import uninitialized_model

        built = uninitialized_model(config, vocabulary)
    assert sum(p.numel() for p in built.parameters()) == parameters


def change(folder, target, edit):
    """Copy a checkpoint, its tensors edited in place by `edit`."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, target / "model.safetensors")
    (target / "config.json").write_text((folder / "config.json").read_text())


BODY = {
    "gpt2": "transformer.h.1.mlp.c_fc.weight",
    "pythia": "gpt_neox.layers.1.mlp.dense_h_to_4h.weight",
}


def test_every_weight_is_used_or_it_is_an_error(checkpoint, tmp_path):
    family, folder, _ = checkpoint
    name = BODY[family]
    edits = {
        "layers.1.mlp": lambda t: t.pop(name),
        "no weight of": lambda t: t.update({name.replace("mlp", "extra"): t[name].clone()}),
        "twice": lambda t: t.update({name.split(".", 1)[1]: t[name].clone()}),
        "shape": lambda t: t.update({name: t[name][:-1].clone()}),
        "NaN": lambda t: t[name][0].fill_(torch.nan),
        "int64": lambda t: t.update({name: t[name].long()}),
        "layers.2": lambda t: t.update({name.replace(".1.", ".2."): t[name].clone()}),
    }
    for message, edit in edits.items():
        target = tmp_path / message.replace(" ", "_")
        target.mkdir()
        change(folder, target, edit)
        with pytest.raises(CheckpointError, match=message):
            loaded(family, target)


def test_an_embedding_that_is_not_of_numbers_is_refused(checkpoint, tmp_path):
    family, folder, _ = checkpoint
    name = "transformer.wte.weight" if family == "gpt2" else "gpt_neox.embed_in.weight"
    change(folder, tmp_path, lambda t: t.update({name: t[name].long()}))
    with pytest.raises(CheckpointError, match="token_embedding"):
        loaded(family, tmp_path)


def test_masks_stored_by_old_files_are_no_weights(checkpoint, tmp_path):
    family, folder, _ = checkpoint
    stem = "transformer.h.0.attn" if family == "gpt2" else "gpt_neox.layers.0.attention"
    change(folder, tmp_path, lambda t: t.update({f"{stem}.bias": torch.ones(1, 1, 4, 4)}))
    loaded(family, tmp_path)


def test_other_architectures_are_refused(checkpoint, tmp_path):
    family, folder, _ = checkpoint
    content = json.loads((folder / "config.json").read_text())
    changes = {
        "model_type": "llama", "layer_norm_epsilon": 1e-6, "layer_norm_eps": 1e-6,
        "activation_function": "relu", "hidden_act": "relu", "use_parallel_residual": False,
    }  # fmt: skip
    for name in changes.keys() & content.keys():
        (tmp_path / "config.json").write_text(json.dumps(content | {name: changes[name]}))
        with pytest.raises(CheckpointError, match=name):
            configured(family, tmp_path)


def test_pickled_and_damaged_weights_are_refused(checkpoint, tmp_path):
    family, folder, _ = checkpoint
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"is missing \(pickled weights"):
        loaded(family, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match="cannot be read"):
        loaded(family, tmp_path)


def test_weights_in_several_files(checkpoint, tmp_path):
    family, folder, theirs = checkpoint
    theirs.save_pretrained(tmp_path, max_shard_size="50kB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    whole, _ = loaded(family, folder)
    parts, _ = loaded(family, tmp_path)
    torch.testing.assert_close(whole.state_dict(), parts.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("download", [False, True])
def test_a_name_that_is_not_there_gets_one_message(download):
    model = ModelSettings(
        model_family="pythia", pretrained="pythia-70m", download_pretrained=download
    )
    with pytest.raises(CheckpointError) as raised:
        find_pretrained(model)
    message = str(raised.value)
    assert "EleutherAI/pythia-70m is not in the cache" in message
    assert "config.json, model.safetensors" in message
    assert ("download:" in message) == download
