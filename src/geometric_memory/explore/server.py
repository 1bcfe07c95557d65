"""The app behind a server on 127.0.0.1: made, served, ended."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dash import Dash
from flask import Response
from werkzeug.serving import BaseWSGIServer, make_server

from geometric_memory.errors import ConfigurationError
from geometric_memory.explore.callbacks import add_callbacks
from geometric_memory.explore.experiment import Experiment
from geometric_memory.explore.guard import guard
from geometric_memory.explore.live import LiveTraining
from geometric_memory.explore.page import page
from geometric_memory.explore.run_folders import RunFolders
from geometric_memory.explore.scene import add_news
from geometric_memory.explore.sessions import Sessions
from geometric_memory.figures.page import resource

HOST = "127.0.0.1"
PORT = 8050


class Explorer:
    """The page of this process, listening but not yet serving."""

    def __init__(self, roots: Sequence[Path] = (), port: int = PORT) -> None:
        """Listen on `port`, or on a free one when that is taken (0 asks for a free one).

        Raises:
            ConfigurationError: if no port can be had.
        """
        self.sessions = Sessions()
        folders = RunFolders(roots)
        app = self.app = Dash(
            "geometric_memory.explore",
            title="Geometric memory",
            update_title="",
            serve_locally=True,
            compress=False,
            add_log_handler=False,
            enable_mcp=False,
            use_async=False,
            external_scripts=[{"src": "/viewer.js", "type": "module"}],
            external_stylesheets=["/viewer.css"],
        )
        app.index_string = app.index_string.replace("<html>", '<html lang="en">')
        app.layout = page()
        add_callbacks(app, self.sessions, folders)
        add_news(app.server, self.sessions)
        for name, kind in (("viewer.js", "text/javascript"), ("viewer.css", "text/css")):
            response = partial(Response, resource(name), mimetype=kind)
            app.server.add_url_rule(f"/{name}", name.replace(".", "-"), response)
        self._server = listening(app, port)
        guard(app.server, self.port, app.csp_hashes())

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://{HOST}:{self.port}/"

    def serve(self) -> None:
        """Answer until `stop` is called from another thread; the first training is ready to go."""
        LiveTraining(Experiment(steps=1)).start()
        self._server.serve_forever()

    def stop(self) -> None:
        """Let `serve` return, which runs in another thread."""
        self._server.shutdown()

    def close(self) -> None:
        """Give the port back and end every training."""
        self._server.server_close()
        self.sessions.close()


def listening(app: Dash, port: int) -> BaseWSGIServer:
    """Return a server of `app` that has its port.

    Raises:
        ConfigurationError: if no port can be had.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line per request
    for wanted in (port, 0):
        try:
            return make_server(HOST, wanted, app.server, threaded=True)
        except (OSError, SystemExit):
            continue
    raise ConfigurationError([f"--port {port}: neither this nor any other port is free"])
