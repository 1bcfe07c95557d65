"""Evaluation: what the model answers to paths and edge facts, memory bounded at any vocabulary.

Exact match under greedy decoding equals all-targets-right under teacher forcing, and up to and
including a row's first wrong token both say the same. So one forward pass gives everything but
the later tokens of wrong rows, and only those are decoded.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from geometric_memory.analysis.memorization import edge_accuracy_ceiling, recovered_shares
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.tasks.examples import Examples, PathPart
from geometric_memory.tasks.text import NO_TOKEN, TextExamples, pad_rows
from geometric_memory.training.batches import DeviceExamples
from geometric_memory.training.objective import (
    argmax,
    hidden_states,
    logit_chunks,
    losses_and_answers,
    row_chunks,
)
from geometric_memory.training.precision import Arithmetic

COPIES = ("given_start", "queried_node")
"""Parts of a path that the prompt holds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PathEvaluation:
    """Answers to path queries."""

    loss: float
    """Mean teacher-forced cross-entropy per target."""
    forced: Int[np.ndarray, "paths target"]
    """Predicted tokens when the right ones came before."""
    generated: Int[np.ndarray, "paths target"]
    """Predicted tokens of greedy decoding."""
    targets: Int[np.ndarray, "paths target"]
    owners: Int[np.ndarray, "paths target"] | None = None
    """Node on the path that each target token belongs to; None when every node is one token."""

    def metrics(self, name: str = "test") -> dict[str, float]:
        """Return the published metrics, in percent: `name/accuracy`, `name/token_1`, and so on."""
        found: dict[str, float] = {}
        for prefix, answers in ((name, self.generated), (f"{name}_forced", self.forced)):
            right = answers == self.targets
            found[f"{prefix}/accuracy"] = 100 * float(right.all(axis=1).mean())
            for index, share in enumerate(self._by_node(right).mean(axis=0), start=1):
                found[f"{prefix}/token_{index}"] = 100 * float(share)
        found[f"{name}_forced/loss"] = self.loss
        return found

    def parts(self, parts: Sequence[PathPart], name: str = "test") -> dict[str, float]:
        """Return the accuracies of the parts of a path, in percent, generated and forced.

        A part is right when all its nodes are. `name/accuracy_without_copies` counts a path whose
        nodes are right but for those that the prompt holds, and takes these for given: up to its
        first mistake a forced answer is the one that would be generated.
        """
        found: dict[str, float] = {}
        if not parts:
            return found
        known = np.array(parts)
        for prefix, answers in ((name, self.generated), (f"{name}_forced", self.forced)):
            right = self._by_node(answers == self.targets)
            for part in ("hard_token", "middle", "queried_node"):
                if part in parts:
                    share = right[:, known == part].all(axis=1).mean()
                    found[f"{prefix}/{part}"] = 100 * float(share)
        own = self._by_node(self.forced == self.targets)[:, ~np.isin(known, COPIES)]
        found[f"{name}/accuracy_without_copies"] = 100 * float(own.all(axis=1).mean())
        return found

    def _by_node(self, right: Bool[np.ndarray, "paths target"]) -> Bool[np.ndarray, "paths node"]:
        if self.owners is None:
            return right
        nodes = range(int(self.owners.max(initial=-1)) + 1)
        whole = [(right | (self.owners != node)).all(axis=1) for node in nodes]
        return np.stack(whole, axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class EdgeEvaluation:
    """Answers to all edge facts."""

    loss: float
    """Mean cross-entropy per edge fact."""
    accuracy: float
    """Percent of edge facts whose target is the argmax of its source."""
    accuracy_ceiling: float
    """The best accuracy possible, since one argmax serves all targets of a source."""
    top_k_recovery: float
    """Percent of a source's targets among its best k, k its number of targets; mean of sources."""

    def metrics(self) -> dict[str, float]:
        """Return the metrics as logged."""
        return {f"edge_memorization/{name}": value for name, value in vars(self).items()}


@contextmanager
def evaluating(model: SequenceModel) -> Iterator[None]:
    """Evaluation mode without gradients; the mode found is restored."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def evaluate_paths(
    model: SequenceModel, examples: Examples | TextExamples, arithmetic: Arithmetic
) -> PathEvaluation:
    """Return what `model` answers to every path of `examples`, forced and generated."""
    if isinstance(examples, TextExamples):
        parts = [evaluate_paths(model, group, arithmetic) for group in examples.groups]
        return PathEvaluation(
            loss=float(
                np.average([p.loss for p in parts], weights=[p.targets.size for p in parts])
            ),
            forced=pad_rows([part.forced for part in parts]),
            generated=pad_rows([part.generated for part in parts]),
            targets=pad_rows([part.targets for part in parts]),
            owners=pad_rows(examples.owners),
        )
    data = DeviceExamples(examples, arithmetic.device)
    losses, forced, generated = [], [], []
    with evaluating(model):
        for rows in row_chunks(len(data), data.inputs.shape[1]):
            rectangle = data.rectangle(rows)
            targets = data.targets[rows]
            hidden = hidden_states(model, rectangle, arithmetic)
            loss, answers = losses_and_answers(
                hidden, model.head_weight, targets.reshape(-1), arithmetic
            )
            losses.append(loss)
            forced.append(answers.view_as(targets))
            generated.append(_generate(model, rectangle, targets, forced[-1], arithmetic))
    return PathEvaluation(
        loss=float(torch.cat(losses).cpu().double().mean()),  # mps has no float64
        forced=torch.cat(forced).cpu().numpy(),
        generated=torch.cat(generated).cpu().numpy(),
        targets=examples.targets,
    )


def evaluate_edges(
    model: SequenceModel, edge_facts: Examples | TextExamples, arithmetic: Arithmetic
) -> EdgeEvaluation:
    """Return how well `model` knows every edge fact, with one forward pass per source node."""
    if isinstance(edge_facts, TextExamples):
        return _evaluate_text_edges(model, edge_facts, arithmetic)
    prompts, source = np.unique(edge_facts.prompts, axis=0, return_inverse=True)
    order = np.argsort(source.reshape(-1), kind="stable")
    targets = torch.from_numpy(edge_facts.targets[order, 0]).to(arithmetic.device)
    counts = np.bincount(source.reshape(-1), minlength=len(prompts))
    ends = np.concatenate([[0], counts.cumsum()])
    sums = torch.zeros(3, dtype=torch.float64)
    with evaluating(model):
        for first, last, logits in _source_logits(model, prompts, arithmetic):
            own = targets[ends[first] : ends[last]]
            row = torch.from_numpy(np.repeat(np.arange(last - first), counts[first:last]))
            sums += _edge_sums(logits, own, row.to(own.device))
    fact_count, ceiling = len(edge_facts), _accuracy_ceiling(edge_facts.prompts, edge_facts.targets)
    return EdgeEvaluation(
        loss=float(sums[0]) / fact_count,
        accuracy=100 * float(sums[1]) / fact_count,
        accuracy_ceiling=100 * ceiling,
        top_k_recovery=100 * float(sums[2]) / len(prompts),
    )


def _evaluate_text_edges(
    model: SequenceModel, edge_facts: TextExamples, arithmetic: Arithmetic
) -> EdgeEvaluation:
    """Return how well `model` knows facts whose targets are several tokens, each to match."""
    answers = evaluate_paths(model, edge_facts, arithmetic)
    with evaluating(model):
        recovery = _text_recovery(model, edge_facts, arithmetic)
    ceiling = _accuracy_ceiling(edge_facts.prompts, edge_facts.nodes)
    right = (answers.generated == answers.targets).all(axis=1)
    return EdgeEvaluation(
        loss=answers.loss,
        accuracy=100 * float(right.mean()),
        accuracy_ceiling=100 * ceiling,
        top_k_recovery=100 * recovery,
    )


def top_predictions(
    model: SequenceModel, edge_facts: Examples, k: int, arithmetic: Arithmetic
) -> tuple[Int[np.ndarray, " sources"], Int[np.ndarray, "sources k"]]:
    """Return the source nodes of `edge_facts`, ascending, and the k best tokens of each."""
    prompts = np.unique(edge_facts.prompts, axis=0)
    found = []
    with evaluating(model):
        for _, _, logits in _source_logits(model, prompts, arithmetic):
            found.append(logits.topk(k, dim=1).indices.cpu())
    sources = prompts.min(axis=1)  # special tokens come after the nodes
    return sources, torch.cat(found).numpy()


def _source_logits(
    model: SequenceModel, prompts: Int[np.ndarray, "sources prompt"], arithmetic: Arithmetic
) -> Iterator[tuple[int, int, Tensor]]:
    """Yield first source, last source (not included) and logits of chunks of sources."""
    inputs = torch.from_numpy(prompts).to(arithmetic.device)
    length = inputs.shape[1]
    shared = length > 1 and bool((prompts[:, 0] == prompts[0, 0]).all())
    for rows in row_chunks(len(prompts), length):
        rectangle = Rectangle(
            inputs=inputs[rows], first_target=length - 1, shared_first_token=shared
        )
        hidden = hidden_states(model, rectangle, arithmetic)
        for part, logits in logit_chunks(hidden, model.head_weight, arithmetic):
            yield rows.start + part.start, rows.start + part.stop, logits


def _edge_sums(
    logits: Float[Tensor, "sources vocabulary"],
    targets: Int[Tensor, " edges"],
    row: Int[Tensor, " edges"],
) -> Float[Tensor, "3"]:
    """Return sums of losses, of targets that are the argmax, and of recovered shares of sources.

    The sums are made on the CPU, in float64, which mps has not.
    """
    losses = -logits.log_softmax(dim=1)[row, targets]
    right = argmax(logits)[row] == targets
    facts = torch.unique(row * logits.shape[1] + targets)
    edges = torch.stack([facts // logits.shape[1], facts % logits.shape[1]])
    recovered = recovered_shares(logits, edges)
    return torch.stack([values.cpu().double().sum() for values in (losses, right, recovered)])


def _accuracy_ceiling(
    prompts: Int[np.ndarray, "facts prompt"], targets: Int[np.ndarray, "facts target"]
) -> float:
    """Return the share of facts that one argmax per source can get right at best."""
    sides = [np.unique(side, axis=0, return_inverse=True)[1] for side in (prompts, targets)]
    return edge_accuracy_ceiling(np.stack([side.reshape(-1) for side in sides], axis=1))


def _generate(
    model: SequenceModel,
    rectangle: Rectangle,
    targets: Int[Tensor, "rows target"],
    forced: Int[Tensor, "rows target"],
    arithmetic: Arithmetic,
) -> Int[Tensor, "rows target"]:
    """Return greedy decodings; only rows that have gone wrong are decoded token by token."""
    generated = forced.clone()
    prompt = rectangle.first_target + 1
    teacherless = not torch.equal(rectangle.inputs[:, prompt:], targets[:, :-1])
    wrong = forced != targets
    for index in range(1, 1 if teacherless else targets.shape[1]):
        rows = wrong[:, :index].any(dim=1).nonzero()[:, 0]
        if not len(rows):
            continue
        inputs = torch.cat([rectangle.inputs[rows, :prompt], generated[rows, :index]], dim=1)
        step = Rectangle(
            inputs=inputs,
            first_target=inputs.shape[1] - 1,
            shared_first_token=rectangle.shared_first_token,
        )
        hidden = hidden_states(model, step, arithmetic)
        for part, logits in logit_chunks(hidden, model.head_weight, arithmetic):
            generated[rows[part], index] = argmax(logits)
    return generated


ROWS_AT_MOST = 2**16


def _text_recovery(model: SequenceModel, edge_facts: TextExamples, arithmetic: Arithmetic) -> float:
    """Return the share of a source's targets among its best k nodes, k their number; the mean.

    The score of a node is the log-probability of all its tokens after the prompt. That is one row
    for each pair of source and node, so sources are thinned evenly where they would be too many.
    """
    prompts, source = np.unique(edge_facts.prompts, axis=0, return_inverse=True)
    source = source.reshape(-1)
    allowed = max(1, ROWS_AT_MOST // len(edge_facts.candidates))
    step = -(-len(prompts) // allowed)
    shares = []
    for index in range(0, len(prompts), step):
        targets = torch.from_numpy(np.unique(edge_facts.nodes[source == index, 0]))
        prompt = prompts[index][prompts[index] != NO_TOKEN]
        scores = _scores(model, prompt, edge_facts.candidates, arithmetic)
        edges = torch.stack([torch.zeros_like(targets), targets])
        shares.append(float(recovered_shares(torch.from_numpy(scores)[None], edges)))
    return float(np.mean(shares))


def _scores(
    model: SequenceModel,
    prompt: Int[np.ndarray, " prompt"],
    candidates: tuple[tuple[int, ...], ...],
    arithmetic: Arithmetic,
) -> Float[np.ndarray, " nodes"]:
    """Return the log-probability of every node as the answer to `prompt`."""
    scores = np.empty(len(candidates))
    for nodes, answers in _by_length(candidates):
        opening = np.broadcast_to(prompt, (len(nodes), len(prompt)))
        inputs = torch.from_numpy(np.concatenate([opening, answers[:, :-1]], axis=1))
        targets = torch.from_numpy(answers).to(arithmetic.device)
        for rows in row_chunks(len(nodes), inputs.shape[1]):
            rectangle = Rectangle(
                inputs=inputs[rows].to(arithmetic.device),
                first_target=len(prompt) - 1,
                shared_first_token=len(prompt) > 1,
            )
            hidden = hidden_states(model, rectangle, arithmetic)
            losses, _ = losses_and_answers(
                hidden, model.head_weight, targets[rows].reshape(-1), arithmetic
            )
            total = losses.view(-1, answers.shape[1]).sum(dim=1)
            scores[nodes[rows]] = -total.cpu().double().numpy()
    return scores


def _by_length(
    candidates: tuple[tuple[int, ...], ...],
) -> Iterator[tuple[Int[np.ndarray, " nodes"], Int[np.ndarray, "nodes length"]]]:
    lengths = np.array([len(tokens) for tokens in candidates])
    for length in np.unique(lengths):
        nodes = np.flatnonzero(lengths == length)
        yield nodes, np.array([candidates[node] for node in nodes], dtype=np.int64)
