"""What the page shows: news of a session, as much as it has not got yet."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from flask import Flask, Response, abort, request

from geometric_memory.analysis.estimate import one_digit_percent
from geometric_memory.explore.record import Record
from geometric_memory.explore.sessions import Session, Sessions
from geometric_memory.explore.views import THEMES, curve_view
from geometric_memory.figures.camera import clear_view
from geometric_memory.figures.evolution import sizes
from geometric_memory.figures.picture import Movie, Picture, Space
from geometric_memory.figures.viewer import describe_frames, describe_space

BEGIN = "Choose a graph and a model, then train."
GONE = "This tab was silent for long and gave way to others; reload the page."
HEIGHT = 460


class Asked(msgspec.Struct):
    """What the page has, and what it wants."""

    session: str | None
    theme: str
    curves: bool
    shown: tuple[str, int]
    """Key of the frames on show, and how many of them the page has."""
    pinned: tuple[str, int]


def add_news(server: Flask, sessions: Sessions) -> None:
    """Answer to `news`: the page asks again as soon as it has shown an answer."""

    @server.post("/news")
    def answer() -> Response:
        try:
            asked = msgspec.json.decode(request.get_data(), type=Asked)
        except msgspec.DecodeError:
            abort(400)
        found = news(sessions.find(asked.session), asked)
        return Response(msgspec.json.encode(found), mimetype="application/json")


def news(session: Session | None, asked: Asked) -> dict[str, Any]:
    """Return what the page shows, without the frames that it has."""
    if session is None:
        return {"status": GONE, "running": False, "panes": {}, "differences": None}
    record = None if session.shown is None else session.shown.record()
    pinned = session.pinned
    if record is None:
        return {"status": BEGIN, "running": False, "panes": {}, "differences": None}
    records = [record, *([] if pinned is None else [pinned])]
    theme = THEMES.get(asked.theme, THEMES["light"])
    return {
        "status": status(record),
        "running": record.running,
        "panes": {
            "shown": describe(record, record.title, asked.shown),
            "pinned": pinned and describe(pinned, f"Pinned: {pinned.title}", asked.pinned),
        },
        "differences": None if pinned is None else differences(record, pinned),
        "curves": curve_view(records, theme) if asked.curves and record.curves else None,
    }


def describe(record: Record, title: str, had: tuple[str, int]) -> dict[str, Any]:
    """Return a record for its pane: whole, or the frames that came since; scaled to one size."""
    key, count = had if had[0] == record.key else (record.key, 0)
    if not len(record.steps):
        return {"title": title, "key": ""}
    points = record.coordinates[count:]
    # No node is farther out than this many times the root mean square.
    values = points / sizes(points)[:, None, None] / np.sqrt(max(len(record.names), 1))
    steps = record.steps[count:]
    rows = [facts(record, place) for place in range(count, len(record.steps))]
    movie = Movie(steps=steps, values=values, captions=[", ".join(map(" ".join, r)) for r in rows])
    found = {"title": title, "key": key, "facts": rows, "verdict": record.verdict,
             "notes": list(record.notes)}  # fmt: skip
    if count:
        return found | {"movie": describe_frames(movie)}
    space = Space(
        coordinates=values[-1], edges=record.edges, names=record.names, root=record.root,
        colors=record.colors.painted(), legend=record.colors.legend,
        view=clear_view(values[-1], record.edges),
    )  # fmt: skip
    picture = Picture(panels=[space], label=f"The embedding of {title}.", height=HEIGHT,
                      movie=movie)  # fmt: skip
    return found | {"space": describe_space(picture, space), "asked": record.asked}


def status(record: Record) -> str:
    """Return what is going on in a sentence."""
    if record.running and record.status == "training":
        return f"training: step {record.last_step} of {record.wanted_steps}"
    return record.status


def facts(record: Record, place: int) -> list[tuple[str, str]]:
    """Return the numbers of one frame by name."""
    step = int(record.steps[place])
    measured = {name: curve.at(step) for name, curve in record.curves.items()}
    size = sizes(record.coordinates[place : place + 1])[0]
    return [
        ("step", str(step)),
        *((name, number(name, value)) for name, value in measured.items() if np.isfinite(value)),
        ("size", f"{size:.3g}"),
    ]


def number(name: str, value: float) -> str:
    """Return a value as the page writes it."""
    if name in ("memorization", "held-out paths"):
        return one_digit_percent(value)
    return f"{value:.3f}" if name == "loss" else f"{value:+.3f}"


def differences(record: Record, pinned: Record) -> Sequence[tuple[str, str, str]]:
    """Return the settings in which the pinned run differs."""
    names = dict.fromkeys([*record.settings, *pinned.settings])
    rows = [(name, record.settings.get(name, ""), pinned.settings.get(name, "")) for name in names]
    return [(name, written(one), written(other)) for name, one, other in rows if one != other]


def written(value: object) -> str:
    """Return a setting as words, long ones cut."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value).strip().replace("\n", ", ")
    return text if len(text) <= 60 else text[:57] + "..."
