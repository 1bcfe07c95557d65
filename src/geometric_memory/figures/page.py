"""Pages as data: sections of sentences, numbers, tables, pictures and notes, described once.

`html` makes one file of them that needs nothing else, `markdown` a text with pictures beside it.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import groupby
from typing import Any

import numpy as np

from geometric_memory import __version__
from geometric_memory.analysis.estimate import number as number
from geometric_memory.analysis.estimate import one_digit_percent
from geometric_memory.figures.picture import Picture, Space
from geometric_memory.figures.viewer import OF_MATRICES, describe_frames, describe_space

STILL_DPI = 100


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under headings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    folded: bool = False
    """Whether it is closed at first."""
    name: str = ""

    def html(self) -> str:
        """Return the table alone, for a notebook."""
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows)
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.headings)
        return f"<table><tr>{head}</tr>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"

    def markdown(self) -> str:
        """Return the table, its caption above it; a cell holds no line end."""
        rows = [self.headings, ["---"] * len(self.headings), *self.rows]
        cells = ([" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in rows)
        lines = ("| " + " | ".join(row) + " |" for row in cells)
        return f"*{self.caption}*\n\n" * bool(self.caption) + "\n".join(lines)

    def text(self) -> str:
        """Return the table in columns, for a terminal."""
        whole = [self.headings, *self.rows]
        widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
        rows = (zip(row, widths, strict=True) for row in whole)
        return "\n".join("  ".join(c.ljust(width) for c, width in row).rstrip() for row in rows)


@dataclass(frozen=True)
class Note:
    """What is missing and why."""

    text: str


Block = str | Mapping[str, str] | Table | Picture | Note
"""A sentence, numbers by what they are, a table, a picture or a note."""
KINDS = {str: "sentence", Table: "table", Picture: "picture", Note: "note"}


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading of its own; empty blocks are left out."""

    name: str
    title: str
    blocks: Sequence[Block]

    @property
    def kinds(self) -> list[tuple[str, list[Block]]]:
        """The blocks, those of one kind that follow each other together."""
        there = [block for block in self.blocks if block and getattr(block, "rows", True)]
        groups = groupby(there, key=lambda block: KINDS.get(type(block), "numbers"))
        return [(kind, list(blocks)) for kind, blocks in groups]

    @property
    def text(self) -> str:
        """The sentences."""
        return " ".join(block for block in self.blocks if isinstance(block, str))

    @property
    def facts(self) -> dict[str, str]:
        """The numbers by what they are."""
        found = (block for block in self.blocks if isinstance(block, Mapping))
        return {name: value for block in found for name, value in block.items()}

    @property
    def pictures(self) -> list[Picture]:
        """The pictures."""
        return [block for block in self.blocks if isinstance(block, Picture)]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of sections."""

    title: str
    sections: Sequence[Section]
    subtitle: str = ""
    intro: str = ""
    maker: str = "geomem report"
    """The command that made it."""
    live: bool = True
    """Whether pictures can be turned and played in HTML; else stills. Charts take plotly.js."""
    bare: bool = False
    """Whether nothing but its pictures is seen."""
    linked: bool = True
    """Whether all movies stand at the same step, or those that follow each other."""


def html(page: Page) -> str:
    """Return the page in one file; equal pages give equal text, byte for byte."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pictures = {p.name: p for section in page.sections for p in section.pictures}
    figures = {name: described(found) for name, found in pictures.items()} if page.live else {}
    spaces = [name for name, found in figures.items() if "space" in found]
    own = [*["viewer.js"] * bool(figures), "page.js"]
    scripts = [resource(name) for name in own]
    plotly = plotly_packed() if len(figures) > len(spaces) else None
    return environment.from_string(resource("page.html.j2")).render(
        page=page,
        style=Markup(resource("page.css") + resource("viewer.css")),
        scripts=map(Markup, scripts),
        plotly=plotly and plotly.text,
        sums=[*map(script_sum, scripts), *([plotly.sum] if plotly else [])],
        figures=Markup(inert(figures)),
        spaces=spaces,
        stills={name: still(found) for name, found in pictures.items()},
        version=__version__,
    )


def frame(picture: Picture) -> str:
    """Return a picture in a frame of its own, for a notebook."""
    shown = replace(picture, name=picture.name or "picture")
    page = Page(title=picture.label, sections=[Section("picture", "", [shown])], bare=True)
    return (
        f'<iframe sandbox="allow-scripts allow-downloads" srcdoc="{escape(html(page))}" '
        f'style="width: 100%; height: {picture.height + 130}px; border: 0"></iframe>'
    )


def markdown(page: Page, folder: str = "") -> str:
    """Return the page as Markdown; its pictures are NAME.png in `folder` beside it.

    Sentences are Markdown already.
    """
    parts = [f"# {page.title}", page.subtitle, page.intro]
    for section in page.sections:
        parts.append(f"## {section.title}" if section.title else "")
        for _, blocks in section.kinds:
            parts += [_write(block, folder) for block in blocks]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _write(block: Block, folder: str) -> str:
    if isinstance(block, Table):
        return block.markdown()
    if isinstance(block, Picture):
        place = f"{folder}/{block.name}.png" if folder else f"{block.name}.png"
        return f"![{block.label}]({place})" + f"\n\n{block.caption}" * bool(block.caption)
    if isinstance(block, Mapping):
        return "\n".join(f"- {name}: **{value}**" for name, value in block.items())
    return f"*{block.text}*" if isinstance(block, Note) else block


def described(picture: Picture) -> dict[str, Any]:
    """Return what the page's script needs to draw a picture."""
    first = picture.panels[0]
    if isinstance(first, Space):
        return {"space": describe_space(picture, first)}
    found: dict[str, Any] = {"figure": picture.live(), "cursor": picture.cursor}
    if picture.movie is not None:
        found["movie"] = describe_frames(picture.movie, OF_MATRICES)
    return found


def still(picture: Picture) -> str:
    """Return the picture as a PNG in a data address; equal pictures give equal bytes."""
    return "data:image/png;base64," + base64.b64encode(picture.drawn(dpi=STILL_DPI)).decode()


def inert(content: Any) -> str:
    """Return JSON that no HTML reader takes for the end of its script; arrays are packed."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, default=packed)
    for sign, code in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(sign, code)
    return text


def packed(values: np.ndarray) -> dict[str, str] | list[int]:
    """Return an array as plotly.js reads it: numbers of 32 bits in base 64."""
    if values.dtype.kind != "f":
        return values.tolist()
    content = base64.b64encode(values.astype("<f4").tobytes()).decode()
    shape = {"shape": ", ".join(map(str, values.shape))} if values.ndim > 1 else {}
    return {"dtype": "f4", "bdata": content, **shape}


def script_sum(script: str) -> str:
    """Return the sum by which the page's policy knows a script: no other script runs."""
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


@dataclass(frozen=True, kw_only=True)
class PackedScript:
    """A script that a page unpacks before it runs it."""

    text: str
    """Gzip, in base 64."""
    sum: str


@cache
def plotly_packed() -> PackedScript:
    """Return plotly.js with charts in the plane alone, as npm's plotly.js-cartesian-dist-min."""
    content = resource_file("plotly-cartesian.min.js.gz").read_bytes()
    script = gzip.decompress(content).decode()
    return PackedScript(text=base64.b64encode(content).decode(), sum=script_sum(script))


@cache
def resource(name: str) -> str:
    """Return a file that lies beside this module's package."""
    return resource_file(name).read_text(encoding="utf-8")


def resource_file(name: str) -> Traversable:
    """Return where a file beside this module's package lies."""
    return files("geometric_memory.figures").joinpath("templates", name)


def percent(value: float | int) -> str:
    """Return a share of 100 with one digit where it matters, and 100 only for all."""
    if not np.isfinite(value):
        return "-"
    whole = value == 0 or abs(value) >= 100
    return f"{value:.0f} %" if whole else one_digit_percent(value)
