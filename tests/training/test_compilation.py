"""Padded batches train exactly as unpadded ones, come in few shapes, and compile as one graph."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import CPU, FLOAT32, FLOAT64
from test_trainer import DROPOUT, trainer_of

from geometric_memory.models.rectangles import Rectangle
from geometric_memory.tasks.examples import Examples
from geometric_memory.training import machine
from geometric_memory.training.batches import Batches, row_multiple
from geometric_memory.training.machine import SHAPES_AT_MOST, pays_to_compile
from geometric_memory.training.objective import IGNORED
from geometric_memory.training.precision import Arithmetic

MIXED = {"training_recipe": "mixed_full_path", "path_finetuning_batch_size": 9}
FAMILIES = [
    {}, {"use_attention": False}, {"use_mlp_only_blocks": True},
    {"include_task_token_in_prefix": False}, {"model_family": "mamba"}, {"model_family": "pythia"},
]  # fmt: skip
# Compiled as on a GPU, but by a backend that only runs the graph: it fails if there are several.
COMPILE = """
import sys
import torch
sys.path.insert(0, "tests")
sys.path.insert(0, "tests/training")
from dataclasses import replace
from small_models import FLOAT32
from test_trainer import trainer_of
from torch._dynamo.testing import CompileCounter
from geometric_memory.models.selective_scan import uses_fused_kernel

counter = CompileCounter()
compile = torch.compile
torch.compile = lambda model, **options: compile(model, **options | {"backend": counter})
losses = []
for compiled in (False, True):
    trainer = trainer_of(replace(FLOAT32, compiled=compiled), training_recipe="mixed_full_path")
    trainer.run([])
    losses.append(trainer.totals.read()["loss"])
assert abs(losses[0] / losses[1] - 1) < 1e-5, losses
print(counter.frame_count)

# PyTorch 2.11 cannot trace the search for a package.
on_cuda = torch.compile(
    lambda x: x + uses_fused_kernel(torch.device("cuda")), backend=counter, fullgraph=True
)
assert on_cuda(torch.zeros(1)) in (0, 1)
"""


def batches_of(trainer, *, padded):
    return Batches(
        trainer.stage.examples, trainer.stage.batch_size, seed=0, stage="any", device=CPU,
        padded=padded,
    )  # fmt: skip


@pytest.mark.parametrize("settings", FAMILIES, ids=str)
def test_padding_changes_neither_loss_nor_gradients_nor_counts(settings):
    results = []
    for padded in (False, True):
        trainer = trainer_of(FLOAT64, **MIXED | settings)
        trainer.model.double()
        batch = list(batches_of(trainer, padded=padded).epoch(0))[1]
        loss, correct = trainer.backward(batch)
        gradients = [p.grad for p in trainer.model.parameters()]
        results.append((loss, gradients, trainer.totals.of(loss, correct, batch)))
        assert (IGNORED in batch.targets.tolist()) == padded
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


def test_batches_come_in_few_shapes():
    trainer = trainer_of(**MIXED)
    assert row_multiple(2048) == 48
    shapes = {
        tuple(rectangle.inputs.shape for rectangle in batch.rectangles)
        for epoch in range(40)
        for batch in batches_of(trainer, padded=True).epoch(epoch)
    }
    plain = {
        tuple(rectangle.inputs.shape for rectangle in batch.rectangles)
        for epoch in range(40)
        for batch in batches_of(trainer, padded=False).epoch(epoch)
    }
    assert len(shapes) <= 4 < len(plain)


def kinds_of(count):
    """Return kinds of different lengths and sizes, as text tokens make."""
    generator = np.random.default_rng(3)
    kinds = []
    for number in range(count):
        rows, length = 3 + 7 * number, 2 + number
        prompts = generator.integers(17, size=(rows, length))
        targets = generator.integers(17, size=(rows, 2))
        inputs = np.concatenate([prompts, targets[:, :1]], axis=1)
        kinds.append(Examples(kind="path", prompts=prompts, targets=targets, inputs=inputs))
    return kinds


def test_batches_of_many_kinds_come_in_one_shape_and_count_as_before():
    kinds = kinds_of(6)
    padded, plain = (
        Batches(kinds, 30, seed=1, stage="any", device=CPU, padded=padded)
        for padded in (True, False)
    )
    shapes = set()
    for epoch in range(30):
        for whole, bare in zip(padded.epoch(epoch), plain.epoch(epoch), strict=True):
            shapes.add(tuple(rectangle.inputs.shape for rectangle in whole.rectangles))
            assert sum(whole.counted_rows) == sum(bare.counted_rows)
            counted = whole.targets[whole.targets != IGNORED]
            assert torch.equal(counted, bare.targets)
    assert len(shapes) == 1


def test_many_kinds_train_as_unpadded_ones():
    results = []
    for padded in (False, True):
        trainer = trainer_of(FLOAT64)
        trainer.model.double()
        batches = Batches(kinds_of(6), 30, seed=1, stage="any", device=CPU, padded=padded)
        batch = list(batches.epoch(0))[-1]
        loss, correct = trainer.backward(batch)
        gradients = [p.grad for p in trainer.model.parameters()]
        results.append((loss, gradients, trainer.totals.of(loss, correct, batch)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


def test_a_shape_beyond_the_most_goes_through_the_model_as_it_is(monkeypatch):
    given = []

    def compile(model, **options):
        return lambda rectangles: given.append(rectangles) or model(rectangles)

    monkeypatch.setattr(torch, "compile", compile)
    forward = machine.compile_model(trainer_of().model)
    inputs = [torch.zeros(rows, 3, dtype=torch.long) for rows in range(1, SHAPES_AT_MOST + 3)]
    for rows in inputs:
        forward([Rectangle(inputs=rows, first_target=2)])
    assert len(given) == SHAPES_AT_MOST
    assert forward([Rectangle(inputs=inputs[-1], first_target=2)]).shape == (len(inputs), 16)


def test_a_step_is_one_graph_per_shape_and_trains_as_before():
    run = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert 1 <= int(run.stdout) <= 4


def pays(arithmetic=FLOAT32, **settings):
    trainer = trainer_of(arithmetic, **settings)
    return pays_to_compile(trainer.settings, arithmetic, trainer.model, trainer.stages)


def test_compiling_is_for_those_who_ask_and_for_long_runs_on_a_gpu(monkeypatch):
    assert not pays()
    assert pays(compile="on")
    assert not pays(compile="on", **DROPOUT)
    trainer = trainer_of()
    gpu = Arithmetic(device=torch.device("cuda"), matrix_type=torch.bfloat16)
    asked = trainer.settings, gpu, trainer.model
    assert not pays_to_compile(*asked, trainer.stages)
    long = [replace(stage, epochs=10**12) for stage in trainer.stages]
    assert pays_to_compile(*asked, long)
    assert not pays_to_compile(replace(trainer.settings, compile="off"), *asked[1:], long)
    text = [replace(stage, examples=tuple(kinds_of(3))) for stage in long]
    assert not pays_to_compile(*asked, text)
    assert pays_to_compile(replace(trainer.settings, compile="on"), *asked[1:], text)


@pytest.mark.gpu
def test_a_compiled_gpu_trains_as_the_cpu_does():
    losses = []
    for device, compiled in (("cpu", False), ("cuda", True)):
        arithmetic = Arithmetic(
            device=torch.device(device), matrix_type=torch.float32, compiled=compiled
        )
        trainer = trainer_of(arithmetic, **MIXED)
        trainer.run([])
        losses.append(trainer.totals.read()["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.gpu
def test_a_step_never_waits_for_the_gpu():
    arithmetic = Arithmetic(device=torch.device("cuda"), matrix_type=torch.bfloat16, compiled=True)
    trainer = trainer_of(arithmetic, **MIXED)
    for batch in trainer.batches().epoch(0):  # compiles and warms up
        trainer.train_step(batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in trainer.batches().epoch(0):
            trainer.train_step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
