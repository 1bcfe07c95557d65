"""Kinds of values that many settings share, with their limits."""

import re
from typing import Annotated

from msgspec import Meta

from geometric_memory.topic import About

Count = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Rate = Annotated[float, Meta(ge=0)]
EDGE_STAGE = About(stage="edge_memorization")
"""Of settings that a mixed recipe, which has no such stage, ignores."""
COMPONENT = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
"""Of a path, of an alphabet that troubles no file system and no shell."""
PLAIN_NAME = rf"^{COMPONENT}\Z"
PathName = Annotated[str, Meta(pattern=PLAIN_NAME, max_length=255)]
"""What a name that is read from a file must be before a file is called so."""


def unsafe_name(name: str) -> bool:
    """Whether `name` could leave its folder or trouble a file system."""
    return len(name) > 100 or not re.match(PLAIN_NAME, name)
