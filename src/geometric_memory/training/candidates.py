"""Top-k recovery when a node is several tokens: every node is scored as an answer to every source.

The score of a node is the log-probability of all its tokens after the prompt. That is one row for
each pair of source and node, so sources are thinned evenly where there would be too many rows.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int

from geometric_memory.analysis.recovery import recovered_shares
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.tasks.text import NO_TOKEN, TextExamples
from geometric_memory.training.logits import hidden_states, losses_and_answers, row_chunks
from geometric_memory.training.precision import Arithmetic

ROWS_AT_MOST = 2**16


def text_recovery(model: SequenceModel, edge_facts: TextExamples, arithmetic: Arithmetic) -> float:
    """Return the share of a source's targets among its best k nodes, k their number; the mean."""
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
