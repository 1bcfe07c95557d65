"""A run in the files of other programs: its weights, its embeddings, and a card about it."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import save

from geometric_memory import __version__
from geometric_memory.errors import CheckpointError, ConfigurationError, DataError
from geometric_memory.figures.colors import node_colors
from geometric_memory.figures.page import Table
from geometric_memory.files.whole import json_bytes, write_folder, write_whole
from geometric_memory.models.pretrained import to_transformers, transformers_config
from geometric_memory.models.published import published_bytes
from geometric_memory.report.run_page import NOT_ASKED, attempt, key_numbers, shown
from geometric_memory.report.write import default_target
from geometric_memory.runs.run import Run
from geometric_memory.synonyms import unknown_name
from geometric_memory.tasks.vocabulary import SPECIAL_TOKENS

Rows = Float[np.ndarray, "nodes dim"]
PROJECTOR = """embeddings {
  tensor_name: "node embeddings"
  tensor_path: "vectors.tsv"
  metadata_path: "metadata.tsv"
}
"""


def convert_run(run: Run, form: str, target: Path | None = None, *, checkpoint: str = "") -> Path:
    """Write `run` in one of FORMATS, by default into its folder, and return the path.

    `checkpoint` is a label, a step or a .safetensors file; by default the last state.

    Raises:
        ConfigurationError: if there is no such format, with the nearest.
        CheckpointError: if `target` exists, or the weights are missing or damaged.
        DataError: if the run has not left what the format holds, or the format cannot hold it.
        DiskError: if the disk is full, read-only or gone; nothing is left behind.
    """
    if form not in FORMATS:
        raise ConfigurationError([unknown_name(form, FORMATS, "format")])
    name, make = FORMATS[form]
    target = target or default_target(run.path, stem=name)
    if target.exists():
        raise CheckpointError(f"{target}: exists already; choose another name or remove it")
    made = make(run, checkpoint)
    if isinstance(made, bytes):
        write_whole(target, made)
    else:
        write_folder(target, made)
    return target


def _published(run: Run, checkpoint: str) -> bytes:
    if run.settings.get("block") == "node2vec" and run.settings["tied"]:
        return published_bytes({"nodes": torch.from_numpy(run.embeddings)})
    if run.config.model.model_family in ("gpt2", "pythia"):
        raise DataError(f"{run.name}: the published code has no weights of its own for gpt2 and "
                        "pythia; write them with --to huggingface")  # fmt: skip
    return published_bytes(run.network(checkpoint).state_dict())


def _hugging_face(run: Run, checkpoint: str) -> dict[str, bytes]:
    model, settings = run.network(checkpoint), run.config.model
    config = transformers_config(model, settings, run.config.block_size)
    weights = to_transformers(model.state_dict(), settings)
    return {
        "config.json": json_bytes(config),
        "model.safetensors": save(weights, metadata={"format": "pt"}),
        "README.md": _card(run, library="transformers"),
    }


def _embeddings(run: Run, checkpoint: str) -> Rows:
    rows = run.embeddings  # raises where nodes have none
    if not checkpoint:
        return rows
    return run.network(checkpoint).node_embeddings(len(rows)).numpy()


def _word2vec(run: Run, checkpoint: str) -> bytes:
    rows, names = _embeddings(run, checkpoint), list(map(str, run.nodes))
    spaced = [name for name in names if name.split() != [name]]
    if spaced:
        raise DataError(
            f"{run.name}: word2vec text cannot hold the name {spaced[0]!r:.60}, which has a space; "
            "take csv"
        )
    lines = [f"{len(rows)} {rows.shape[1]}"]
    lines += [" ".join([name, *cells(row)]) for name, row in zip(names, rows, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _npy(run: Run, checkpoint: str) -> bytes:
    content = io.BytesIO()
    np.save(content, _embeddings(run, checkpoint))
    return content.getvalue()


def _csv(run: Run, checkpoint: str) -> bytes:
    rows = _embeddings(run, checkpoint)
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(["node", *(f"x{place}" for place in range(1, rows.shape[1] + 1))])
    writer.writerows([name, *cells(row)] for name, row in zip(run.nodes, rows, strict=True))
    return content.getvalue().encode()


def _projector(run: Run, checkpoint: str) -> dict[str, bytes]:
    rows, graph = _embeddings(run, checkpoint), run.known_dataset.graph
    colors, degrees = node_colors(graph), np.asarray(graph.adjacency.sum(axis=1)).ravel()
    heading, parts = ("part", colors.group) if colors.group is not None else ("place", colors.place)
    assert parts is not None
    names = [" ".join(label.split()) for label in graph.labels]
    table = zip(names, degrees.astype(int).tolist(), parts.tolist(), strict=True)
    return {
        "vectors.tsv": "".join("\t".join(cells(row)) + "\n" for row in rows).encode(),
        "metadata.tsv": f"node\tdegree\t{heading}\n".encode()
        + "".join(f"{name}\t{degree}\t{part:.4g}\n" for name, degree, part in table).encode(),
        "projector_config.pbtxt": PROJECTOR.encode(),
    }


def cells(row: Float[np.ndarray, " dim"]) -> list[str]:
    """Return the shortest texts that are read back to the same numbers."""
    return row.astype(str).tolist()


def _card(run: Run, *, library: str = "") -> bytes:
    """Return the model card: what it was trained on, how it is asked, its numbers and settings."""
    notes: list[str] = []
    numbers = key_numbers(run, None, attempt(notes, run.geometry))
    changed = {n: pair for n, pair in run.changed.items() if n not in NOT_ASKED}
    table = Table(headings=("", ""), rows=list(numbers.items()))
    head = [*[f"library_name: {library}"] * bool(library), "tags: [geometric-memory]"]
    lines = ["---", *head, "---", f"# {run.name}", "", _about(run), "", "## Numbers", "",
             table.markdown(), *notes, ""]  # fmt: skip
    if run.command == Run.command:
        lines += _asking(run, library)
    rows = [(name, shown(value), shown(default)) for name, (value, default) in changed.items()]
    settings = Table(headings=("setting", "here", "default"), rows=rows)
    lines += ["## Settings that are not the default", "", settings.markdown(), ""]
    command = run.provenance.get("Ran on", {}).get("command")
    if command:
        lines += ["## Made by", "", f"    {command}", ""]
    return "\n".join(lines).encode()


def _about(run: Run) -> str:
    made = f"trained by geometric_memory {__version__} ({run.command})"
    if run.dataset is None:
        return f"A sequence model, {made} to find paths in graphs that its prompts hold."
    data, graph = run.dataset, run.dataset.graph
    return (
        f"A model of one graph, {made}: {graph.family.replace('_', ' ')}, {data.node_count:,} "
        f"nodes, {len(data.facts):,} edge facts, {len(data.train_paths):,} paths trained on, "
        f"{len(data.test_paths):,} held out. It was trained to hold the edges of this graph in its "
        "weights, and on nothing else."
    )


def _asking(run: Run, library: str) -> list[str]:
    """Return how a prompt is written, with the first example of every kind."""
    task, vocabulary = run.task, run.vocabulary
    kinds = {"edge": task.edge_facts, "path": task.test_paths or task.train_paths}
    first = {kind: examples.groups[0] for kind, examples in kinds.items() if len(examples)}
    rows = [
        (kind, f"`{vocabulary.decode(own.prompts[0])}`", str(own.prompts[0].tolist()),
         f"`{vocabulary.decode(own.targets[0])}`")
        for kind, own in first.items()
    ]  # fmt: skip
    tokens = [f"`{text}` {vocabulary.special(text)}" for text in SPECIAL_TOKENS]
    nodes = "the text of the tokenizer" if run.config.model.tokenizer == "text" else "token i"
    table = Table(headings=("question", "prompt", "tokens", "answer"), rows=rows)
    lines = ["## How it is asked", "", f"Node i is {nodes}; then come {', '.join(tokens)}.", "",
             table.markdown(), ""]  # fmt: skip
    if library and rows:
        lines += ["```python", "import torch", "from transformers import AutoModelForCausalLM",
                  'model = AutoModelForCausalLM.from_pretrained(".")  # this folder',
                  f"print(model(torch.tensor([{rows[-1][2]}])).logits.argmax(-1))",
                  "```", ""]  # fmt: skip
    return lines


FORMATS: Mapping[str, tuple[str, Callable[[Run, str], bytes | dict[str, bytes]]]] = {
    "published": ("published.pt", _published),
    "huggingface": ("huggingface", _hugging_face),
    "projector": ("projector", _projector),
    "word2vec": ("embeddings.txt", _word2vec),
    "npy": ("embeddings.npy", _npy),
    "csv": ("embeddings.csv", _csv),
    "card": ("model_card.md", lambda run, _: _card(run)),
}
"""Name of the file or folder of each format, and what makes its content."""
