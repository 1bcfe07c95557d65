"""The page: the form on the left; pictures, the step slider and curves on the right."""

from typing import Any

from dash import dcc, html

from geometric_memory.explore.form import aria, form

GRAPH_CONFIG: Any = {"displaylogo": False, "displayModeBar": False, "responsive": True,
                "scrollZoom": False}  # fmt: skip


def page() -> html.Div:
    """Return the page as it is sent: the session and the runs that it may open come by `begin`."""
    return html.Div(
        [
            dcc.Store(id="arrival"),
            dcc.Store(id="remembered"),
            dcc.Store(id="session"),
            dcc.Store(id="arrived"),
            dcc.Store(id="begun"),
            dcc.Store(id="link"),
            dcc.Store(id="filled", data={}),
            dcc.Store(id="step", data=0),
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
            html.Div(dcc.RadioItems(id="run", className="runs"), role="radiogroup",
                     **aria("labelledby", "picker-title")),
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
            html.Div(id=f"{name}-view", className="picture"),
            html.Div(id=f"{name}-facts", className="facts"),
        ],
        id=f"{name}-pane",
        className="pane",
    )  # fmt: skip
