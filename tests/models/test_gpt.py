"""The GPT against a plain padded reference, and its laws: causality, sharing, absence, freezing."""

import numpy as np
import padded_reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import SMALL, batch_of, loss_of, published_gpt, small_config

from geometric_memory.models.build import build_model
from geometric_memory.models.layers import SeededDropout, attend
from geometric_memory.models.published import from_published
from geometric_memory.models.rectangles import Rectangle, Segment
from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.vocabulary import Vocabulary

NODES = 7
VOCABULARY = Vocabulary(NODES)

SWITCHES = (
    "use_attention",
    "use_residual_connections",
    "use_layer_norm",
    "use_positional_encoding",
    "tie_input_output_embeddings",
    "use_mlp_only_blocks",
    "freeze_token_embeddings",
    "edge_memorization_include_pause_token",
    "include_task_token_in_prefix",
    "use_teacherless_inputs",
    "reverse_path_targets",
    "include_start_node_in_path_finetuning",
)


@st.composite
def task_settings(draw):
    """Draw settings of model and task, and the seed and numbers of edge facts and paths."""
    chosen = {name: draw(st.booleans()) for name in SWITCHES}
    heads = draw(st.integers(1, 3))
    chosen |= {
        "transformer_layer_count": draw(st.integers(1, 2)),
        "attention_head_count": heads,
        "embedding_dimension": heads * draw(st.integers(2, 4)),
        "path_length": draw(st.integers(2, 5)),
        "path_prefix_pause_token_count": draw(st.sampled_from([0, 1, 4])),
        "training_recipe": draw(st.sampled_from(["mixed_full_path", "mixed_hardest_token"])),
        "total_nodes": NODES,
    }
    return chosen, draw(st.integers(0, 99)), draw(st.integers(1, 4)), draw(st.integers(1, 4))


def random_task(chosen, seed, edge_count, path_count):
    """Return a configuration, and random edge facts and paths as examples of it."""
    config = small_config(**chosen)
    numbers = np.random.default_rng(seed)
    edges = numbers.integers(0, NODES, (edge_count, 2))
    paths = numbers.integers(0, NODES, (path_count, config.graph.path_length))
    path_rows = path_examples(
        paths,
        VOCABULARY,
        config.task,
        full_path=config.training.full_path,
        include_start_node=config.dataset.include_start_node_in_path_finetuning,
    )
    return config, (edge_examples(edges, VOCABULARY, config.task), path_rows)


def reference_pass(config, kinds, state):
    """Return loss and logits at targets, rows in order, and gradients under our names."""
    prompts = [row.tolist() for kind in kinds for row in kind.prompts]
    targets = [row.tolist() for kind in kinds for row in kind.targets]
    teacherless = VOCABULARY.teacherless if config.task.use_teacherless_inputs else None
    x, y = padded_reference.pad_rows(prompts, targets, VOCABULARY.pad, teacherless)
    leaves = {name: value.clone().requires_grad_() for name, value in state.items()}
    found = padded_reference.logits(leaves, config.model, x, VOCABULARY.pad)
    loss = padded_reference.loss(found, y)
    loss.backward()
    gradients = {
        name: torch.zeros_like(value) if value.grad is None else value.grad
        for name, value in leaves.items()
    }
    return loss.detach(), found[y != -1].detach(), from_published(gradients)


@settings(max_examples=25)
@given(task_settings())
def test_packed_rectangles_equal_the_plain_padded_reference(drawn):
    config, kinds = random_task(*drawn)
    state = padded_reference.closed_form_state(config.model, VOCABULARY.size, config.block_size)
    model = published_gpt(config, state, VOCABULARY.size)
    loss, logits, gradients = reference_pass(config, kinds, state)
    batch = batch_of(*kinds)
    ours, _ = loss_of(model, batch)
    ours.backward()
    torch.testing.assert_close(ours.detach(), loss)
    torch.testing.assert_close(
        (model(batch.rectangles) @ model.head_weight.T).detach(), logits, rtol=0, atol=1e-10
    )
    frozen = ("token_embedding.weight", "position_embedding.weight", "head.weight")
    for name, parameter in model.named_parameters():
        if config.model.freeze_token_embeddings and name in frozen:
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-9, atol=1e-11)


@settings(max_examples=25)
@given(task_settings())
def test_a_shared_first_token_changes_nothing(drawn):
    config, kinds = random_task(*drawn)
    model = build_model(config, vocabulary_size=VOCABULARY.size).double()
    results = []
    for shared in (True, False):
        model.share_first_token = shared
        model.zero_grad()
        hidden = model(batch_of(*kinds).rectangles)
        waves = torch.arange(hidden.numel(), dtype=hidden.dtype).sin().view_as(hidden)
        (hidden * waves).sum().backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        results.append((hidden.detach(), gradients))
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


def test_sharing_computes_the_first_position_once():
    config = small_config()
    model = build_model(config, vocabulary_size=VOCABULARY.size)
    facts = edge_examples(np.array([[0, 1], [1, 2], [2, 3]]), VOCABULARY, config.task)
    laid = []
    model.layers[0].register_forward_hook(lambda layer, inputs, output: laid.append(len(output)))
    model(batch_of(facts).rectangles)
    assert laid == [1 + 3]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_no_output_depends_on_a_later_token(shared, residual):
    """By gradient: the embedding gradient of a token read after the last output looked at is 0."""
    config = small_config(transformer_layer_count=2, use_residual_connections=residual)
    model = build_model(config, vocabulary_size=20).double()
    inputs = torch.tensor([[9, 0, 1, 2, 3, 4], [9, 10, 11, 12, 13, 14]])
    rectangle = Rectangle(inputs=inputs, first_target=1, shared_first_token=shared)
    hidden = model([rectangle]).view(2, 5, -1)
    for position in range(1, 6):
        model.zero_grad()
        hidden[0, position - 1].square().sum().backward(retain_graph=True)
        moved = model.token_embedding.weight.grad.abs().sum(dim=1) > 0
        seen = set(inputs[0, : position + 1].tolist())
        assert set(moved.nonzero()[:, 0].tolist()) == seen


def test_rows_and_rectangles_do_not_see_each_other():
    config = small_config()
    model = build_model(config, vocabulary_size=20).double()
    shapes = [(3, 5), (1, 2), (2, 1), (1, 6)]
    numbers = torch.Generator().manual_seed(0)
    rectangles = [
        Rectangle(inputs=torch.randint(20, shape, generator=numbers), first_target=shape[1] // 2)
        for shape in shapes
    ]
    together = model(rectangles)
    alone = [
        model([Rectangle(inputs=row[None], first_target=rectangle.first_target)])
        for rectangle in rectangles
        for row in rectangle.inputs
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize(
    ("switch", "part"),
    [
        ({"use_attention": False}, "attention"),
        ({"use_layer_norm": False}, "norm"),
        ({"use_positional_encoding": False}, "position"),
        ({"tie_input_output_embeddings": True}, "head"),
        ({"use_mlp_only_blocks": True}, "mlp.inner.up"),
    ],
)
def test_what_is_absent_has_no_parameters(switch, part):
    other = {name: not value for name, value in switch.items()}
    names = {}
    for key, chosen in (("without", switch), ("with", other)):
        model = build_model(small_config(**chosen), vocabulary_size=17)
        names[key] = [name for name, _ in model.named_parameters() if part in name]
    assert names["without"] == []
    assert names["with"] != []


def test_parameters_are_counted_as_in_the_contract():
    """12 D^2 + 13 D per layer, vocabulary and positions, a final norm."""
    model = build_model(small_config(transformer_layer_count=3), vocabulary_size=17)
    width = SMALL["embedding_dimension"]
    layer = 12 * width**2 + 13 * width
    expected = 3 * layer + 17 * width + 64 * width + 2 * width
    assert sum(p.numel() for p in model.parameters()) == expected


def test_a_tied_head_is_the_embedding_and_an_untied_one_is_not():
    tied = build_model(small_config(), vocabulary_size=17)
    assert tied.head_weight is tied.token_embedding.weight
    untied = build_model(small_config(tie_input_output_embeddings=False), vocabulary_size=17)
    assert untied.head_weight.data_ptr() != untied.token_embedding.weight.data_ptr()
    assert not torch.equal(untied.head_weight, untied.token_embedding.weight)


def test_node_embeddings_are_a_copy():
    model = build_model(small_config(), vocabulary_size=17)
    copied = model.node_embeddings(8)
    with torch.no_grad():
        model.token_embedding.weight.zero_()
    assert copied.shape == (8, 16)
    assert copied.abs().sum() > 0


@pytest.mark.parametrize("tied", [True, False])
def test_frozen_embeddings_do_not_move_and_the_rest_does(tied):
    config = small_config(freeze_token_embeddings=True, tie_input_output_embeddings=tied)
    model = build_model(config, vocabulary_size=VOCABULARY.size)
    frozen = {"token_embedding.weight", "position_embedding.weight"}
    frozen |= set() if tied else {"head.weight"}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    facts = edge_examples(np.array([[0, 1], [1, 2]]), VOCABULARY, config.task)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    for _ in range(2):
        loss_of(model, batch_of(facts))[0].backward()
        optimizer.step()
    still = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert still == frozen


def test_dropout_acts_in_training_in_mlp_only_blocks_and_nowhere_else():
    facts = edge_examples(np.array([[0, 1], [1, 2]]), VOCABULARY, small_config().task)
    batch = batch_of(facts)
    for mlp_only in (True, False):
        config = small_config(use_mlp_only_blocks=mlp_only, dropout_rate=0.5)
        model = build_model(config, vocabulary_size=VOCABULARY.size)
        model.eval()
        quiet = model(batch.rectangles)
        model.train()
        assert torch.equal(model(batch.rectangles), quiet) != mlp_only


def test_dropout_keeps_the_mean_and_drops_its_share():
    dropout = SeededDropout(0.25)
    dropout.generator = torch.Generator().manual_seed(0)
    dropped = dropout(torch.ones(200, 100))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)


QUERY_KEY_VALUE = "layers.0.attention.inner.query_key_value.weight"
CLOSED_FORM = {
    "default": (
        {},
        3.3484969491083816,
        {"token_embedding.weight": 1.645319689, "position_embedding.weight": 0.7399683658}
        | {QUERY_KEY_VALUE: 1.99339247, "layers.0.mlp.inner.up.bias": 0.3900209014},
    ),
    "two layers, untied, reversed, three pauses": (
        {"transformer_layer_count": 2, "tie_input_output_embeddings": False}
        | {"reverse_path_targets": True, "path_prefix_pause_token_count": 3},
        3.829975193881057,
        {"token_embedding.weight": 0.5521031539, "position_embedding.weight": 0.5447314005}
        | {"head.weight": 1.443255453, QUERY_KEY_VALUE: 0.7133793845},
    ),
    "one linear map": (
        {"use_attention": False, "use_residual_connections": False, "use_layer_norm": False}
        | {"use_positional_encoding": False, "use_mlp_only_blocks": True},
        2.920983509986382,
        {"token_embedding.weight": 0.9873004182, "layers.0.mlp.inner.linear.weight": 0.6539104349},
    ),
    "feed-forward, teacherless, pause in edges": (
        {"use_attention": False, "use_teacherless_inputs": True}
        | {"edge_memorization_include_pause_token": True},
        3.2817065678339175,
        {"token_embedding.weight": 1.038298875, "position_embedding.weight": 0.5952452346}
        | {"layers.0.mlp.inner.up.bias": 0.3028261006},
    ),
    "attention without residual, norm, positions, task token and pause": (
        {"use_residual_connections": False, "use_layer_norm": False}
        | {"use_positional_encoding": False, "include_task_token_in_prefix": False}
        | {"path_prefix_pause_token_count": 0},
        7.036912426220505,
        {"token_embedding.weight": 6.341002898, QUERY_KEY_VALUE: 2.675054343}
        | {"layers.0.mlp.inner.up.bias": 1.805135348},
    ),
}
"""Settings, loss and some gradient norms, computed once by the padded reference."""


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_closed_form_weights_give_the_recorded_numbers(name):
    """Two edge facts and two paths of seven nodes, weights that are sines of their index."""
    chosen, loss, norms = CLOSED_FORM[name]
    config = small_config(embedding_dimension=8, total_nodes=NODES, **chosen)
    state = padded_reference.closed_form_state(config.model, VOCABULARY.size, config.block_size)
    model = published_gpt(config, state, VOCABULARY.size)
    facts = edge_examples(np.array([[0, 1], [5, 2]]), VOCABULARY, config.task)
    paths = np.array([[0, 3, 4, 1], [0, 2, 5, 6]])
    rows = path_examples(paths, VOCABULARY, config.task, full_path=True, include_start_node=False)
    ours, _ = loss_of(model, batch_of(facts, rows))
    ours.backward()
    assert float(ours.detach()) == pytest.approx(loss, rel=1e-9)
    gradients = dict(model.named_parameters())
    found = {key: float(gradients[key].grad.norm()) for key in norms}
    assert found == pytest.approx(norms, rel=1e-8)


def test_attention_between_bfloat16_states_is_rounded_once():
    numbers = torch.Generator().manual_seed(0)
    projected = torch.randn(1 + 5 * 3, 3, 2, 4, generator=numbers).bfloat16()
    segments = [Segment(rows=5, own=3, shared=1, first_target=0)]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = attend(projected, segments)
    assert torch.equal(mixed, attend(projected.float(), segments).bfloat16())
