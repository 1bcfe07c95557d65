"""What the site adds to the pages of docs/: the generated parts, formulas as MathML, a full menu.

mkdocs calls these functions by name (mkdocs.yml, `hooks`).
"""

import html as escapes
import logging
import os
import re
from pathlib import Path
from typing import Any

import latex2mathml.converter
from generated import PARTS

PART = re.compile(r"^<!-- generated: (\w+)(.*?) -->$", re.MULTILINE)
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]+)\)")
LOG = logging.getLogger("mkdocs.hooks")


def on_config(config: Any) -> Any:
    """Replace the entries of the menu that end in * by the pages that no other entry names."""
    root = Path(config.docs_dir)
    named = set(_pages(config.nav))
    config.nav = [entry for entry in (_expanded(e, root, named) for e in config.nav) if entry]
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Put the generated parts in place; name files outside docs/ instead of linking to them."""
    folder = Path(config.docs_dir, page.file.src_uri).parent
    root = Path(config.docs_dir)

    def outside(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / match[2].partition("#")[0]))
        if target.is_relative_to(root):
            return match[0]
        return f"{match[1]} (`{target.relative_to(root.parent)}`)"

    return LINK.sub(outside, PART.sub(lambda match: PARTS[match[1]](), markdown))


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Turn formulas into MathML, which browsers draw without a script."""

    def formula(match: re.Match[str]) -> str:
        display = "block" if match[1] == "div" else "inline"
        latex = escapes.unescape(match[2]).strip()
        try:
            return latex2mathml.converter.convert(latex, display=display)
        except Exception as error:  # its own kinds of errors, one for every kind of mistake
            LOG.warning("%s: formula %r: %s", page.file.src_uri, latex, error)
            return match[0]

    return FORMULA.sub(formula, html)


def _pages(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    inside = entry.values() if isinstance(entry, dict) else entry
    return [page for part in inside for page in _pages(part)]


def _expanded(entry: Any, root: Path, named: set[str]) -> Any:
    """Return `entry` with every * replaced, None when nothing is left of it."""
    if isinstance(entry, str):
        return _unnamed(entry, root, named) if entry.endswith("*") else entry
    if isinstance(entry, dict):
        ((title, inside),) = entry.items()
        found = _expanded(inside, root, named)
        return {title: found} if found else None
    parts = [(part, _expanded(part, root, named)) for part in entry]
    flat: list[Any] = []
    for part, found in parts:
        flat += found if isinstance(part, str) and part.endswith("*") else [found]
    return [part for part in flat if part]


def _unnamed(pattern: str, root: Path, named: set[str]) -> list[str]:
    deep = "**/*.md" if "/" in pattern else "*.md"
    files = sorted((root / pattern.removesuffix("*")).glob(deep))
    return [page for file in files if (page := file.relative_to(root).as_posix()) not in named]
