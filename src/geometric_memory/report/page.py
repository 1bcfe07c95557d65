"""From parts to one HTML file that needs nothing else: scripts, styles and figures inside."""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from geometric_memory import __version__
from geometric_memory.report.parts import Movie, Part, Picture

STILL_DPI = 100
SCALE = 32767
"""What 1 becomes in the 16-bit values of a movie; blanks are -32768."""


def render(title: str, subtitle: str, parts: Sequence[Part]) -> str:
    """Return the page; equal parts give equal text, byte for byte."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pictures = {picture.name: picture for part in parts for picture in part.pictures}
    scripts = [plotly_script(), resource("page.js")]
    template = environment.from_string(resource("page.html.j2"))
    return template.render(
        title=title,
        subtitle=subtitle,
        parts=parts,
        style=Markup(resource("page.css")),
        scripts=[Markup(script) for script in scripts],
        sums=[script_sum(script) for script in scripts],
        figures=Markup(inert({name: described(found) for name, found in pictures.items()})),
        stills={name: still(found.still) for name, found in pictures.items()},
        version=__version__,
    )


def described(picture: Picture) -> dict[str, Any]:
    """Return what the page's script needs to draw a picture."""
    found: dict[str, Any] = {
        "figure": json.loads(str(picture.live.to_json())),
        "webgl": picture.needs_webgl,
    }
    found["figure"]["layout"].pop("template", None)
    if picture.movie is not None:
        found["movie"] = described_movie(picture.movie)
    return found


def described_movie(movie: Movie) -> dict[str, Any]:
    """Return a movie with its values as 16-bit numbers; they lie in [-1, 1] or are NaN."""
    scaled = np.where(np.isnan(movie.values), -32768, np.round(movie.values * SCALE))
    found = {
        "kind": movie.kind,
        "steps": movie.steps.tolist(),
        "captions": list(movie.captions),
        "rows": movie.values.shape[1],
        "columns": movie.values.shape[2],
        "values": base64.b64encode(scaled.astype("<i2").tobytes()).decode(),
    }
    if movie.edges is not None:
        found["edges"] = movie.edges.tolist()
    return found


def still(figure: Figure) -> str:
    """Return the figure as a PNG in a data address; equal figures give equal bytes."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=STILL_DPI, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def inert(content: Any) -> str:
    """Return JSON that no HTML reader takes for the end of its script."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for sign, code in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(sign, code)
    return text


def script_sum(script: str) -> str:
    """Return the sum by which the page's policy knows a script: no other script runs."""
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


@cache
def plotly_script() -> str:
    """Return plotly.js as it lies in the Python package."""
    text = files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")
    return text.replace("</script", "<\\/script")


@cache
def resource(name: str) -> str:
    """Return a file that lies beside this module's package."""
    return files("geometric_memory.report").joinpath("templates", name).read_text(encoding="utf-8")
