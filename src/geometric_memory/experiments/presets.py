"""Presets of `geomem train`: named configurations, the published ones and small ones for a CPU."""

from dataclasses import dataclass, replace

from geometric_memory.config import (
    DatasetSettings,
    GraphSettings,
    LoggingSettings,
    ModelSettings,
    RunConfig,
    TaskSettings,
    TrainingSettings,
)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A configuration and what it is for."""

    description: str
    config: RunConfig


BOTH_DIRECTIONS = DatasetSettings(add_forward_edges=True, add_backward_edges=True)


def published_path_star(degree: int, length: int, *, width: int, pauses: int) -> RunConfig:
    """Return a big path-star with the paper's model and rate (Table 1 of v1)."""
    return RunConfig(
        graph=GraphSettings(star_degree=degree, path_length=length),
        dataset=BOTH_DIRECTIONS,
        task=TaskSettings(path_prefix_pause_token_count=pauses),
        model=ModelSettings(embedding_dimension=width),
        training=TrainingSettings(
            path_finetuning_batch_size=1024,
            path_finetuning_learning_rate=5e-5,
            path_finetuning_epochs=50_000,
        ),
        logging=LoggingSettings(path_finetuning_eval_interval_epochs=10),
    )


def demo() -> RunConfig:
    """Return the path-star of `make demo`: 500 arms, learned in two minutes on two cores."""
    return RunConfig(
        graph=GraphSettings(star_degree=500, path_length=4),
        dataset=replace(BOTH_DIRECTIONS, add_self_edges=True),
        model=ModelSettings(
            transformer_layer_count=2, embedding_dimension=64, attention_head_count=4
        ),
        training=TrainingSettings(
            path_finetuning_batch_size=512,
            path_finetuning_learning_rate=8e-4,
            path_finetuning_warmup_steps=200,
            path_finetuning_epochs=420,
            # Forty times the published decay: docs/demo.md tells what other values do.
            optimizer_weight_decay=0.4,
            stop_at_path_accuracy=99.0,
        ),
        logging=LoggingSettings(path_finetuning_eval_interval_epochs=10),
    )


def demo_of_family(model: ModelSettings) -> RunConfig:
    """Return the path-star of the demo with another model, which learns it in some 400 steps."""
    config = demo()
    sized = replace(model, transformer_layer_count=2, embedding_dimension=64)
    training = replace(
        config.training,
        path_finetuning_learning_rate=3e-3,
        path_finetuning_warmup_steps=100,
        path_finetuning_epochs=60,
        optimizer_weight_decay=0.01,
    )
    logging = replace(config.logging, path_finetuning_eval_interval_epochs=10)
    return replace(config, model=sized, training=training, logging=logging)


def published_mamba() -> RunConfig:
    """Return the smallest published path-star with the published Mamba, of the same depth."""
    config = published_path_star(5000, 5, width=384, pauses=5)
    return replace(config, model=ModelSettings(model_family="mamba"))


def published_in_context(degree: int, *, width: int) -> RunConfig:
    """Return an in-context path-star of the paper with its model and rate (Table 1 of v1)."""
    return RunConfig(
        graph=GraphSettings(star_degree=degree, path_length=5),
        task=TaskSettings(
            task_family="in_context",
            context_label_count=max(50, 4 * degree + 1),
            context_train_prompts=200_000,
        ),
        model=ModelSettings(embedding_dimension=width),
        training=TrainingSettings(
            path_finetuning_batch_size=1024,
            path_finetuning_learning_rate=1e-4,
            path_finetuning_epochs=500,
        ),
    )


def in_context() -> RunConfig:
    """Return the smallest published in-context path-star with a model for a CPU.

    Small Transformers stay where they guess among all labels of the prompt for thousands of steps;
    a Mamba, whose convolution sees an edge whole, looks edges up after some hundred.
    """
    config = published_in_context(2, width=32)
    return replace(
        config,
        task=replace(config.task, context_label_count=10, context_train_prompts=10_000),
        model=ModelSettings(
            model_family="mamba",
            transformer_layer_count=2,
            embedding_dimension=32,
            mamba_variant="standard",
            mamba_state_dimension=8,
        ),
        training=TrainingSettings(
            path_finetuning_batch_size=64,
            path_finetuning_learning_rate=5e-3,
            path_finetuning_warmup_steps=100,
            path_finetuning_epochs=8,
        ),
    )


def tiny() -> RunConfig:
    """Return a run of seconds, for tests and for trying things out."""
    return RunConfig(
        graph=GraphSettings(star_degree=4, path_length=4),
        dataset=BOTH_DIRECTIONS,
        model=ModelSettings(
            transformer_layer_count=1, embedding_dimension=32, attention_head_count=2
        ),
        training=TrainingSettings(
            edge_memorization_batch_size=64,
            edge_memorization_epochs=100,
            edge_memorization_warmup_steps=10,
            path_finetuning_batch_size=16,
            path_finetuning_learning_rate=1e-2,
            path_finetuning_epochs=50,
            path_finetuning_warmup_steps=10,
        ),
        logging=LoggingSettings(path_finetuning_eval_interval_epochs=10),
    )


PRESETS: dict[str, Preset] = {
    "demo": Preset(
        description="path-star 500x4 with self edges, 2 layers of width 64; two CPU cores",
        config=demo(),
    ),
    "demo_mamba": Preset(
        description="the path-star of demo with a standard Mamba; two CPU cores",
        config=demo_of_family(
            ModelSettings(model_family="mamba", mamba_variant="standard", mamba_state_dimension=8)
        ),
    ),
    "demo_gpt2": Preset(
        description="the path-star of demo with a GPT-2 from scratch; two CPU cores",
        config=demo_of_family(ModelSettings(model_family="gpt2", attention_head_count=4)),
    ),
    "tiny": Preset(description="path-star 4x4, one layer; seconds", config=tiny()),
    "in_context": Preset(
        description="in-context path-star 2x5, a graph per prompt, a small Mamba; two CPU cores",
        config=in_context(),
    ),
    "path_star_5000x5": Preset(
        description="published path-star, 20,001 nodes, 12 layers of width 384; GPU",
        config=published_path_star(5000, 5, width=384, pauses=5),
    ),
    "path_star_5000x5_mamba": Preset(
        description="published path-star, 20,001 nodes, published Mamba, 12 layers of 384; GPU",
        config=published_mamba(),
    ),
    "path_star_10000x6": Preset(
        description="published path-star, 50,001 nodes, 12 layers of width 384; GPU",
        config=published_path_star(10_000, 6, width=384, pauses=6),
    ),
    "path_star_10000x10": Preset(
        description="published path-star, 90,001 nodes, 12 layers of width 784; GPU",
        config=published_path_star(10_000, 10, width=784, pauses=10),
    ),
    "in_context_2x5": Preset(
        description="published in-context path-star 2x5, 12 layers of width 384; GPU",
        config=published_in_context(2, width=384),
    ),
    "in_context_10x5": Preset(
        description="published in-context path-star 10x5, 12 layers of width 384; GPU",
        config=published_in_context(10, width=384),
    ),
    "in_context_20x5": Preset(
        description="published in-context path-star 20x5, 12 layers of width 784; GPU",
        config=published_in_context(20, width=784),
    ),
}
