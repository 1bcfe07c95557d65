"""A stranger's GPT: published parameter names, padded batches, a full attention mask, all logits.

Nothing here is shared with the package: it is the second opinion that ours is tested against.
"""

import math

import torch
from torch.nn.functional import cross_entropy, gelu, layer_norm

PROJECTIONS = ("queries_linear", "keys_linear", "values_linear", "proj")


def shapes(settings, vocabulary_size, block_size):
    """Return the shape of every published parameter; a tied head is the embedding and has none."""
    width = settings.embedding_dimension
    found = {"embed_tokens.weight": (vocabulary_size, width)}
    if not settings.tie_input_output_embeddings:
        found["lm_head.weight"] = (vocabulary_size, width)
    if settings.use_positional_encoding:
        found["pos_encoding.weight"] = (block_size, width)
    for index in range(settings.transformer_layer_count):
        layer = f"layers.{index}."
        linears = {f"attn.{name}": (width, width) for name in PROJECTIONS}
        linears = linears if settings.use_attention else {}
        if settings.use_mlp_only_blocks:
            linears["mlp.fc1"] = (width, width)
        else:
            linears |= {"mlp.swapd": (4 * width, width), "mlp.proj": (width, 4 * width)}
        for name, shape in linears.items():
            found |= {f"{layer}{name}.weight": shape, f"{layer}{name}.bias": shape[:1]}
        norms = ("ln_1", "ln_2") if settings.use_attention else ("ln_1",)
        for name in norms if settings.use_layer_norm else ():
            found |= {f"{layer}{name}.{kind}": (width,) for kind in ("weight", "bias")}
    if settings.use_layer_norm:
        found |= {f"final_layernorm.{kind}": (width,) for kind in ("weight", "bias")}
    return found


def closed_form_state(settings, vocabulary_size, block_size):
    """Return float64 parameters made by a formula, of the size of trained ones.

    Entry i of the parameter that starts at entry k of all, in order of name: sin((k + i)^2), small
    for linear weights, about one for norm weights.
    """
    state, begin = {}, 0
    for name, shape in sorted(shapes(settings, vocabulary_size, block_size).items()):
        place = begin + torch.arange(math.prod(shape), dtype=torch.float64)
        waves = (place**2 % (2 * math.pi)).sin().view(shape)
        is_norm = "ln_" in name or "layernorm" in name
        state[name] = 1 + 0.2 * waves if is_norm and "weight" in name else 0.6 * waves
        begin += math.prod(shape)
    return state


def logits(state, settings, x, pad=None):
    """Return logits at every position of x (rows, positions), pad keys hidden from all queries."""
    hidden = state["embed_tokens.weight"][x]
    if settings.use_positional_encoding:
        hidden = hidden + state["pos_encoding.weight"][: x.shape[1]]
    seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    seen = seen[None].expand(len(x), -1, -1)
    if pad is not None:
        seen = seen & (x != pad)[:, None, :]
    for index in range(settings.transformer_layer_count):
        hidden = _layer(state, settings, f"layers.{index}.", hidden, seen)
    head = state.get("lm_head.weight", state["embed_tokens.weight"])
    return _norm(state, "final_layernorm", hidden) @ head.T


def loss(found, y):
    """Return the mean of -log softmax over positions with y != -1."""
    chosen = y != -1
    return cross_entropy(found[chosen], y[chosen])


def pad_rows(prompts, targets, pad, teacherless=None):
    """Return x and y of rows of any lengths, as published: y is -1 where nothing is asked."""
    rows = []
    for prompt, target in zip(prompts, targets, strict=True):
        answers = target[:-1] if teacherless is None else [teacherless] * (len(target) - 1)
        rows.append(([*prompt, *answers], [-1] * (len(prompt) - 1) + list(target)))
    longest = max(len(x) for x, _ in rows)
    x = [x + [pad] * (longest - len(x)) for x, _ in rows]
    y = [y + [-1] * (longest - len(y)) for _, y in rows]
    return torch.tensor(x), torch.tensor(y)


def _layer(state, settings, layer, hidden, seen):
    normed = _norm(state, layer + "ln_1", hidden)
    if settings.use_attention:
        output = _attention(state, layer + "attn.", normed, seen, settings.attention_head_count)
        hidden = hidden + output if settings.use_residual_connections else output
        normed = _norm(state, layer + "ln_2", hidden)
    if settings.use_mlp_only_blocks:
        output = _linear(state, layer + "mlp.fc1", normed)
    else:
        inner = gelu(_linear(state, layer + "mlp.swapd", normed), approximate="tanh")
        output = _linear(state, layer + "mlp.proj", inner)
    return hidden + output if settings.use_residual_connections else output


def _attention(state, name, normed, seen, head_count):
    query, key, value = (
        _linear(state, name + part, normed).unflatten(-1, (head_count, -1)).transpose(1, 2)
        for part in PROJECTIONS[:3]
    )
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    weights = scores.masked_fill(~seen[:, None], -math.inf).softmax(-1)
    return _linear(state, name + "proj", (weights @ value).transpose(1, 2).flatten(2))


def _linear(state, name, values):
    return values @ state[name + ".weight"].T + state[name + ".bias"]


def _norm(state, name, values):
    weight = state.get(name + ".weight")
    if weight is None:
        return values
    return layer_norm(values, weight.shape, weight, state[name + ".bias"], eps=1e-5)
