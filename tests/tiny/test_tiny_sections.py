"""The sections are the published ones, line by line, and the others vary one thing at a time."""

import re
from dataclasses import fields

import pytest

from geometric_memory.config import ModelSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.tiny.sections import (
    GRAPHS,
    experiments,
    graphs_of,
    published_sections,
    section,
    table,
)

NAMES_ONLY = {"experiment", "published", "view", "graph_view", "evolution_steps", "heatmap_step"}


def rows_of(text: str, header: str) -> list[list[str]]:
    """Cells of the table whose header line starts with `header`."""
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith(header))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows


def experiment_of(notebook: str) -> str:
    name = notebook.removeprefix("SE:")
    return name if name == notebook else name + "_self_edges"


@pytest.fixture(scope="module")
def described(shared):
    return (shared / "spec" / "experiments.md").read_text(encoding="utf-8")


def test_settings_are_those_of_every_published_section(described):
    rows = rows_of(described, "| notebook | graph | dim | block |")
    assert len(rows) == 36
    for row in rows:
        notebook, graph, dim, block, attention, _, norm, positions, frozen, rate, *rest = row
        decay, epochs, schedule, directions, self_edges = rest[:5]
        found = section(experiment_of(notebook), graph)
        model = found.model
        assert (found.width, found.learning_rate) == (int(dim), float(rate))
        assert (found.weight_decay, found.steps) == (float(decay), int(epochs))
        assert found.decay == schedule.startswith("cosine")
        assert found.backward == (directions == "F+B")
        assert found.self_edges == (self_edges == "yes")
        assert model.use_mlp_only_blocks == (block == "single linear")
        assert model.use_attention == (attention == "on")
        assert model.use_layer_norm == (norm == "on")
        assert model.use_positional_encoding == (positions == "ON")
        assert model.freeze_token_embeddings == (frozen == "yes")


def test_settings_are_those_of_the_regularizer_series(described):
    rows = rows_of(described, "| § | title | init |")
    assert len(rows) == 7
    for name, _, init, rate, decay, dropout, schedule, self_edges, _ in rows:
        found = section(f"regularizer_{name}", "cycle")
        assert found.init == init
        assert (found.learning_rate, found.weight_decay) == (float(rate), float(decay))
        assert found.dropout == float(dropout)
        assert found.decay == schedule.startswith("cosine")
        assert found.self_edges == (self_edges == "yes")
        assert (found.width, found.steps) == (512, 10_000)


def test_views_and_steps_of_figures_are_the_published_ones(described):
    for row in rows_of(described, "| notebook | graph | final-embedding"):
        found = section(experiment_of(row[0]), row[1])
        assert found.view == tuple(float(angle) for angle in row[4].strip("()").split(","))
        asked = re.match(r"\[(.*?)\]", row[6])
        steps = tuple(int(step) for step in asked[1].split(",")) if asked else ()
        assert found.evolution_steps == steps
        assert found.heatmap_step == (None if row[7] == "—" else int(row[7]))


def test_published_numbers_are_the_described_ones(described):
    """Losses, curves and printed margins; the other columns come from the same tables."""
    numbers = {(row["experiment"], row["graph"]): row for row in table("published.csv")}
    for row in rows_of(described, "| notebook | graph | last x |"):
        found = numbers[experiment_of(row[0]), row[1]]
        peak, step = row[9].split("@")
        assert found["first_complete"] == row[5]
        assert float(found["peak_level"]) == float(peak)
        assert found["peak_step"] == step.strip()
    for row in rows_of(described, "| notebook | graph | loss (fp32) |"):
        found = numbers[experiment_of(row[0]), row[1]]
        assert found["loss"] == row[2]
        assert float(found["end_level"]) == float(row[7])
        assert float(found["end_level_no_self"]) == float(row[8])
    for row in rows_of(described, "| notebook | graph | edge loss |"):
        if row[8] != "—":
            assert numbers[experiment_of(row[0]), row[1]]["skewed_margin"] == row[8]


def test_there_are_51_published_sections_and_each_has_its_numbers():
    sections = published_sections()
    assert len(sections) == 51
    named = {(row["experiment"], row["graph"]) for row in table("published.csv")}
    assert named == {(s.experiment, s.graph) for s in sections}


@pytest.mark.parametrize(
    ("experiment", "baseline", "changed"),
    [
        ("neural_network_untied", "neural_network", {"tied"}),
        ("embedding", "neural_network", {"block"}),
        ("embedding_untied", "embedding", {"tied"}),
        ("transformer_untied", "transformer", {"tied"}),
        ("neural_network_plus_self_edges", "neural_network", {"self_edges"}),
        ("transformer_plus_self_edges", "transformer", {"self_edges"}),
        ("node2vec_untied", "node2vec", {"tied"}),
        ("mamba", "transformer", {"block", "positions"}),
        ("mamba_associative", "mamba", {"frozen"}),
    ],
)
def test_comparisons_vary_one_thing(experiment, baseline, changed):
    for graph in GRAPHS:
        one, other = section(experiment, graph), section(baseline, graph)
        names = {field.name for field in fields(one)} - NAMES_ONLY
        assert {n for n in names if getattr(one, n) != getattr(other, n)} == changed


def test_every_section_has_a_model_that_can_be_built():
    for experiment in experiments():
        for graph in graphs_of(experiment):
            found = section(experiment, graph)
            if found.block != "node2vec":
                assert isinstance(found.model, ModelSettings)
                assert found.model.problems() == []


def test_unknown_names_get_the_nearest_one():
    with pytest.raises(ConfigurationError, match="did you mean transformer"):
        section("transfomer", "star")
    with pytest.raises(ConfigurationError, match="is there for cycle"):
        section("regularizer_1", "star")
