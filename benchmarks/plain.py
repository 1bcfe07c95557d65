"""The loop a stranger would write: padded batches, logits everywhere, one item at a time.

The yardstick of the benchmarks. Same model, same loss, same optimizer as ours; nothing shared with
our engine but the weights, which are copied from our model.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from geometric_memory.config import RunConfig
from geometric_memory.models.gpt import GPT
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task

IGNORED = -1


class Items(Dataset[tuple[Tensor, Tensor]]):
    """Edge facts and train paths, each made into an input and a target when it is asked for."""

    def __init__(self, task: Task) -> None:
        self.kinds = node_kinds(task)
        self.longest = max(kind.inputs.shape[1] for kind in self.kinds)
        self.pad = task.vocabulary.pad

    def __len__(self) -> int:
        return sum(map(len, self.kinds))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        kind = self.kinds[0]
        if index >= len(kind):
            index, kind = index - len(kind), self.kinds[1]
        inputs = torch.full((self.longest,), self.pad)
        targets = torch.full((self.longest,), IGNORED)
        length = kind.inputs.shape[1]
        inputs[:length] = torch.tensor(kind.inputs[index])
        targets[kind.first_target : length] = torch.tensor(kind.targets[index])
        return inputs, targets


def node_kinds(task: Task) -> tuple[Examples, Examples]:
    """Return edge facts and train paths in node tokens."""
    kinds = task.edge_facts, task.train_paths
    assert isinstance(kinds[0], Examples)
    assert isinstance(kinds[1], Examples)
    return kinds[0], kinds[1]


class PlainBlock(nn.Module):
    """One pre-norm layer."""

    def __init__(self, dimension: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(dimension), nn.LayerNorm(dimension)
        self.qkv, self.proj = nn.Linear(dimension, 3 * dimension), nn.Linear(dimension, dimension)
        self.up, self.down = (
            nn.Linear(dimension, 4 * dimension),
            nn.Linear(4 * dimension, dimension),
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm_1(x)).split(width, dim=2)
        q, k, v = (t.view(batch, length, self.heads, -1).transpose(1, 2) for t in (q, k, v))
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.norm_2(x)), approximate="tanh"))


class PlainGPT(nn.Module):
    """The GPT on padded batches, with the weights of `source`."""

    def __init__(self, config: RunConfig, source: GPT) -> None:
        super().__init__()
        model = config.model
        self.tokens = nn.Embedding.from_pretrained(
            source.token_embedding.weight.detach().clone(), freeze=False
        )
        self.positions = nn.Embedding(config.block_size, model.embedding_dimension)
        self.blocks = nn.ModuleList(
            PlainBlock(model.embedding_dimension, model.attention_head_count)
            for _ in range(model.transformer_layer_count)
        )
        self.norm = nn.LayerNorm(model.embedding_dimension)
        with torch.no_grad():
            # Both list their parameters in the order embeddings, layers, final norm; inside a
            # layer ours goes norm, qkv, output, norm, up, down.
            ours = list(source.parameters())
            for mine, theirs in zip(self._in_their_order(), ours, strict=True):
                mine.copy_(theirs)

    def _in_their_order(self) -> list[Tensor]:
        ordered = [self.tokens.weight, self.positions.weight]
        for block in self.blocks:
            for name in ("norm_1", "qkv", "proj", "norm_2", "up", "down"):
                part = getattr(block, name)
                ordered += [part.weight, part.bias]
        return [*ordered, self.norm.weight, self.norm.bias]

    def forward(self, inputs: Tensor, pad: int) -> Tensor:
        length = inputs.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=inputs.device).tril()
        mask = causal & (inputs != pad)[:, None, None, :]
        x = self.tokens(inputs) + self.positions(torch.arange(length, device=inputs.device))
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x) @ self.tokens.weight.T


def plain_loader(task: Task, batch_size: int, generator: torch.Generator) -> DataLoader:  # pyright: ignore[reportMissingTypeArgument]
    """Return the loader of padded, shuffled batches."""
    return DataLoader(Items(task), batch_size=batch_size, shuffle=True, generator=generator)


def plain_loss(model: PlainGPT, inputs: Tensor, targets: Tensor, pad: int) -> Tensor:
    """Return the mean cross-entropy of all targets of a padded batch."""
    logits = model(inputs, pad)
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
