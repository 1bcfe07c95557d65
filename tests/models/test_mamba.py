"""Mamba: equal to transformers', to a loop in float64 and, on a GPU, to the fused kernel."""

import math
from dataclasses import replace

import pytest
import torch

from geometric_memory.config import GraphSettings, ModelSettings, RunConfig
from geometric_memory.models import selective_scan as scan_module
from geometric_memory.models.build import build_model
from geometric_memory.models.mamba import Mamba
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.models.selective_scan import selective_scan

SETTINGS = ModelSettings(
    model_family="mamba",
    transformer_layer_count=2,
    embedding_dimension=24,
    mamba_state_dimension=5,
    mamba_convolution_kernel=3,
)
VOCABULARY = 30


def mamba(**changes):
    config = RunConfig(
        graph=GraphSettings(star_degree=4, path_length=4), model=replace(SETTINGS, **changes)
    )
    model = build_model(config, vocabulary_size=VOCABULARY)
    assert isinstance(model, Mamba)
    return model


def perturbed(model):
    """The same model with every weight moved, so that no zero or one hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=generator)
    return model


def tokens(rows, length, *, shared=False):
    drawn = torch.randint(VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(2))
    if shared:
        drawn[:, 0] = 7
    return drawn


def loop(x, delta, A, B, C, initial):
    """Equations (2a) and (2b), one row, one position and one number at a time."""
    y = torch.zeros_like(x)
    for row in range(x.shape[0]):
        state = initial.clone()
        for t in range(x.shape[1]):
            state = torch.exp(delta[row, t] * A) * state + torch.outer(
                B[row, t], delta[row, t] * x[row, t]
            )
            y[row, t] = C[row, t] @ state
    return y


def scan_inputs(rows, length, inner=4, state=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    x, B, C = draw(rows, length, inner), draw(rows, length, state), draw(rows, length, state)
    delta, A = draw(rows, length, inner).exp(), -draw(state, inner).exp()
    return [value.requires_grad_() for value in (x, delta, A, B, C, draw(state, inner))]


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("chunk", [1, 24, 10_000])
def test_scan_is_the_loop_forward_and_backward(length, chunk, monkeypatch):
    monkeypatch.setattr(scan_module, "NUMBERS_IN_CACHE", chunk)
    inputs = scan_inputs(rows=5, length=length)
    weights = torch.randn(5, length, 4, dtype=torch.float64)
    ours, theirs = selective_scan(*inputs), loop(*inputs)
    torch.testing.assert_close(ours, theirs)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), inputs) for y in (ours, theirs))
    torch.testing.assert_close(ours, theirs)


def test_scan_starts_from_zero_when_no_state_is_given():
    *inputs, initial = scan_inputs(rows=2, length=3)
    torch.testing.assert_close(
        selective_scan(*inputs), selective_scan(*inputs, torch.zeros_like(initial))
    )


def test_scan_computes_in_the_type_of_its_rates():
    x, delta, A, B, C, initial = scan_inputs(rows=2, length=3, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        y = selective_scan(x.bfloat16(), delta, A, B, C, initial)
        expected = selective_scan(x.bfloat16().float(), delta, A, B, C, initial)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, expected, rtol=0, atol=0)


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


def their_model(transformers, model):
    """Transformers' Mamba with the weights of `model`, a standard one."""
    theirs = transformers.MambaForCausalLM(
        transformers.MambaConfig(
            vocab_size=VOCABULARY, hidden_size=24, state_size=5, conv_kernel=3, num_hidden_layers=2
        )
    )
    names = {"token_embedding": "backbone.embeddings", "final_norm": "backbone.norm_f"}
    state = {}
    for name, value in model.state_dict().items():
        top = name.split(".")[0]
        state[name.replace(top, names.get(top, "backbone.layers"), 1)] = value
    state["lm_head.weight"] = state["backbone.embeddings.weight"]
    theirs.load_state_dict(state, strict=True)
    return theirs


def distance(ours, theirs):
    """Greatest difference, in units of the greatest number."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("shared", [False, True])
def test_standard_model_is_that_of_transformers(transformers, shared):
    model = perturbed(mamba(mamba_variant="standard"))
    theirs = their_model(transformers, model)
    inputs = tokens(6, 7, shared=shared)
    rectangle = Rectangle(inputs=inputs, first_target=2, shared_first_token=shared)
    logits = model([rectangle]) @ model.head_weight.T
    expected = theirs(inputs).logits[:, 2:].flatten(0, 1)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn(logits.shape)
    (logits * weights).sum().backward()
    (expected * weights).sum().backward()
    ours = dict(model.named_parameters())
    mixers = [name for name in ours if ".mixer." in name]
    assert len(mixers) == 18
    for name in mixers:
        grad = theirs.get_parameter(f"backbone.{name}").grad
        assert distance(ours[name].grad, grad) < 1e-5, name
    assert distance(model.head_weight.grad, theirs.backbone.embeddings.weight.grad) < 1e-5


@pytest.mark.parametrize("kernel", [1, 2, 4, 9])
def test_published_layer_is_the_mixer_of_transformers_behind_a_layer_norm(transformers, kernel):
    model = perturbed(mamba(transformer_layer_count=1, mamba_convolution_kernel=kernel))
    config = transformers.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=24, state_size=5, conv_kernel=kernel, num_hidden_layers=1
    )
    mixer = transformers.models.mamba.modeling_mamba.MambaMixer(config, 0)
    mixer.load_state_dict(model.layers[0].mixer.state_dict(), strict=True)
    inputs = tokens(4, 5)
    hidden = model([Rectangle(inputs=inputs, first_target=0)])
    expected = mixer(model.layers[0].norm(model.token_embedding(inputs))).flatten(0, 1)
    assert distance(hidden, expected) < 1e-5


@pytest.mark.parametrize("variant", ["published", "standard"])
def test_a_shared_first_token_changes_nothing(variant):
    model = perturbed(mamba(mamba_variant=variant)).double()
    sizes = ((4, 5, 2), (3, 2, 1), (1, 2, 1))
    results = []
    for shared in (False, True):
        batch = [
            Rectangle(
                inputs=tokens(rows, length, shared=True), first_target=first,
                shared_first_token=shared,
            )
            for rows, length, first in sizes
        ]  # fmt: skip
        model.zero_grad()
        hidden = model(batch)
        hidden.square().sum().backward()
        results.append((hidden.detach(), [p.grad.clone() for p in model.parameters()]))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize("kernel", [1, 2, 4, 9])
def test_kernels_shorter_and_longer_than_the_sequence(kernel):
    model = perturbed(mamba(mamba_convolution_kernel=kernel))
    inputs = tokens(3, 4, shared=True)
    together = model([Rectangle(inputs=inputs, first_target=1, shared_first_token=True)])
    alone = [
        model([Rectangle(inputs=row[None], first_target=1, shared_first_token=False)])
        for row in inputs
    ]
    torch.testing.assert_close(together, torch.cat(alone))


def test_no_position_sees_a_later_one():
    model = perturbed(mamba())
    inputs = tokens(2, 6)
    changed = inputs.clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % VOCABULARY
    before, after = (
        model([Rectangle(inputs=x, first_target=0)]).view(2, 6, -1) for x in (inputs, changed)
    )
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


def test_published_weights_at_the_start():
    model = mamba(embedding_dimension=96)
    for layer in model.layers:
        mixer = layer.mixer
        for linear in (mixer.in_proj, mixer.x_proj, mixer.dt_proj, mixer.out_proj):
            assert linear.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not mixer.dt_proj.bias.any()
        assert not mixer.conv1d.bias.any()
        assert mixer.conv1d.weight.abs().max().item() == pytest.approx(3**-0.5, rel=0.05)
        assert torch.equal(mixer.D, torch.ones_like(mixer.D))
        expected = torch.arange(1.0, 6).log().expand(192, 5)
        torch.testing.assert_close(mixer.A_log.detach(), expected)
    assert model.token_embedding.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert isinstance(model.final_norm, torch.nn.Identity)
    assert model.head_weight is model.token_embedding.weight


def test_standard_weights_at_the_start():
    model = mamba(embedding_dimension=96, mamba_variant="standard")
    mixer = model.layers[0].mixer
    delta = torch.nn.functional.softplus(mixer.dt_proj.bias)
    assert 0.001 <= delta.min().item() < 0.002
    assert 0.05 < delta.max().item() <= 0.1
    bound = 192**-0.5 / math.sqrt(2)
    assert mixer.out_proj.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert mixer.dt_proj.weight.abs().max().item() == pytest.approx(6**-0.5, rel=0.01)


def test_non_geometric_embeddings_are_of_unit_size():
    model = mamba(weight_init_mode="non_geometric")
    assert model.head_weight.std().item() == pytest.approx(1, rel=0.1)


def test_frozen_embeddings_get_no_gradient():
    model = mamba(freeze_token_embeddings=True)
    model([Rectangle(inputs=tokens(3, 4), first_target=1)]).sum().backward()
    assert model.token_embedding.weight.grad is None
    assert all(p.grad is not None for p in model.layers.parameters())


@pytest.mark.gpu
def test_fused_kernel_gives_the_same():
    pytest.importorskip("mamba_ssm")
    inputs = [
        value.detach().cuda().requires_grad_()
        for value in scan_inputs(rows=5, length=6, inner=64, state=16, dtype=torch.float32)[:5]
    ]
    fused = selective_scan(*inputs)
    gradients = torch.autograd.grad(fused.square().sum(), inputs)
    plain = selective_scan(*inputs, torch.zeros_like(inputs[2]))
    expected = torch.autograd.grad(plain.square().sum(), inputs)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients, expected, rtol=1e-3, atol=1e-3)
