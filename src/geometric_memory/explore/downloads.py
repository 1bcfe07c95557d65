"""Files that the page hands out: settings and result, a figure, a page of its own."""

import json
from typing import Any

import numpy as np
from dash import dcc

from geometric_memory import __version__
from geometric_memory.explore.record import Record
from geometric_memory.figures.camera import clear_view
from geometric_memory.figures.evolution import STYLES, evolution_page
from geometric_memory.figures.picture import Picture, Space, plain


def config_file(record: Record, step: int) -> dict[str, Any]:
    """Return JSON with everything that was asked, the edges, and the numbers at `step`."""
    there = int(record.steps[record.frame(step)])
    content = {
        "geometric_memory": __version__,
        "title": record.title,
        "settings": record.settings,
        "edges": [[record.names[u], record.names[v]] for u, v in record.edges.tolist()],
        "step": there,
        "measured": {name: curve.at(there) for name, curve in record.curves.items()},
        "verdict": record.verdict,
        "status": record.status,
    }
    return _send(record, "json", json.dumps(plain(content), indent=2) + "\n")


def figure_file(record: Record, step: int) -> dict[str, Any]:
    """Return the embedding after `step` updates as PNG."""
    place = record.frame(step)
    title = f"{record.title}\nafter {record.steps[place]} steps"
    picture = Picture(panels=[_space(record, place, title)], label=title, size=(8.0, 7.0))
    return _send(record, "png", picture.drawn())


def html_file(record: Record, _: int) -> dict[str, Any]:
    """Return a page with all frames and their curves that needs neither server nor network."""
    curves = {
        name: np.array([record.curves[name].at(step) for step in record.steps.tolist()])
        for name in STYLES
        if name in record.curves
    }
    page = evolution_page(
        record.title, record.steps, record.coordinates, _space(record, -1, ""), curves
    )
    return _send(record, "html", page)


def _space(record: Record, place: int, title: str) -> Space:
    points = record.coordinates[place]
    return Space(
        coordinates=points, edges=record.edges, names=record.names, root=record.root, title=title,
        colors=record.colors.painted(), legend=record.colors.legend, labels=100,
        view=clear_view(points, record.edges),
    )  # fmt: skip


def _send(record: Record, suffix: str, content: str | bytes) -> dict[str, Any]:
    words = "".join(c if c.isalnum() else " " for c in record.title.lower()).split()
    data = content.encode() if isinstance(content, str) else content
    name = f"{'_'.join(words)[:80] or 'run'}.{suffix}"
    return dcc.send_bytes(lambda buffer: buffer.write(data), name)
