"""The task of a data set: every fact and path once, as the recipe asks."""

import pytest
from small_models import small_config

from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.tasks.task import build_task


@pytest.mark.parametrize("recipe", ["staged_full_path", "mixed_hardest_token"])
@pytest.mark.parametrize("start", [True, False])
def test_the_task_holds_every_row_of_the_files(tmp_path, recipe, start):
    config = small_config(
        dataset_root=str(tmp_path),
        training_recipe=recipe,
        include_start_node_in_path_finetuning=start,
    )
    build_dataset(config)
    dataset = read_dataset(config)
    task = build_task(dataset, config)
    assert task.vocabulary.size == 8 + 9
    assert task.edge_facts.prompts[:, 1].tolist() == dataset.facts[:, 0].tolist()
    assert task.edge_facts.targets[:, 0].tolist() == dataset.facts[:, 1].tolist()
    for examples, rows in (
        (task.train_paths, dataset.train_paths),
        (task.test_paths, dataset.test_paths),
    ):
        wanted = rows if recipe.endswith("full_path") else rows[:, 1:2]
        assert examples.targets.tolist() == wanted.tolist()
        assert examples.prompts.shape[1] == 3 + int(start)
        assert examples.prompts[:, 1 + int(start)].tolist() == rows[:, -1].tolist()
