"""Graphs on a page, in the plane or in space: what the viewer in the browser draws and moves.

The viewer is templates/viewer.js. It is given all frames at once: 16 bits a coordinate, each frame
as its difference from the one before, deflated.
"""

import base64
import zlib
from typing import Any

import numpy as np

from geometric_memory.figures.picture import Movie, Picture, Space

SCALE = 32767
"""What 1 becomes in the 16-bit values of a movie."""

BLANK = -32768
"""What NaN becomes there."""

FEW, COARSE = 3000, 32
"""Nodes whose coordinates keep all bits, and the grain of more: half a pixel, half the size."""
OF_MATRICES = 4
"""Their grain, a ten-thousandth."""


def describe_space(picture: Picture, space: Space) -> dict[str, Any]:
    """Return what the viewer needs: nodes, edges, colours and what they mean, and the frames."""
    grain = 1 if len(space.names) <= FEW else COARSE
    palette = list(dict.fromkeys(space.colors))
    number = {color: place for place, color in enumerate(palette)}
    return {
        "label": picture.label,
        "height": picture.height,
        "names": list(space.names),
        "notes": list(space.notes) or [""] * len(space.names),
        "palette": palette,
        "colors": [number[color] for color in space.colors],
        "legend": [[list(colors), words] for colors, words in space.legend],
        "lit": space.lit,
        "edges": pack(space.edges.astype("<u4")),
        "root": space.root,
        "flat": space.flat,
        "named": space.named,
        "view": list(space.view[:2]),
        "movie": describe_frames(picture.movie or _single(space), grain),
    }


def describe_frames(movie: Movie, grain: int = 1) -> dict[str, Any]:
    """Return the frames of a movie, whose values lie in [-1, 1] or are NaN, in steps of `grain`."""
    scaled = np.clip(np.round(movie.values * (SCALE / grain)) * grain, -SCALE, SCALE)
    whole = np.where(np.isnan(scaled), BLANK, scaled).astype(np.int32)
    changes = np.diff(whole, axis=0, prepend=np.zeros_like(whole[:1]))
    return {
        "steps": movie.steps.tolist(),
        "captions": list(movie.captions),
        "values": pack(changes.astype("<i2")),  # modulo 2^16, as the browser adds them up
    }


def _single(space: Space) -> Movie:
    """Return the nodes as they are, as large as fits."""
    points = np.pad(space.coordinates, ((0, 0), (0, 3 - space.coordinates.shape[1])))
    reach = max(float(np.abs(points).max(initial=0)), 1e-9)
    return Movie(steps=np.zeros(1, dtype=np.int64), values=points[None] / reach, captions=[""])


def pack(values: np.ndarray) -> str:
    """Return the bytes of an array, deflated, in base 64."""
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()
