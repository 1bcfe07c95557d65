"""Golden numbers of the published release: `pytest tests/test_golden.py --golden FOLDER`.

FOLDER has the format of ../shared/golden, which is taken when none is named; without both, these
tests are skipped. What a clone alone can prove stands as numbers in the other tests.
"""

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
import padded_reference
import pytest
import torch
from recovery_reference import (
    any_target_share,
    published_node2vec_recovery,
    published_top_k_recovery,
)
from safetensors.torch import load_file
from small_models import FLOAT32, batch_of, loss_of, published_gpt

from geometric_memory.analysis.cosines import geometric_level
from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.margins import (
    edge_margins,
    linear_logits,
    neighbour_accuracy,
    published_linear_logits,
    skewed_logits,
)
from geometric_memory.analysis.reduction import clear_pca, pca
from geometric_memory.analysis.spectrum import (
    eigenspace_energies,
    published_bars,
    published_eigenpairs,
)
from geometric_memory.cli.arguments import parse
from geometric_memory.cli.dataset import main as build
from geometric_memory.cli.main import main
from geometric_memory.config import RunConfig
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.figures.camera import clear_view, crossings, screen
from geometric_memory.models.build import build_model
from geometric_memory.models.gpt import GPT
from geometric_memory.models.published import our_names, to_published
from geometric_memory.settings import assemble, settings_of
from geometric_memory.tasks.examples import Examples, edge_examples
from geometric_memory.tasks.task import build_task
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.tiny.sections import published_sections, tiny_graph
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths, top_predictions
from geometric_memory.training.stages import Schedule

pytestmark = pytest.mark.usefixtures("one_thread")
BATCHES = ("mixed", "edge", "path")
ATTENTION_PARTS = ("queries_linear", "keys_linear", "values_linear")


def pytest_generate_tests(metafunc):
    """Run each test once for every configuration, forward pass or checkpoint in the folder."""
    named = metafunc.config.getoption("--golden")
    folder = named or Path(__file__).parents[2] / "shared" / "golden"
    for fixture, names in (
        ("dataset_name", lambda: [row["name"] for row in json_of(folder / "datasets.json")]),
        ("tiny_folder", lambda: [path.name for path in (folder / "tiny_datasets").iterdir()]),
        ("forward_name", lambda: forward_names(folder)),
        ("checkpoint_name", lambda: checkpoints_of(folder)),
        ("weights_name", lambda: [*checkpoints_of(folder), *forward_names(folder)]),
        ("section_name", lambda: [section.name for section in published_sections()]),
        ("sequence_name", lambda: checkpoints_of(folder, "edge_argmax_accuracy")),
        ("linear_name", lambda: checkpoints_of(folder, "margins")),
        ("node2vec_name", lambda: checkpoints_of(folder, "top1_recovery_percent")),
    ):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, sorted(names()) if folder.is_dir() else ["none"])


def forward_names(folder):
    """Return the names of the forward passes."""
    return [path.stem for path in (folder / "forward").glob("*.json")]


def checkpoints_of(folder, metric="kind"):
    """Return the names of the checkpoints for which a metric is given."""
    records = json_of(folder / "checkpoints" / "metrics.json")
    return [name for name, record in records.items() if metric in record["metrics"]]


@functools.cache
def json_of(path):
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def one_thread():
    """One thread, as the golden numbers were made: with logits up to 81, rounding shows."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# Data sets


def build_in(folder, flags):
    """Build the data set of golden `flags` and return its files by folder and name."""
    assert build([*flags, "--dataset_root", str(folder)]) == 0
    return {(path.parent.name, path.name): path.read_bytes() for path in folder.glob("*/*.txt")}


def test_every_data_set_file_has_its_sum(golden, dataset_name, tmp_path):
    rows = {row["name"]: row for row in json_of(golden / "datasets.json")}
    row = rows[dataset_name]
    written = build_in(tmp_path, row["flags"])
    assert {key: hashlib.sha256(text).hexdigest() for key, text in written.items()} == {
        (file["folder"], file["name"]): file["sha256"] for file in row["files"]
    }
    for file in row["files"]:
        text = written[file["folder"], file["name"]]
        assert (len(text), text.count(b"\n")) == (file["bytes"], file["lines"])


def test_tiny_data_sets_have_the_golden_text(golden, tiny_folder, tmp_path):
    texts = {p.name: p.read_bytes() for p in (golden / "tiny_datasets" / tiny_folder).iterdir()}
    sums = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    rows = json_of(golden / "datasets.json")
    made = [r for r in rows if {f["name"]: f["sha256"] for f in r["files"]} == sums]
    written = build_in(tmp_path, made[0]["flags"])
    assert {name: text for (_, name), text in written.items()} == texts


# Forward passes


class Forward:
    """One golden model with its batches, and ours made from its flags and weights."""

    def __init__(self, folder, name, data_root):
        self.golden = json_of(folder / "forward" / f"{name}.json")
        self.tensors = load_file(folder / "forward" / f"{name}.safetensors")
        self.state = {
            key.removeprefix("param."): value
            for key, value in self.tensors.items()
            if key.startswith("param.")
        }
        flags = self.golden["cli_flags"]
        build_in(data_root, self.golden["dataset_flags"])
        self.config = parse(
            RunConfig,
            [*flags, "--dataset_root", str(data_root), "--random_seed", "7"],
            program="train",
            description="",
        ).config
        self.task = build_task(read_dataset(self.config), self.config)
        self.model = published_gpt(self.config, self.state, self.task.vocabulary.size)

    def rows(self, name):
        """Return the golden rows of a batch as examples of ours, found by their text."""
        kinds = {
            "edge": [self.task.edge_facts],
            "path": [self.task.train_paths, self.task.test_paths],
        }
        decode = self.task.vocabulary.decode
        known = {
            (kind, decode(prompt), decode(target)): (prompt, target, inputs)
            for kind, groups in kinds.items()
            for examples in groups
            for prompt, target, inputs in zip(
                examples.prompts, examples.targets, examples.inputs, strict=True
            )
        }
        samples = self.golden["batches"][name]["samples"]
        return [known[row["task"], row["prefix"], row["target"]] for row in samples]

    def batch(self, name):
        """Return a golden batch as ours, and the golden row of each of our rows."""
        samples = self.golden["batches"][name]["samples"]
        found = self.rows(name)
        groups, order = [], []
        for kind in ("edge", "path"):
            places = [place for place, row in enumerate(samples) if row["task"] == kind]
            if places:
                parts = zip(*(found[place] for place in places), strict=True)
                prompts, targets, inputs = (np.stack(part) for part in parts)
                groups.append(Examples(kind=kind, prompts=prompts, targets=targets, inputs=inputs))
                order += places
        return batch_of(*groups), groups, order


@pytest.fixture(scope="module")
def forward_of(golden, tmp_path_factory):
    return functools.cache(lambda name: Forward(golden, name, tmp_path_factory.mktemp("data")))


@pytest.fixture
def forward(forward_name, forward_of):
    return forward_of(forward_name)


def test_the_flags_mean_the_golden_settings(forward):
    golden, config = forward.golden["config"], forward.config
    known = settings_of(RunConfig)
    differing = {
        name: value
        for name, value in golden.items()
        if name in known
        and name != "total_nodes"
        and value != getattr(getattr(config, known[name].topic), name)
    }
    assert differing == {}
    vocabulary = forward.task.vocabulary
    assert golden["vocab_size"] == vocabulary.size
    assert golden["total_nodes"] == vocabulary.node_count
    assert golden["block_size"] == config.block_size
    assert golden["pad_token_id"] == vocabulary.pad
    assert golden["teacherless_token_id"] in (None, vocabulary.teacherless)
    assert golden["predict_full_path"] == config.training.full_path
    assert golden["edge_prefix_tokens"] == forward.task.edge_facts.prompts.shape[1]
    assert golden["path_prefix_tokens"] == forward.task.train_paths.prompts.shape[1]
    assert golden["path_target_tokens"] == forward.task.train_paths.targets.shape[1]


@pytest.mark.parametrize("name", BATCHES)
def test_our_examples_are_the_golden_rows(forward, name):
    x, y = forward.tensors[f"batch.{name}.x"], forward.tensors[f"batch.{name}.y"]
    pad = forward.task.vocabulary.pad
    for row, (prompt, target, inputs) in enumerate(forward.rows(name)):
        rest = x.shape[1] - len(inputs)
        assert x[row].tolist() == [*inputs, *[pad] * rest]
        assert y[row].tolist() == [-1] * (len(prompt) - 1) + list(target) + [-1] * rest


@pytest.mark.parametrize("name", BATCHES)
def test_loss_logits_and_accuracies(forward, name):
    golden = forward.golden["batches"][name]
    batch, groups, order = forward.batch(name)
    exact = published_gpt(forward.config, doubled(forward.state), forward.task.vocabulary.size)
    loss, _ = loss_of(exact, batch)
    assert float(loss.detach()) == pytest.approx(golden["loss_float64"], abs=1e-12)
    with torch.no_grad():
        loss, correct = loss_of(forward.model, batch)
        ours = forward.model(batch.rectangles) @ forward.model.head_weight.T
    y = forward.tensors[f"batch.{name}.y"][order]
    published = forward.tensors[f"batch.{name}.logits"][order][y != -1]
    torch.testing.assert_close(ours, published, rtol=0, atol=5e-5)
    assert len(batch.targets) == golden["valid_target_count"]
    assert float(loss) == pytest.approx(golden["loss"], abs=2e-6)
    right = torch.zeros(y.shape)
    right[y != -1] = correct.float()
    all_right = (right == (y != -1)).all(dim=1).float().mean()
    assert float(all_right) == pytest.approx(golden["sequence_accuracy"], abs=1e-7)
    columns = right.sum(dim=0) / (y != -1).sum(dim=0).clamp(min=1)
    skipped = len(columns) - len(golden["per_token_accuracy"])
    assert columns[skipped:].tolist() == pytest.approx(golden["per_token_accuracy"], abs=1e-7)
    assert (name == "mixed") or skipped == groups[0].first_target


@pytest.mark.parametrize("name", BATCHES)
def test_gradient_norms(forward, name):
    golden = forward.golden["batches"][name]
    forward.model.zero_grad()
    loss_of(forward.model, forward.batch(name)[0])[0].backward()
    gradients = {key: value.grad for key, value in forward.model.named_parameters()}
    checked = set()
    names = our_names(golden["grad_norms"])
    for key, norm in golden["grad_norms"].items():
        ours = names[key] if names[key] in gradients else "token_embedding.weight"
        checked.add(ours)
        gradient = gradients[ours]
        if norm is None:
            assert gradient is None, key
            continue
        for place, part in enumerate(ATTENTION_PARTS):
            gradient = gradient.chunk(3)[place] if part in key else gradient
        assert float(gradient.norm()) == pytest.approx(norm, rel=1e-4, abs=1e-6), key
    assert checked == set(gradients)


def test_evaluation_gives_the_golden_path_accuracies(forward):
    golden = forward.golden["batches"]["path"]
    paths = evaluate_paths(forward.model, forward.batch("path")[1][0], FLOAT32)
    metrics = paths.metrics()
    by_token = [share / 100 for name, share in metrics.items() if "forced/token" in name]
    assert by_token == pytest.approx(golden["per_token_accuracy"], abs=1e-7)
    assert metrics["test/accuracy"] == pytest.approx(100 * golden["sequence_accuracy"], abs=1e-5)
    assert paths.loss == pytest.approx(golden["loss"], abs=2e-6)


@pytest.mark.parametrize("name", BATCHES)
def test_the_padded_reference_gives_the_golden_numbers(forward, name):
    golden = forward.golden["batches"][name]
    x, y = forward.tensors[f"batch.{name}.x"], forward.tensors[f"batch.{name}.y"]
    state = {key: value.requires_grad_() for key, value in doubled(forward.state).items()}
    if forward.config.model.tie_input_output_embeddings:
        state["lm_head.weight"] = state["embed_tokens.weight"]
    found = padded_reference.logits(state, forward.config.model, x, golden["pad_token_id_passed"])
    published = forward.tensors[f"batch.{name}.logits"]
    torch.testing.assert_close(found[y != -1].float(), published[y != -1], rtol=0, atol=5e-5)
    loss = padded_reference.loss(found, y)
    assert float(loss.detach()) == pytest.approx(golden["loss_float64"], abs=1e-12)
    loss.backward()
    for key, norm in golden["grad_norms"].items():
        if norm is not None:
            assert float(state[key].grad.norm()) == pytest.approx(norm, rel=1e-4, abs=1e-6), key


def doubled(state):
    return {key: value.double() for key, value in state.items()}


def test_initial_weights_have_the_golden_spread(forward):
    fresh = build_model(forward.config, vocabulary_size=forward.task.vocabulary.size)
    parameters = dict(fresh.named_parameters())
    names = our_names(forward.golden["init_std"])
    for key, std in forward.golden["init_std"].items():
        weight = parameters.get(names[key], parameters["token_embedding.weight"])
        for place, part in enumerate(ATTENTION_PARTS):
            weight = weight.chunk(3)[place] if part in key else weight
        error = 5 * std / weight.numel() ** 0.5  # five sigma of a difference of two samples
        assert float(weight.detach().std()) == pytest.approx(std, rel=0, abs=error), key


def test_learning_rates(golden):
    for row in json_of(golden / "lr_schedule.json"):
        schedule = Schedule(
            peak=row["learning_rate"],
            warmup_steps=row["warmup_steps"],
            decay_steps=row["decay_steps"],
            floor=row["min_learning_rate"],
        )
        rates = [schedule.rate(step) for step in row["steps"]]
        assert rates == pytest.approx(row["values"], rel=1e-12, abs=0), row["note"]


# Checkpoints


class Checkpoint:
    """A published checkpoint, its edges, and for sequence models ours with its weights."""

    def __init__(self, folder, name):
        self.record = json_of(folder / "checkpoints" / "metrics.json")[name]
        self.metrics = self.record["metrics"]
        self.tensors = load_file(folder / "checkpoints" / self.record["tensors_file"])
        graph = json_of(folder / "checkpoints" / "graphs.json")[self.record["graph_key"]]
        self.edges = np.array(graph["directed_edges"])
        self.nodes = self.record["node_count"]
        spectra = load_file(folder / "checkpoints" / "spectral_states.safetensors")
        prefix = self.record["graph_key"] + "."
        self.spectrum = {
            key.removeprefix(prefix): value.numpy()
            for key, value in spectra.items()
            if key.startswith(prefix)
        }
        if self.is_sequence_model:
            self._load()

    @property
    def is_sequence_model(self):
        return self.metrics["kind"] == "sequence_model"

    @property
    def embeddings(self):
        """Node embeddings, as numpy."""
        if self.is_sequence_model:
            return self.model.node_embeddings(self.nodes).numpy()
        return self.tensors["weight"].numpy()

    def _load(self):
        known = settings_of(RunConfig)
        settings = {key: v for key, v in self.record["config"].items() if key in known}
        self.config = assemble(RunConfig, settings | {"total_nodes": self.nodes})
        vocabulary = Vocabulary(self.nodes)
        self.edge_facts = edge_examples(self.edges, vocabulary, self.config.task)
        self.model = published_gpt(self.config, self.tensors, vocabulary.size)


# Weights, in and out


def test_published_weights_come_back_bit_for_bit(golden, weights_name, tmp_path):
    """Published file -> ours -> a .pt file that is read as plain tensors: the same bits."""
    state = published_weights(golden, weights_name)
    torch.save(state, tmp_path / "published.pt")
    assert main(["convert", "--trust", str(tmp_path / "published.pt"),
                 str(tmp_path / "ours.safetensors")]) == 0  # fmt: skip
    assert main(["convert", str(tmp_path / "ours.safetensors"), str(tmp_path / "back.pt"),
                 "--to", "published"]) == 0  # fmt: skip
    back = torch.load(tmp_path / "back.pt", weights_only=True)
    assert {name: value.shape for name, value in back.items()} == {
        name: value.shape for name, value in state.items()
    }
    for name, value in state.items():
        assert back[name].dtype == value.dtype, name
        assert back[name].equal(value), name


def published_weights(golden, name):
    """Return the state dict of a shipped checkpoint or of a forward pass."""
    if (golden / "checkpoints" / f"{name}.safetensors").is_file():
        return load_file(golden / "checkpoints" / f"{name}.safetensors")
    tensors = load_file(golden / "forward" / f"{name}.safetensors")
    return {n.removeprefix("param."): t for n, t in tensors.items() if n.startswith("param.")}


def test_all_51_shipped_models_go_out_under_golden_names(golden, section_name):
    """What the release ships of a section has the names and shapes of what we write for it."""
    section = next(s for s in published_sections() if s.name == section_name)
    shipped = [
        record["shapes"]
        for record in json_of(golden / "checkpoints" / "metrics.json").values()
        if kind_of(record["config"]) == (section.block, section.positions)
    ]
    nodes = tiny_graph(section).node_count
    if section.block == "node2vec":
        ours = {"nodes": torch.zeros(nodes, section.width)}
    else:
        model = GPT(section.model, vocabulary_size=nodes + 9, block_size=64)
        ours = model.state_dict()
    written = {name: list(value.shape) for name, value in to_published(ours).items()}
    assert shipped
    table = "weight" if section.block == "node2vec" else "lm_head.weight"
    for shapes in shipped:
        assert set(shapes) == set(written)
        assert shapes == written or shapes[table] != written[table]


def test_the_linear_net_of_the_star_shows_four_clean_arms(golden, checkpoint_of):
    """Its widest component leads from side to side; the published pictures drop it by hand."""
    checkpoint = checkpoint_of("base_star_feedforward_plain_d32")
    edges = np.unique(np.sort(checkpoint.edges, axis=1), axis=0)

    def crossed(points):
        shown = points @ screen(clear_view(points, edges))[:2].T
        return crossings(shown, edges)

    points, chosen = clear_pca(checkpoint.embeddings, edges)
    assert 1 not in chosen
    assert crossed(points) == 0
    assert crossed(pca(checkpoint.embeddings, 3)) >= 5


def kind_of(config):
    """Return block and positions of a golden configuration."""
    if "embedding_parameter" in config:
        return "node2vec", False
    block = "linear" if config["use_mlp_only_blocks"] else "transformer"
    return block, config["use_positional_encoding"]


@pytest.fixture(scope="module")
def checkpoint_of(golden):
    return functools.cache(lambda name: Checkpoint(golden, name))


def test_edge_loss_accuracy_and_top_predictions(checkpoint_of, sequence_name):
    checkpoint = checkpoint_of(sequence_name)
    metrics = checkpoint.metrics
    edges = evaluate_edges(checkpoint.model, checkpoint.edge_facts, FLOAT32)
    assert edges.loss == pytest.approx(metrics["edge_loss"], abs=5e-6)
    assert edges.accuracy == pytest.approx(100 * metrics["edge_argmax_accuracy"], abs=1e-5)
    sources, best = top_predictions(checkpoint.model, checkpoint.edge_facts, 5, FLOAT32)
    assert sources.tolist() == np.unique(checkpoint.edges[:, 0]).tolist()
    table = np.full((checkpoint.nodes, 5), -1)
    table[sources] = best
    recovery = 100 * published_top_k_recovery(table, checkpoint.edges)
    assert recovery == pytest.approx(metrics["topk_recovery_percent"], abs=1e-6)
    share = any_target_share(table[:, 0], checkpoint.edges)
    assert share == pytest.approx(metrics["argmax_is_any_target_fraction"], abs=1e-6)
    batch = batch_of(checkpoint.edge_facts)
    with torch.no_grad():
        hidden = checkpoint.model(batch.rectangles)
    rows = dict(zip(checkpoint.edges[:, 0].tolist(), hidden, strict=True))
    published = np.array(metrics["topk_predictions"])
    for node in sources:  # near ties may stand in another order
        scores = checkpoint.model.head_weight.detach() @ rows[node]
        torch.testing.assert_close(scores[published[node]], scores[table[node]], rtol=0, atol=1e-4)


def test_geometric_levels(checkpoint_of, checkpoint_name):
    checkpoint = checkpoint_of(checkpoint_name)
    edges, metrics = checkpoint.edges, checkpoint.metrics
    level = geometric_level(checkpoint.embeddings, edges)
    assert level == pytest.approx(metrics["geometric_level"], abs=2e-6)
    level = geometric_level(checkpoint.embeddings, edges[edges[:, 0] != edges[:, 1]])
    assert level == pytest.approx(metrics["geometric_level_no_self"], abs=2e-6)


def test_spectra(checkpoint_of, checkpoint_name):
    checkpoint = checkpoint_of(checkpoint_name)
    golden = checkpoint.metrics["spectral"]
    adjacency = symmetric_adjacency(checkpoint.edges, checkpoint.nodes, self_loops=True)
    values, vectors = published_eigenpairs(adjacency)
    assert values == pytest.approx(golden["graph_eigenvalues_descending"], abs=1e-9)
    energies = eigenspace_energies(values, vectors, checkpoint.embeddings)
    groups = golden["eigenspace_groups"]
    assert energies.multiplicities.tolist() == [group["multiplicity"] for group in groups]
    assert energies.energies == pytest.approx([group["energy"] for group in groups], rel=1e-6)


@pytest.mark.parametrize("drop_top", [True, False])
def test_published_bars(checkpoint_of, checkpoint_name, drop_top):
    checkpoint = checkpoint_of(checkpoint_name)
    golden = checkpoint.metrics["spectral"][f"drop_top_{str(drop_top).lower()}"]
    bars = published_bars(
        checkpoint.spectrum["graph_eigenvalues"][::-1],
        checkpoint.spectrum["init_eigenvectors_rows"].T[:, ::-1],
        checkpoint.embeddings,
        drop_top=drop_top,
    )
    assert bars.eigenvalues == pytest.approx(golden["norm_eigenvalues"], abs=1e-9)
    assert bars.projections == pytest.approx(golden["norm_projections"], rel=1e-6)


def test_margins(checkpoint_of, linear_name):
    checkpoint = checkpoint_of(linear_name)
    golden, model = checkpoint.metrics["margins"], checkpoint.model
    edges, nodes = checkpoint.edges, checkpoint.nodes
    close = functools.partial(pytest.approx, rel=1e-4, abs=1e-4)
    table = model.token_embedding.weight.detach().numpy()
    linear = model.layers[0].mlp.inner.linear
    weight, bias = linear.weight.detach().numpy(), linear.bias.detach().numpy()
    position = 0
    if model.position_embedding is not None:
        position = model.position_embedding.weight[1].detach().numpy()
    real = linear_logits(table + position, weight, bias, head=table)
    assert edge_margins(real, edges).mean == close(golden["model_forward_edge_margin_full_vocab"])
    without_positions = linear_logits(table, weight, bias)
    margins = edge_margins(without_positions, edges)
    assert margins.mean == close(golden["corrected_edge_margin_full_vocab"])
    margins = edge_margins(without_positions, edges, columns=nodes)
    assert margins.mean == close(golden["corrected_edge_margin_nodes_only"])
    original = edge_margins(published_linear_logits(table, weight), edges)
    assert original.mean == close(golden["release_edge_margin_original"])
    skewed = skewed_logits(table, weight)
    assert edge_margins(skewed, edges).mean == close(golden["release_edge_margin_skewed"])
    percent = golden["release_edge_top1_accuracy_skewed_percent"]
    assert 100 * neighbour_accuracy(skewed, edges) == pytest.approx(percent, abs=1e-5)


def test_node2vec(checkpoint_of, node2vec_name):
    checkpoint = checkpoint_of(node2vec_name)
    metrics = checkpoint.metrics
    table = torch.from_numpy(checkpoint.embeddings).double()
    losses = -torch.log_softmax(table @ table.T, dim=1)
    sources, targets = torch.from_numpy(checkpoint.edges).T
    on_edges = losses[sources, targets]
    assert float(on_edges.mean()) == pytest.approx(metrics["edge_loss_edge_mean"], abs=5e-6)
    by_node = [float(on_edges[sources == node].mean()) for node in range(checkpoint.nodes)]
    assert np.mean(by_node) == pytest.approx(metrics["edge_loss_node_mean"], abs=5e-6)
    rule = "counted" if metrics["self_predictions_allowed"] else "excluded"
    scores = (table @ table.T).numpy()
    for k, name in ((5, "topk_recovery_percent"), (1, "top1_recovery_percent")):
        share = published_node2vec_recovery(scores, checkpoint.edges, k=k, self_predictions=rule)
        assert 100 * share == pytest.approx(metrics[name], abs=1e-6)
