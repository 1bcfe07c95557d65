"""At what size studies are done: small or large on two CPU cores, or as published on a GPU."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.settings import changed

Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The configurations that the arms of studies depart from, seeds, and the length at most."""

    name: str
    transformer: RunConfig
    mamba: RunConfig
    path_stars: Mapping[str, RunConfig]
    """Further path-stars on which unseen paths are asked for."""
    in_context: RunConfig
    """The model that reads the graph, where the order of tokens is asked for."""
    in_contexts: Mapping[str, RunConfig]
    """Models that read a graph, by their name and that of the graph."""
    teacherless: Settings
    """Graph of in-context training without the path as input."""
    staged: Settings
    """Rates and lengths of staged training."""
    tree: Settings
    """Graph and length of the tree-star."""
    frozen: Settings
    """What a model with frozen embeddings needs to learn the facts at all."""
    long_path: Settings
    """A path long enough for an order of learning."""
    pauses: tuple[int, ...]
    seeds: tuple[int, ...]
    """Seeds of runs, trained one by one."""
    tiny_seeds: tuple[int, ...] = tuple(range(16))
    """Seeds of small models, trained as one batch."""
    steps: int | None = None
    """Most updates of any training, for tests and first looks."""

    def limited(self, steps: int) -> int:
        """Return `steps`, or fewer if so limited."""
        return steps if self.steps is None else min(steps, self.steps)


def started(preset: str, **settings: Any) -> RunConfig:
    """Return the settings of a preset with some changed, for a run whose end is read."""
    return changed(PRESETS[preset].config, **WATCHED, **settings)


WATCHED = {"stop_at_path_accuracy": 0.0, "prediction_logging_multiplier": 1_000_000}
"""Claims read the end of a run, so no run stops at its best moment."""
EVERY_EPOCH = {"path_finetuning_eval_interval_epochs": 1, "evaluation_share": 0.0}
"""The step at which something is learned is as fine as evaluations are, whatever they cost."""

READING_TRANSFORMER = {
    "model_family": "pythia", "embedding_dimension": 64, "attention_head_count": 2,
    "optimizer_weight_decay": 0.0, "path_finetuning_learning_rate": 3e-3,
    "path_finetuning_batch_size": 32, "path_finetuning_epochs": 16,
}  # fmt: skip
"""With rotary positions it looks edges up after some hundred steps, or some thousand."""


def laptop() -> Scale:
    """Return the scale of two CPU cores: path-stars of 500 arms of 5 nodes, 2 layers of width 64.

    At 4 nodes a leaf and its first hop share a neighbour, and need no order beyond that.
    """
    small = {
        "add_self_edges": False, "path_length": 5, "path_finetuning_epochs": 50,
        "path_finetuning_eval_interval_epochs": 3,
    }  # fmt: skip
    in_context = started(
        "in_context", path_finetuning_eval_interval_epochs=1, path_finetuning_epochs=6
    )
    return Scale(
        name="laptop",
        transformer=started("demo_gpt2", **small),
        mamba=started("demo_mamba", **small),
        path_stars={},
        in_context=in_context,
        in_contexts={
            "Mamba 2x5": in_context,
            "Transformer 2x5": changed(in_context, **READING_TRANSFORMER),
        },
        teacherless={"path_finetuning_epochs": 8, **EVERY_EPOCH},
        staged={
            "edge_memorization_batch_size": 1024,
            "edge_memorization_epochs": 150,
            "edge_memorization_warmup_steps": 50,
            "edge_memorization_learning_rate": 3e-3,
            "path_finetuning_learning_rate": 1e-3,
            "decay_path_finetuning_learning_rate": False,
            "path_finetuning_epochs": 3000,
            "path_finetuning_eval_interval_epochs": 20,
        },
        tree={"star_degree": 500, "star_subtree_degree": 2, "path_finetuning_epochs": 20},
        frozen={"path_finetuning_learning_rate": 0.01, "path_finetuning_epochs": 240},
        long_path=EVERY_EPOCH,
        pauses=(0, 2, 6),
        seeds=tuple(range(5)),
    )


def paper() -> Scale:
    """Return the paper's path-star, 5000 arms of 5 nodes, with the small models of the laptop.

    A training takes 5 to 9 minutes of a core. The tree-star has 7,501 nodes in the laptop's
    scale already. Two layers of width 64 cannot hold 40,000 facts beside frozen embeddings, so that
    models with those keep the laptop's path-star.
    """
    small = laptop()
    transformer = started(
        "paper_5000x5",
        path_finetuning_eval_interval_epochs=5, evaluation_share=0.1, evaluate_at_most=0,
    )  # fmt: skip
    return replace(
        small,
        name="paper",
        transformer=transformer,
        mamba=changed(
            transformer, model_family="mamba", mamba_variant="standard", mamba_state_dimension=8
        ),
        staged={
            "edge_memorization_batch_size": 512,
            "edge_memorization_epochs": 30,
            "edge_memorization_warmup_steps": 100,
            "edge_memorization_learning_rate": 3e-3,
            "path_finetuning_learning_rate": 1e-4,
            "decay_path_finetuning_learning_rate": False,
            "path_finetuning_epochs": 120,
            "path_finetuning_eval_interval_epochs": 10,
        },
        frozen={"star_degree": 500, **small.frozen},
        long_path={**EVERY_EPOCH, "evaluate_at_most": 1250},
        pauses=(0, 1, 5),
        seeds=tuple(range(10, 15)),
    )


def smaller() -> Scale:
    """Return the laptop scale with the seeds of findings: no setting was chosen on any of them."""
    return replace(laptop(), seeds=tuple(range(10, 14)), tiny_seeds=tuple(range(10, 18)))


def gpu() -> Scale:
    """Return the published sizes (Table 1 of v1); days of one GPU."""
    return Scale(
        name="gpu",
        transformer=started("path_star_5000x5"),
        mamba=started("path_star_5000x5_mamba"),
        path_stars={name: started(f"path_star_{name}") for name in ("10000x6", "10000x10")},
        in_context=started("in_context_2x5"),
        in_contexts={name: started(f"in_context_{name}") for name in ("2x5", "10x5", "20x5")},
        teacherless={},
        staged={"edge_memorization_learning_rate": 1e-2, "path_finetuning_learning_rate": 5e-5},
        tree={"star_degree": 1000, "star_subtree_degree": 2, "path_length": 5},
        frozen={},
        long_path={"star_degree": 10_000, "path_length": 6, "path_prefix_pause_token_count": 6},
        pauses=(0, 2, 4, 6, 10),
        seeds=tuple(range(5)),
    )


SCALES = {"laptop": laptop, "paper": paper, "gpu": gpu}
