"""Published weights: renamed, stored as safetensors, used as any others."""

import pytest
import torch
from small_models import small_config

from geometric_memory.errors import CheckpointError
from geometric_memory.files.tensors import read_tensors, write_tensors
from geometric_memory.models.build import build_model
from geometric_memory.models.published import convert_published
from geometric_memory.runs.checkpoints import load_model


@pytest.fixture
def published():
    """A state dict with published names, of the small model with one layer of width 16."""
    draw = torch.Generator().manual_seed(0)
    shapes = {
        "embed_tokens.weight": (17, 16), "pos_encoding.weight": (64, 16),
        "final_layernorm.weight": (16,), "final_layernorm.bias": (16,),
    }  # fmt: skip
    layer = {
        "ln_1": [(16,)], "ln_2": [(16,)], "attn.proj": [(16, 16)], "mlp.swapd": [(64, 16)],
        "mlp.proj": [(16, 64)], "attn.queries_linear": [(16, 16)], "attn.keys_linear": [(16, 16)],
        "attn.values_linear": [(16, 16)],
    }  # fmt: skip
    for part, (shape,) in layer.items():
        shapes |= {f"layers.0.{part}.weight": shape, f"layers.0.{part}.bias": shape[:1]}
    state = {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    return state | {"lm_head.weight": state["embed_tokens.weight"]}


def test_a_saved_state_dict_becomes_weights_of_ours(published, tmp_path):
    torch.save({"model_state_dict": published, "epoch": 3}, tmp_path / "w.pt")
    count = convert_published(tmp_path / "w.pt", tmp_path / "w.safetensors", trust=True)
    assert count == len(read_tensors(tmp_path / "w.safetensors"))
    model = build_model(small_config(), vocabulary_size=17)
    load_model(model, tmp_path / "w.safetensors")
    torch.testing.assert_close(
        model.head_weight.detach(), published["lm_head.weight"], rtol=0, atol=0
    )
    stacked = model.state_dict()["layers.0.attention.inner.query_key_value.weight"]
    assert stacked[16:32].equal(published["layers.0.attn.keys_linear.weight"])


def test_published_safetensors_need_no_trust(published, tmp_path):
    del published["lm_head.weight"]
    write_tensors(tmp_path / "p.safetensors", published)
    assert convert_published(tmp_path / "p.safetensors", tmp_path / "w.safetensors") == 16


def test_unknown_names_and_existing_targets_are_refused(published, tmp_path):
    write_tensors(
        tmp_path / "p.safetensors", {"embed_tokens.weight": torch.ones(2), "x": torch.ones(1)}
    )
    with pytest.raises(CheckpointError, match="x: no parameter of a published model"):
        convert_published(tmp_path / "p.safetensors", tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()
    (tmp_path / "w.safetensors").write_bytes(b"precious")
    with pytest.raises(CheckpointError, match="exists already"):
        convert_published(tmp_path / "p.safetensors", tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="no such file"):
        convert_published(tmp_path / "none.pt", tmp_path / "x.safetensors", trust=True)
