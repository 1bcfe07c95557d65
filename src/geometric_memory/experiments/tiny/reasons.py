"""Why a published number lies where ours does not: one sentence each, by kind of run and number."""

from geometric_memory.experiments.tiny.comparison import Row


def reason(row: Row) -> str:
    """Return the sentence for a published value outside the interval."""
    return ""
