"""The loop: determinism, stages, limits, bad numbers, and callbacks that change nothing."""

import numpy as np
import pytest
import torch
from small_models import CPU, FLOAT32, FLOAT64, small_config

from geometric_memory.config import TrainingSettings
from geometric_memory.errors import NonFiniteError
from geometric_memory.models.build import build_model
from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training.batches import Batches
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths, top_predictions
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.stages import build_stages
from geometric_memory.training.trainer import Callback, Position, Trainer

VOCABULARY = Vocabulary(8)
QUICK = {
    "training_recipe": "staged_full_path",
    "edge_memorization_epochs": 4,
    "edge_memorization_batch_size": 6,
    "edge_memorization_warmup_steps": 3,
    "path_finetuning_epochs": 3,
    "path_finetuning_batch_size": 4,
    "path_finetuning_warmup_steps": 2,
    "path_finetuning_learning_rate": 0.01,
}
DROPOUT = {"use_mlp_only_blocks": True, "dropout_rate": 0.3}


def cycle_task(config):
    """Return both directions of an 8-cycle, 6 train paths and 2 test paths."""
    forward = np.stack([np.arange(8), (np.arange(8) + 1) % 8], axis=1)
    edges = np.concatenate([forward, forward[:, ::-1]])
    paths = (np.arange(8)[:, None] + np.arange(4)) % 8

    def rows(chosen):
        return path_examples(
            chosen, VOCABULARY, config.task, full_path=True, include_start_node=False
        )

    return Task(
        vocabulary=VOCABULARY,
        edges=edges,
        edge_facts=edge_examples(edges, VOCABULARY, config.task),
        train_paths=rows(paths[:6]),
        test_paths=rows(paths[6:]),
    )


def trainer_of(arithmetic=FLOAT32, **settings):
    config = small_config(**QUICK | settings)
    model = build_model(config, vocabulary_size=VOCABULARY.size)
    return Trainer(model, build_stages(config, cycle_task(config)), config.training, arithmetic)


def trained(callbacks=(), **settings):
    """Return the weights after training."""
    trainer = trainer_of(**settings)
    trainer.run(callbacks)
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


class Record(Callback):
    """Writes down what happens."""

    def __init__(self):
        self.events, self.rates, self.positions, self.modes = [], [], [], []

    def stage_begins(self, trainer):
        self.events.append(("begins", trainer.stage.name))

    def step_ends(self, trainer):
        self.rates.append(trainer.optimizer.param_groups[0]["lr"])
        self.positions.append((trainer.position.stage, trainer.position.stage_step))
        self.modes.append(trainer.model.training)

    def epoch_ends(self, trainer):
        self.events.append((trainer.stage.name, trainer.position.epoch, trainer.position.batch))

    def stage_ends(self, trainer):
        self.events.append(("ends", trainer.stage.name))


class Evaluate(Callback):
    """Evaluates all there is, as often as it can."""

    def step_ends(self, trainer):
        task = cycle_task(small_config(**QUICK))
        evaluate_edges(trainer.model, task.edge_facts, trainer.arithmetic)
        evaluate_paths(trainer.model, task.test_paths, trainer.arithmetic)
        top_predictions(trainer.model, task.edge_facts, 5, trainer.arithmetic)
        torch.rand(3)


@pytest.mark.parametrize("settings", [{}, DROPOUT, {"training_recipe": "mixed_full_path"}], ids=str)
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(settings):
    first = trained(**settings)
    torch.manual_seed(5)
    assert same(first, trained(**settings))
    assert not same(first, trained(**settings, seed=1))


def test_the_seed_of_the_initial_weights_leaves_order_and_dropout_alone():
    orders = []
    for seed in (0, 1):
        trainer = trainer_of(init_seed=seed)
        orders.append(trainer.batches().order(0).tolist())
    assert orders[0] == orders[1]


@pytest.mark.parametrize("settings", [DROPOUT, {}], ids=str)
def test_evaluations_change_no_bit_of_the_weights(settings):
    record = Record()
    assert same(trained(**settings), trained([Evaluate(), record], **settings))
    assert all(record.modes)


def test_dropout_acts_while_training_and_differs_from_step_to_step():
    assert not same(trained(**DROPOUT), trained(**DROPOUT | {"dropout_rate": 0.0}))
    trainer = trainer_of(**DROPOUT)
    batch = next(iter(trainer.batches().epoch(0)))
    losses = []
    for step in (0, 0, 1):
        trainer.position.stage_step = step
        losses.append(float(trainer.backward(batch)[0]))
    assert losses[0] == losses[1] != losses[2]


def test_stages_follow_each_other_with_their_own_rates_and_a_new_optimizer():
    record = Record()
    trainer = trainer_of()
    trainer.run([record])
    assert record.events == [
        ("begins", "edge_memorization"),
        *(("edge_memorization", epoch, 0) for epoch in range(1, 5)),
        ("ends", "edge_memorization"),
        ("begins", "path_finetuning"),
        *(("path_finetuning", epoch, 0) for epoch in range(1, 4)),
        ("ends", "path_finetuning"),
    ]
    first, second = (stage.schedule for stage in trainer.stages)
    expected = [first.rate(step) for step in range(12)] + [second.rate(step) for step in range(6)]
    assert record.rates == expected
    assert record.rates[0] == record.rates[12] == 0
    assert trainer.position == Position(stage=1, epoch=3, batch=0, stage_step=6, step=18)
    assert trainer.total_steps == 18
    steps = {int(state["step"]) for state in trainer.optimizer.state.values()}
    assert steps == {6}


def test_a_rate_of_zero_moves_nothing():
    trainer = trainer_of()
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.train_step(next(iter(trainer.batches().epoch(0))))
    assert same(before, trainer.model.state_dict())


@pytest.mark.parametrize("limit", [1, 5, 12, 14, 18, 99])
def test_the_step_limit_stops_anywhere_and_leaves_the_schedule(limit):
    record, full = Record(), Record()
    trainer = trainer_of(max_steps=limit)
    trainer.run([record])
    trainer_of().run([full])
    assert trainer.position.step == trainer.total_steps == min(limit, 18)
    assert record.rates == full.rates[:limit]
    assert record.positions == full.positions[:limit]
    assert record.events[-1][0] == "ends"


def test_a_stage_can_be_stopped_and_the_next_one_runs_in_full():
    class Stop(Callback):
        def epoch_ends(self, trainer):
            trainer.stop_stage = trainer.position.stage == 0

    trainer = trainer_of()
    trainer.run([Stop()])
    assert trainer.position == Position(stage=1, epoch=3, batch=0, stage_step=6, step=9)


def test_training_goes_on_from_any_position():
    """The state is weights, optimizer and position; the rest is a function of them."""
    whole = trained(**DROPOUT)
    for limit in (1, 4, 6, 11, 12, 15):
        half = trainer_of(**DROPOUT, max_steps=limit)
        half.run([])
        rest = trainer_of(**DROPOUT)
        rest.model.load_state_dict(half.model.state_dict())
        rest.position = half.position
        rest.optimizer = rest._new_optimizer()
        rest.optimizer.load_state_dict(half.optimizer.state_dict())
        rest.run([])
        assert same(whole, rest.model.state_dict()), limit


def test_totals_are_the_means_of_an_epoch():
    """With a rate of zero all batches see the same weights."""
    read = []

    class Read(Callback):
        def epoch_ends(self, trainer):
            read.append(trainer.totals.read())

    settings = {"training_recipe": "mixed_full_path", "path_finetuning_learning_rate": 0.0}
    trainer = trainer_of(**settings)
    trainer.run([Read()])
    task = cycle_task(small_config(**QUICK))
    edges = evaluate_edges(trainer.model, task.edge_facts, FLOAT32)
    paths = evaluate_paths(trainer.model, task.train_paths, FLOAT32)
    loss = (16 * edges.loss + 24 * paths.loss) / 40
    right = 16 * edges.accuracy + 6 * paths.metrics()["test_forced/accuracy"]
    for totals in read:
        assert totals["loss"] == pytest.approx(loss, rel=1e-6)
        assert totals["accuracy"] == pytest.approx(right / 22)


class Keep(Callback):
    """Keeps the weights of the last step that was allowed."""

    weights = None

    def step_ends(self, trainer):
        self.weights = {name: v.clone() for name, v in trainer.model.state_dict().items()}


def poisoned(**settings):
    """Return a trainer whose third step meets an infinite gradient."""
    trainer = trainer_of(**settings)

    def poison(gradient):
        return gradient * float("inf") if trainer.position.step == 2 else gradient

    trainer.model.layers[0].mlp.inner.up.weight.register_hook(poison)
    return trainer


def test_bad_numbers_stop_the_run_and_leave_the_weights_before_them():
    trainer, keep = poisoned(), Keep()
    with pytest.raises(NonFiniteError, match=r"edge_memorization.*step 3.*learning rate"):
        trainer.run([keep])
    assert same(keep.weights, trainer.model.state_dict())
    assert all(value.isfinite().all() for value in keep.weights.values())


def test_weights_stay_put_until_bad_numbers_are_noticed(monkeypatch):
    """On a GPU the flag is read once per epoch; the steps until then must change nothing."""
    trainer, keep = poisoned(max_steps=2), Keep()
    trainer.run([keep])
    trainer = poisoned()
    check = trainer.check_finite
    monkeypatch.setattr(trainer, "check_finite", lambda: None)
    trainer.run([])
    assert trainer.position.step == 18
    monkeypatch.undo()
    with pytest.raises(NonFiniteError):
        check()
    assert same(keep.weights, trainer.model.state_dict())


def test_a_loss_that_explodes_is_noticed():
    trainer, keep = trainer_of(edge_memorization_learning_rate=1e30), Keep()
    with pytest.raises(NonFiniteError):
        trainer.run([keep])
    assert all(value.isfinite().all() for value in trainer.model.state_dict().values())
    assert same(keep.weights, trainer.model.state_dict())


def test_weight_decay_acts_on_every_parameter():
    """With no gradient to speak of, decay shrinks biases, norms and embeddings alike."""
    trainer = trainer_of(optimizer_weight_decay=0.5)
    (group,) = trainer.optimizer.param_groups
    assert group["weight_decay"] == 0.5
    assert group["betas"] == (0.9, 0.999)
    assert group["eps"] == 1e-8
    assert len(group["params"]) == len(list(trainer.model.parameters()))


def test_the_token_embedding_has_a_rate_of_its_own():
    same, still = trainer_of(), trainer_of(embedding_rate_factor=0.0)
    start = still.model.token_embedding.weight.detach().clone()
    for trainer in (same, still):
        batches = trainer.batches().epoch(0)
        trainer.train_step(next(batches))  # warmup begins at rate 0
        trainer.train_step(next(batches))
    for name, weights in still.model.named_parameters():
        expected = start if name == "token_embedding.weight" else same.model.get_parameter(name)
        assert torch.equal(weights, expected), name
    assert not torch.equal(start, same.model.token_embedding.weight)


@pytest.mark.parametrize("family", ["gpt", "gpt2", "mamba", "pythia"])
@pytest.mark.parametrize("recipe", ["mixed_full_path", "staged_full_path"])
def test_facts_of_a_node_asked_for_once_train_as_rows_of_their_own(family, recipe):
    found = []
    for merged in (True, False):
        trainer = trainer_of(FLOAT64, model_family=family, training_recipe=recipe)
        trainer.model.double()
        examples = trainer.stage.examples
        batches = Batches(examples, 16, seed=0, stage="any", device=CPU, merged=merged)
        batch = next(batches.epoch(0))
        facts = len(batch.rectangles[0].inputs), batch.counted_rows[0]
        assert (facts[0] < facts[1]) == merged
        loss, correct = trainer.backward(batch)
        gradients = [p.grad for p in trainer.model.parameters()]
        found.append((loss, gradients, trainer.totals.of(loss, correct, batch)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-12)


def test_with_dropout_every_fact_is_a_row_with_a_mask_of_its_own():
    for settings, merged in (({}, True), (DROPOUT, False)):
        batch = next(trainer_of(**settings).batches().epoch(0))
        assert (len(batch.rectangles[0].inputs) < batch.counted_rows[0]) == merged


def test_frozen_embeddings_stay_and_are_not_optimized():
    trainer = trainer_of(freeze_token_embeddings=True, optimizer_weight_decay=0.5)
    before = trainer.model.token_embedding.weight.detach().clone()
    trainer.run([])
    assert torch.equal(trainer.model.token_embedding.weight, before)


def test_a_stage_without_examples_or_epochs_does_nothing():
    trainer = trainer_of(edge_memorization_epochs=0)
    trainer.run([])
    assert trainer.position.step == 6


LINEAR_MAP = {
    "use_mlp_only_blocks": True,
    "use_attention": False,
    "use_residual_connections": False,
    "use_layer_norm": False,
    "use_positional_encoding": False,
}


@pytest.mark.parametrize("switches", [{}, LINEAR_MAP], ids=["transformer", "linear map"])
def test_one_layer_memorizes_an_8_cycle(switches):
    config = small_config(
        training_recipe="staged_full_path",
        edge_memorization_epochs=300,
        edge_memorization_learning_rate=0.01,
        edge_memorization_warmup_steps=0,
        path_finetuning_epochs=0,
        embedding_dimension=32,
        **switches,
    )
    task = cycle_task(config)
    model = build_model(config, vocabulary_size=VOCABULARY.size)
    Trainer(model, build_stages(config, task), config.training, FLOAT32).run([])
    found = evaluate_edges(model, task.edge_facts, FLOAT32)
    assert found.top_k_recovery == 100
    assert found.accuracy == found.accuracy_ceiling == 50
    assert found.loss == pytest.approx(np.log(2), abs=0.02)


@pytest.mark.gpu
def test_a_gpu_learns_what_a_cpu_learns():
    """By the loss: key biases have no gradient but rounding, which Adam makes large."""
    on_gpu = choose_arithmetic(TrainingSettings(device="cuda", precision="fp32"))
    gpu, cpu = trainer_of(on_gpu), trainer_of()
    gpu.run([])
    cpu.run([])
    assert gpu.totals.read()["loss"] == pytest.approx(cpu.totals.read()["loss"], rel=1e-3)


@pytest.mark.gpu
def test_a_gpu_leaves_the_weights_before_bad_numbers():
    on_gpu = choose_arithmetic(TrainingSettings(device="cuda"))
    limited, trainer = trainer_of(on_gpu, max_steps=2), poisoned(arithmetic=on_gpu)
    limited.run([])
    with pytest.raises(NonFiniteError):
        trainer.run([])
    assert same(limited.model.state_dict(), trainer.model.state_dict())
