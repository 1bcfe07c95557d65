"""Our AdamW is PyTorch's, bit for bit, and costs no import of the compiler."""

import subprocess
import sys

import pytest
import torch

from geometric_memory.training.optimizer import AdamW

SHAPES = [(7, 5), (5,), (3, 2, 4)]
START = """
import sys
from geometric_memory.cli.main import main
places = ["--dataset_root", sys.argv[1], "--experiment_log_root", sys.argv[1]]
assert main(["train", "--preset", "tiny", "--device", "cpu", "--max_steps", "3", *places]) == 0
slow = ("torch._dynamo", "sympy", "scipy.stats", "scipy.linalg")
print([name for name in slow if name in sys.modules])
"""


def parameters():
    generator = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def step(optimizer, parameters, number, *, held=None):
    """Make one update; the last parameter has a gradient from the third update on."""
    generator = torch.Generator().manual_seed(number)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    if number < 3:
        parameters[-1].grad = None
    optimizer.param_groups[0]["lr"] = 0.1 / number
    optimizer.step() if held is None else optimizer.step(held)


def test_it_is_the_fused_one_of_pytorch_bit_for_bit():
    here, there = parameters(), parameters()
    ours = AdamW(here, weight_decay=0.1)
    theirs = torch.optim.AdamW(there, weight_decay=0.1, fused=True)
    for number in range(1, 8):
        step(ours, here, number, held=torch.zeros(()))
        step(theirs, there, number)
    assert all(map(torch.equal, here, there))
    state = theirs.state_dict()["state"]
    assert ours.state_dict()["state"].keys() == state.keys()
    for number, values in ours.state_dict()["state"].items():
        assert values.keys() == state[number].keys()
        assert all(torch.equal(values[name], state[number][name]) for name in values)


def test_a_rate_of_its_own_is_a_group_of_pytorch_bit_for_bit():
    here, there = parameters(), parameters()
    ours = AdamW(here, weight_decay=0.1, factors={here[0]: 4.0})
    groups = [{"params": there[1:]}, {"params": there[:1]}]
    theirs = torch.optim.AdamW(groups, weight_decay=0.1, fused=True)
    for number in range(1, 8):
        step(ours, here, number, held=torch.zeros(()))
        theirs.param_groups[1]["lr"] = 4.0 * (0.1 / number)
        step(theirs, there, number)
    assert all(map(torch.equal, here, there))


@pytest.mark.parametrize("first", [True, False])
def test_a_held_step_changes_nothing(first):
    here, there = parameters(), parameters()
    ours, again = AdamW(here, weight_decay=0.1), AdamW(there, weight_decay=0.1)
    for number in range(1, 6):
        step(ours, here, number, held=torch.zeros(()))
        step(again, there, number, held=torch.zeros(()))
        if first == (number == 1):
            step(again, there, number, held=torch.ones(()))
    assert all(map(torch.equal, here, there))


def test_its_state_is_stored_and_taken():
    here, there = parameters(), parameters()
    ours, again = AdamW(here, weight_decay=0.1), AdamW(there, weight_decay=0.1)
    for number in range(1, 4):
        step(ours, here, number)
    again.load_state_dict(ours.state_dict())
    for mine, other in zip(here, there, strict=True):
        other.data.copy_(mine.data)
    step(ours, here, 4)
    step(again, there, 4)
    assert all(map(torch.equal, here, there))


def test_a_short_run_imports_no_compiler(tmp_path):
    """PyTorch's compiler and the algebra it uses take longer to import than such a run."""
    run = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"
