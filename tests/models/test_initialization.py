"""Initial weights: the spread of every parameter, and seeds that move nothing else."""

import pytest
import torch
from small_models import small_config

from geometric_memory.models.build import build_model

VOCABULARY_SIZE = 400
TOKENS = {"token_embedding.weight", "head.weight"}


def built(**settings):
    config = small_config(embedding_dimension=64, transformer_layer_count=2, **settings)
    return build_model(config, vocabulary_size=VOCABULARY_SIZE)


def expected_std(name, mode, *, tied):
    if name == "position_embedding.weight":
        return 1.0
    if mode == "non_geometric" and name in TOKENS:
        return 1.0 if tied or name == "head.weight" else 0.02
    return 0.0 if "norm" in name or name.endswith("bias") else 0.02


@pytest.mark.parametrize("mode", ["default", "non_geometric"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("mlp_only", [True, False])
def test_every_parameter_has_its_spread(mode, tied, mlp_only):
    model = built(
        weight_init_mode=mode, tie_input_output_embeddings=tied, use_mlp_only_blocks=mlp_only
    )
    for name, parameter in model.named_parameters():
        weight = parameter.detach()
        std = expected_std(name, mode, tied=tied)
        if std == 0:
            expected = float("norm.weight" in name)
            assert bool((weight == expected).all()), name
            continue
        sigmas = 5 / weight.numel() ** 0.5
        assert float(weight.std()) == pytest.approx(std, rel=sigmas), name
        assert float(weight.mean()) == pytest.approx(0, abs=std * sigmas), name
    names = {name for name, _ in model.named_parameters()}
    assert ("head.weight" in names) == (not tied)


def test_the_three_projections_and_all_layers_are_drawn_apart():
    weights = dict(built().named_parameters())
    name = "layers.{}.attention.inner.query_key_value.weight"
    drawn = [part for layer in (0, 1) for part in weights[name.format(layer)].chunk(3)]
    for index, one in enumerate(drawn):
        for other in drawn[:index]:
            together = torch.stack([one.detach().flatten(), other.detach().flatten()])
            assert abs(float(torch.corrcoef(together)[0, 1])) < 0.1


def state_of(**settings):
    return built(**settings).state_dict()


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def test_weights_follow_the_seed_and_the_initial_seed_goes_before_it():
    first = state_of(seed=3)
    assert same(first, state_of(seed=3))
    assert same(first, state_of(seed=4, init_seed=3))
    assert not same(first, state_of(seed=4))
    assert not same(first, state_of(seed=3, init_seed=0))


def test_building_neither_reads_nor_moves_the_global_generator():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = state_of()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first, state_of())


def test_freezing_survives_the_way_through_the_meta_device():
    model = built(freeze_token_embeddings=True, tie_input_output_embeddings=False)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"token_embedding.weight", "head.weight", "position_embedding.weight"}
    assert {p.device.type for p in model.parameters()} == {"cpu"}
