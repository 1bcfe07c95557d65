"""Text tokens: lengths, groups, owners, and evaluation that follows them."""

import copy

import numpy as np
import pytest
import torch

from geometric_memory.config import GraphSettings, ModelSettings, RunConfig, TaskSettings
from geometric_memory.errors import CheckpointError, ConfigurationError
from geometric_memory.models.build import build_model
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.tasks.text import NO_TOKEN, text_examples, text_vocabulary
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths
from geometric_memory.training.precision import Arithmetic
from geometric_memory.training.sampling import thin_rows

tokenizers = pytest.importorskip("tokenizers")
PATHS = np.array([[3, 12, 7], [3, 10, 5], [3, 11, 34], [3, 0, 1]])
CPU = Arithmetic(device=torch.device("cpu"), matrix_type=torch.float32)


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory):
    """Digits and a comma, with 1 and 2 merged into one token: 12 is one token, 34 are two."""
    vocabulary = {character: i for i, character in enumerate("0123456789,")} | {"12": 11}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("1", "2")]))
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def vocabulary(tokenizer_file):
    return text_vocabulary(40, tokenizer_file)


def examples(vocabulary, kind="path", **settings):
    task = TaskSettings(**settings)
    return text_examples(kind, PATHS[:, -1:], PATHS, vocabulary, task)


def test_special_tokens_follow_those_of_the_tokenizer(vocabulary, tokenizer_file):
    assert vocabulary.size == 12 + 9
    assert vocabulary.special("|") == 12
    assert vocabulary.path_task == 20
    assert vocabulary.nodes[12] == (11,)
    assert vocabulary.nodes[34] == (3, 4)
    assert text_vocabulary(40, tokenizer_file, 50).special("|") == 50


def test_rows_of_equal_lengths_form_groups(vocabulary):
    found = examples(vocabulary)
    texts = {
        vocabulary.decode(prompt) + ":" + vocabulary.decode(target)
        for group in found.groups
        for prompt, target in zip(group.prompts, group.targets, strict=True)
    }
    assert texts == {
        "[PATH]7[PAUSE]:3,12,7,",
        "[PATH]5[PAUSE]:3,10,5,",
        "[PATH]34[PAUSE]:3,11,34,",
        "[PATH]1[PAUSE]:3,0,1,",
    }
    assert sorted(group.targets.shape for group in found.groups) == [(1, 7), (1, 8), (2, 6)]
    assert len(found) == 4
    for group in found.groups:
        assert group.shared_first_token
        prompt = group.prompts.shape[1]
        assert np.array_equal(group.inputs[:, :prompt], group.prompts)
        assert np.array_equal(group.inputs[:, prompt:], group.targets[:, :-1])
        assert group.first_target == prompt - 1


def test_owners_tell_which_node_a_token_belongs_to(vocabulary):
    found = examples(vocabulary)
    start = 0
    for group, owners in zip(found.groups, found.owners, strict=True):
        for target, owner in zip(group.targets, owners, strict=True):
            nodes = found.nodes[start]
            start += 1
            for index, node in enumerate(nodes):
                assert tuple(target[owner == index]) == found.candidates[node]


def test_teacherless_inputs_hide_every_answer_token(vocabulary):
    for group in examples(vocabulary, use_teacherless_inputs=True).groups:
        assert (group.inputs[:, group.prompts.shape[1] :] == vocabulary.teacherless).all()


def test_edge_prompts_have_their_own_task_token_and_no_pause(vocabulary):
    edges = np.array([[3, 12], [34, 5]])
    found = text_examples("edge", edges[:, :1], edges[:, 1:], vocabulary, TaskSettings())
    assert sorted(vocabulary.decode(row) for row in found.prompts) == ["[EDGE]3", "[EDGE]34"]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_missing_and_damaged_tokenizers_get_one_message(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        text_vocabulary(4, tmp_path)


def test_a_tokenizer_without_digits_is_refused(tmp_path):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0}, []))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ConfigurationError, match="digits"):
        text_vocabulary(4, tmp_path)


@pytest.fixture(scope="module")
def model(vocabulary):
    config = RunConfig(
        graph=GraphSettings(star_degree=4, path_length=4),
        model=ModelSettings(
            model_family="pythia", transformer_layer_count=1, embedding_dimension=32,
            attention_head_count=2, weight_init_mode="non_geometric",
        ),
    )  # fmt: skip
    return build_model(config, vocabulary_size=vocabulary.size)


def greedy(model, prompt, count):
    """Decode `count` tokens one at a time, without any of the engine."""
    tokens = list(prompt)
    for _ in range(count):
        inputs = torch.tensor([tokens])
        hidden = model([Rectangle(inputs=inputs, first_target=len(tokens) - 1)])
        tokens.append(int((hidden @ model.head_weight.T).argmax()))
    return tokens[len(prompt) :]


def test_generation_and_metrics_follow_the_lengths(vocabulary, model):
    found = examples(vocabulary)
    answers = evaluate_paths(model, found, CPU)
    for prompt, target, generated in zip(
        found.prompts, answers.targets, answers.generated, strict=True
    ):
        wanted = int((target != NO_TOKEN).sum())
        expected = greedy(model, prompt[prompt != NO_TOKEN], wanted)
        assert generated[:wanted].tolist() == expected
        assert (generated[wanted:] == NO_TOKEN).all()


def test_a_node_is_right_when_all_its_tokens_are(vocabulary, model):
    answers = evaluate_paths(model, examples(vocabulary), CPU)
    for name in ("generated", "forced"):
        getattr(answers, name)[:] = answers.targets
    answers.generated[0, 2] += 1  # a token of the second node
    metrics = answers.metrics()
    assert metrics["test/accuracy"] == 75
    assert [metrics[f"test/token_{i}"] for i in (1, 2, 3)] == [100, 75, 100]
    assert "test/token_4" not in metrics
    assert metrics["test_forced/accuracy"] == 100


def test_edges_are_scored_over_all_nodes(vocabulary, model):
    edges = np.array([[3, 12], [3, 5], [34, 5], [34, 34], [7, 0]])
    found = text_examples("edge", edges[:, :1], edges[:, 1:], vocabulary, TaskSettings())
    result = evaluate_edges(model, found, CPU)
    shares = []
    for source in (3, 34, 7):
        prompt = [vocabulary.edge_task, *vocabulary.nodes[source]]
        scores = []
        for tokens in found.candidates:
            inputs = torch.tensor([[*prompt, *tokens[:-1]]])
            hidden = model([Rectangle(inputs=inputs, first_target=len(prompt) - 1)])
            logs = (hidden @ model.head_weight.T).detach().log_softmax(1)
            scores.append(float(logs[range(len(tokens)), tokens].sum()))
        targets = edges[edges[:, 0] == source, 1]
        best = np.argsort(scores)[::-1][: len(targets)]
        shares.append(np.isin(targets, best).mean())
    assert result.top_k_recovery == pytest.approx(100 * np.mean(shares))
    assert result.accuracy_ceiling == pytest.approx(60)


def test_text_tokens_that_all_score_alike_recover_nothing(vocabulary, model):
    edges = np.array([[3, 12], [3, 5], [34, 5], [7, 0]])
    found = text_examples("edge", edges[:, :1], edges[:, 1:], vocabulary, TaskSettings())
    flat = copy.deepcopy(model)
    with torch.no_grad():
        for weight in flat.parameters():
            weight.zero_()
    assert evaluate_edges(flat, found, CPU).top_k_recovery == 0


@pytest.mark.parametrize("most", [1, 2, 3])
def test_thinned_rows_of_text_stay_together(vocabulary, model, most):
    whole = examples(vocabulary)
    found = thin_rows(whole, most)
    assert len(found) == sum(map(len, found.groups)) == most
    chosen = [whole.nodes.tolist().index(row) for row in found.nodes.tolist()]
    every, some = evaluate_paths(model, whole, CPU), evaluate_paths(model, found, CPU)
    width = some.targets.shape[1]
    np.testing.assert_array_equal(some.targets, every.targets[chosen][:, :width])
    np.testing.assert_array_equal(some.generated, every.generated[chosen][:, :width])
