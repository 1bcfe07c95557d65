"""Seconds per step of the mixed recipe at the headline size, beside a plain padded loop.

    python benchmarks/steps.py [--degree 5000] [--layers 12] [--width 384] [--batch 2048]

Prints the ratio in every precision, the difference of the losses on the same rows with the same
weights, and the share of this machine's measured matrix-product rates that our whole step reaches.
All loops run in one process, the plain one first: it meets the allocator as a stranger would.
"""

import json
from dataclasses import replace
from statistics import median

import torch
from headline import job_parser, matrix_rate, path_star, step_flops, timed, trainer_of
from plain import IGNORED, PlainGPT, plain_loader, plain_loss

from geometric_memory.config import RunConfig
from geometric_memory.models.gpt import GPT
from geometric_memory.tasks.task import Task
from geometric_memory.training.machine import keep_freed_memory
from geometric_memory.training.objective import linear_cross_entropy
from geometric_memory.training.trainer import Trainer

MATRIX_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def main() -> None:
    """Measure and print one JSON object."""
    parser = job_parser(__doc__)
    parser.add_argument("--plain_steps", type=int, default=2, help="0 leaves the plain loop out")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--precisions", nargs="+", choices=MATRIX_TYPES, default=["fp32", "bf16"])
    options = parser.parse_args()
    config, task = path_star(options)
    report = {"threads": torch.get_num_threads(), "gflop_per_step": step_flops(config, task) / 1e9}
    padded = plain_seconds(config, task, options.plain_steps) if options.plain_steps else 0.0
    rates = {name: matrix_rate(MATRIX_TYPES[name]) for name in MATRIX_TYPES}
    report["plain_seconds_per_step"] = padded
    report |= {f"{name}_matrix_gflop_per_second": rate / 1e9 for name, rate in rates.items()}
    keep_freed_memory()
    for name in options.precisions:
        training = replace(config.training, precision=name)
        trainer = trainer_of(replace(config, training=training), task)
        difference = loss_difference(trainer, config, task)
        seconds = our_seconds(trainer, options.steps)
        reached = step_flops(config, task) / seconds
        report |= {
            f"{name}_loss_difference": difference,
            f"{name}_seconds_per_step": seconds,
            f"{name}_ratio": padded / seconds,
            f"{name}_share_of_fp32_matrix_rate": reached / rates["fp32"],
            f"{name}_share_of_{name}_matrix_rate": reached / rates[name],
        }
    rounded = {name: float(f"{value:.4g}") for name, value in report.items()}
    print(json.dumps(rounded, indent=2))


def plain_seconds(config: RunConfig, task: Task, steps: int, device: str = "cpu") -> float:
    """Return the median seconds of a step of the plain loop, its first on a GPU not counted."""
    trainer = trainer_of(replace(config, training=replace(config.training, precision="fp32")), task)
    assert isinstance(trainer.model, GPT)
    plain = PlainGPT(config, trainer.model).to(device)
    batch_size = config.training.path_finetuning_batch_size
    loader = iter(plain_loader(task, batch_size, torch.Generator().manual_seed(0)))
    optimizer = torch.optim.AdamW(plain.parameters(), lr=5e-4, weight_decay=0.01)

    def step() -> None:
        inputs, targets = (part.to(device) for part in next(loader))
        loss = plain_loss(plain, inputs, targets, task.vocabulary.pad)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    if device != "cpu":
        step()
    return median(timed(step, device) for _ in range(steps))


def our_seconds(trainer: Trainer, steps: int) -> float:
    """Return the median seconds of a step of our loop, after one that is not counted."""
    batches = (batch for epoch in range(1000) for batch in trainer.batches().epoch(epoch))

    def step() -> None:
        trainer.train_step(next(batches))
        trainer.check_finite()

    step()
    return median(timed(step) for _ in range(steps))


def loss_difference(trainer: Trainer, config: RunConfig, task: Task, rows: int = 64) -> float:
    """Return the relative difference of our loss and the plain one: same rows, same weights."""
    assert isinstance(trainer.model, GPT)
    plain = PlainGPT(config, trainer.model)
    batches = trainer.batches()
    batches.batch_size = rows
    batch = next(batches.epoch(0))
    chosen = batches.order(0)[:rows].tolist()
    items = plain_loader(task, rows, torch.Generator()).dataset
    inputs, targets = (torch.stack(part) for part in zip(*[items[i] for i in chosen], strict=True))
    assert (targets != IGNORED).sum() == len(batch.targets)
    with torch.no_grad():
        with trainer.arithmetic.autocast(trainer.model):
            hidden = trainer.model(batch.rectangles)
        loss, _ = linear_cross_entropy(
            hidden,
            trainer.model.head_weight,
            batch.targets,
            trainer.arithmetic.matrix_type,
            batch.states,
        )
        padded = plain_loss(plain, inputs, targets, task.vocabulary.pad)
    return abs(loss.item() / padded.item() - 1)


if __name__ == "__main__":
    main()
