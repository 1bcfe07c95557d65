"""The form of an experiment: native controls, each with its label."""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html

from geometric_memory.explore.experiment import (
    GRAPHS,
    MODELS,
    SETTINGS,
    SIZES,
    Experiment,
    used,
)

DEFAULT = Experiment()
NAMES = tuple(SETTINGS)
EXAMPLE = "a b\nb c\nc d\nd e\ne f\nf a\na g\ng h\nh d\n"
"""Two ways around from a to d: what the field of one's own graph begins with."""
HELD = tuple(name for name, setting in SETTINGS.items() if setting.about.only)
"""Fields that are hidden while their graph or model is not chosen."""


def form() -> html.Form:
    """Return all controls."""
    return html.Form(
        [
            _group("Graph", [choice("graph", GRAPHS), _row(*SIZES), _own_graph(),
                             _row("backward", "self_edges")]),
            _group("Model", [choice("model", MODELS), _row("width", "init_scale"),
                             _row("tied", "frozen")]),
            _group("Training", [_row("rate", "steps", "seed"), _row("decay"),
                                choice("pace", {"calm": "Calm, to watch", "fast": "Full speed"})]),
        ],
        className="form",
        id="form",
    )  # fmt: skip


def choice(name: str, options: Mapping[str, str]) -> html.Div:
    """Return radio buttons under a visible heading."""
    return html.Div(
        [
            html.Span(_label(name), className="label", id=f"{name}-label"),
            html.Div(
                dcc.RadioItems(
                    id=name,
                    options=[{"label": text, "value": value} for value, text in options.items()],
                    value=getattr(DEFAULT, name, next(iter(options))),
                    className="chips",
                ),
                role="radiogroup",
                **aria("labelledby", f"{name}-label"),
            ),
        ],
        className="choice",
    )


def hidden_fields(graph: str, model: str) -> dict[str, bool]:
    """Return for every field whether it has no meaning for this graph and model."""
    return {name: not used(name, graph, model) for name in HELD}


def value_of(name: str, value: Any) -> Any:
    """Return the value of a control as a setting: a ticked box is true."""
    return bool(value) if SETTINGS[name].is_switch else value


def control_value(name: str, value: Any) -> Any:
    """Return a setting as the value of its control."""
    return ["on"] * value if SETTINGS[name].is_switch else value


def aria(name: str, value: str) -> dict[str, Any]:
    """Return an attribute of accessibility, for `**`."""
    return {f"aria-{name}": value}


def _group(title: str, content: list[Any]) -> html.Fieldset:
    return html.Fieldset([html.Legend(title), *content])


def _label(name: str) -> str:
    return SETTINGS[name].label if name in SETTINGS else name.capitalize()


def _row(*names: str) -> html.Div:
    return html.Div([_field(name) for name in names], className="row")


def _field(name: str) -> html.Div:
    switch, hidden = SETTINGS[name].is_switch, not used(name, DEFAULT.graph, DEFAULT.model)
    hint = html.Small(SETTINGS[name].help if switch else "", id=f"{name}-hint")
    if switch:
        box = dcc.Checklist(id=name, options=[{"label": _label(name), "value": "on"}],
                            value=control_value(name, getattr(DEFAULT, name)))  # fmt: skip
        return html.Div([box, hint], id=f"{name}-field", className="field switch", hidden=hidden)
    control = dcc.Input(id=name, type="number", value=getattr(DEFAULT, name), step="any")
    label = html.Label(_label(name), htmlFor=name)
    return html.Div([label, control, hint], id=f"{name}-field", className="field", hidden=hidden)


def _own_graph() -> html.Div:
    return html.Div(
        [
            html.Div(id="drawing", className="drawing"),
            html.Small(
                "Click to add a node. Click one node, then another, to join or part them. "
                "Or write the edges below, two names a line; both stay the same graph.",
                id="drawing-hint",
            ),
            dcc.Upload(html.Button("Drop a graph file here, or choose one", type="button"),
                       id="file", className="file"),
            html.Label("Edges", htmlFor="edges"),
            dcc.Textarea(id="edges", value=EXAMPLE, rows=6, spellCheck=False),
        ],
        id="edges-field",
        className="field own",
        hidden=True,
    )  # fmt: skip
