"""What the page shows at one moment: a session at a place of the step slider."""

from typing import Any

import numpy as np
from dash import html, no_update

from geometric_memory.explore.record import Record
from geometric_memory.explore.sessions import Session
from geometric_memory.explore.views import Look, curve_view, embedding_view
from geometric_memory.figures.colors import NodeColors
from geometric_memory.figures.evolution import sizes

AWAITED = "The embedding will appear here."
NOTHING = Record(
    title="", settings={}, names=(), edges=np.zeros((0, 2), dtype=np.int64), root=None,
    colors=NodeColors(), steps=np.zeros(0, dtype=np.int64), coordinates=np.zeros((0, 0, 3)),
    curves={}, status="Choose a graph and a model, then train.", last_step=0, wanted_steps=0,
)  # fmt: skip
"""What is on show before anything is."""


def scene(session: Session, look: Look, place: int) -> dict[str, Any]:
    """Return the values of all that is drawn; `place` is that of the slider."""
    record = NOTHING if session.shown is None else session.shown.record()
    pinned = session.pinned
    track = slider_track(record, pinned)
    shown = newest(record, track) if session.follows else min(max(place, 0), len(track) - 1)
    step = min(int(track[shown]), max(record.last_step, 0 if pinned is None else pinned.last_step))
    none, empty = pinned is None, not len(record.steps)
    return {
        "status": status(record),
        "shown_view": embedding_view(record, step, look, "" if record.running else AWAITED),
        "shown_title": record.title,
        "shown_facts": facts(record, step),
        "pinned_view": embedding_view(NOTHING if pinned is None else pinned, step, look),
        "pinned_title": "" if pinned is None else f"Pinned: {pinned.title}",
        "pinned_facts": None if pinned is None else facts(pinned, step),
        "panes": "panes one" if none else "panes two",
        "differences": report_differences(record, pinned),
        "curves": curve_view([record, *([] if pinned is None else [pinned])], step, look),
        "last": len(track) - 1,
        "place": no_update if shown == place else shown,
        "step": str(step),
        "tick_off": not record.running,
        "stop_off": not record.running,
        "pin_off": empty,
        "unpin_off": none,
        "play_off": len(track) < 2,
        "get_off": [empty] * 3,
    }


def scrub(session: Session, place: int) -> None:
    """Follow the newest step from now on if the slider stands there, else stay at `place`."""
    if session.shown is not None:
        record = session.shown.record()
        session.follows = place >= newest(record, slider_track(record, session.pinned))


def slider_track(record: Record, pinned: Record | None) -> np.ndarray:
    """Return the steps of all frames on show, so that both can be scrubbed together."""
    track = record.track if pinned is None else np.union1d(record.track, pinned.track)
    return track.astype(np.int64) if len(track) else np.zeros(1, dtype=np.int64)


def newest(record: Record, track: np.ndarray) -> int:
    """Return the place of the last step that is there; the end of the track when all are."""
    if not record.running:
        return len(track) - 1
    return max(int(np.searchsorted(track, record.last_step, side="right")) - 1, 0)


def status(record: Record) -> str:
    """Return what is going on in a sentence."""
    if record.running and record.status == "training":
        return f"training: step {record.last_step} of {record.wanted_steps}"
    return record.status


def facts(record: Record, step: int) -> html.Div:
    """Return the numbers of one frame by name, and the verdict once there is one."""
    if not len(record.steps):
        return html.Div()
    place = record.frame(step)
    there = int(record.steps[place])
    rows = [("step", str(there))]
    rows += [(name, number(name, value)) for name, curve in record.curves.items()
             if np.isfinite(value := curve.at(there))]  # fmt: skip
    rows.append(("size", f"{sizes(record.coordinates[place : place + 1])[0]:.3g}"))
    listed = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows]
    lines = [html.P(record.verdict, className="verdict")] if record.verdict else []
    notes = [html.P(note, className="note") for note in record.notes]
    return html.Div([html.Dl(listed), *lines, *notes], className="facts")


def number(name: str, value: float) -> str:
    """Return a value as the page writes it."""
    if name in ("memorization", "held-out paths"):
        return f"{value:.1f} %"
    return f"{value:.3f}" if name == "loss" else f"{value:+.3f}"


def report_differences(record: Record, pinned: Record | None) -> Any:
    """Return the settings in which the pinned run differs, as a table."""
    if pinned is None or record is NOTHING:
        return None
    names = [*record.settings, *(name for name in pinned.settings if name not in record.settings)]
    rows = [(name, record.settings.get(name, ""), pinned.settings.get(name, "")) for name in names]
    unlike = [row for row in rows if row[1] != row[2]]
    if not unlike:
        return html.P("Both runs have the same settings.")
    head = html.Tr([html.Th(text) for text in ("", "on show", "pinned")])
    body = [html.Tr([html.Th(name, scope="row"), html.Td(written(one)), html.Td(written(other))])
            for name, one, other in unlike]  # fmt: skip
    return html.Table([html.Caption("What differs"), html.Thead(head), html.Tbody(body)])


def written(value: object) -> str:
    """Return a setting as words, long ones cut."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value).strip().replace("\n", ", ")
    return text if len(text) <= 60 else text[:57] + "..."
