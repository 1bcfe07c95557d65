"""Columns: which two of a table hold the ends of an edge, and what the others mean."""

import re
from collections.abc import Sequence
from pathlib import Path

from geometric_memory.errors import DataError
from geometric_memory.graphs.files.headers import (
    RELATIONS,
    is_number,
    names_no_node,
    pair_of_ends,
    words_of,
)
from geometric_memory.graphs.files.listing import Choices, Listing, settle_direction
from geometric_memory.graphs.files.lookalikes import (
    matrix_with_names,
    refuse_other_lists,
    refuse_times,
)
from geometric_memory.graphs.files.tables import Row, Table
from geometric_memory.limits import whole_number

ARROWS = {"->": True, "-->": True, "=>": True, "\N{RIGHTWARDS ARROW}": True, "--": False,
          "-": False, "<->": False}  # fmt: skip
"""Signs between two nodes, and whether they direct the edge."""
DIRECTIONS = {"directed": True, "undirected": False}
COLUMNS = "give --columns, such as --columns 1,2 or --columns source,target"


def edges_of_table(path: Path, table: Table, choices: Choices) -> Listing:
    """Return the edges of a table; raise `DataError` where the ends cannot be known."""
    rows = _with_named_row_numbers([(number, _trim(cells)) for number, cells in table.rows])
    listing = Listing(format=table.kind)
    first = rows[0][1]
    if not choices.columns:
        refuse_other_lists(path, table, rows)
    matrix = matrix_with_names(rows)
    if matrix:
        return matrix
    source, target, has_header = _ends(path, table, rows, choices, listing)
    header = first if has_header else []
    if has_header:
        listing.format += ", with a header"
        listing.notes += [] if choices.columns else _note_of_header(path, header, source, target)
        again = [row for row in rows[1:] if row[1] == header]
        listing.notes += [f"{path.name}: header found again on {len(again)} lines"] * bool(again)
        rows = [row for row in rows[1:] if row[1] != header]
    rows = _of_relation(path, header, rows, (source, target), choices)
    for number, cells in rows:
        ends = [cells[place] if place < len(cells) else "" for place in (source, target)]
        if not all(ends):
            raise DataError(
                f"{path}:{number}: expected two node names, found {', '.join(cells)[:60]!r}"
            )
        listing.edges.append((ends[0], ends[1]))
    if not listing.edges:
        raise DataError(f"{path}: no edges in the file")
    _join_spellings(path, listing)
    _take_direction(path, header, rows, listing)
    _take_remarks(path, table.remarks, listing)
    wider = sum(len(cells) > 2 for _, cells in rows)
    if wider and not has_header:
        listing.notes.append(f"{path.name}: columns after the second ignored on {wider} lines")
    return listing


def _join_spellings(path: Path, listing: Listing) -> None:
    """Take `2.0` for `2` where both stand: tools write a column with a gap as decimal numbers."""
    names = {name for pair in listing.edges for name in pair}
    short = {n: n[:-2] for n in names if re.fullmatch(r"-?\d+\.0", n) and n[:-2] in names}
    if short and all(re.fullmatch(r"-?\d+(\.0)?", name) for name in names):
        listing.edges = [
            (a.removesuffix(".0"), b.removesuffix(".0")) for a, b in listing.edges
        ]  # fmt: skip
        listing.notes.append(f"{path.name}: whole numbers with `.0` are read without it")


def _trim(cells: Sequence[str]) -> list[str]:
    """Return cells without the empty ones at the end, two at the least kept."""
    kept = list(cells)
    while len(kept) > 2 and not kept[-1]:
        kept.pop()
    return kept


def _with_named_row_numbers(rows: list[Row]) -> list[Row]:
    """Give the row numbers of R a column: its header has no cell for them."""
    first, widths = rows[0][1], {len(cells) for _, cells in rows[1:]}
    if widths == {len(first) + 1} and pair_of_ends(first) is not None:
        return [(rows[0][0], ["", *first]), *rows[1:]]
    return rows


def _note_of_header(path: Path, header: Sequence[str], source: int, target: int) -> list[str]:
    if pair_of_ends(header) == (source, target, True):
        return []
    names = f"{header[source]!r} and {header[target]!r}"
    return [f"{path.name}: first line read as a header; edges join {names} (else --columns)"]


def _ends(
    path: Path, table: Table, rows: Sequence[Row], choices: Choices, listing: Listing
) -> tuple[int, int, bool]:
    """Return the columns of both ends, and whether the first row is a header."""
    first = rows[0][1]
    if choices.columns:
        return _take_chosen_columns(path, first, choices.columns)
    pair = None if is_number(first[0]) else pair_of_ends(first)
    below = {cell for _, cells in rows[1:] for cell in cells}
    if pair and (pair[2] or (below and not {first[pair[0]], first[pair[1]]} & below)):
        weak_words = not pair[2] and all(len(cell) == 1 for cell in below if not is_number(cell))
        if not (weak_words and any(not is_number(cell) for cell in below)):
            return pair[0], pair[1], True
    numbers_below = len(rows) > 1 and all(
        is_number(cell) for _, cells in rows[1:] for cell in cells[:2]
    )
    words_above = not any(is_number(cell) for cell in first if cell)
    if words_above and numbers_below:
        return _take_unnamed_ends(path, first, rows)
    if _numbers_columns(first) and not any(is_number(c) for _, cs in rows[1:] for c in cs[:2]):
        return 0, 1, True
    heads = any(map(names_no_node, first)) and not set(first) & below and len(rows) > 1
    if heads or not first[0]:
        raise DataError(
            f"{path}:{rows[0][0]}: the first line {', '.join(first)[:80]!r} is a header, but no "
            f"two of its columns are called source and target; {COLUMNS}"
        )
    _check_width(path, rows)
    places = _places_without_header(path, rows, choices)
    _note_first_row(path, rows, listing)
    return (*places, False)


def _take_chosen_columns(path: Path, first: Sequence[str], columns: str) -> tuple[int, int, bool]:
    words = [word.strip() for word in columns.split(",")]
    if len(words) != 2 or not all(words):
        raise DataError(f"{path}: --columns {columns!r:.60}: expected two columns, such as 1,2")
    if all(word.isdecimal() for word in words) and not set(words) <= set(first):
        places = [(whole_number(word) or 0) - 1 for word in words]
        if min(places) < 0 or max(places) >= len(first):
            raise DataError(f"{path}: --columns {columns:.60}: columns are 1 to {len(first)}")
        ends = [first[place] for place in places]
        pair = pair_of_ends(ends)
        return places[0], places[1], pair is not None and pair[2]
    lowered = [cell.lower() for cell in first]
    if not {word.lower() for word in words} <= set(lowered):
        raise DataError(
            f"{path}: --columns {columns:.60}: the first line has {', '.join(first)[:80]!r}"
        )
    return lowered.index(words[0].lower()), lowered.index(words[1].lower()), True


def _take_unnamed_ends(
    path: Path, first: Sequence[str], rows: Sequence[Row]
) -> tuple[int, int, bool]:
    """Return the first two columns of a header of unknown words above numbers."""
    counted = [cells[0] for _, cells in rows[1:]]
    begin = int(counted[0]) if counted[0] in ("0", "1") else None
    a_count = begin is not None and len(counted) > 2 and counted == [
        str(begin + place) for place in range(len(counted))
    ]  # fmt: skip
    known = [place for place, cell in enumerate(first) if not names_no_node(cell)]
    if len(first) > 2 and (a_count or known[:2] != [0, 1]):
        raise DataError(
            f"{path}:{rows[0][0]}: which two of the columns {', '.join(first)[:80]!r} hold the "
            f"source and the target? {COLUMNS}"
        )
    if len(known) < 2:
        raise DataError(
            f"{path}:{rows[0][0]}: the header {', '.join(first)[:80]!r} names no source and "
            f"target; {COLUMNS}"
        )
    return 0, 1, True


def _numbers_columns(first: Sequence[str]) -> bool:
    """Whether the first row counts the columns, as pandas does without names."""
    return len(first) > 1 and list(first) == [str(place) for place in range(len(first))]


def _check_width(path: Path, rows: Sequence[Row]) -> None:
    wordy = [(n, c) for n, cells in rows for c in cells[3:] if not is_number(c)]
    if wordy and all(len(cells) > 3 for _, cells in rows):
        raise DataError(
            f"{path}:{wordy[0][0]}: {len(rows[0][1])} columns of words: which two hold the ends of "
            f"an edge? {COLUMNS}; if names have spaces, separate them by tabs or commas"
        )


def _places_without_header(path: Path, rows: Sequence[Row], choices: Choices) -> tuple[int, int]:
    """Return the columns of the ends where no header names them, of triples the outer ones."""
    triples = [cells for _, cells in rows if len(cells) > 2]
    if len(triples) < len(rows):
        return 0, 1
    columns = [{cells[place] for cells in triples} for place in range(3)]
    if len(columns[1]) == 1 and columns[1] <= set(ARROWS):
        return 0, 2
    if all(map(is_number, columns[2])):
        refuse_times(path, columns)
        return 0, 1
    outer = columns[0] & columns[2]
    inner = columns[1] & (columns[0] | columns[2])
    if choices.relation or choices.ignore_relations:
        return 0, 2
    if columns[0] & columns[1] and not columns[2] & (columns[0] | columns[1]):
        return 0, 1  # a remark on each edge
    counted = [cells[0] for cells in triples]
    if counted in ([str(k + b) for k in range(len(triples))] for b in (0, 1)):
        raise DataError(
            f"{path}: the first of three columns counts the lines; give --columns 2,3 if the "
            "others hold the ends"
        )
    if (outer and not inner) or len(columns[1]) < len(triples):
        raise DataError(
            f"{path}: three columns, the middle column has {len(columns[1])} different words: "
            "triples with relations? Give --relation NAME for the edges of one relation, "
            "--ignore-relations for all, or --columns 1,2 if the third column is a remark"
        )
    raise DataError(f"{path}: three columns of words: which hold the ends? {COLUMNS}")


def _note_first_row(path: Path, rows: Sequence[Row], listing: Listing) -> None:
    """Note that the first line may be a header: neither of its names stands on another line."""
    first = rows[0][1][:2]
    others = [set(cells[:2]) for _, cells in rows[1:]]
    if len(others) < 2 or any(set(first) & names for names in others):
        return
    counts: dict[str, int] = {}
    for names in others:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    if any(count > 1 for count in counts.values()):
        listing.notes.append(
            f"{path.name}: first line {', '.join(first)[:60]!r} read as an edge, though no other "
            f"line has its names; if it is a header, give --columns {','.join(first)[:60]}"
        )


def _of_relation(
    path: Path, header: Sequence[str], rows: Sequence[Row], ends: tuple[int, int], choices: Choices
) -> list[Row]:
    """Return the rows of the chosen relation; raise `DataError` where none is chosen."""
    named = [p for p, cell in enumerate(header) if p not in ends and _is_relation(cell)]
    signs = {cells[1] for _, cells in rows if len(cells) > 2} <= set(ARROWS)
    between = [1] if not header and ends == (0, 2) and not signs else []
    places = named or between
    if not places or choices.ignore_relations:
        return list(rows)
    found = {cells[places[0]]: None for _, cells in rows if len(cells) > places[0]}
    if choices.relation:
        if choices.relation not in found:
            listed = ", ".join(list(found)[:5])
            raise DataError(
                f"{path}: no edge has --relation {choices.relation}; there are {listed}"
            )
        return [row for row in rows if row[1][places[0]] == choices.relation]
    if len(found) == 1:
        return list(rows)
    raise DataError(
        f"{path}: its edges are of {len(found)} relations ({', '.join(list(found)[:3])[:80]}, "
        "...); give --relation NAME for the edges of one, or --ignore-relations for all"
    )


def _is_relation(cell: str) -> bool:
    return bool(set(words_of(cell)) & RELATIONS)


def _take_direction(
    path: Path, header: Sequence[str], rows: Sequence[Row], listing: Listing
) -> None:
    """Follow a column that calls every edge directed or undirected, or a sign between its ends."""
    signs = {cells[1] for _, cells in rows if len(cells) > 2}
    if not header and len(signs) == 1 and signs <= set(ARROWS):
        listing.directed = ARROWS[signs.pop()]
    for place, cell in enumerate(header):
        words = [cells[place].lower() if place < len(cells) else "" for _, cells in rows]
        if cell.lower() in ("type", "edge type", "edgetype") and set(words) <= set(DIRECTIONS):
            settle_direction(listing, [DIRECTIONS[word] for word in words], str(path))
        if cell.lower() in ("directed", "isdirected", "is_directed") and words:
            said = [word in ("true", "1", "yes") for word in words]
            settle_direction(listing, said, str(path))


def _take_remarks(path: Path, remarks: Sequence[str], listing: Listing) -> None:
    """Follow the comments at the top of the collections of KONECT and Stanford."""
    for remark in remarks:
        konect = re.match(r"%\s*(sym|asym|bip)\b", remark)
        if konect and konect[1] == "bip":
            raise DataError(
                f"{path}:1: a bipartite graph (% bip): the two columns number two kinds of nodes; "
                "give the nodes of one kind other names, such as a letter before the number"
            )
        stanford = re.match(r"#\s*(un)?directed\s+graph", remark, flags=re.I)
        if konect or stanford:
            said = konect[1] == "asym" if konect else not (stanford and stanford[1])
            settle_direction(listing, [said], str(path))
