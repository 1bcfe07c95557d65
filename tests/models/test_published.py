"""Published weights under our names: one to one, and strict."""

import padded_reference
import pytest
import torch
from small_models import small_config

from geometric_memory.errors import CheckpointError
from geometric_memory.models.build import build_model
from geometric_memory.models.published import from_published, our_names, to_published


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"use_attention": False},
        {"use_mlp_only_blocks": True, "tie_input_output_embeddings": False},
        {"use_layer_norm": False, "use_positional_encoding": False},
    ],
)
def test_every_parameter_has_one_published_source(switches):
    config = small_config(transformer_layer_count=2, **switches)
    state = padded_reference.closed_form_state(config.model, 17, 64)
    renamed = from_published(state)
    model = build_model(config, vocabulary_size=17)
    assert {name: value.shape for name, value in renamed.items()} == {
        name: parameter.shape for name, parameter in model.named_parameters()
    }
    assert sum(v.numel() for v in renamed.values()) == sum(v.numel() for v in state.values())


def test_a_head_equal_to_the_embedding_is_tied():
    table = torch.ones(3, 2)
    renamed = from_published({"embed_tokens.weight": table, "lm_head.weight": table.clone()})
    assert set(renamed) == {"token_embedding.weight"}


def test_query_key_and_value_are_stacked_in_this_order():
    parts = {
        f"layers.0.attn.{name}_linear.bias": torch.full((2,), float(index))
        for index, name in enumerate(("queries", "keys", "values"))
    }
    state = {"embed_tokens.weight": torch.ones(3, 2)} | dict(reversed(parts.items()))
    stacked = from_published(state)["layers.0.attention.inner.query_key_value.bias"]
    assert stacked.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "name", ["layers.0.attn.bias_mask.weight", "transformer.wte.weight", "layers.x.ln_1.bias", ""]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(CheckpointError, match="no parameter of a published model"):
        our_names([name])


def test_missing_parts_are_refused():
    state = {"embed_tokens.weight": torch.ones(3, 2)}
    with pytest.raises(CheckpointError, match="without embed_tokens"):
        from_published({"lm_head.weight": torch.ones(3, 2)})
    with pytest.raises(CheckpointError, match="values_linear"):
        from_published(
            state
            | {"layers.0.attn.queries_linear.bias": torch.ones(2)}
            | {"layers.0.attn.keys_linear.bias": torch.ones(2)}
        )


def test_a_mamba_goes_out_and_in_whatever_its_mixer_is_called():
    config = small_config(model_family="mamba")
    state = build_model(config, vocabulary_size=17).state_dict()
    out = to_published(state)
    assert out["lm_head.weight"] is out["embed_tokens.weight"]
    elsewhere = {
        name.replace(".mixer.", ".mamba.").replace(".norm.", ".ln_1."): value
        for name, value in out.items()
    }
    for published in (out, elsewhere):
        back = from_published(published)
        assert {n: v.tolist() for n, v in back.items()} == {n: v.tolist() for n, v in state.items()}


def test_a_tied_node2vec_is_one_table():
    table = torch.randn(5, 3)
    ours = from_published({"weight": table})
    assert ours == {"nodes": table}
    assert to_published(ours) == {"weight": table}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"head.weight": (3, 2)}, "without token_embedding"),
        ({"layers.0.attention.inner.query_key_value.bias": (4,)}, "holds no queries"),
        ({"layers.0.attention.inner.key.bias": (4,)}, "no published model has"),
    ],
)
def test_what_is_no_model_does_not_go_out(state, reason):
    tensors = {name: torch.ones(shape) for name, shape in state.items()}
    if "head.weight" not in state:
        tensors["token_embedding.weight"] = torch.ones(3, 2)
    with pytest.raises(CheckpointError, match=reason):
        to_published(tensors)


def test_a_weight_that_is_there_twice_is_refused():
    state = {name: torch.ones(2) for name in ("layers.0.x.D", "layers.0.y.D", "layers.0.x.A_log")}
    with pytest.raises(CheckpointError, match="twice"):
        from_published({"embed_tokens.weight": torch.ones(3, 2)} | state)
