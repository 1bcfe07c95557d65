"""Steps per second of our Mamba beside that of transformers on the CPU, on the same shapes.

Run alone: python benchmarks/mamba.py. Both make whole training steps (forward, loss, backward,
AdamW) from the same weights on one thread, in turn within one run, in CPU time; the best rounds
count, since other work on the machine only adds time. Twice for ours: on the same work (every
position has its own token and a target), and as in a training run (a first token that all rows
share is computed once, and has no target). The targets hold for the same work.
"""

import argparse
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from geometric_memory.config import GraphSettings, ModelSettings, RunConfig, TrainingSettings
from geometric_memory.models.build import build_model
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.training.objective import linear_cross_entropy

TARGETS = {2: 3.0, 8: 5.0, 16: 7.0}
ROWS, WIDTH, LAYERS, VOCABULARY = 256, 128, 2, 1000


def our_model() -> SequenceModel:
    """Return our standard Mamba."""
    config = RunConfig(
        graph=GraphSettings(star_degree=4, path_length=4),
        model=ModelSettings(
            model_family="mamba", mamba_variant="standard", embedding_dimension=WIDTH,
            transformer_layer_count=LAYERS,
        ),
        training=TrainingSettings(seed=0),
    )  # fmt: skip
    return build_model(config, vocabulary_size=VOCABULARY)


def our_step(inputs: Tensor, *, shared: bool) -> Callable[[], float]:
    """Return a function that makes one update with our model and returns the loss."""
    model = our_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    rectangle = Rectangle(inputs=inputs, first_target=int(shared), shared_first_token=shared)
    targets = inputs[:, int(shared) :].reshape(-1)

    def step() -> float:
        optimizer.zero_grad()
        loss, _ = linear_cross_entropy(model([rectangle]), model.head_weight, targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def their_step(inputs: Tensor) -> Callable[[], float]:
    """Return the same for transformers' Mamba with the same weights."""
    from transformers import MambaConfig, MambaForCausalLM

    theirs = MambaForCausalLM(
        MambaConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS)
    )
    names = {"token_embedding": "embeddings", "final_norm": "norm_f"}
    state = {}
    for name, value in our_model().state_dict().items():
        top = name.split(".")[0]
        state["backbone." + name.replace(top, names.get(top, top), 1)] = value
    theirs.load_state_dict(
        state | {"lm_head.weight": state["backbone.embeddings.weight"]}, strict=True
    )
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3, fused=True)

    def step() -> float:
        optimizer.zero_grad()
        logits = theirs(inputs, use_cache=False).logits
        loss = cross_entropy(logits.flatten(0, 1), inputs.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def milliseconds(step: Callable[[], float]) -> float:
    """Return the CPU time of one step."""
    start = time.process_time()
    step()
    return (time.process_time() - start) * 1e3


def main() -> int:
    """Print the table and return 1 when a ratio misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"batch {ROWS}, width {WIDTH}, {LAYERS} layers, one thread, best of {options.rounds}")
    print("length  transformers     ours  ratio  target  first token shared  ratio")
    missed = False
    for length, target in TARGETS.items():
        inputs = torch.randint(VOCABULARY, (ROWS, length))
        with_task = inputs.clone()
        with_task[:, 0] = 0
        steps = (
            their_step(inputs), our_step(inputs, shared=False), our_step(with_task, shared=True)
        )  # fmt: skip
        losses = [step() for step in steps]  # warm up; the first loss is that of equal weights
        if abs(losses[0] - losses[1]) > 1e-4:
            raise AssertionError(f"losses differ: {losses[0]} and {losses[1]}")
        times = [[milliseconds(step) for step in steps] for _ in range(options.rounds)]
        theirs, ours, shared = (min(column) for column in zip(*times, strict=True))
        print(
            f"{length:6d}  {theirs:9.1f} ms  {ours:4.1f} ms  {theirs / ours:5.1f}  {target:6.1f}"
            f"  {shared:15.1f} ms  {theirs / shared:5.1f}"
        )
        missed |= theirs / ours < target
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
