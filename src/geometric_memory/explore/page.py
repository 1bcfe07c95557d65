"""The page: the form on the left; pictures, the step slider and curves on the right."""

from typing import Any

from dash import dcc, html

from geometric_memory.explore.form import aria, choice, form

POLL_MILLISECONDS = 300
PLAY_MILLISECONDS = 80
GRAPH_CONFIG: Any = {"displaylogo": False, "displayModeBar": False, "responsive": True,
                "scrollZoom": False}  # fmt: skip


def page() -> html.Div:
    """Return the page as it is sent: the session and the runs that it may open come by `begin`."""
    return html.Div(
        [
            dcc.Store(id="arrival"),
            dcc.Store(id="session"),
            dcc.Store(id="theme", data="light"),
            dcc.Store(id="begun"),
            dcc.Interval(id="tick", interval=POLL_MILLISECONDS, disabled=True),
            dcc.Interval(id="player", interval=PLAY_MILLISECONDS, disabled=True),
            dcc.Download(id="download"),
            _header(),
            html.Div([_side(), _stage()], className="columns"),
        ],
        className="explorer",
    )


def _header() -> html.Header:
    return html.Header(
        [
            html.Div(
                [
                    html.H1("Geometric memory"),
                    html.P("Memorize the edges of a graph, and watch the embedding become a map."),
                ]
            ),
            html.Button("Dark", id="theme-switch", type="button", className="quiet",
                        **aria("pressed", "false")),
        ]
    )  # fmt: skip


def _side() -> html.Aside:
    return html.Aside(
        [
            form(),
            _picker(),
        ],
        **aria("label", "Settings"),
    )


def _picker() -> html.Details:
    return html.Details(
        [
            html.Summary("Open a run", id="picker-title"),
            html.P("No run folders were found where the explorer may look.", id="no-runs",
                   className="none"),
            dcc.RadioItems(id="run", className="runs"),
            html.Button("Open", id="open", type="button", disabled=True),
        ],
        id="picker",
        open=False,
    )  # fmt: skip


def _stage() -> html.Main:
    return html.Main(
        [
            html.Div(
                [
                    html.Button("Train", id="train", type="button", className="main"),
                    html.Button("Stop", id="stop", type="button", disabled=True),
                    html.P("Choose a graph and a model, then train.", id="status", role="status"),
                    html.Div(
                        [
                            html.Button("Pin", id="pin", type="button", disabled=True),
                            html.Button("Unpin", id="unpin", type="button", disabled=True),
                            html.Button("Config", id="get-config", type="button", disabled=True),
                            html.Button("Figure", id="get-figure", type="button", disabled=True),
                            html.Button("HTML", id="get-html", type="button", disabled=True),
                        ],
                        className="buttons",
                    ),
                ],
                className="bar",
            ),
            html.Div(id="message", role="alert", className="message"),
            html.Div(id="differences", className="differences"),
            html.Div([_pane("shown"), _pane("pinned")], id="panes", className="panes one"),
            _scrubber(),
            html.Div(
                dcc.Graph(id="curves", config=GRAPH_CONFIG, className="graph"), className="curves",
                role="img", **aria("label", "Curves over steps; their values stand above"),
            ),
        ]
    )  # fmt: skip


def _pane(name: str) -> html.Section:
    return html.Section(
        [
            html.H2("", id=f"{name}-title"),
            html.Div(
                dcc.Graph(id=f"{name}-view", config=GRAPH_CONFIG, className="graph"),
                id=f"{name}-picture", className="picture", role="img",
                **aria("label", "The embedding as a drawing of the graph"),
            ),
            html.Div(id=f"{name}-facts"),
        ],
        id=f"{name}-pane",
        className="pane",
    )  # fmt: skip


def _scrubber() -> html.Div:
    return html.Div(
        [
            html.Button("Play", id="play", type="button", disabled=True),
            html.Label("Step", htmlFor="step"),
            dcc.Input(id="step", type="range", min=0, max=0, step=1, value=0, className="slider"),
            html.Output("0", id="step-shown"),
            html.Label("Turn", htmlFor="turn"),
            dcc.Input(id="turn", type="range", min=0, max=360, step=5, value=35),
            html.Label("Tilt", htmlFor="tilt"),
            dcc.Input(id="tilt", type="range", min=0, max=90, step=5, value=50),
            choice("view", {"space": "3-D", "flat": "Flat"}),
        ],
        className="scrubber",
    )
