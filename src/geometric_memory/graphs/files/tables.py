"""Tables and edge lists: text into rows of cells, by the separator that fits every line."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geometric_memory.errors import DataError
from geometric_memory.graphs.files.headers import is_number, pair_of_ends

Line = tuple[int, str]
Row = tuple[int, list[str]]
"""The number of a line, and its cells."""

WORDS = {
    "comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "bar": "|", "space": " ",
    "whitespace": " ", "\\t": "\t", "colon": ":",
}  # fmt: skip
NAMES = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas", " ": "spaces",
         ":": "colons"}  # fmt: skip
TRIED = ("\t", ";", "|", ",")
RULE = re.compile(r":?-{3,}:?|")
"""A cell of the line below the header of a table in Markdown."""
DATA_OF_EDGE = re.compile(r"\s+\{.*\}\s*$")
"""What networkx writes behind an edge."""


@dataclass(frozen=True)
class Table:
    """Rows of cells, and how they were found."""

    rows: list[Row]
    separator: str
    remarks: list[str]
    """Comment lines above the first row."""

    @property
    def kind(self) -> str:
        """The format in words."""
        return f"edge list, cells separated by {NAMES.get(self.separator, self.separator)}"


def read_table(path: Path, text: str, separator: str) -> Table:
    """Return the rows of `text`; raise `DataError` with file and line where it cannot be cut.

    Only CR and LF end a line: names may hold other line separators.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = list(enumerate(text.split("\n"), start=1))
    while lines and not lines[0][1].strip():
        lines.pop(0)
    while lines and not lines[-1][1].strip():
        lines.pop()
    named = re.fullmatch(r"\"?sep=(.)\"?[,;]*", lines[0][1].strip()) if lines else None
    if named:
        separator, lines = separator or named[1], lines[1:]
    lines = [line for line in lines if not re.match(r"\s*//(\s|$)", line[1])]
    remarks, lines = _without_remarks(path, lines)
    if not lines:
        raise DataError(f"{path}: no edges in the file; it is empty but for comments")
    given = WORDS.get(separator, separator)
    if len(given) > 1:
        raise DataError(f"{path}: --separator {separator!r}: one character, or {', '.join(WORDS)}")
    cuts = {given: _cut(path, lines, given)} if given else _all_cuts(path, lines)
    chosen = given or _choose(path, cuts, lines)
    rows = [row for row in cuts[chosen] if any(row[1]) and not all(map(RULE.fullmatch, row[1]))]
    rows = _without_commented_rows(path, rows, chosen)
    if not rows:
        raise DataError(f"{path}: no edges in the file; its cells are empty")
    named_columns = _rough(remarks[-1][1:]) if remarks else []
    pair = pair_of_ends(named_columns)
    if pair and pair[2] and len(named_columns) == len(rows[0][1]):
        rows.insert(0, (0, named_columns))  # a header behind a comment mark
    return Table(rows, chosen, remarks)


def _without_remarks(path: Path, lines: list[Line]) -> tuple[list[str], list[Line]]:
    """Take the comment lines from the top; a mark that may begin a name is refused."""
    remarks = []
    while lines and lines[0][1].lstrip()[:1] in ("#", "%", ""):
        remarks.append(lines.pop(0)[1].strip())
    below = [word for _, line in lines for word in _rough(line)]
    glued = [r for r in remarks if re.match(r"#[^\s#!]", r) and _may_be_an_edge(r, below)]
    if lines and glued:
        raise DataError(
            f"{path}: {glued[0][:40]!r} may be a comment or an edge; put a header above the edges "
            "if names begin with #, or delete the comment"
        )
    return remarks, lines


def _may_be_an_edge(remark: str, below: Sequence[str]) -> bool:
    """Whether a line that begins with `#word` may join a node of that name with another one."""
    words = _rough(remark)
    if len(words) < 2 or is_number(words[0][1:]) or pair_of_ends([words[0][1:], *words[1:]]):
        return False
    return words[0] in below or (len(words) < 4 and not all(map(is_number, below)))


def _rough(line: str) -> list[str]:
    return [cell.strip(' "') for cell in re.split(r"[\t;|,]|\s{1,}", line) if cell.strip(' "')]


def _all_cuts(path: Path, lines: Sequence[Line]) -> dict[str, list[Row]]:
    found = {}
    for separator in TRIED:
        if any(separator in line for _, line in lines):
            found[separator] = _cut(path, lines, separator)
    found[" "] = _cut(path, lines, " ")
    return found


def _cut(path: Path, lines: Sequence[Line], separator: str) -> list[Row]:
    return _cut_words(path, lines) if separator == " " else _cut_cells(path, lines, separator)


def _cut_words(path: Path, lines: Sequence[Line]) -> list[Row]:
    """Cut at white space of ASCII, but not inside quotes; what follows the edge is left out."""
    rows = []
    quoted = any(line.lstrip().startswith('"') for _, line in lines)
    for number, line in lines:
        line = re.sub(r"\s//\s.*", "", DATA_OF_EDGE.sub("", line))
        if quoted:
            words = [a or b for a, b in re.findall(r'"((?:[^"]|"")*)"|([^ \t\f\v]+)', line)]
        else:
            words = [word for word in re.split(r"[ \t\f\v]+", line) if word]
        ends = [place for place, word in enumerate(words) if place >= 2 and word.startswith("#")]
        rows.append((number, words[: ends[0]] if ends else words))
    rows = [row for row in rows if row[1]]
    if not any("#" in word for _, words in rows for word in words):
        return rows
    plain = [re.fullmatch(r"(\d+)(#.*)?", word) for _, words in rows for word in words[:2]]
    if all(plain):  # `2#strong` among numbers
        rows = [(n, [word.split("#")[0] if p < 2 else word for p, word in enumerate(words)])
                for n, words in rows]  # fmt: skip
    return rows


def _cut_cells(path: Path, lines: Sequence[Line], separator: str) -> list[Row]:
    """Cut as CSV: cells may be quoted, and then hold separators and line ends."""
    if not lines:
        return []
    before = lines[0][0] - 1
    reader = csv.reader(
        (line + "\n" for _, line in lines), delimiter=separator, strict=True,
        skipinitialspace=True,
    )  # fmt: skip
    rows: list[Row] = []
    try:
        for cells in reader:
            rows.append((before + reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        # What is no CSV with this separator may still be cut by another one.
        rows.append((-(before + min(reader.line_num, len(lines))), [str(error)]))
    return rows


def _choose(path: Path, cuts: dict[str, list[Row]], lines: Sequence[Line]) -> str:
    """Return the separator that cuts every line into the same number of cells."""
    broken = {s: rows[-1] for s, rows in cuts.items() if rows and rows[-1][0] < 0}
    whole = {s: rows for s, rows in cuts.items() if s not in broken}
    for separator, (number, message) in broken.items():
        if all(separator in line for _, line in lines[: 1 - number - lines[0][0]] if line.strip()):
            raise DataError(f"{path}:{-number}: {message[0]}")
    even = [s for s, rows in whole.items() if _is_even(rows)]
    if "\t" in even:
        return "\t"
    if len(even) > 1 and " " in even:
        even = _words_or_cells(path, whole, even)
    if len(even) > 1:
        even = _without_decimal_commas(path, whole, even)
    if even:
        return even[0]
    share = {s: sum(len(c) > 1 for _, c in rows) for s, rows in whole.items()}
    return max(share, key=lambda s: (share[s], s != " "))


def _is_even(rows: Sequence[Row]) -> bool:
    """Whether every line has as many cells, two or more; lines without any text do not count."""
    counts = {len(cells) for _, cells in rows if any(cells)}
    return len(counts) == 1 and counts.pop() > 1


def _words_or_cells(path: Path, cuts: dict[str, list[Row]], even: list[str]) -> list[str]:
    """Decide between white space and another separator that also fits: `1, 2`, or `a,b c,d`."""
    others = [separator for separator in even if separator != " "]
    inside = [c for _, cells in cuts[others[0]] for c in cells if re.search(r"\S[ \t]+\S", c)]
    glued = [w for _, words in cuts[" "] for w in words if re.search(r"[^,;|][,;|]+[^,;|]", w)]
    if inside and glued and path.suffix.lower() not in (".csv", ".tsv"):
        raise DataError(
            f"{path}: spaces and {NAMES[others[0]]} both cut every line; give --separator "
            f"{NAMES[others[0]].rstrip('s')} or --separator space"
        )
    return others


def _without_decimal_commas(path: Path, cuts: dict[str, list[Row]], even: list[str]) -> list[str]:
    """Decide between several separators that all fit: commas inside numbers separate nothing."""
    first = even[0]
    heads = [s for s in even if pair_of_ends(cuts[s][0][1]) is not None]
    if len(heads) == 1:
        return heads
    cells = [cell for _, cells in cuts[first] for cell in cells if "," in cell]
    if "," in even and all(is_number(cell) for cell in cells):
        return [first]
    names = " and ".join(NAMES[s] for s in even)
    raise DataError(f"{path}: {names} both cut every line; give --separator, such as comma")


def _without_commented_rows(path: Path, rows: list[Row], separator: str) -> list[Row]:
    """Drop comment lines among the rows; in a text file `#word` may be a name, and is refused."""
    marked = [(n, c) for n, c in rows if c[0][:1] in ("#", "%")]
    if not marked:
        return rows
    elsewhere = {cell for _, cells in rows for cell in cells[1:]}
    names = {cell for row in rows if row not in marked for cell in row[1][:2]}
    kept = []
    for number, cells in rows:
        mark, rest = cells[0][:1], cells[0][1:]
        if mark not in ("#", "%"):
            kept.append((number, cells))
        elif separator != " " and len(cells) > 1 and cells[1]:
            kept.append((number, cells))  # a row of a table like the others
        elif cells[0] in elsewhere and len(cells) > 1:
            kept.append((number, cells))
        elif not rest or len(cells) != 2 or rest in names or is_number(rest):
            continue
        else:
            raise DataError(
                f"{path}:{number}: {' '.join(cells)[:40]!r} may be a comment or an edge of a node "
                "whose name begins with #; write `# ` before a comment, or use a CSV with a header"
            )
    return kept
