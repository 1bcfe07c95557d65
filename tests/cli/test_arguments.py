"""Command-line options: the published tables, every spelling, every problem at once, precedence."""

import ast
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.cli.arguments import parse
from geometric_memory.cli.dataset import PUBLISHED_DEFAULTS
from geometric_memory.config import DatasetConfig, ModelSettings, RunConfig, TrainingSettings
from geometric_memory.config.presets import Preset
from geometric_memory.errors import ConfigurationError
from geometric_memory.settings import differing, flatten, settings_of

# The two tables of flags of the contract: name=default, a switch that is off without "=".
DATASET_FLAGS = """
graph_type=None path_length=5 total_nodes=-1 train_split_ratio=0.75 split_subtree_holdout
add_forward_edges add_backward_edges add_self_edges include_start_node_in_path_finetuning
use_directional_edge_pretraining random_seed=0 dataset_root=data/datasets/in_weights_graphs
randomize_node_ids=True star_degree=10000 star_subtree_degree=1 grid_rows=4 grid_cols=4
irregular_edge_count=20
"""
TRAINING_FLAGS = """
training_recipe=mixed_full_path model_family=gpt transformer_layer_count=12
embedding_dimension=384 attention_head_count=8 dropout_rate=0.0 use_attention=True
use_residual_connections=True use_layer_norm=True use_positional_encoding=True
tie_input_output_embeddings=True freeze_token_embeddings use_mlp_only_blocks
weight_init_mode=default track_embedding_evolution track_top_k_predictions
mamba_state_dimension=16 mamba_convolution_kernel=4 mamba_expand_factor=2 graph_type=star
star_degree=10000 star_subtree_degree=1 path_length=6 total_nodes=-1 grid_rows=50 grid_cols=50
irregular_edge_count=20 add_forward_edges add_backward_edges add_self_edges
use_directional_edge_pretraining include_start_node_in_path_finetuning
dataset_root=data/datasets/in_weights_graphs dataset_name=in_weights train_split_ratio=0.75
split_subtree_holdout edge_memorization_batch_size=16384 path_finetuning_batch_size=2048
edge_memorization_learning_rate=0.01 path_finetuning_learning_rate=0.0005
optimizer_weight_decay=0.01 edge_memorization_warmup_steps=500
path_finetuning_warmup_steps=1000 disable_edge_memorization_lr_decay
disable_path_finetuning_lr_decay edge_memorization_epochs=2500 path_finetuning_epochs=10000
enable_edge_memorization_early_stopping skip_edge_memorization
edge_memorization_include_pause_token path_prefix_pause_token_count=1
exclude_task_token_in_prefix edge_memorization_checkpoint_path= checkpoint_interval_epochs=500
edge_memorization_eval_interval_epochs=50 path_finetuning_eval_interval_epochs=1
prediction_logging_multiplier=20 use_teacherless_inputs reverse_path_targets
experiment_log_root=./experiment_logs enable_wandb wandb_project=geometric-memory wandb_entity=
wandb_group= wandb_tags= wandb_mode=offline
"""
CHOICES = {
    "graph_type": {"star", "cycle", "grid", "irregular"},
    "training_recipe": {
        "staged_full_path", "mixed_full_path", "staged_hardest_token", "mixed_hardest_token",
    },
    "model_family": {"gpt", "gpt2", "pythia", "mamba"},
    "weight_init_mode": {"default", "non_geometric"},
    "wandb_mode": {"online", "offline", "disabled"},
}  # fmt: skip
POSITIVE = {s.about.off: s.name for s in settings_of(RunConfig).values() if s.about.off}


def run(*argv, presets=None):
    return parse(RunConfig, argv, program="train", description="", presets=presets)


def dataset(*argv):
    return parse(
        DatasetConfig, argv, program="dataset", description="", defaults=PUBLISHED_DEFAULTS
    )


def problems_of(*argv, presets=None):
    with pytest.raises(ConfigurationError) as caught:
        run(*argv, presets=presets)
    return caught.value.problems


def table(text):
    """Return the published default of every flag in one of the texts above."""
    rows = [flag.partition("=") for flag in text.split()]
    return {name: value if equals else "False" for name, equals, value in rows}


def shown(value):
    return repr(value) if isinstance(value, float) else str(value)


def contract_table(path, section):
    """Return flag: (default, values) from a table of the contract."""
    text = path.read_text().split(f"## {section}. ")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `--")]
    return {
        name.strip("`")[2:]: (shown(ast.literal_eval(default.strip("`"))), values)
        for name, default, values in rows
    }


@pytest.mark.parametrize(("section", "copied"), [(9, DATASET_FLAGS), (10, TRAINING_FLAGS)])
def test_the_tables_above_are_those_of_the_contract(shared, section, copied):
    contract = contract_table(shared / "spec" / "behaviour.md", section)
    contract.pop("overwrite", None)
    assert table(copied) == {name: default for name, (default, _) in contract.items()}
    for name, (_, values) in contract.items():
        if values.startswith("choice: "):
            assert CHOICES[name] == set(values.removeprefix("choice: ").split(", "))
        setting = settings_of(RunConfig)[POSITIVE.get(name, name)]
        assert setting.is_switch == values.startswith("switch")


def test_training_has_the_published_defaults():
    values = flatten(run().config)
    for name, default in table(TRAINING_FLAGS).items():
        value = not values[POSITIVE[name]] if name in POSITIVE else values[name]
        assert shown(value) == default, name


def test_the_builder_has_the_published_defaults():
    values = flatten(dataset("--graph_type", "grid").config) | {"graph_type": None}
    for name, default in table(DATASET_FLAGS).items():
        assert shown(values[name]) == default, name


def test_the_builder_requires_a_graph_type():
    with pytest.raises(ConfigurationError, match="--graph_type is required: one of star, grid"):
        dataset()


@pytest.mark.parametrize("name", CHOICES)
def test_choices_hold_the_published_ones_and_refuse_others(name):
    assert CHOICES[name] <= set(settings_of(RunConfig)[name].choices)
    (problem, *_) = problems_of(f"--{name}", "strange")
    assert problem.startswith(f"--{name} 'strange': must be one of ")


def spellings(name):
    return [f"--{name}", f"--{name.replace('_', '-')}"]


def other_value(setting):
    """Return a value that is not the default, typed, and what it should become."""
    if setting.choices:
        value = next(choice for choice in setting.choices if choice != setting.default)
        return value, value
    if setting.name == "train_split_ratio" or "probability" in setting.name:
        return "0.25", 0.25
    if isinstance(setting.default, float):
        return "0.5", 0.5
    if isinstance(setting.default, int):
        value = setting.default + 1 if setting.default < 10 else setting.default - 1
        return str(value), value
    return "some-name", "some-name"


def parsed_values(*argv):
    """Return the typed values, whether or not the rules between settings hold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunConfig, "problems", lambda config: [])
        parsed = run(*argv)
    return flatten(parsed.config), parsed.given


@pytest.mark.parametrize("setting", settings_of(RunConfig).values(), ids=lambda s: s.name)
def test_every_setting_can_be_typed_in_every_spelling(setting):
    for option in spellings(setting.name):
        if setting.is_switch:
            off = [option.replace("--", "--no-", 1), option.replace("--", "--no_", 1)]
            cases = [((option,), True), *(((name,), False) for name in off)]
        else:
            text, value = other_value(setting)
            cases = [((option, text), value), ((f"{option}={text}",), value)]
        for argv, value in cases:
            values, given_names = parsed_values(*argv)
            assert values == flatten(RunConfig()) | {setting.name: value}, argv
            assert given_names == {setting.name}


@pytest.mark.parametrize("negative", POSITIVE)
def test_published_negatives_turn_a_positive_setting_off(negative):
    for option in spellings(negative):
        assert flatten(run(option).config)[POSITIVE[negative]] is False
        assert flatten(run(option.replace("--", "--no-", 1)).config)[POSITIVE[negative]] is True


def test_the_last_of_several_wins():
    assert run("--seed", "1", "--seed", "2").config.training.seed == 2
    assert not run("--use_attention", "--no-use_attention").config.model.use_attention


def test_negative_numbers_are_values():
    assert run("--total_nodes", "-1", "--seed", "-7").config.training.seed == -7


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--star_deg", "4"], "unknown setting --star_deg; did you mean --star_degree?"),
        (["--embeding-dimension", "4"], "did you mean --embedding_dimension?"),
        (["--no-use_atention"], "did you mean --no_use_attention?"),
        (["--zzzz"], "unknown setting --zzzz"),
        (["-lr", "0.1"], "unknown setting -lr; did you mean --path_finetuning_learning_rate or"),
        (["--seed"], "--seed needs a value"),
        (["--run_name"], "--run_name needs a value"),
        (["--seed="], "--seed needs a value"),
        (["--seed", "1.5"], "--seed '1.5': expected int"),
        (["--path_length", "1"], "--path_length '1': expected int >= 2"),
        (["--dropout_rate", "nan"], "--dropout_rate 'nan'"),
        (["--train_split_ratio", "1.7"], "--train_split_ratio '1.7': expected float < 1.0"),
        (["--path_finetuning_epochs", "-5"], "--path_finetuning_epochs '-5': expected int >= 0"),
        (["--path_finetuning_learning_rate", "nan"], "--path_finetuning_learning_rate 'nan'"),
        (["--path_finetuning_learning_rate", "inf"], "must be a finite number"),
        (["--training_recipe", "staged_full_pth"], "did you mean staged_full_path?"),
        (["--use_attention", "true"], "unexpected argument 'true' (a switch takes no value)"),
        (["--use_attention=true"], "--use_attention=true: a switch takes no value"),
        (["stray"], "unexpected argument 'stray'"),
        (["--graph_type", "cycle"], "--total_nodes is required for a cycle"),
        (["--attention_head_count", "7"], "does not divide"),
        (["--skip_edge_memorization"], "needs --edge_memorization_checkpoint_path"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said(argv, expected):
    assert any(expected in problem for problem in problems_of(*argv))


def test_the_value_of_an_unknown_option_is_no_problem_of_its_own():
    assert len(problems_of("--lr", "0.1")) == 1
    assert len(problems_of("--lr=0.1", "stray", "--epochs", "-5")) == 3


def test_all_problems_are_reported_at_once():
    found = "\n".join(
        problems_of(
            "--star_deg", "4", "--use_attention=no", "--seed", "x", "--path_length", "1",
            "--preset", "none", "--attention_head_count", "7", "--model_family", "gtp",
            presets={"tiny": Preset(description="", settings={})},
        )
    )  # fmt: skip
    for part in (
        "--star_deg", "--use_attention=no", "--seed 'x'", "--path_length '1'", "preset none",
        "--attention_head_count 7", "did you mean gpt",
    ):  # fmt: skip
        assert part in found


TINY = replace(
    RunConfig(),
    model=ModelSettings(embedding_dimension=32, attention_head_count=2),
    training=TrainingSettings(seed=5),
)


PRESETS = {"tiny": Preset(description="", settings=differing(TINY))}


def test_typed_options_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"model": {"embedding_dimension": 64}, "seed": 6}))
    argv = ["--seed", "7", "--config", str(file), "--preset", "tiny"]
    parsed = run(*argv, presets=PRESETS)
    assert parsed.config.training.seed == 7
    assert parsed.config.model.embedding_dimension == 64
    assert parsed.config.model.attention_head_count == 2
    assert parsed.given == {"seed"}
    assert run("--preset", "tiny", presets=PRESETS).config == TINY


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"sed": 1}', "config.json: unknown setting sed; did you mean seed?"),
        ('{"model": {"depth": 1}}', "unknown setting depth"),
        ('{"seed": "x"}', "--seed 'x': expected int"),
        ('{"seed": null}', "--seed needs a value"),
        ('{"use_attention": 1}', "--use_attention 1: expected bool"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path, content, expected):
    file = tmp_path / "config.json"
    if content is not None:
        file.write_text(content)
    assert expected in "\n".join(problems_of("--config", str(file), presets={}))


def test_presets_and_files_must_be_named_and_known():
    assert problems_of("--preset", "--config", presets={}) == (
        "--preset needs a value",
        "--config needs a value",
    )
    (problem,) = problems_of("--preset", "tny", presets=PRESETS)
    assert problem == "unknown preset tny; did you mean tiny?"


texts = st.one_of(
    st.sampled_from(["--seed", "--no-use_attention", "--config", "--preset", "--", "-1", "x="]),
    st.text(max_size=8),
    st.sampled_from(list(settings_of(RunConfig))).map(lambda name: f"--{name}"),
).filter(lambda text: not text.startswith("-h") and not text.startswith("--h"))


@given(st.lists(texts, max_size=5))
def test_any_words_are_a_configuration_or_a_list_of_problems(words):
    try:
        parsed = run(*words, presets=PRESETS)
    except ConfigurationError as error:
        assert error.problems
    else:
        assert parsed.config.problems() == []


def test_help_shows_every_setting_once_with_text_and_default(capsys):
    with pytest.raises(SystemExit) as left:
        run("--help", presets=PRESETS)
    assert left.value.code == 0
    text = capsys.readouterr().out
    for setting in settings_of(RunConfig).values():
        option = setting.about.off or setting.name
        assert text.count(f"  --{option} ") + text.count(f"  --{option}\n") == 1, option
    assert "--preset NAME" in text
    assert "(default 384)" in text
    assert "(default off); also --no-freeze_token_embeddings" in " ".join(text.split())


def test_help_is_read_out_of_the_source_only_when_it_is_asked_for(monkeypatch):
    def refuse(self):
        raise AssertionError(self.name)

    monkeypatch.setattr("geometric_memory.topic.Setting.help", property(refuse))
    parsed = parse(RunConfig, ["--star_degree", "7"], program="geomem train", description="")
    assert parsed.config.graph.star_degree == 7
    with pytest.raises(AssertionError, match="graph_type"):
        parse(RunConfig, ["--help"], program="geomem train", description="")
