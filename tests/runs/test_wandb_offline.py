"""The real package, offline: its own files are read back."""

import json
import struct
import threading
from io import StringIO

import pytest
from rich.console import Console
from small_models import small_config

from geometric_memory.cli.main import main
from geometric_memory.report.media import draw_media
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.train import train
from geometric_memory.settings import settings_of

wandb = pytest.importorskip("wandb")
pytestmark = pytest.mark.filterwarnings("ignore")  # the package warns of itself
BLOCK = 32768
"""Of a log of LevelDB, in whose format the file is."""
SETTINGS = {
    "graph_type": "star", "total_nodes": -1, "star_degree": 4, "star_subtree_degree": 1,
    "training_recipe": "staged_full_path", "edge_memorization_epochs": 4,
    "edge_memorization_batch_size": 5, "edge_memorization_eval_interval_epochs": 2,
    "path_finetuning_epochs": 3, "path_finetuning_batch_size": 2,
    "checkpoint_interval_steps": 5, "track_top_k_predictions": True, "enable_wandb": True,
    "run_name": "run",
}  # fmt: skip


def records(file):
    """Every record of a .wandb file."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, part = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if BLOCK - place % BLOCK < 7:
            place += BLOCK - place % BLOCK
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        part += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(part)
            part = b""
            yield record


def history(file):
    """What was logged, by step."""
    return {
        record.history.step.num: {
            "/".join(item.nested_key) or item.key: json.loads(item.value_json)
            for item in record.history.item
        }
        for record in records(file)
        if record.WhichOneof("record_type") == "history"
    }


def the_file(run):
    (file,) = run.path.glob("wandb/offline-run-*/*.wandb")
    return file


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A function that trains in a folder of its own; with `stop_at`, to a step and then on."""

    def trained(name, stop_at=0):
        folder = tmp_path_factory.mktemp(name)
        config = small_config(
            **SETTINGS, dataset_root=str(folder / "data"), experiment_log_root=str(folder / "logs")
        )
        stop, text = threading.Event(), StringIO()

        def note(moment):
            if moment.step >= stop_at > 0:
                stop.set()

        run = train(config, on_evaluation=note, stop=stop, console=Console(file=text),
                    draw=draw_media)  # fmt: skip
        if stop_at:
            assert not run.summary
            run = train(config, resume=run.path, console=Console(file=text), draw=draw_media)
        assert "W&B" not in text.getvalue()
        return run

    return trained


@pytest.fixture(scope="module")
def run(started):
    return started("whole")


def test_every_metric_stands_at_the_epochs_made_under_its_published_name(run):
    logged = history(the_file(run))
    earlier = {"edge_memorization": 0, "path_finetuning": 4}
    for row in read_rows(run.folder.metrics):
        found = logged[earlier[row["stage"]] + row["epoch"]]
        assert {name: found[name] for name in row if "/" in name} == {
            name: value for name, value in row.items() if "/" in name
        }
    assert list(logged) == sorted(logged)


def test_paths_are_drawn_over_the_epochs_of_their_stage(run):
    defined = {
        record.metric.glob_name: record.metric.step_metric
        for record in records(the_file(run))
        if record.WhichOneof("record_type") == "metric"
    }
    assert {"test/*", "test_forced/*", "path_finetuning/*", "joint_training/*"} <= defined.keys()
    assert defined["test/*"] == "epoch"
    assert "edge_memorization/*" not in defined


def test_the_configuration_is_flat_by_published_names(run):
    (first,) = [r.run for r in records(the_file(run)) if r.WhichOneof("record_type") == "run"]
    found = {item.key: json.loads(item.value_json) for item in first.config.update}
    assert found["star_degree"] == 4
    assert found["disable_path_finetuning_lr_decay"] is False
    assert found["exclude_task_token_in_prefix"] is False
    assert "include_task_token_in_prefix" not in found
    assert len(found) >= len(settings_of(type(run.config)))
    assert not any(isinstance(found[name], dict) for name in found if name != "_wandb")


def test_predictions_and_top_k_are_tables_embeddings_images_and_the_report_a_page(run):
    logged = history(the_file(run))
    kinds = {
        "predictions": "table-file", "top_k_predictions": "table-file", "embeddings": "image-file",
        "cosine_similarity": "image-file", "report": "html-file",
    }  # fmt: skip
    last = logged[max(logged)]
    assert {name: last[f"{name}/_type"] for name in kinds} == kinds
    files = the_file(run).parent / "files"
    table = json.loads((files / last["predictions/path"]).read_text())
    rows = [row for row in read_rows(run.folder.predictions) if row["epoch"] == 3]
    assert table["columns"] == list(rows[0])
    assert [row[3:6] for row in table["data"]] == [
        [row["prompt"], row["target"], row["answer"]] for row in rows
    ]
    assert "<html" in (files / last["report/path"]).read_text()
    assert (files / last["embeddings/path"]).read_bytes().startswith(b"\x89PNG")
    best = json.loads((files / last["top_k_predictions/path"]).read_text())
    assert best["columns"] == ["node", "targets", "top_1", "top_2", "top_3", "top_4", "top_5"]
    assert len(best["data"]) == 13


def test_a_resumed_run_is_one_run_that_holds_all_of_it(started, run):
    resumed = started("resumed", stop_at=10)

    def measured(found):
        return {
            step: {name: value for name, value in row.items() if "/" in name and
                   isinstance(value, float)}
            for step, row in history(the_file(found)).items()
        }  # fmt: skip

    assert measured(resumed) == measured(run)


def test_the_command_line_sends_pictures_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["train", "--preset", "tiny", "--max_steps", "3", "--enable_wandb"]
    assert main([*words, "--run_name", "RUN"]) == 0
    (file,) = tmp_path.rglob("*/offline-run-*/*.wandb")
    logged = history(file)
    assert logged[max(logged)]["embeddings/_type"] == "image-file"
