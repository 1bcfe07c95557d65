"""Every setting of a data set and of a training run, with its default, its meaning and its limits.

One frozen dataclass per topic; `RunConfig` holds one of each. The string below a field is its help
text. Limits of one value stand in its type (msgspec checks them); rules that join several values
stand in the `problems` methods, which return every broken rule as a sentence. This module imports
no torch, so that `--help` stays instant.
"""

import math
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Annotated, Literal

from msgspec import Meta

from geometric_memory.model_settings import Count, ModelSettings, model_warnings

NonNegative = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Rate = Annotated[float, Meta(ge=0)]

GraphType = Literal[
    "star", "grid", "cycle", "irregular", "custom", "tree", "torus", "hypercube",
    "erdos_renyi", "barabasi_albert", "watts_strogatz", "stochastic_block",
]  # fmt: skip
PUBLISHED_GRAPH_TYPES = ("star", "grid", "cycle", "irregular")
Recipe = Literal[
    "staged_full_path", "mixed_full_path", "staged_hardest_token", "mixed_hardest_token"
]


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """The graph whose edges are memorized."""

    graph_type: GraphType = "star"
    """Family of the graph; custom reads --graph_file."""
    star_degree: Count = 10000
    """Arms of a star."""
    star_subtree_degree: Count = 1
    """Children of each node below the root of a star: 1 is a path-star, more a tree-star."""
    path_length: Annotated[int, Meta(ge=2)] = 6
    """Nodes on a path, first and last included."""
    total_nodes: Annotated[int, Meta(ge=-1)] = -1
    """Nodes in the graph: required for a cycle and the random families, otherwise derived."""
    grid_rows: Count = 50
    """Rows of a grid or torus."""
    grid_cols: Count = 50
    """Columns of a grid or torus."""
    irregular_edge_count: int = 20
    """Edges of the irregular graph, which is fixed: only 20 is accepted."""
    graph_file: str = ""
    """Edge list (.txt, .edges, .csv, .tsv), GraphML (.graphml) or node-link JSON (.json)."""
    directed_graph: bool = False
    """Read the edges of --graph_file as directed, so that paths follow their direction."""
    path_count: Annotated[int, Meta(ge=-1)] = -1
    """Paths sampled from a custom or networkx graph; -1 is one per node."""
    tree_branching: Annotated[int, Meta(ge=2)] = 2
    """Children of each node of a balanced tree."""
    tree_depth: Count = 4
    """Edges from the root of a balanced tree to a leaf."""
    hypercube_dimension: Annotated[int, Meta(ge=1, le=20)] = 4
    """Dimension d of a hypercube, which has 2^d nodes."""
    edge_probability: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Chance of each edge of an Erdos-Renyi graph."""
    attachment_count: Count = 2
    """Edges that each new node of a Barabasi-Albert graph brings."""
    nearest_neighbours: Annotated[int, Meta(ge=2)] = 4
    """Ring neighbours of each node of a Watts-Strogatz graph before rewiring."""
    rewiring_probability: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Chance that an edge of a Watts-Strogatz graph is rewired."""
    block_count: Count = 4
    """Equal blocks of a stochastic block model."""
    within_block_probability: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Chance of an edge inside a block."""
    between_block_probability: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Chance of an edge between two blocks."""
    random_seed: int = 0
    """Seed of the graph, its paths and the split into train and test."""
    randomize_node_ids: bool = True
    """Shuffle the node ids of a star (other families keep theirs)."""

    @property
    def star_node_count(self) -> int:
        """Nodes that the arms of the star need, root included."""
        levels = self.path_length - 1
        if self.star_subtree_degree == 1:
            return self.star_degree * levels + 1
        branching = self.star_subtree_degree
        return 1 + self.star_degree * (branching**levels - 1) // (branching - 1)

    def problems(self) -> list[str]:
        """Return every broken rule, as sentences that say how to mend it."""
        found = []
        if self.graph_type == "star" and 0 <= self.total_nodes < self.star_node_count:
            found.append(
                f"--total_nodes {self.total_nodes} is too small: this star needs "
                f"{self.star_node_count} nodes; leave it at -1 to derive it"
            )
        if self.graph_type == "cycle" and self.total_nodes < 3:
            found.append("--total_nodes is required for a cycle and must be 3 or more")
        if self.graph_type == "cycle" and 3 <= self.total_nodes < self.path_length:
            found.append(
                f"--path_length {self.path_length} is longer than the cycle of "
                f"{self.total_nodes} nodes; ask for at most {self.total_nodes}"
            )
        derived = {"grid": self.grid_rows * self.grid_cols, "irregular": 16}.get(self.graph_type)
        if derived is not None and self.total_nodes not in (-1, derived):
            found.append(
                f"--total_nodes {self.total_nodes} disagrees with the {derived} nodes of this "
                f"{self.graph_type}; leave it at -1"
            )
        if self.graph_type == "irregular" and self.irregular_edge_count != 20:
            found.append("--irregular_edge_count must be 20: the irregular graph is fixed")
        found.extend(self._file_problems())
        found.extend(self._random_family_problems())
        return found

    def _file_problems(self) -> list[str]:
        if self.graph_type == "custom" and not self.graph_file:
            return ["--graph_type custom needs --graph_file FILE"]
        if self.graph_type != "custom" and self.graph_file:
            return ["--graph_file is read only with --graph_type custom"]
        return []

    def _random_family_problems(self) -> list[str]:
        random_families = ("erdos_renyi", "barabasi_albert", "watts_strogatz", "stochastic_block")
        if self.graph_type not in random_families:
            return []
        if self.total_nodes < 2:
            return [f"--total_nodes is required for {self.graph_type} and must be 2 or more"]
        if self.graph_type == "barabasi_albert" and self.attachment_count >= self.total_nodes:
            return ["--attachment_count must be smaller than --total_nodes"]
        if self.graph_type == "watts_strogatz" and self.nearest_neighbours > self.total_nodes:
            return ["--nearest_neighbours must not be larger than --total_nodes"]
        if self.graph_type == "stochastic_block" and self.block_count > self.total_nodes:
            return ["--block_count must not be larger than --total_nodes"]
        return []


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """Which edge facts and paths are written, and where."""

    dataset_root: str = "data/datasets/in_weights_graphs"
    """Folder that holds one folder per graph family."""
    dataset_name: str = "in_weights"
    """Label of the data set in the places of its runs."""
    train_split_ratio: Share = 0.75
    """Share of the paths used for training."""
    split_subtree_holdout: bool = False
    """Hold out whole subtrees of a tree-star instead of single paths."""
    add_forward_edges: bool = False
    """Memorize edges away from the root (lower to higher id in the irregular graph)."""
    add_backward_edges: bool = False
    """Memorize edges towards the root; with neither switch both directions are used."""
    add_self_edges: bool = False
    """Memorize (u, u) for every node. Both variants are always written; this selects one."""
    include_start_node_in_path_finetuning: bool = False
    """Prompt paths with start,leaf instead of leaf."""
    use_directional_edge_pretraining: bool = False
    """Set the metadata bit of that name in the file names; nothing else changes."""

    @property
    def forward_edges(self) -> bool:
        """Whether forward edges are used."""
        return self.add_forward_edges or not self.add_backward_edges

    @property
    def backward_edges(self) -> bool:
        """Whether backward edges are used."""
        return self.add_backward_edges or not self.add_forward_edges

    def problems(self) -> list[str]:
        """Return every broken rule, as sentences that say how to mend it."""
        found = []
        if not self.dataset_root:
            found.append("--dataset_root must not be empty")
        if unsafe_name(self.dataset_name):
            found.append(
                f"--dataset_name {self.dataset_name!r} must be a plain name of at most 100 "
                "letters, digits, dots, dashes and underscores"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """How edge facts and paths become token sequences."""

    edge_memorization_include_pause_token: bool = False
    """Keep one [PAUSE] in edge prompts."""
    path_prefix_pause_token_count: Annotated[int, Meta(ge=0, le=1000)] = 1
    """[PAUSE] tokens after the prompt of a path."""
    include_task_token_in_prefix: bool = True
    """Open each sequence with [EDGE] or [PATH]."""
    use_teacherless_inputs: bool = False
    """Replace every input token after the prompt by $."""
    reverse_path_targets: bool = False
    """Predict the path from the leaf to the root."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Recipe, batches, rates and lengths."""

    training_recipe: Recipe = "mixed_full_path"
    """Staged or mixed training on edges and paths; full paths or the hardest token alone."""
    edge_memorization_batch_size: Count = 16384
    """Examples in a batch of the edge stage."""
    path_finetuning_batch_size: Count = 2048
    """Examples in a batch of the path stage, and of mixed recipes."""
    edge_memorization_learning_rate: Rate = 0.01
    """Peak learning rate of the edge stage."""
    path_finetuning_learning_rate: Rate = 0.0005
    """Peak learning rate of the path stage, and of mixed recipes."""
    optimizer_weight_decay: Rate = 0.01
    """AdamW weight decay, on every parameter."""
    edge_memorization_warmup_steps: NonNegative = 500
    """Linear warmup of the edge stage."""
    path_finetuning_warmup_steps: NonNegative = 1000
    """Linear warmup of the path stage, and of mixed recipes."""
    decay_edge_memorization_learning_rate: bool = True
    """Cosine decay in the edge stage; without it the rate is constant, without warmup."""
    decay_path_finetuning_learning_rate: bool = True
    """Cosine decay in the path stage, and in mixed recipes."""
    edge_memorization_epochs: NonNegative = 2500
    """Epochs of the edge stage."""
    path_finetuning_epochs: NonNegative = 10000
    """Epochs of the path stage, and of mixed recipes."""
    enable_edge_memorization_early_stopping: bool = False
    """Stop the edge stage after 250 epochs without a better accuracy."""
    skip_edge_memorization: bool = False
    """Start a staged recipe at its path stage, from --edge_memorization_checkpoint_path."""
    edge_memorization_checkpoint_path: str = ""
    """Checkpoint folder, run folder or .safetensors file of the memorized edges."""
    max_steps: NonNegative = 0
    """Stop after this many steps in all, schedules unchanged; 0 is no limit."""
    seed: int = 0
    """Seed of everything in training: initial weights, order, dropout."""
    init_seed: Annotated[int, Meta(ge=-1)] = -1
    """Seed of the initial weights alone; -1 is --seed."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto is the GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the matrix products; auto is bf16 where the GPU has it, else fp32."""

    @property
    def staged(self) -> bool:
        """Whether edges and paths are trained one after the other."""
        return self.training_recipe.startswith("staged")

    @property
    def full_path(self) -> bool:
        """Whether the target is the whole path, not the node after the root alone."""
        return self.training_recipe.endswith("full_path")

    def problems(self) -> list[str]:
        """Return every broken rule, as sentences that say how to mend it."""
        found = [
            f"--{name} must be a finite number"
            for name in (
                "edge_memorization_learning_rate",
                "path_finetuning_learning_rate",
                "optimizer_weight_decay",
            )
            if not math.isfinite(getattr(self, name))
        ]
        if self.skip_edge_memorization and not self.edge_memorization_checkpoint_path:
            found.append("--skip_edge_memorization needs --edge_memorization_checkpoint_path")
        if self.skip_edge_memorization and not self.staged:
            found.append("--skip_edge_memorization is for the staged recipes")
        if self.edge_memorization_checkpoint_path and not self.skip_edge_memorization:
            found.append("--edge_memorization_checkpoint_path needs --skip_edge_memorization")
        return found


@dataclass(frozen=True, kw_only=True)
class LoggingSettings:
    """What a run writes, how often, and where."""

    experiment_log_root: str = "./experiment_logs"
    """Folder of all runs."""
    run_name: str = ""
    """Name of the run folder; derived from the settings and the time when empty."""
    checkpoint_interval_epochs: Count = 500
    """Epochs between checkpoints."""
    checkpoint_interval_steps: NonNegative = 0
    """Steps between further checkpoints, for long epochs; 0 is none."""
    checkpoints_kept: Count = 3
    """Latest checkpoints that are kept, besides the best and those of stage ends."""
    edge_memorization_eval_interval_epochs: Count = 50
    """Epochs between logged rows of the edge stage."""
    path_finetuning_eval_interval_epochs: Count = 1
    """Epochs between evaluations in the path stage and in mixed recipes."""
    prediction_logging_multiplier: Count = 20
    """Evaluations between tables of predictions."""
    track_embedding_evolution: bool = False
    """Store the node embeddings along the edge stage (of a mixed recipe: along all of it)."""
    track_top_k_predictions: bool = False
    """Store the five best predicted nodes of every node along the same steps."""
    tracking_schedule: Literal["every", "log"] = "every"
    """Steps that are stored: every one, or about 20 per factor of ten."""
    enable_wandb: bool = False
    """Mirror the metrics to Weights & Biases."""
    wandb_project: str = "geometric-memory"
    """W&B project."""
    wandb_entity: str = ""
    """W&B entity."""
    wandb_group: str = ""
    """W&B group."""
    wandb_tags: str = ""
    """W&B tags, separated by commas."""
    wandb_mode: Literal["online", "offline", "disabled"] = "offline"
    """W&B mode."""

    def problems(self) -> list[str]:
        """Return every broken rule, as sentences that say how to mend it."""
        found = []
        if not self.experiment_log_root:
            found.append("--experiment_log_root must not be empty")
        if self.run_name and unsafe_name(self.run_name):
            found.append(
                f"--run_name {self.run_name[:60]!r} must be a plain name of at most 100 "
                "letters, digits, dots, dashes and underscores"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """All settings of the data set builder."""

    graph: GraphSettings = field(default_factory=GraphSettings)
    dataset: DatasetSettings = field(default_factory=DatasetSettings)

    def problems(self) -> list[str]:
        """Return every broken rule of every topic, and of the topics together."""
        found = self.graph.problems() + self.dataset.problems()
        graph, dataset = self.graph, self.dataset
        if dataset.split_subtree_holdout and (
            graph.graph_type != "star" or graph.star_subtree_degree == 1
        ):
            found.append(
                "--split_subtree_holdout needs a tree-star: "
                "--graph_type star --star_subtree_degree 2 or more"
            )
        return found


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
        return self.model.position_count or max(64, 3 * self.graph.path_length)

    @property
    def longest_sequence(self) -> int:
        """Tokens of the longest sequence, last target included."""
        prompt = (
            int(self.task.include_task_token_in_prefix)
            + 1
            + int(self.dataset.include_start_node_in_path_finetuning)
            + self.task.path_prefix_pause_token_count
        )
        return prompt + (self.graph.path_length if self.training.full_path else 1)

    def problems(self) -> list[str]:
        """Return every broken rule of every topic, and of the topics together."""
        found = super().problems()
        found += self.model.problems() + self.training.problems() + self.logging.problems()
        if self.model.learns_positions and self.longest_sequence - 1 > self.block_size:
            found.append(
                f"sequences of {self.longest_sequence - 1} tokens do not fit the "
                f"{self.block_size} positions of the model; raise --position_count or lower "
                "--path_prefix_pause_token_count"
            )
        tracking = self.logging.track_embedding_evolution or self.logging.track_top_k_predictions
        if self.model.tokenizer == "text" and tracking:
            found.append(
                "--tokenizer text gives a node several tokens, so it has no embedding and no "
                "prediction to track; use --tokenizer node or switch tracking off"
            )
        return found

    def warnings(self, given: frozenset[str]) -> list[str]:
        """Return what was asked for but has no effect; `given` names the settings typed."""
        return run_warnings(self, given) + dataset_warnings(self, given)


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
    edge_stage_only = sorted(
        name for name in given if name in EDGE_STAGE_SETTINGS and not config.training.staged
    )
    if edge_stage_only:
        flags = ", ".join("--" + name for name in edge_stage_only)
        found.append(f"a mixed recipe has no edge stage and ignores {flags}")
    return found + model_warnings(config.model, given)


EDGE_STAGE_SETTINGS = frozenset(
    {
        "edge_memorization_batch_size",
        "edge_memorization_learning_rate",
        "edge_memorization_warmup_steps",
        "decay_edge_memorization_learning_rate",
        "edge_memorization_epochs",
        "enable_edge_memorization_early_stopping",
        "edge_memorization_eval_interval_epochs",
    }
)


def unsafe_name(name: str) -> bool:
    """Whether `name` could leave its folder or trouble a file system."""
    plain = all(c.isascii() and (c.isalnum() or c in "._-") for c in name)
    return not plain or not 1 <= len(name) <= 100 or PurePath(name).name != name or name[0] == "."
