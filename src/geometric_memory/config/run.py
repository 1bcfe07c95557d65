"""All settings of a data set, and of a training run, together."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from geometric_memory.config.model import ModelSettings, model_warnings
from geometric_memory.config.topics import (
    DatasetSettings,
    LoggingSettings,
    TaskSettings,
    TrainingSettings,
)
from geometric_memory.graphs.settings import GraphSettings
from geometric_memory.limits import EDGE_STAGE, MOST_ENTRIES
from geometric_memory.topic import Checked, settings_of_topic


@dataclass(frozen=True, kw_only=True)
class GraphConfig(Checked):
    """All settings of a graph."""

    graph: GraphSettings = field(default_factory=GraphSettings)

    def broken_rules(self) -> Iterator[str]:
        """Yield every broken rule."""
        yield from self.graph.broken_rules()


@dataclass(frozen=True, kw_only=True)
class DatasetConfig(GraphConfig):
    """All settings of the data set builder, which agree with each other."""

    dataset: DatasetSettings = field(default_factory=DatasetSettings)

    def broken_rules(self) -> Iterator[str]:
        """Yield every broken rule of every topic, and of the topics together."""
        graph, dataset = self.graph, self.dataset
        yield from super().broken_rules()
        yield from dataset.broken_rules()
        if dataset.split_subtree_holdout and (
            graph.graph_type != "star" or graph.star_subtree_degree == 1
        ):
            yield (
                "--split_subtree_holdout needs a tree-star: "
                "--graph_type star --star_subtree_degree 2 or more"
            )


@dataclass(frozen=True, kw_only=True)
class RunConfig(DatasetConfig):
    """All settings of a training run: what `config.json` holds."""

    task: TaskSettings = field(default_factory=TaskSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)

    @property
    def block_size(self) -> int:
        """Positions that the model knows."""
        needed = self.longest_sequence if self.task.in_context else 3 * self.graph.path_length
        return self.model.position_count or max(64, needed)

    @property
    def longest_sequence(self) -> int:
        """Tokens of the longest sequence, last target included."""
        queried = 1 + int(self.dataset.include_start_node_in_path_finetuning)
        if self.task.in_context:
            queried = 3 * self.graph.star_degree * (self.graph.path_length - 1) + 2
        prompt = (
            int(self.task.include_task_token_in_prefix)
            + queried
            + self.task.path_prefix_pause_token_count
        )
        return prompt + (self.graph.path_length if self.training.full_path else 1)

    def broken_rules(self) -> Iterator[str]:
        """Yield every broken rule of every topic, and of the topics together."""
        yield from super().broken_rules()
        for topic in (self.model, self.training, self.logging):
            yield from topic.broken_rules()
        if self.model.learns_positions and self.longest_sequence - 1 > self.block_size:
            yield (
                f"sequences of {self.longest_sequence - 1} tokens do not fit the "
                f"{self.block_size} positions of the model; raise --position_count or lower "
                "--path_prefix_pause_token_count"
            )
        tracking = self.logging.track_embedding_evolution or self.logging.track_top_k_predictions
        if self.model.tokenizer == "text" and tracking:
            yield (
                "--tokenizer text gives a node several tokens, so it has no embedding and no "
                "prediction to track; use --tokenizer node or switch tracking off"
            )
        if self.task.in_context:
            yield from in_context_problems(self)

    def warnings(self, given: frozenset[str]) -> list[str]:
        """Return what was asked for but has no effect; `given` names the settings typed."""
        of_dataset = [] if self.task.in_context else dataset_warnings(self, given)
        return run_warnings(self, given) + of_dataset


def obey_intervals(config: RunConfig, given: frozenset[str]) -> tuple[RunConfig, frozenset[str]]:
    """Stretch no interval of evaluations if one is among the `given` settings, unless asked to."""
    if "evaluation_share" in given or not any("eval_interval" in name for name in given):
        return config, given
    logging = replace(config.logging, evaluation_share=0.0)
    return replace(config, logging=logging), given | {"evaluation_share"}


def in_context_problems(config: RunConfig) -> list[str]:
    """Return every rule that `config` breaks because its graphs stand in the prompts."""
    graph, labels = config.graph, config.task.context_label_count
    nodes = 1 + graph.star_degree * (graph.path_length - 1)
    tracking = config.logging.track_embedding_evolution or config.logging.track_top_k_predictions
    prompts = config.task.context_train_prompts + config.task.context_test_prompts
    broken = {
        f"holds at most {MOST_ENTRIES:,} tokens in its prompts together": (
            prompts * max(labels, config.longest_sequence) > MOST_ENTRIES
        ),
        "is a path-star: --graph_type star, --star_subtree_degree 1": graph.graph_type != "star"
        or graph.star_subtree_degree > 1,
        f"needs --context_label_count {nodes} or more for its {nodes} nodes, not {labels}": (
            labels < nodes
        ),
        "has no edge stage: use --training_recipe mixed_full_path or mixed_hardest_token": (
            config.training.staged
        ),
        "has one token per node: use --tokenizer node": config.model.tokenizer == "text",
        "memorizes no edges, so there is nothing to track": tracking,
    }
    return [f"--task_family in_context {rule}" for rule, is_broken in broken.items() if is_broken]


def dataset_warnings(config: DatasetConfig, given: frozenset[str]) -> list[str]:
    """Return the settings of a data set that were typed without effect, as sentences."""
    found = []
    if not config.dataset.add_forward_edges and not config.dataset.add_backward_edges:
        found.append("neither --add_forward_edges nor --add_backward_edges given: using both")
    if "randomize_node_ids" in given and config.graph.graph_type != "star":
        found.append("--randomize_node_ids has no effect: only the ids of a star are shuffled")
    return found


def run_warnings(config: RunConfig, given: frozenset[str]) -> list[str]:
    """Return the settings of a run that were typed without effect, as sentences."""
    found = []
    topics = (settings_of_topic(kind) for kind in (TrainingSettings, LoggingSettings))
    acts_in = {name: setting.about.stage for topic in topics for name, setting in topic.items()}
    edge_stage_only = sorted(n for n in given if acts_in.get(n) == EDGE_STAGE.stage)
    if edge_stage_only and not config.training.staged:
        flags = ", ".join("--" + name for name in edge_stage_only)
        found.append(f"a mixed recipe has no edge stage and ignores {flags}")
    if "nonfinite_limit" in given and config.training.on_nonfinite == "stop":
        found.append("--nonfinite_limit has no effect without --on_nonfinite skip")
    goal = config.training.stop_at_path_accuracy
    if 0 < goal <= 1:
        found.append(
            f"--stop_at_path_accuracy {goal:g} is in percent, so training stops almost at once; "
            f"for {100 * goal:g} % write {100 * goal:g}"
        )
    return found + model_warnings(config.model, given)
