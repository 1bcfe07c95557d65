"""Steps per second of the mixed recipe at the headline size, beside a plain padded loop.

    python benchmarks/steps.py [--degree 5000] [--layers 12] [--width 384] [--batch 2048]

Prints the ratio, the equality of the losses on one batch, and the share of this machine's measured
matrix-product rate that our whole step reaches. Both loops run alternately in one process.
"""

import argparse
import json
import tempfile
import time

import torch
from plain import IGNORED, PlainGPT, node_kinds, plain_loader, plain_loss

from geometric_memory.config import RunConfig
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.models.build import build_model
from geometric_memory.models.gpt import GPT
from geometric_memory.settings import assemble
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.training.batches import Batches
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.stages import build_stages
from geometric_memory.training.trainer import Trainer


def main() -> None:
    """Measure and print one JSON object."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        config, task = headline(options, folder)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    assert isinstance(model, GPT)
    trainer = Trainer(
        model, build_stages(config, task), config.training, choose_arithmetic(config.training)
    )
    plain = PlainGPT(config, model)
    difference = loss_difference(trainer, plain, task)
    rate = matrix_rate()
    ours, padded = measure(trainer, plain, task, options.steps)
    flops = step_flops(config, task)
    print(
        json.dumps(
            {
                "loss_difference": difference,
                "plain_seconds_per_step": round(padded, 3),
                "our_seconds_per_step": round(ours, 4),
                "ratio": round(padded / ours, 2),
                "our_gflop_per_step": round(flops / 1e9, 1),
                "our_gflop_per_second": round(flops / ours / 1e9, 1),
                "matrix_gflop_per_second": round(rate / 1e9, 1),
                "share_of_matrix_rate": round(flops / ours / rate, 3),
                "threads": torch.get_num_threads(),
            },
            indent=2,
        )
    )


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, default in (
        ("degree", 5000), ("length", 5), ("layers", 12), ("width", 384), ("heads", 8),
        ("batch", 2048), ("steps", 3),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--precision", default="fp32")
    return parser.parse_args()


def headline(options: argparse.Namespace, folder: str) -> tuple[RunConfig, Task]:
    """Return configuration and task of the path-star to measure."""
    config = assemble(
        RunConfig,
        {
            "star_degree": options.degree,
            "path_length": options.length,
            "dataset_root": folder,
            "transformer_layer_count": options.layers,
            "embedding_dimension": options.width,
            "attention_head_count": options.heads,
            "path_finetuning_batch_size": options.batch,
            "path_finetuning_warmup_steps": 0,
            "precision": options.precision,
        },
    )
    build_dataset(config)
    return config, build_task(read_dataset(config), config)


def loss_difference(trainer: Trainer, plain: PlainGPT, task: Task) -> float:
    """Return the difference of the two losses on the same examples with the same weights."""
    from geometric_memory.training.objective import linear_cross_entropy

    batches = stage_batches(trainer)
    chosen = batches.order(0)[:64]
    batch = batches._batch(chosen)  # pyright: ignore[reportPrivateUsage]
    with torch.no_grad():
        hidden = trainer.model(batch.rectangles)
        loss, _ = linear_cross_entropy(hidden, trainer.model.head_weight, batch.targets)
        items = plain_loader(task, 64, torch.Generator()).dataset
        inputs, targets = (
            torch.stack(part) for part in zip(*[items[int(i)] for i in chosen], strict=True)
        )
        padded = plain_loss(plain, inputs, targets, task.vocabulary.pad)
    assert (targets != IGNORED).sum() == len(batch.targets)
    return abs(loss.item() - padded.item())


def measure(trainer: Trainer, plain: PlainGPT, task: Task, steps: int) -> tuple[float, float]:
    """Return median seconds per step of our loop and of the plain one, taken in turns."""
    batch_size = trainer.stage.batch_size
    loader = iter(plain_loader(task, batch_size, torch.Generator().manual_seed(0)))
    optimizer = torch.optim.AdamW(plain.parameters(), lr=5e-4, weight_decay=0.01)
    batches = stage_batches(trainer).epoch(0)
    trainer.train_step(next(batches))
    ours, padded = [], []
    for _ in range(steps):
        begin = time.perf_counter()
        inputs, targets = next(loader)
        loss = plain_loss(plain, inputs, targets, task.vocabulary.pad)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        padded.append(time.perf_counter() - begin)
        for _ in range(3):
            begin = time.perf_counter()
            trainer.train_step(next(batches))
            trainer.check_finite()
            ours.append(time.perf_counter() - begin)
    return sorted(ours)[len(ours) // 2], sorted(padded)[len(padded) // 2]


def stage_batches(trainer: Trainer) -> Batches:
    """Return the batches of the first stage."""
    return Batches(
        trainer.stage.examples, trainer.stage.batch_size, seed=0, stage=trainer.stage.name,
        device=trainer.arithmetic.device,
    )  # fmt: skip


def step_flops(config: RunConfig, task: Task) -> float:
    """Return the operations of the matrix products of an average step, backward included."""
    model = config.model
    facts, paths = node_kinds(task)
    share = config.training.path_finetuning_batch_size / (len(facts) + len(paths))
    own = sum(len(kind) * (kind.inputs.shape[1] - 1) for kind in (facts, paths))
    targets = sum(kind.targets.size for kind in (facts, paths))
    layer = 12 * model.embedding_dimension**2 * model.transformer_layer_count
    head = model.embedding_dimension * task.vocabulary.size
    return 6 * share * (own * layer + targets * head)


def matrix_rate(size: int = 2048, repeats: int = 5) -> float:
    """Return operations per second of a large float32 matrix product here."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - begin)
    return 2 * size**3 / sorted(seconds)[len(seconds) // 2]


if __name__ == "__main__":
    main()
