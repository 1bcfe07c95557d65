"""Every family and recipe on cuda and on mps, on a machine that has neither (pretend_device.py)."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from pretend_device import DeviceError, has_kernel, pretending
from small_models import FLOAT32, small_config
from test_trainer import DROPOUT, cycle_task, poisoned, trainer_of
from torch._subclasses.fake_tensor import FakeTensorMode

from geometric_memory.cli.main import main
from geometric_memory.config import TrainingSettings
from geometric_memory.models.build import build_model
from geometric_memory.models.layers import _pair
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows
from geometric_memory.tasks.text import text_examples, text_vocabulary
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.trainer import Trainer

KINDS = ("cuda", "mps")
FAMILIES = ("gpt", "gpt2", "pythia", "mamba")
RECIPES = ("staged_full_path", "mixed_full_path", "staged_hardest_token", "mixed_hardest_token")
TINY = [
    "--graph_type", "star", "--star_degree", "4", "--path_length", "4",
    "--transformer_layer_count", "1", "--embedding_dimension", "32", "--attention_head_count", "2",
    "--edge_memorization_batch_size", "16", "--path_finetuning_batch_size", "16",
    "--edge_memorization_epochs", "5", "--path_finetuning_epochs", "10", "--max_steps", "20",
    "--train_split_ratio", "0.5", "--checkpoint_interval_steps", "15",
]  # fmt: skip
QUICK = {("cuda", "pythia", "staged_full_path"), ("mps", "mamba", "mixed_hardest_token")}


@pytest.fixture
def device(request, monkeypatch):
    """The device that the parameter `kind` names; in a step the host must wait for nothing."""
    train_step = Trainer.train_step
    with pretending(request.getfixturevalue("kind")) as found:

        def unwaiting(trainer, batch):
            before = len(found.waits)
            train_step(trainer, batch)
            assert found.waits[before:] == []

        monkeypatch.setattr(Trainer, "train_step", unwaiting)
        yield found


def arithmetic(precision="auto"):
    """Return that of the device pretended now."""
    return choose_arithmetic(TrainingSettings(precision=precision))


def weights(run, step):
    return (run.checkpoints / f"step-{step:08d}" / "model.safetensors").read_bytes()


def trained_and_resumed(root, kind, *options):
    """Train 20 steps, go on from the 15th again to the same bits; return the run and its end."""
    places = ["--dataset_root", str(root / "data"), "--experiment_log_root", str(root / "logs")]
    assert main(["train", *TINY, *places, "--run_name", "run", "--device", kind, *options]) == 0
    run = RunFolder(root / "logs" / "in_weights" / "run")
    final, rows = weights(run, 20), list(read_rows(run.metrics))
    assert main(["train", "--resume", str(run.checkpoints / "step-00000015")]) == 0
    assert weights(run, 20) == final
    return run, rows[-1]


@pytest.mark.parametrize(
    ("kind", "family", "recipe"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
        for case in product(KINDS, FAMILIES, RECIPES)
    ],
)
def test_every_family_and_recipe(device, tmp_path, capsys, kind, family, recipe):
    named = ["--model_family", family, "--training_recipe", recipe]
    run, last = trained_and_resumed(tmp_path, kind, *named)
    capsys.readouterr()
    assert main(["evaluate", str(run.path), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics == {name: last[name] for name in metrics}
    found = json.loads(run.environment.read_text())
    assert found["matrix_type"] == ("bfloat16" if kind == "cuda" else "float32")
    assert torch.ops.aten._fused_adamw_.default in device.used


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory):
    """Digits and a comma, 1 and 2 merged: node 12 is one token, 10 and 11 are two."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {character: i for i, character in enumerate("0123456789,")} | {"12": 11}
    path = tmp_path_factory.mktemp("text") / "tokenizer.json"
    tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("1", "2")])).save(str(path))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["gpt2", "pythia"])
def test_text_tokens(device, tmp_path, tokenizer_file, kind, family):
    text = ["--model_family", family, "--tokenizer", "text", "--tokenizer_file", tokenizer_file]
    trained_and_resumed(tmp_path, kind, *map(str, text))


@pytest.mark.parametrize("kind", KINDS)
def test_text_tokens_are_measured(device, tokenizer_file, kind):
    config = small_config(model_family="gpt2", tokenizer="text", tokenizer_file=str(tokenizer_file))
    vocabulary = text_vocabulary(13, tokenizer_file)
    edges = np.array([[10, 11], [11, 12], [12, 0]])
    facts = text_examples("edge", edges[:, :1], edges[:, 1:], vocabulary, config.task)
    model = build_model(config, vocabulary_size=vocabulary.size)
    on_cpu = evaluate_edges(model, facts, FLOAT32).metrics()
    found = evaluate_edges(model.to(torch.device(kind)), facts, arithmetic("fp32")).metrics()
    assert found == pytest.approx(on_cpu, rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("cuda", DROPOUT),
        ("cuda", {"model_family": "mamba"}),
        ("mps", {"use_attention": False}),
        ("mps", {"model_family": "gpt2"}),
    ],
    ids=str,
)
def test_bfloat16(device, kind, settings):
    trainer = trainer_of(arithmetic("bf16"), **settings)
    trainer.run([])
    assert trainer.position.step == 18
    assert trainer.model.head_weight.device.type == kind


@pytest.mark.parametrize(("kind", "family"), [("cuda", "gpt"), ("mps", "mamba")])
def test_what_is_learned_and_measured_is_that_of_the_cpu(device, kind, family):
    """Kernels are those of the CPU; our own ways for a GPU differ in the order of sums."""
    here, there = (
        trainer_of(model_family=family),
        trainer_of(arithmetic("fp32"), model_family=family),
    )
    here.run([])
    there.run([])
    assert there.totals.read() == pytest.approx(here.totals.read(), rel=1e-4)
    there.model.load_state_dict(here.model.state_dict())
    task = cycle_task(small_config())
    for measure, examples in ((evaluate_edges, task.edge_facts), (evaluate_paths, task.test_paths)):
        found, expected = (
            measure(t.model, examples, t.arithmetic).metrics() for t in (there, here)
        )
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_that_is_not_finite_changes_nothing(device, kind):
    """Neither weights nor moments, although the fused AdamW ignores `found_inf` on mps."""

    def state(trainer):
        stored = trainer.optimizer.state_dict()["state"].values()
        tensors = [*trainer.model.state_dict().values(), *(x for s in stored for x in s.values())]
        return [tensor.cpu() for tensor in tensors]

    trainer = poisoned(arithmetic=arithmetic("fp32"))
    batches = list(trainer.batches().epoch(0))
    for batch in batches[:2]:
        trainer.train_step(batch)
    before = state(trainer)
    trainer.train_step(batches[2])
    assert trainer.guard.broken
    assert all(torch.equal(*pair) for pair in zip(before, state(trainer), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_gradient_that_is_not_finite_leaves_the_optimizer_new(device, kind):
    trainer = trainer_of(arithmetic("fp32"))
    trainer.model.head_weight.register_hook(lambda gradient: gradient * float("nan"))
    trainer.train_step(next(trainer.batches().epoch(0)))
    for state in trainer.optimizer.state_dict()["state"].values():
        assert not any(bool(value.any()) for value in state.values())


def types_of_autocast(make):
    """Return what autocast makes of sums, products, softmax and sigmoid of bfloat16 tensors."""
    values = make(4, 4)
    with torch.autocast(values.device.type, torch.bfloat16):
        results = [
            values.sum(-1), values @ values, values.softmax(-1), values.sigmoid(),
            values.float() + values, torch.nn.functional.layer_norm(values, (4,)),
            torch.cat([values, values.float()]), values.log(), values.exp(),
        ]  # fmt: skip
        return [result.dtype for result in results]


def pair_inputs(make):
    return make(6, 1, 2, 8), make(6, 1, 2, 8), make(6, 1, 2, 8), make(2, 8), make(2, 8)


def maker(kind):
    return lambda *shape: torch.ones(shape, dtype=torch.bfloat16, device=torch.device(kind))


def test_autocast_of_the_pretended_device_is_that_of_cuda(monkeypatch):
    with pretending("cuda"):
        pretended = types_of_autocast(maker("cuda"))
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    with FakeTensorMode():
        assert types_of_autocast(maker("cuda")) == pretended
        with torch.autocast("cuda", torch.bfloat16):
            assert _pair(*pair_inputs(maker("cuda"))).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_device_cannot_do_is_refused(kind):
    with pretending(kind):
        here, there = torch.ones(3), torch.ones(3).to(kind)
        with pytest.raises(DeviceError, match=f"a tensor of cpu among those of {kind}"):
            there + here
        if kind == "mps":
            with pytest.raises(DeviceError, match="no float64"):
                there.double()
            with pytest.raises(DeviceError, match="no kernel"):
                torch.linalg.eig(torch.ones(2, 2).to(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_is_noted(kind):
    with pretending(kind) as device:
        values = torch.arange(4.0, device=torch.device(kind))
        mask = values > 1
        assert device.waits == []
        waiting = {
            "item": lambda: values.sum().item(),
            "truth": lambda: bool(mask.any()),
            "nonzero": lambda: mask.nonzero(),
            "mask": lambda: values[mask],
            "to the host": lambda: values.cpu(),
            "from the host": lambda: torch.ones(4).to(torch.device(kind)),
            "unique": lambda: values.unique(),
            "list": lambda: values.tolist(),
        }
        if kind == "cuda":
            waiting["a number to an element"] = lambda: values.__setitem__(0, 5.0)
        for name, action in waiting.items():
            before = len(device.waits)
            action()
            assert len(device.waits) > before, name
        before = len(device.waits)
        values[mask.long()] += 1
        values[1:].fill_(2)
        values[1:] = 3
        torch.ones(4).to(torch.device(kind), non_blocking=True)
        assert device.waits[before:] == []


def test_which_operators_have_a_kernel():
    aten = torch.ops.aten
    for operator in (
        aten.add.Tensor,
        aten.mm.default,
        aten._foreach_norm.Scalar,
        aten.detach.default,
    ):
        assert has_kernel(operator, "cuda")
        assert has_kernel(operator, "mps")
    assert has_kernel(aten._linalg_eigvals.default, "cuda")
    assert not has_kernel(aten._linalg_eigvals.default, "mps")
