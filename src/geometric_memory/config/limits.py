"""Kinds of values that many settings share, with their limits."""

from pathlib import PurePath
from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Rate = Annotated[float, Meta(ge=0)]


def unsafe_name(name: str) -> bool:
    """Whether `name` could leave its folder or trouble a file system."""
    plain = all(c.isascii() and (c.isalnum() or c in "._-") for c in name)
    return not plain or not 1 <= len(name) <= 100 or PurePath(name).name != name or name[0] == "."
