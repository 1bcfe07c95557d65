"""Padded batches train exactly as unpadded ones, come in few shapes, and compile as one graph."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from small_models import CPU, FLOAT32, FLOAT64
from test_trainer import DROPOUT, trainer_of

from geometric_memory.training.batches import Batches, row_multiple
from geometric_memory.training.compilation import pays_to_compile
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
