"""Evaluation against naive definitions: one token at a time, one fact at a time."""

import numpy as np
import padded_reference
import pytest
import torch
from recovery_reference import scored_shares
from small_models import FLOAT32, FLOAT64, published_gpt, small_config

from geometric_memory.models.build import build_model
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.tasks.examples import edge_examples, path_examples, path_parts
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training import objective
from geometric_memory.training.evaluation import (
    PathEvaluation,
    evaluate_edges,
    evaluate_paths,
    evaluating,
    top_predictions,
)

NODES = 12
VOCABULARY = Vocabulary(NODES)
HUB_EDGES = np.array(
    [(0, v) for v in range(1, 12)]  # more targets than any fixed k
    + [(1, 0), (2, 0), (2, 3), (3, 3), (4, 0), (4, 0), (4, 5)]  # a self edge, a repeated one
    + [(11, 10), (5, 4)]
)
SWITCHES = [
    {},
    {"use_attention": False},
    {"include_task_token_in_prefix": False, "path_prefix_pause_token_count": 0},
    {"edge_memorization_include_pause_token": True, "tie_input_output_embeddings": False},
    {"use_teacherless_inputs": True},
]


def model_of(config):
    """Return a GPT whose weights are as large as trained ones, so that its answers vary."""
    state = padded_reference.closed_form_state(config.model, VOCABULARY.size, config.block_size)
    return published_gpt(config, state, VOCABULARY.size)


def paths_of(config, count=25):
    numbers = np.random.default_rng(1)
    paths = np.stack([numbers.permutation(NODES)[:4] for _ in range(count)])
    return path_examples(paths, VOCABULARY, config.task, full_path=True, include_start_node=False)


def next_logits(model, tokens):
    """Return the logits after `tokens`, computed alone."""
    rectangle = Rectangle(inputs=torch.tensor([tokens]), first_target=len(tokens) - 1)
    with torch.no_grad():
        return (model([rectangle]) @ model.head_weight.T)[0]


def greedy(model, prompt, length, *, teacherless):
    """Decode one token at a time."""
    tokens, answers = list(prompt), []
    for _ in range(length):
        answers.append(int(next_logits(model, tokens).argmax()))
        tokens.append(VOCABULARY.teacherless if teacherless else answers[-1])
    return answers


@pytest.fixture(params=[(2**23, 2**14), (1, 1), (100, 30)], ids=str)
def any_chunks(request, monkeypatch):
    monkeypatch.setattr(objective, "LOGITS_PER_CHUNK", request.param[0])
    monkeypatch.setattr(objective, "POSITIONS_PER_CHUNK", request.param[1])


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
@pytest.mark.usefixtures("any_chunks")
def test_paths_are_answered_as_by_a_naive_decoder(switches):
    config = small_config(**switches)
    model, paths = model_of(config), paths_of(config)
    found = evaluate_paths(model, paths, FLOAT64)
    losses, forced, generated = [], [], []
    for prompt, target, inputs in zip(
        paths.prompts.tolist(), paths.targets.tolist(), paths.inputs.tolist(), strict=True
    ):
        rows = [next_logits(model, inputs[: len(prompt) + i]) for i in range(len(target))]
        losses += [
            float(-row.log_softmax(0)[token]) for row, token in zip(rows, target, strict=True)
        ]
        forced.append([int(row.argmax()) for row in rows])
        teacherless = config.task.use_teacherless_inputs
        generated.append(greedy(model, prompt, len(target), teacherless=teacherless))
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-9)
    assert found.forced.tolist() == forced
    assert found.generated.tolist() == generated
    if not config.task.use_teacherless_inputs:
        assert generated != forced


def test_path_metrics_have_the_published_names_and_are_percentages():
    config = small_config()
    model, paths = model_of(config), paths_of(config)
    found = evaluate_paths(model, paths, FLOAT64)
    metrics = found.metrics()
    positions = [f"token_{i}" for i in range(1, 5)]
    names = {f"{p}/{n}" for p in ("test", "test_forced") for n in ("accuracy", *positions)}
    assert set(metrics) == names | {"test_forced/loss"}
    right = found.generated == found.targets
    assert metrics["test/token_2"] == pytest.approx(100 * right[:, 1].mean())
    assert metrics["test/accuracy"] == metrics["test_forced/accuracy"]
    assert metrics["test_forced/token_1"] == metrics["test/token_1"]


def test_a_path_has_three_parts_and_a_score_without_what_the_prompt_holds():
    """Three answers to reversed paths: right, wrong in the copy alone, wrong in the hard token."""
    targets = np.array([[4, 3, 2, 1], [8, 7, 6, 1], [11, 10, 9, 1]])
    forced, generated = targets.copy(), targets.copy()
    forced[1, 0] = 0
    generated[1] = 0  # one mistake, and greedy decoding never comes back
    forced[2, 2] = generated[2, 2] = 0
    found = PathEvaluation(loss=0.0, forced=forced, generated=generated, targets=targets)
    parts = ("queried_node", "middle", "hard_token", "start")
    expected = {
        "test/queried_node": 2 / 3, "test/middle": 2 / 3, "test/hard_token": 1 / 3,
        "test_forced/queried_node": 2 / 3, "test_forced/middle": 1, "test_forced/hard_token": 2 / 3,
        "test/accuracy_without_copies": 2 / 3,
    }  # fmt: skip
    assert found.metrics()["test/accuracy"] == pytest.approx(100 / 3)
    assert found.parts(parts) == pytest.approx({n: 100 * share for n, share in expected.items()})
    assert found.parts(parts, "train").keys() == {n.replace("test", "train") for n in expected}


@pytest.mark.parametrize("reverse", [False, True])
def test_without_copies_is_greedy_decoding_with_the_copy_given(reverse):
    """Paths that the model decodes itself once the leaf is given; every other one is changed."""
    config = small_config(reverse_path_targets=reverse)
    model = model_of(config)
    parts = path_parts(4, config.task, full_path=True, include_start_node=False)
    opening = paths_of(config).prompts[0].tolist()
    decoded = []
    for leaf in range(NODES):
        prompt = [leaf if token < NODES else token for token in opening]
        tokens = list(prompt)
        for part in parts:
            answer = int(next_logits(model, tokens).argmax())
            tokens.append(leaf if part == "queried_node" else answer)
        decoded.append(tokens[len(prompt) :])
    paths = np.array(decoded)[:, :: -1 if reverse else 1]
    paths[1::2, 1] += 1
    examples = path_examples(
        paths, VOCABULARY, config.task, full_path=True, include_start_node=False
    )
    found = evaluate_paths(model, examples, FLOAT64)
    assert found.parts(parts)["test/accuracy_without_copies"] == pytest.approx(50)
    assert found.metrics()["test/accuracy"] < 50


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
@pytest.mark.usefixtures("any_chunks")
def test_edges_are_scored_as_by_their_definitions(switches):
    config = small_config(**switches)
    model = model_of(config)
    facts = edge_examples(HUB_EDGES, VOCABULARY, config.task)
    rows = {
        int(u): next_logits(model, prompt.tolist())
        for (u, _), prompt in zip(HUB_EDGES, facts.prompts, strict=True)
    }
    found = evaluate_edges(model, facts, FLOAT64)
    losses = [float(-rows[u].log_softmax(0)[v]) for u, v in HUB_EDGES.tolist()]
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-9)
    hits = [int(rows[u].argmax()) == v for u, v in HUB_EDGES.tolist()]
    assert found.accuracy == pytest.approx(100 * np.mean(hits))
    shares = []
    for u in rows:
        targets = set(HUB_EDGES[HUB_EDGES[:, 0] == u, 1].tolist())
        best = rows[u].argsort(descending=True)[: len(targets)].tolist()
        shares.append(len(targets & set(best)) / len(targets))
    assert 0 < np.mean(shares) < 1
    assert found.top_k_recovery == pytest.approx(100 * np.mean(shares))
    best_rows = {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 5: 1, 11: 1}
    assert found.accuracy_ceiling == pytest.approx(100 * sum(best_rows.values()) / len(HUB_EDGES))
    assert set(found.metrics()) == {
        f"edge_memorization/{n}" for n in ("loss", "accuracy", "accuracy_ceiling", "top_k_recovery")
    }


def test_a_model_that_scores_all_alike_recovers_nothing():
    config = small_config()
    model = build_model(config, vocabulary_size=VOCABULARY.size)
    with torch.no_grad():
        model.token_embedding.weight.zero_()
    facts = edge_examples(HUB_EDGES[11:], VOCABULARY, config.task)
    found = evaluate_edges(model, facts, FLOAT32)
    assert found.top_k_recovery == 0
    assert found.loss == pytest.approx(np.log(VOCABULARY.size), rel=1e-6)


def test_a_model_that_is_not_finite_recovers_nothing():
    config = small_config()
    model = build_model(config, vocabulary_size=VOCABULARY.size)
    with torch.no_grad():
        model.token_embedding.weight.fill_(float("nan"))
    facts = edge_examples(HUB_EDGES, VOCABULARY, config.task)
    assert evaluate_edges(model, facts, FLOAT32).top_k_recovery == 0


def test_recovery_is_the_one_of_the_analysis():
    config = small_config()
    model = model_of(config)
    facts = edge_examples(HUB_EDGES, VOCABULARY, config.task)
    rows = np.stack([next_logits(model, [VOCABULARY.edge_task, u]) for u in range(NODES)])
    expected = scored_shares(rows, HUB_EDGES).mean()
    assert evaluate_edges(model, facts, FLOAT64).top_k_recovery == pytest.approx(100 * expected)


@pytest.mark.parametrize("edges", [HUB_EDGES, HUB_EDGES[-1:]], ids=["many", "one"])
@pytest.mark.parametrize("switches", SWITCHES[:4], ids=str)
def test_top_predictions_rank_the_vocabulary_for_every_source(edges, switches):
    config = small_config(**switches)
    model = model_of(config)
    facts = edge_examples(edges, VOCABULARY, config.task)
    sources, best = top_predictions(model, facts, 5, FLOAT64)
    assert sources.tolist() == sorted(set(edges[:, 0].tolist()))
    for row, answers in zip(sources, best, strict=True):
        prompt = facts.prompts[edges[:, 0] == row][0].tolist()
        assert answers.tolist() == next_logits(model, prompt).topk(5).indices.tolist()


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_restores_the_mode_it_found_and_takes_no_gradient(training):
    config = small_config(use_mlp_only_blocks=True, dropout_rate=0.5)
    model = build_model(config, vocabulary_size=VOCABULARY.size).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch_state = torch.random.get_rng_state()
    facts = edge_examples(HUB_EDGES, VOCABULARY, config.task)
    first = evaluate_edges(model, facts, FLOAT32)
    evaluate_paths(model, paths_of(config), FLOAT32)
    assert evaluate_edges(model, facts, FLOAT32).metrics() == first.metrics()
    assert all(module.training is training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), torch_state)


def test_an_evaluation_that_fails_restores_the_mode_too():
    model = build_model(small_config(), vocabulary_size=VOCABULARY.size).train()
    with pytest.raises(KeyError), evaluating(model):
        assert not model.training
        raise KeyError
    assert model.training
    assert torch.is_grad_enabled()
