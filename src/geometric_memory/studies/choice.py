"""What the names of a command line choose among claims, findings and the like."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from geometric_memory.errors import ConfigurationError
from geometric_memory.synonyms import unknown_name

Item = TypeVar("Item")


def chosen(
    names: Sequence[str], known: Mapping[str, Item], *, word: str, command: str
) -> tuple[Item, ...]:
    """Return the items of `names`, each once, or all of them when there are none.

    Raises:
        ConfigurationError: naming every unknown one, with the nearest there is.
    """
    problems = [
        f"{unknown_name(name, known, word)} ({command} --list)"
        for name in names
        if name not in known
    ]
    if problems:
        raise ConfigurationError(problems)
    return tuple(known[name] for name in dict.fromkeys(names)) or tuple(known.values())
