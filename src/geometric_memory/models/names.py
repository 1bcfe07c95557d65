"""Names of weights in two worlds, by tables of stems in which `#` stands for the layer."""

import re
from collections.abc import Mapping

_NAME = re.compile(r"(.+)\.(weight|bias)")


def rename(name: str, stems: Mapping[str, str]) -> str | None:
    """Return `name` with its stem as `stems` has it; layer and ending stay. None if unknown."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    stem, kind = found.groups()
    layer = re.search(r"(?<=\.)[0-9]+(?=\.)", stem)
    new = stems.get(re.sub(r"\.[0-9]+\.", ".#.", stem, count=1))
    if new is None:
        return None
    return f"{new.replace('#', layer[0]) if layer else new}.{kind}"


def swapped(stems: Mapping[str, str]) -> dict[str, str]:
    """Return the table of the way back."""
    return {new: old for old, new in stems.items()}
