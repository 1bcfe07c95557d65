"""Run folders: unique, complete, and enough to run again."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from small_models import small_config

from geometric_memory.config import RunConfig
from geometric_memory.errors import CheckpointError, ConfigurationError, DiskError
from geometric_memory.runs.folder import RunFolder, create_run_folder, default_run_name
from geometric_memory.settings import settings_of

NOW = datetime(2026, 1, 2, 3, 4, 5)


def test_runs_of_the_same_second_never_share_a_folder(tmp_path):
    config = small_config(experiment_log_root=str(tmp_path))
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: create_run_folder(config, NOW).path, range(16)))
    assert len(set(folders)) == 16
    assert all(folder.parent == tmp_path / "in_weights" for folder in folders)


def test_the_name_tells_graph_model_recipe_rates_switches_and_time():
    name = default_run_name(small_config(), NOW)
    parts = ("cycle", "l4", "transformer-L1-D16-H2", "mixed_full_path", "bs16384x2048")
    for part in (*parts, "lr0.01x0.0005", "seed0", "20260102-030405"):
        assert part in name
    assert len(name.encode()) < 250
    assert not any(part in name for part in ("sd0", "task", "split", "in_context"))


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"include_start_node_in_path_finetuning": True}, "sd10"),
        ({"use_directional_edge_pretraining": True}, "sd01"),
        ({"include_task_token_in_prefix": False}, "task0"),
        ({"train_split_ratio": 0.5}, "split0.5"),
        ({"self_edges": "leaves"}, "leaves"),
    ],
)
def test_runs_that_would_look_alike_are_told_apart(settings, part):
    assert f"_{part}_" in default_run_name(small_config(**settings), NOW)


def test_config_json_holds_every_setting_and_gives_the_configuration_back(finished):
    content = json.loads(finished.folder.config.read_text())
    assert content.pop("schema") == 1
    names = [name for topic in content.values() for name in topic]
    assert sorted(names) == sorted(settings_of(RunConfig))
    assert RunFolder(finished.folder.path).read_config().graph.star_degree == 4


def test_a_run_again_from_its_config_gives_the_same_bits(finished, rerun, weights, tmp_path):
    again = rerun(finished.folder.read_config(), tmp_path)
    assert weights(again) == weights(finished)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"training": {"sed": 1}}', '{"graph": 3}'])
def test_a_damaged_config_is_one_message(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises((CheckpointError, ConfigurationError), match="config"):
        RunFolder(tmp_path).read_config()


def test_what_is_no_run_folder_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="is not a run folder"):
        RunFolder(tmp_path).read_config()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "logs").write_text("")
    with pytest.raises(DiskError, match="logs"):
        create_run_folder(small_config(experiment_log_root=str(tmp_path / "logs")), NOW)
