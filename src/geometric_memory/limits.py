"""Kinds of values that many settings share, with their limits."""

import re
from typing import Annotated

from msgspec import Meta

from geometric_memory.topic import About

MOST = 10**15
"""Of steps, epochs and the like, which are only counted."""
MOST_NODES = 10**7
"""Of a graph, whatever a file or an option asks for."""
MOST_ENTRIES = 10**8
"""Edges of a graph, and nodes on all of its paths."""
Count = Annotated[int, Meta(ge=1, le=MOST)]
NonNegative = Annotated[int, Meta(ge=0, le=MOST)]
Size = Annotated[int, Meta(ge=1, le=MOST_NODES)]
"""Of what is held in memory."""
Width = Annotated[int, Meta(ge=1, le=10**5)]
Depth = Annotated[int, Meta(ge=0, le=1000)]
"""Layers; without any, the head reads the embedding."""
Length = Annotated[int, Meta(ge=2, le=10**5)]
"""Of a path."""
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Rate = Annotated[float, Meta(ge=0)]
EDGE_STAGE = About(stage="edge_memorization")
"""Of settings that a mixed recipe, which has no such stage, ignores."""
COMPONENT = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
"""Of a path, of an alphabet that troubles no file system and no shell."""
PLAIN_NAME = rf"^{COMPONENT}\Z"
PathName = Annotated[str, Meta(pattern=PLAIN_NAME, max_length=255)]
"""What a name that is read from a file must be before a file is called so."""


def whole_number(text: str, digits: int = 18) -> int | None:
    """Return the number that `text` is, such as `17`; None where it is none, or too long a one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def unsafe_name(name: str) -> bool:
    """Whether `name` could leave its folder or trouble a file system."""
    return len(name) > 100 or not re.match(PLAIN_NAME, name)
