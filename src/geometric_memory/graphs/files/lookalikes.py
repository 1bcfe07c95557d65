"""What looks like a list of edges and is none: adjacency lists, matrices, sizes, times."""

import re
from collections.abc import Sequence
from pathlib import Path

from geometric_memory.errors import DataError
from geometric_memory.graphs.files.headers import is_number, pair_of_ends
from geometric_memory.graphs.files.listing import Listing
from geometric_memory.graphs.files.tables import Row, Table
from geometric_memory.limits import whole_number


def refuse_other_lists(path: Path, table: Table, rows: Sequence[Row]) -> None:
    """Refuse adjacency lists, matrices and lines of sizes, which look like edges."""
    first, counts = rows[0][1], {len(cells) for _, cells in rows}
    _refuse_other_formats(path, rows)
    longer = [cell for _, cells in rows for cell in cells[3:]]
    pair = pair_of_ends(first)
    widths = 0 if pair and pair[2] else len({len(cells) for _, cells in table.rows})
    if longer and widths > (2 if all(map(is_number, longer)) else 1):
        by_spaces = "" if table.separator == " " else "separate them by spaces and "
        raise DataError(
            f"{path}: lines have {min(counts)} to {max(counts)} cells: an adjacency list, if each "
            f"line is a node and its neighbours; {by_spaces}give the file the suffix .adjlist; or "
            "give --columns 1,2 if the first two cells join an edge"
        )
    if table.separator == " ":
        if all(cells[0].endswith(":") for _, cells in rows):
            raise DataError(
                f"{path}:{rows[0][0]}: a colon after the first name of every line: an adjacency "
                "list; write one edge a line, or node and neighbours with the suffix .adjlist"
            )
        words = [c for _, cells in rows for c in cells[2:] if not is_number(c)]
        if len(counts) > 1 and words and 1 not in counts:
            raise DataError(
                f"{path}: some lines have a third cell that is no number, such as {words[0]!r}: "
                "an adjacency list has the suffix .adjlist; names with spaces need a separator"
            )
    numbers = [all(is_number(cell) for cell in cells) for _, cells in rows]
    square = counts == {len(rows)} and len(rows) > 2
    if square and all(numbers) and (len(rows) > 3 or _all_binary(rows)):
        raise DataError(
            f"{path}: as many columns as rows, all of them numbers: an adjacency matrix; save it "
            "as Matrix Market (.mtx), or write one edge a line"
        )
    sizes = [whole_number(cell) for cell in first]
    if len(sizes) in (2, 3) and sizes[-1] == len(rows) - 1 > 2:
        ends = [whole_number(cell) for _, cells in rows[1:] for cell in cells[:2]]
        most = sizes[0] if sizes[0] == sizes[-2] else None
        if most is not None and all(end is not None and end <= most for end in ends):
            raise DataError(
                f"{path}:{rows[0][0]}: the first line {' '.join(first)!r} looks like a size line "
                "(nodes and edges), not like an edge; delete it, or give --columns 1,2 to keep it"
            )


def _refuse_other_formats(path: Path, rows: Sequence[Row]) -> None:
    """Refuse METIS, DIMACS, and edges in brackets."""
    cells = [cells for _, cells in rows]
    counts = [whole_number(cell) for cell in cells[0]]
    if len(counts) > 1 and counts[0] == len(cells) - 1 and counts[1]:
        width = sum(map(len, cells[1:]))
        if width in (2 * counts[1], 4 * counts[1]) and len(set(map(len, cells[1:]))) > 1:
            raise DataError(
                f"{path}: METIS: sizes, then the neighbours of a node on each line; write one "
                "edge a line"
            )
    if any(row[0] == "p" for row in cells) and {row[0] for row in cells} <= {*"cpaen"}:
        raise DataError(f"{path}: DIMACS: keep its lines of edges, and give --columns 2,3")
    if all(re.match(r"[(\[{].*[)\]}]$", " ".join(row)) for row in cells):
        raise DataError(f"{path}: brackets round every line; write one edge a line without them")


def _all_binary(rows: Sequence[Row]) -> bool:
    return all(cell in ("0", "1") for _, cells in rows for cell in cells)


def matrix_with_names(rows: Sequence[Row]) -> Listing | None:
    """Return the edges of an adjacency matrix with names above and at the left, if it is one."""
    names = rows[0][1][1:]
    if len(names) < 2 or rows[0][1][0] or [cells[0] for _, cells in rows[1:]] != names:
        return None
    if any(len(cells) != len(names) + 1 for _, cells in rows):
        return None
    entries = [[cell not in ("0", "0.0", "") for cell in cells[1:]] for _, cells in rows[1:]]
    listing = Listing(format="adjacency matrix with names", nodes=dict.fromkeys(names))
    listing.edges = [
        (names[i], names[j]) for i, row in enumerate(entries) for j, on in enumerate(row) if on
    ]
    symmetric = all(
        entries[i][j] == entries[j][i] for i in range(len(names)) for j in range(len(names))
    )
    listing.directed = False if symmetric else None
    if symmetric:
        listing.edges = [(a, b) for a, b in listing.edges if names.index(a) <= names.index(b)]
    return listing


def refuse_times(path: Path, columns: Sequence[set[str]]) -> None:
    """Refuse numbers of which the last two columns share names, and the first is something else."""
    if not all(map(str.isdecimal, columns[0])) and all(map(str.isdecimal, columns[1] | columns[2])):
        raise DataError(
            f"{path}: three columns of numbers, of which the first alone has decimals (a weight?); "
            "give --columns 2,3 if the others hold the ends"
        )
    shared = columns[1] & columns[2]
    counts = not columns[0] & (columns[1] | columns[2]) and len(columns[0]) > 2
    if counts and len(shared) > 1 and all(map(str.isdecimal, columns[0] | columns[2])):
        raise DataError(
            f"{path}: three columns of numbers, of which the last two share nodes with each other "
            "and none with the first (a time, or the number of the line?); give --columns 2,3, or "
            "--columns 1,2 if the third is a weight"
        )
