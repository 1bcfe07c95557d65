"""The settings of a task: how facts and paths become sequences."""

from typing import Annotated, Literal

from msgspec import Meta

from geometric_memory.limits import Size
from geometric_memory.topic import About, Topic


class TaskSettings(Topic):
    """How edge facts and paths become token sequences."""

    task_family: Literal["in_weights", "in_context"] = "in_weights"
    """Where the graph is: memorized in the weights, or a fresh path-star listed in every prompt."""
    context_label_count: Size = 50
    """Labels that the nodes of an in-context graph are drawn from."""
    context_train_prompts: Size = 20_000
    """In-context prompts used for training; each lists its own graph."""
    context_test_prompts: Size = 1000
    """In-context prompts held out."""
    edge_memorization_include_pause_token: bool = False
    """Keep one [PAUSE] in edge prompts."""
    path_prefix_pause_token_count: Annotated[int, Meta(ge=0, le=1000)] = 1
    """[PAUSE] tokens after the prompt of a path."""
    include_task_token_in_prefix: Annotated[bool, About(off="exclude_task_token_in_prefix")] = True
    """Open each sequence with [EDGE] or [PATH]."""
    use_teacherless_inputs: bool = False
    """Replace every input token after the prompt by $."""
    reverse_path_targets: bool = False
    """Predict the path from the leaf to the root."""

    @property
    def in_context(self) -> bool:
        """Whether every prompt lists its own graph."""
        return self.task_family == "in_context"
