"""Who may speak to the server: pages that it served itself, and nobody else.

It listens on 127.0.0.1 alone. A page of another site could still reach it through the reader's
browser: by name (DNS rebinding: its own name resolves to 127.0.0.1, but the Host header keeps that
name) or by posting across sites (the Origin header tells). Both are refused. What is served may
load nothing from elsewhere.
"""

from collections.abc import Sequence

from flask import Flask, Response, abort, request

LARGEST_REQUEST = 2**20
"""Bytes of a request; the largest is a pasted edge list."""
NAMES = ("127.0.0.1", "localhost")


def guard(server: Flask, port: int, script_hashes: Sequence[str]) -> None:
    """Refuse foreign requests to `server`, and forbid its pages to load anything foreign."""
    server.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    hosts = {f"{name}:{port}" for name in NAMES}
    origins = {f"http://{host}" for host in hosts}
    policy = content_policy(script_hashes)

    @server.before_request
    def refuse_strangers() -> None:
        if request.host not in hosts:
            abort(403, "this server answers to 127.0.0.1 and localhost alone")
        reading = request.method in ("GET", "HEAD", "OPTIONS")
        if not reading and request.headers.get("Origin") not in origins:
            abort(403, "only pages of this server may send requests")

    @server.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


def content_policy(script_hashes: Sequence[str]) -> str:
    """Return the policy of the pages: scripts of this server, and inline ones of these hashes."""
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *script_hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
