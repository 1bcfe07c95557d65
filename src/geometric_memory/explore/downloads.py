"""Files that the page hands out: settings and result, a figure, a page of its own."""

import json
from io import BytesIO
from typing import Any

import numpy as np
from dash import dcc

from geometric_memory import __version__
from geometric_memory.explore.record import Record
from geometric_memory.figures.embedding import Drawing, embedding_graph
from geometric_memory.figures.interactive import Movie, evolution_page
from geometric_memory.figures.style import for_matplotlib


def config_file(record: Record, step: int) -> dict[str, Any]:
    """Return JSON with everything that was asked, the edges, and the numbers at `step`."""
    return _sent(f"{stem(record)}.json", json.dumps(config(record, step), indent=2) + "\n")


def config(record: Record, step: int) -> dict[str, Any]:
    """Return the content of the JSON file."""
    there = int(record.steps[record.frame(step)])
    measured = {name: curve.at(there) for name, curve in record.curves.items()}
    return {
        "geometric_memory": __version__,
        "title": record.title,
        "settings": dict(record.settings),
        "edges": [[record.names[u], record.names[v]] for u, v in record.edges.tolist()],
        "step": there,
        "measured": {name: _plain(value) for name, value in measured.items()},
        "verdict": record.verdict,
        "status": record.status,
    }


def figure_file(record: Record, step: int) -> dict[str, Any]:
    """Return the embedding after `step` updates as PNG."""
    place = record.frame(step)
    title = f"{for_matplotlib(record.title)}\nafter {record.steps[place]} steps"
    drawing = Drawing(edges=record.edges, root=record.root, view=(50.0, -55.0, 0.0),
                      labels=len(record.names) <= 100)  # fmt: skip
    figure = embedding_graph(record.coordinates[place], drawing, title=title)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return _sent(f"{stem(record)}.png", buffer.getvalue())


def html_file(record: Record, _: int) -> dict[str, Any]:
    """Return a page with all frames and their curves that needs neither server nor network."""
    return _sent(f"{stem(record)}.html", evolution_page(movie(record)))


def movie(record: Record) -> Movie:
    """Return all frames with what was measured at each; NaN where nothing was."""

    def along(name: str) -> np.ndarray:
        curve = record.curves.get(name)
        values = [None if curve is None else curve.at(int(step)) for step in record.steps]
        return np.array([np.nan if value is None else value for value in values])

    return Movie(
        steps=record.steps,
        coordinates=record.coordinates,
        edges=record.edges,
        names=record.names,
        recovery=along("memorization"),
        level=along("geometric level"),
        non_edges=along("non-edges"),
        root=record.root,
        title=record.title,
    )


def stem(record: Record) -> str:
    """Return the title as the name of a file."""
    words = "".join(c if c.isalnum() else " " for c in record.title.lower()).split()
    return "_".join(words)[:80] or "run"


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 6)


def _sent(name: str, content: str | bytes) -> dict[str, Any]:
    data = content.encode() if isinstance(content, str) else content
    return dcc.send_bytes(lambda buffer: buffer.write(data), name)
