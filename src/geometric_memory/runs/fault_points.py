"""Named moments of a run at which a test may make it fail; nothing happens there in normal use.

before_tmp_write, mid_write, before_fsync, before_manifest, before_rename, after_rename: the
moments of a file or checkpoint that is written; mid_epoch, mid_eval: between two steps, and
between the two halves of an evaluation.
"""

from collections.abc import Callable

POINTS = (
    "before_tmp_write", "mid_write", "before_fsync", "before_manifest", "before_rename",
    "after_rename", "mid_epoch", "mid_eval",
)  # fmt: skip

hook: Callable[[str], None] | None = None
"""What a test wants to happen; it is given the name of the moment."""


def reach(point: str) -> None:
    """Say that the run has come to `point`."""
    if hook is not None:
        hook(point)
