"""The settings of a task: how facts and paths become sequences."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """How edge facts and paths become token sequences."""

    edge_memorization_include_pause_token: bool = False
    """Keep one [PAUSE] in edge prompts."""
    path_prefix_pause_token_count: Annotated[int, Meta(ge=0, le=1000)] = 1
    """[PAUSE] tokens after the prompt of a path."""
    include_task_token_in_prefix: bool = True
    """Open each sequence with [EDGE] or [PATH]."""
    use_teacherless_inputs: bool = False
    """Replace every input token after the prompt by $."""
    reverse_path_targets: bool = False
    """Predict the path from the leaf to the root."""
