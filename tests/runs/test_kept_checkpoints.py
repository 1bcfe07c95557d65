"""Which checkpoints --keep_checkpoints leaves, and what is printed about the disk."""

import re

import pytest

from geometric_memory.errors import ConfigurationError
from geometric_memory.runs.checkpoints import CheckpointStore, step_of

LONG = {
    "training_recipe": "mixed_full_path", "path_finetuning_epochs": 12,
    "path_finetuning_batch_size": 100, "checkpoint_interval_epochs": 2,
    "evaluation_share": 0.0,
}  # fmt: skip


def kept(run):
    """The steps of the checkpoints that no label points to, the last three left out."""
    store = CheckpointStore(run.folder.checkpoints)
    labelled = set(store.labels().values())
    return [step_of(path) for path in store.all()[:-3] if path.name not in labelled]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [("all", [2, 4, 6]), ("3", []), ("steps:1,5", [1, 5]), ("5", [4, 6])],
)
def test_one_epoch_is_one_step_here(train, keep, expected):
    run, said = train(**LONG, keep_checkpoints=keep, path_finetuning_learning_rate=0.0)
    best = step_of(CheckpointStore(run.folder.checkpoints).labelled("best"))
    assert kept(run) == [step for step in expected if step != best]
    assert run.checkpoints[-1].name == "step-00000012"
    count = int(re.search(r"disk: up to .* for ([0-9]+) checkpoints of ", said)[1])
    assert len(run.checkpoints) <= count


@pytest.mark.parametrize("keep", ["some", "0", "-1", "steps:", "steps:1,", "1,2"])
def test_other_words_are_refused(train, keep):
    with pytest.raises(ConfigurationError, match="must be all, a number of the latest"):
        train(keep_checkpoints=keep)
