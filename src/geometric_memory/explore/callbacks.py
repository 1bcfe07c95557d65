"""What happens when something on the page is used."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, html, no_update

from geometric_memory.errors import ConfigurationError, GeometricMemoryError
from geometric_memory.explore.downloads import config_file, figure_file, html_file
from geometric_memory.explore.experiment import (
    SIZES,
    SMALL,
    edges_in_file,
    experiment_from,
    experiment_in,
    proposal,
)
from geometric_memory.explore.form import HELD, NAMES, control_value, hidden_fields, value_of
from geometric_memory.explore.live import LiveTraining
from geometric_memory.explore.run_folders import RunFolders
from geometric_memory.explore.scene import GONE
from geometric_memory.explore.sessions import Session, Sessions, Watched

MESSAGE = Output("message", "children", allow_duplicate=True)
STARTED = [MESSAGE, Output("begun", "data", allow_duplicate=True)]


def add_callbacks(app: Dash, sessions: Sessions, folders: RunFolders) -> None:
    """Connect the page with `sessions` and with the run folders that may be opened."""
    _add_beginning(app, sessions, folders)
    _add_form(app)
    _add_link(app)
    _add_train(app, sessions)
    _add_open(app, sessions, folders)
    _add_pin(app, sessions)
    _add_downloads(app, sessions)
    _add_browser_side(app)


def _add_beginning(app: Dash, sessions: Sessions, folders: RunFolders) -> None:
    """A page that has arrived asks for its session; to send the page opens none.

    Any site can make a browser fetch the page, but only the page itself may ask (see `guard`).
    """

    @app.callback(
        Output("session", "data"), Output("run", "options"), Output("picker-title", "children"),
        Output("no-runs", "hidden"), Output("open", "disabled"), Input("remembered", "data"),
    )  # fmt: skip
    def begin(name: str | None) -> tuple[str, list[dict[str, str]], str, bool, bool]:
        session = sessions.find(name)
        if name is None or session is None:
            name = sessions.open()
        runs = [
            (key, f"{training.title}, in another tab")
            for key, training in sessions.trainings().items()
            if session is None or training is not session.shown
        ] + folders.listed()
        options = [{"label": label, "value": key} for key, label in runs]
        return name, options, f"Open a run ({len(runs)})", bool(runs), not runs


def _add_form(app: Dash) -> None:
    @app.callback(
        [Output(f"{name}-field", "hidden") for name in HELD],
        Input("graph", "value"),
        Input("model", "value"),
    )
    def show_fields(graph: str, model: str) -> list[bool]:
        hidden = hidden_fields(graph, model)
        return [hidden[name] for name in HELD]

    @app.callback(
        Output("width", "value"), Output("rate", "value"), Output("steps", "value"),
        Output("decay", "value"), Input("model", "value"), State("filled", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    def propose(model: str, filled: Mapping[str, Any]) -> list[Any]:
        found = {**proposal(model), **(filled if filled.get("model") == model else {})}
        return [control_value(name, found[name]) for name in ("width", "rate", "steps", "decay")]

    @app.callback(
        [Output(name, "value") for name in SIZES], Input("graph", "value"),
        State("filled", "data"), prevent_initial_call=True,
    )  # fmt: skip
    def propose_sizes(graph: str, filled: Mapping[str, Any]) -> list[Any]:
        found = {**SMALL.get(graph, {}), **(filled if filled.get("graph") == graph else {})}
        return [found.get(name, no_update) for name in SIZES]

    @app.callback(
        Output("edges", "value"), MESSAGE, Input("file", "contents"), State("file", "filename"),
        prevent_initial_call=True,
    )  # fmt: skip
    def take_file(content: str, name: str) -> tuple[Any, Any]:
        try:
            edges, sentence = edges_in_file(name, base64.b64decode(content.partition(",")[2]))
        except GeometricMemoryError as error:
            return no_update, told(error)
        return edges, html.P(sentence, className="note")


def _add_link(app: Dash) -> None:
    """A link fills the form and starts nothing; what it holds is proposed from then on."""

    @app.callback(
        MESSAGE, Output("filled", "data"),
        *[Output(name, "value", allow_duplicate=True) for name in NAMES],
        Input("link", "data"), prevent_initial_call=True,
    )  # fmt: skip
    def fill(link: Mapping[str, str]) -> tuple[Any, ...]:
        try:
            found = experiment_in(link).asked
        except GeometricMemoryError as error:
            return told(error), *[no_update] * (1 + len(NAMES))
        values = [control_value(n, found[n]) if n in found else no_update for n in NAMES]
        return "", found, *values


def _add_train(app: Dash, sessions: Sessions) -> None:
    @app.callback(
        *STARTED, Input("train", "n_clicks"), State("session", "data"), State("pace", "value"),
        {name: State(name, "value") for name in NAMES}, prevent_initial_call=True,
    )  # fmt: skip
    def train(_: int, name: str | None, pace: str, values: Mapping[str, Any]) -> tuple[Any, Any]:
        session = sessions.find(name)
        if session is None:
            return told(GONE), no_update
        try:
            asked = {field: value_of(field, value) for field, value in values.items()}
            training = LiveTraining(experiment_from(asked), calm=pace == "calm")
        except GeometricMemoryError as error:
            return told(error), no_update
        session.show(training)
        training.start()
        return "", secrets.token_hex(4)

    @app.callback(
        MESSAGE, Input("stop", "n_clicks"), State("session", "data"), prevent_initial_call=True
    )
    def stop(_: int, name: str | None) -> Any:
        session = sessions.find(name)
        if session is None:
            return told(GONE)
        if session.shown is not None:
            session.shown.stop()
        return ""


def _add_open(app: Dash, sessions: Sessions, folders: RunFolders) -> None:
    @app.callback(
        *STARTED, Input("open", "n_clicks"), State("session", "data"), State("run", "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    def open_run(_: int, name: str | None, key: str | None) -> tuple[Any, Any]:
        session = sessions.find(name)
        if session is None:
            return told(GONE), no_update
        if not key:
            return told("Choose a run first."), no_update
        try:
            training = sessions.trainings().get(key)
            session.show(folders.open(key) if training is None else Watched(training))
        except GeometricMemoryError as error:
            return told(error), no_update
        return "", secrets.token_hex(4)


def _add_pin(app: Dash, sessions: Sessions) -> None:
    @app.callback(
        *STARTED, Input("pin", "n_clicks"), Input("unpin", "n_clicks"), State("session", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    def pin(_: int | None, __: int | None, name: str | None) -> tuple[Any, Any]:
        from dash import ctx

        session = sessions.find(name)
        if session is None:
            return told(GONE), no_update
        pins = ctx.triggered_id == "pin" and session.shown is not None
        session.pinned = session.shown.record() if pins and session.shown else None
        return "", secrets.token_hex(4)


def _add_downloads(app: Dash, sessions: Sessions) -> None:
    makers = {"get-config": config_file, "get-figure": figure_file, "get-html": html_file}

    @app.callback(
        Output("download", "data"), Output("message", "children", allow_duplicate=True),
        *[Input(button, "n_clicks") for button in makers],
        State("session", "data"), State("step", "data"), prevent_initial_call=True,
    )  # fmt: skip
    def download(*arguments: Any) -> tuple[Any, Any]:
        from dash import ctx

        session: Session | None = sessions.find(arguments[-2])
        if session is None or session.shown is None:
            return no_update, told(GONE if session is None else "There is nothing to download yet.")
        return makers[str(ctx.triggered_id)](session.shown.record(), int(arguments[-1])), ""


def _add_browser_side(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("explorer", "switchTheme"),
        Output("theme-switch", "children"), Output("theme-switch", "aria-pressed"),
        Input("theme-switch", "n_clicks"),
    )  # fmt: skip
    app.clientside_callback(
        ClientsideFunction("explorer", "remember"),
        Output("remembered", "data"), Input("arrival", "data"),
    )  # fmt: skip
    app.clientside_callback(
        ClientsideFunction("explorer", "readAddress"),
        Output("link", "data"), Input("arrival", "data"),
    )  # fmt: skip
    app.clientside_callback(
        ClientsideFunction("explorer", "arrive"),
        Output("arrived", "data"), Input("session", "data"),
    )  # fmt: skip
    app.clientside_callback(
        ClientsideFunction("explorer", "renew"),
        Output("arrived", "data", allow_duplicate=True), Input("begun", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    app.clientside_callback(
        ClientsideFunction("explorer", "showDrawing"),
        Output("drawing", "title"), Input("graph", "value"), Input("edges", "value"),
    )  # fmt: skip


def told(error: GeometricMemoryError | str) -> html.Ul:
    """Return every problem as a line."""
    problems = error.problems if isinstance(error, ConfigurationError) else [str(error)]
    return html.Ul([html.Li(problem) for problem in problems])
