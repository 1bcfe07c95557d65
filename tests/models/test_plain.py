"""Plain tokens in, logits out: equal to what training computes, whatever the model."""

import numpy as np
import pytest
import torch
from small_models import CPU, small_config

from geometric_memory.errors import DataError
from geometric_memory.models.build import build_model
from geometric_memory.models.plain import PlainModel
from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training.batches import DeviceExamples

VOCABULARY = Vocabulary(8)
MODELS = {
    "gpt": {"transformer_layer_count": 3},
    "gpt_untied": {"tie_input_output_embeddings": False},
    "gpt_plain": {"use_residual_connections": False, "use_layer_norm": False},
    "gpt_without_positions": {"use_positional_encoding": False},
    "positionwise": {"use_attention": False, "transformer_layer_count": 2},
    "linear": {"use_attention": False, "use_mlp_only_blocks": True, "dropout_rate": 0.5},
    "teacherless": {"use_teacherless_inputs": True},
    "gpt2": {"model_family": "gpt2", "transformer_layer_count": 2},
    "pythia": {"model_family": "pythia", "transformer_layer_count": 2},
    "mamba": {"model_family": "mamba", "transformer_layer_count": 2},
    "mamba_standard": {"model_family": "mamba", "mamba_variant": "standard"},
}


@pytest.fixture(params=MODELS, ids=str)
def config(request):
    return small_config(**MODELS[request.param])


@pytest.fixture
def model(config):
    """A model with weights that let every part of it matter."""
    model = build_model(config, vocabulary_size=VOCABULARY.size).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    return model


def test_logits_are_those_of_training(model, config):
    rows = np.array([[0, 3, 5, 7], [0, 2, 4, 6], [0, 1, 6, 5]])
    paths = path_examples(rows, VOCABULARY, config.task, full_path=True, include_start_node=False)
    edges = edge_examples(rows[:, :2], VOCABULARY, config.task)
    kinds = [DeviceExamples(kind, CPU) for kind in (edges, paths)]
    trained = model([kind.rectangle(slice(None)) for kind in kinds]) @ model.head_weight.T
    plain = [
        PlainModel(model)(torch.from_numpy(kind.inputs))[:, kind.first_target :].flatten(0, 1)
        for kind in (edges, paths)
    ]
    torch.testing.assert_close(torch.cat(plain), trained, rtol=1e-10, atol=1e-10)


def test_hidden_states_lead_to_the_logits_and_hooks_see_and_change_them(model):
    plain = PlainModel(model)
    tokens = torch.tensor([[16, 3, 9], [15, 2, 0]])
    states = plain.hidden_states(tokens)
    assert states.shape == (1 + len(model.layers), 2, 3, 16)
    logits = plain(tokens)
    assert torch.equal(model.final_norm(states[-1]) @ model.head_weight.T, logits)
    seen = []
    hooks = [
        layer.register_forward_hook(lambda module, given, out: seen.append((given[0], out)))
        for layer in plain.layers
    ]
    assert torch.equal(plain(tokens), logits)
    for place, (before, after) in enumerate(seen):
        assert torch.equal(before, states[place])
        assert torch.equal(after, states[place + 1])
    patched = plain.layers[-1].register_forward_hook(lambda module, given, out: out * 0)
    changed = plain(tokens)
    assert not torch.equal(changed, logits)
    zeros = model.final_norm(torch.zeros_like(states[-1])) @ model.head_weight.T
    assert torch.equal(changed, zeros)
    for hook in (*hooks, patched):
        hook.remove()
    assert torch.equal(plain(tokens), logits)


def test_later_tokens_change_nothing_before_them(model):
    plain = PlainModel(model)
    one, other = plain([[16, 3, 9, 1]]), plain([[16, 3, 2, 5]])
    torch.testing.assert_close(one[:, :2], other[:, :2], rtol=0, atol=1e-12)
    assert not torch.allclose(one[:, 2:], other[:, 2:])


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.tensor([3, 1]), r"expected integers of shape \(batch, length\)"),
        (torch.tensor([[0.5]]), "expected integers"),
        ([[]], "expected integers"),
        ([[17]], "token 17: the model knows tokens 0 to 16"),
        ([[-1]], "token -1"),
        ([[0] * 65], "65 tokens in a row: the model knows 64 positions"),
    ],
)
def test_tokens_that_a_model_cannot_read(tokens, message):
    model = build_model(small_config(), vocabulary_size=VOCABULARY.size)
    with pytest.raises(DataError, match=message):
        PlainModel(model)(tokens)


def test_without_layers_logits_are_products_of_embeddings():
    bare = {"use_layer_norm": False, "use_positional_encoding": False}
    config = small_config(transformer_layer_count=0, attention_head_count=3, **bare)
    model = build_model(config, vocabulary_size=VOCABULARY.size)
    table = model.token_embedding.weight.detach()
    tokens = torch.tensor([[0, 3, 5], [9, 2, 1]])
    torch.testing.assert_close(PlainModel(model)(tokens), table[tokens] @ table.T)
