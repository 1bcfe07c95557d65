"""Run folders on the page: found below their roots alone, and shown as they were logged."""

import numpy as np
import pytest

from geometric_memory.analysis.cosines import geometric_level
from geometric_memory.analysis.reduction import pca
from geometric_memory.cli.main import main
from geometric_memory.errors import DataError
from geometric_memory.explore.run_folders import RunFolders
from geometric_memory.report.stored import runs_of
from geometric_memory.runs.history import read_history
from geometric_memory.runs.metrics import read_rows


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A folder with a tracked run of `geomem train` and a stored section of `geomem tiny`."""
    folder = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        short = ["--max_steps", "5", "--run_name", "RUN", "--track_embedding_evolution"]
        assert main(["train", "--preset", "tiny", *short]) == 0
        cycle = ["run", "transformer", "--graph", "cycle", "--steps", "3"]
        assert main(["tiny", *cycle, "--no-figures", "--workers", "1"]) == 0
    return folder / "experiment_logs"


def keys(*roots):
    return {name: key for key, name in RunFolders(roots).listed()}


def test_runs_are_found_at_and_below_the_roots(logs):
    found = keys(logs)
    assert set(found) == {"in_weights/RUN", "tiny/fp32/transformer-cycle"}
    assert set(keys(logs / "in_weights" / "RUN")) == {"RUN"}
    assert keys(logs / "nowhere") == {}


def test_a_run_shows_what_it_logged(logs):
    run = logs / "in_weights" / "RUN"
    record = RunFolders([logs]).open(keys(logs)["in_weights/RUN"]).record()
    rows = [row for row in read_rows(run / "metrics.jsonl") if "edge_memorization/loss" in row]
    assert record.curves["loss"].at(5) == rows[-1]["edge_memorization/loss"]
    assert record.settings["run_name"] == "RUN"
    history = dict(read_history(run / "artifacts" / "embedding_evolution"))
    assert record.steps.tolist() == sorted(history)
    last = record.coordinates[-1]
    expected = pca(history[5][[int(name) for name in record.names]])
    np.testing.assert_allclose(spread(last), spread(expected), atol=1e-5)
    assert record.status == "finished: RUN"


def spread(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_a_stored_section_shows_its_curves(logs):
    record = RunFolders([logs]).open(keys(logs)["tiny/fp32/transformer-cycle"]).record()
    assert record.curves["loss"].steps.tolist() == [0, 1, 2, 3]
    assert len(record.names) == 15
    assert record.curves["geometric level"].at(3) <= 1


def test_cosines_are_those_of_the_frames(logs):
    run = logs / "in_weights" / "RUN"
    record = RunFolders([run]).open(keys(run)["RUN"]).record()
    facts = runs_of(run)[0].dataset.facts
    for step, embeddings in read_history(run / "artifacts" / "embedding_evolution"):
        assert record.curves["geometric level"].at(step) == geometric_level(embeddings, facts)


@pytest.mark.parametrize("outside", [True, False])
def test_links_lead_nowhere_outside(logs, tmp_path, outside):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(logs / "in_weights" / "RUN")
    roots = [root] if outside else [root, logs]
    assert ("link" in keys(*roots)) is False
    assert ("in_weights/RUN" in keys(*roots)) is not outside


def test_keys_of_other_roots_open_nothing(logs, tmp_path):
    key = keys(logs)["in_weights/RUN"]
    with pytest.raises(DataError, match="no such run"):
        RunFolders([tmp_path]).open(key)


def test_a_damaged_run_is_told_and_no_more(logs, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(Exception, match=r"config\.json") as caught:
        RunFolders([tmp_path]).open(keys(tmp_path)["broken"])
    assert hasattr(caught.value, "exit_code")
