"""Settings by name: help, uniqueness, round trips through JSON, rules that join settings."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.cli.main import SUBCOMMANDS
from geometric_memory.config import (
    DatasetConfig,
    DatasetSettings,
    GraphSettings,
    LoggingSettings,
    ModelSettings,
    RunConfig,
    TaskSettings,
    TrainingSettings,
)
from geometric_memory.errors import ConfigurationError
from geometric_memory.explore.experiment import Experiment
from geometric_memory.models.node2vec import Node2VecSettings
from geometric_memory.settings import (
    assemble,
    flatten,
    from_json,
    settings_of,
    topic_descriptions,
)
from geometric_memory.studies.linear_nets import LinearNet
from geometric_memory.synonyms import SYNONYMS, unknown_name
from geometric_memory.tiny.sections import Section, SeededSection
from geometric_memory.topic import settings_of_topic

SETTINGS = settings_of(RunConfig)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip


def problems_of(config_type=RunConfig, *, typed=True, **values):
    with pytest.raises(ConfigurationError) as caught:
        assemble(config_type, values, typed=typed)
    return caught.value.problems


VIEWS = [
    setting
    for topic in (SeededSection, LinearNet, Experiment, Node2VecSettings)
    for setting in settings_of_topic(topic).values()
]


@pytest.mark.parametrize("setting", [*SETTINGS.values(), *VIEWS], ids=lambda setting: setting.name)
def test_every_setting_has_help_that_is_a_sentence(setting):
    assert setting.help.endswith(".")
    assert len(setting.help) > 6
    assert "\n" not in setting.help


def test_names_are_unique_across_topics_and_defaults_are_those_of_the_classes():
    fields = [
        field.name
        for topic in dataclasses.fields(RunConfig)
        for field in dataclasses.fields(getattr(RunConfig(), topic.name))
    ]
    assert sorted(fields) == sorted(SETTINGS)
    assert flatten(RunConfig()) == {name: setting.default for name, setting in SETTINGS.items()}
    assert assemble(RunConfig, {}) == RunConfig()


def test_the_builder_knows_the_settings_of_the_data_set_alone():
    assert set(settings_of(DatasetConfig)) < set(SETTINGS)
    assert set(topic_descriptions(DatasetConfig)) == {"graph", "dataset"}
    assert "unknown setting seed" in problems_of(DatasetConfig, seed=1)[0]


def free_value(setting):
    """Return a strategy of values that a setting takes, whatever the others are."""
    if setting.choices:
        return st.sampled_from(setting.choices)
    if setting.is_switch:
        return st.booleans()
    if isinstance(setting.default, float):
        return st.floats(0.01, 0.99)
    if isinstance(setting.default, int):
        return st.integers(2, 20)
    return st.text(max_size=12)


def setting_values():
    """Return a strategy of values for all settings, legal each on its own."""
    return st.fixed_dictionaries(
        {}, optional={name: free_value(setting) for name, setting in SETTINGS.items()}
    )


@given(setting_values())
def test_a_configuration_survives_json_typing_and_back(values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunConfig, "problems", lambda config: [])
        config = assemble(RunConfig, values)
        nested = json.loads(json.dumps(dataclasses.asdict(config) | {"schema": 1}))
        assert assemble(RunConfig, from_json(RunConfig, nested, "config.json")) == config
        flat = json.loads(json.dumps(flatten(config)))
        assert assemble(RunConfig, from_json(RunConfig, flat, "config.json")) == config
        typed = {name: str(value) for name, value in flatten(config).items()}
        assert assemble(RunConfig, typed) == config
    assert flatten(config) == flatten(RunConfig()) | values


@given(st.dictionaries(st.sampled_from(list(SETTINGS)), ANYTHING, max_size=4))
def test_anything_is_a_configuration_without_problems_or_a_list_of_them(values):
    try:
        config = assemble(RunConfig, values)
    except ConfigurationError as error:
        assert all(isinstance(problem, str) and problem for problem in error.problems)
    else:
        assert config.problems() == []
        assert {name: type(value) for name, value in flatten(config).items()} == {
            name: type(setting.default) for name, setting in SETTINGS.items()
        }


@given(st.sampled_from(list(SETTINGS.values())), ANYTHING)
def test_a_topic_takes_and_refuses_what_a_configuration_does_in_the_same_words(setting, value):
    values = {setting.name: value}
    try:
        topic = setting.kind(**values)
    except ConfigurationError as error:
        assert set(error.problems) <= set(problems_of(RunConfig, typed=False, **values))
    else:
        read = getattr(topic, setting.name)
        assert type(read) is type(setting.default)
        assert read == value


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        (TrainingSettings, {"optimizer_weight_decay": -1}, "--optimizer_weight_decay -1: expected"),
        (ModelSettings, {"model_family": "gpt3"}, "must be one of gpt, gpt2, pythia, mamba; did"),
        (ModelSettings, {"embedding_dimension": "64"}, "--embedding_dimension '64': expected int"),
        (GraphSettings, {"star_degree": True}, "--star_degree True: expected int, got bool"),
        (ModelSettings, {"use_attention": 1}, "--use_attention 1: expected bool, got int"),
        (TrainingSettings, {"stop_at_path_accuracy": float("nan")}, "--stop_at_path_accuracy nan"),
        (TaskSettings, {"path_prefix_pause_token_count": None}, "needs a value"),
        (ModelSettings, {"attention_head_count": 5}, "does not divide"),
        (ModelSettings, {"embeding_dimension": 5}, "unknown setting .*did you mean embedding_dim"),
        (DatasetConfig, {"dataset": DatasetSettings(split_subtree_holdout=True)}, "tree-star"),
    ],
    ids=str,
)
def test_the_constructor_checks(kind, values, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        kind(**values)


def test_replacing_a_setting_is_checked_too():
    with pytest.raises(ConfigurationError, match="--seed 'one': expected int, a whole number"):
        dataclasses.replace(TrainingSettings(), seed="one")


def test_numbers_of_numpy_and_paths_are_read_as_what_they_are():
    model = ModelSettings(embedding_dimension=np.arange(65)[64], dropout_rate=np.float64(0))
    assert (type(model.embedding_dimension), type(model.dropout_rate)) == (int, float)
    assert (
        type(TrainingSettings(path_finetuning_learning_rate=1).path_finetuning_learning_rate)
        is float
    )
    assert LoggingSettings(experiment_log_root=Path("runs")).experiment_log_root == "runs"


def test_all_problems_come_at_once():
    found = problems_of(seeds=1, dropout_rate=2.0, star_degree="x", dataset_name="../up")
    assert len(found) == 4
    assert found[0] == "unknown setting seeds; did you mean seed?"


def test_a_setting_that_stands_for_another_names_one_that_is_there():
    known = {*SETTINGS, *settings_of_topic(Section)}
    stands_for = [setting.about.of for setting in VIEWS if setting.about.of]
    assert stands_for
    assert set(stands_for) <= known


def test_unknown_names_far_from_all_others_get_no_hint():
    for name in ("qqqq", "help_me", "optimizer", "momentum", "size", "--ayers"):
        assert unknown_name(name, SETTINGS) == f"unknown setting {name}"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--lr", "--path_finetuning_learning_rate or --edge_memorization_learning_rate"),
        ("--Batch-Size", "--path_finetuning_batch_size or --edge_memorization_batch_size"),
        ("--epochs", "--path_finetuning_epochs or --edge_memorization_epochs"),
        ("--steps", "--max_steps"),
        ("--layers", "--transformer_layer_count"),
        ("--width", "--embedding_dimension"),
        ("--heads", "--attention_head_count"),
        ("--gpu", "--device"),
        ("--arms", "--star_degree"),
        ("--stop_at", "--stop_at_path_accuracy"),
        ("--recipe", "--training_recipe"),
        ("--star_degre", "--star_degree"),
    ],
)
def test_what_people_type_leads_to_the_setting_that_means_it(typed, meant):
    options = [f"--{name}" for name in SETTINGS]
    assert unknown_name(typed, options) == f"unknown setting {typed}; did you mean {meant}?"


def test_every_synonym_leads_to_a_name_or_value_that_is_there():
    sections = {field.name for field in dataclasses.fields(Section)}
    choices = {value for setting in SETTINGS.values() for value in setting.choices}
    assert set(SYNONYMS) <= set(SETTINGS) | sections | choices | set(SUBCOMMANDS)
    for name in set(SYNONYMS) & set(SETTINGS):
        assert not set(SYNONYMS[name].split()) & set(SETTINGS)


def test_a_value_of_the_wrong_type_is_named_with_its_setting():
    assert problems_of(max_steps="abc", seed=[1], path_finetuning_learning_rate="fast") == (
        "--max_steps 'abc': expected int, a whole number",
        "--seed [1]: expected int, got array",
        "--path_finetuning_learning_rate 'fast': expected float, a number",
    )
    (problem,) = problems_of(device="gpu")
    assert problem.endswith("must be one of auto, cpu, cuda, mps; did you mean cuda?")


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"total_nodes": 100}, "this star needs 50001 nodes"),
        ({"star_subtree_degree": 2, "star_degree": 3, "path_length": 4, "total_nodes": 21}, "22"),
        ({"graph_type": "cycle", "total_nodes": 2}, "must be 3 or more"),
        ({"graph_type": "cycle", "total_nodes": 5}, "longer than the cycle"),
        ({"graph_type": "grid", "total_nodes": 7}, "disagrees with the 2500 nodes"),
        (
            {"graph_type": "grid", "grid_rows": 3, "grid_cols": 2, "path_length": 7},
            "--path_length 7 is more than the 6 nodes of this grid graph; ask for at most 6",
        ),
        ({"graph_type": "irregular", "path_length": 17}, "ask for at most 16"),
        ({"graph_type": "irregular", "irregular_edge_count": 30}, "must be 20"),
        ({"graph_type": "custom"}, "needs --graph_file"),
        ({"graph_file": "a.txt"}, "only with --graph_type custom"),
        ({"split_subtree_holdout": True}, "needs a tree-star"),
        ({"attention_head_count": 5}, "does not divide"),
        ({"edge_memorization_checkpoint_path": "x"}, "needs --skip_edge_memorization"),
        ({"skip_edge_memorization": True}, "needs --edge_memorization_checkpoint_path"),
        (
            {"skip_edge_memorization": True, "edge_memorization_checkpoint_path": "x"},
            "for the staged recipes",
        ),
        ({"path_prefix_pause_token_count": 100}, "do not fit the 64 positions"),
        ({"optimizer_weight_decay": float("inf")}, "must be a finite number"),
        ({"run_name": "a/b"}, "plain name"),
        ({"dataset_root": ""}, "dataset_root"),
    ],
    ids=str,
)
def test_rules_between_settings(values, rule):
    assert any(rule in problem for problem in problems_of(**values))


def test_derived_values():
    config = assemble(RunConfig, {"path_length": 30, "path_prefix_pause_token_count": 5})
    assert config.block_size == 90
    assert config.longest_sequence == 1 + 1 + 5 + 30
    assert RunConfig().block_size == 64
    assert config.graph.family.node_count == 10000 * 29 + 1
    tree = assemble(RunConfig, {"star_degree": 7, "star_subtree_degree": 3, "path_length": 4})
    assert tree.graph.family.node_count == 92
    hardest = assemble(RunConfig, {"training_recipe": "mixed_hardest_token"})
    assert (hardest.training.staged, hardest.training.full_path) == (False, False)
    assert hardest.longest_sequence == 1 + 1 + 1 + 1


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ({}, "transformer"),
        ({"tie_input_output_embeddings": False}, "transformer_untied"),
        ({"freeze_token_embeddings": True, "use_attention": False}, "associative"),
        ({"use_attention": False}, "feedforward_residual"),
        (
            {"use_attention": False, "use_residual_connections": False}
            | {"tie_input_output_embeddings": False},
            "feedforward_plain_untied",
        ),
        ({"model_family": "mamba"}, "mamba"),
    ],
    ids=str,
)
def test_published_labels_of_the_architecture(values, label):
    assert assemble(RunConfig, values).model.architecture == label


def test_neither_direction_means_both():
    for forward, backward, expected in (
        (False, False, (True, True)),
        (True, False, (True, False)),
        (False, True, (False, True)),
        (True, True, (True, True)),
    ):
        dataset = assemble(
            RunConfig, {"add_forward_edges": forward, "add_backward_edges": backward}
        ).dataset
        assert (dataset.forward_edges, dataset.backward_edges) == expected


def test_what_has_no_effect_is_warned_about():
    config = assemble(RunConfig, {"dropout_rate": 0.1, "graph_type": "grid"})
    given_names = frozenset(
        {"edge_memorization_epochs", "randomize_node_ids", "dropout_rate", "nonfinite_limit"}
    )
    found = "\n".join(config.warnings(given_names))
    for part in ("ignores --edge_memorization_epochs", "--dropout_rate has no effect",
                 "--randomize_node_ids has no effect", "using both",
                 "--nonfinite_limit has no effect"):  # fmt: skip
        assert part in found
    quiet = assemble(
        RunConfig, {"training_recipe": "staged_full_path", "add_forward_edges": True}
    )  # fmt: skip
    (share,) = assemble(
        RunConfig, {"stop_at_path_accuracy": 0.99, "add_forward_edges": True}
    ).warnings(frozenset())
    assert share.endswith("for 99 % write 99")
    assert quiet.warnings(frozenset({"edge_memorization_epochs", "randomize_node_ids"})) == []


def test_configuration_and_options_load_no_heavy_library():
    code = (
        "import sys, geometric_memory.cli.arguments, geometric_memory.config;"
        "print({'torch', 'numpy', 'scipy', 'networkx', 'matplotlib'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
