"""Headers: whether the first row of a table names its columns, and which two hold the ends."""

import re
from collections.abc import Sequence

STRONG = (
    ("source", "target"), ("source", "destination"), ("source", "dest"), ("src", "dst"),
    ("src", "dest"), ("src", "tgt"), ("src", "trg"), ("from", "to"), ("head", "tail"),
    ("subject", "object"), ("subj", "obj"), ("origin", "destination"), ("orig", "dest"),
    ("start", "end"), ("parent", "child"), ("sender", "receiver"), ("sender", "recipient"),
    ("caller", "callee"), ("follower", "followee"), ("citing", "cited"), ("ego", "alter"),
    ("initial", "terminal"), ("predecessor", "successor"), ("left", "right"),
    ("quelle", "ziel"), ("von", "nach"), ("origen", "destino"), ("first", "second"),
)  # fmt: skip
"""Words that name the two ends of an edge and are hardly ever nodes themselves."""
WEAK = (("u", "v"), ("a", "b"), ("i", "j"), ("x", "y"), ("s", "t"), ("1", "2"), ("0", "1"),
        ("one", "two"))  # fmt: skip
"""Words that name the ends where something else does not call its nodes so."""
WRAPPING = frozenset(
    ("node", "nodes", "id", "ids", "name", "names", "vertex", "vertices", "key", "label", "index",
     "idx", "no", "number", "uri", "entity")
)  # fmt: skip
"""Words that may stand beside those that name an end, as in `FromNodeId`."""
RELATIONS = frozenset(("relation", "relations", "predicate", "rel", "property", "relationship"))
"""Words of a column that says which of several relations an edge is of."""
OTHER = frozenset(
    ("weight", "weights", "value", "type", "kind", "id", "label", "timeset", "count", "distance",
     "time", "timestamp", "date", "year", "index", "interaction", "selected", "directed", "sign",
     "rating", "score", "attr", "attribute", "category")
)  # fmt: skip
"""Words of columns that hold no node."""


def words_of(cell: str) -> tuple[str, ...]:
    """Return the words of a column's name: `FromNodeId` and `from_node_id` have the same."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])", " ", cell)
    return tuple(word.lower() for word in re.split(r"[\W_]+", parted) if word)


def core_of(cell: str) -> tuple[str, ...]:
    """Return the words of a column's name without those that wrap any name, such as `node`."""
    words = words_of(cell)
    return tuple(word for word in words if word not in WRAPPING) or words


def pair_of_ends(names: Sequence[str]) -> tuple[int, int, bool] | None:
    """Return the two columns whose names make a pair of ends, and whether the words are strong.

    Columns may share words, as `stop_a` and `stop_b` do. None where no two columns, or several
    pairs of them, fit.
    """
    cores = [core_of(name) for name in names]
    for pairs, strong in ((STRONG, True), (WEAK, False)):
        found = []
        for i, first in enumerate(cores):
            for j, second in enumerate(cores):
                if i != j and _differ_by(first, second, pairs):
                    found.append((i, j))
        # `source, target, Source URI, Target URI`: the plainer names come first.
        plain = [(i, j) for i, j in found if len(cores[i]) == len(cores[j]) == 1]
        chosen = plain if len(found) > 1 else found
        if len({frozenset(pair) for pair in chosen}) > 1:
            bare = [len(words_of(name)) == 1 for name in names]
            chosen = [(i, j) for i, j in chosen if bare[i] and bare[j]]
        if len(chosen) == 1:
            return (*chosen[0], strong)
    return None


def _differ_by(
    first: tuple[str, ...], second: tuple[str, ...], pairs: Sequence[tuple[str, str]]
) -> bool:
    if len(first) != len(second):
        return False
    apart = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    return len(apart) == 1 and apart[0] in pairs


def names_no_node(cell: str) -> bool:
    """Whether a cell is a word that heads a column and is hardly ever a node."""
    words = words_of(cell)
    known = {word for pair in STRONG for word in pair} | OTHER | RELATIONS
    return (
        bool(words)
        and any(word in known for word in words)
        and all(word in known or word in WRAPPING for word in words)
    )


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with a point or a comma."""
    return re.fullmatch(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", cell) is not None
