"""Trainings in threads: equal to the engine's, stopped at any time, never more than two at once."""

import time
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

from geometric_memory.explore import live
from geometric_memory.explore.downloads import figure_file, html_file
from geometric_memory.explore.experiment import experiment_from, proposal
from geometric_memory.explore.live import LiveTraining
from geometric_memory.explore.record import FRAMES, frame_steps
from geometric_memory.explore.scene import describe
from geometric_memory.explore.sessions import Finished, Sessions
from geometric_memory.explore.views import THEMES, curve_view
from geometric_memory.tiny.sections import section
from geometric_memory.tiny.training import train_section


def trained(**values):
    training = LiveTraining(experiment_from(values))
    training.start()
    training.join()
    return training.record()


@pytest.mark.parametrize(
    ("model", "experiment"),
    [
        ("linear", "neural_network"),
        ("associative", "associative"),
        ("node2vec", "node2vec"),
        ("transformer", "transformer"),
        ("mamba", "mamba"),
    ],
)
def test_numbers_are_those_of_the_engine(model, experiment):
    wanted = section(experiment, "grid")
    asked = proposal(model) | {"width": wanted.width, "steps": 100, "decay": False}
    run = train_section(replace(wanted, steps=100, decay=False), [7])
    record = trained(graph="grid", model=model, **asked)
    assert record.status == "done: 100 steps"
    for name, curve in (("loss", "loss"), ("geometric level", "level")):
        own = dict(zip(record.curves[name].steps, record.curves[name].values, strict=True))
        assert set(run.steps) <= set(own)
        found = [own[step] for step in run.steps]
        np.testing.assert_array_equal(np.float32(found), run.curve(curve))


def test_the_last_frame_keeps_its_pose_and_distances_stay():
    record = trained(graph="cycle", total_nodes=7, steps=30)
    assert record.steps.tolist() == sorted(frame_steps(30))
    last = record.coordinates[-1]
    variances = last.var(axis=0)
    assert variances[0] >= variances[1] >= variances[2]
    np.testing.assert_allclose(last.T @ last, np.diag(np.square(last).sum(axis=0)), atol=1e-6)


def test_names_of_nodes_are_text():
    record = trained(graph="own", edges="<b>x</b> $y$\n", steps=2)
    assert sorted(describe(record, "", ("", 0))["space"]["names"]) == ["$y$", "<b>x</b>"]
    page = b64decode(html_file(record, 2)["content"])
    assert b"<b>x" not in page
    titled = replace(record, title="$\\wrong{$ <b>")
    assert figure_file(titled, 2)["content"]
    assert all("<b>" not in line["name"] for line in curve_view([titled], THEMES["dark"])["data"])


def test_frames_are_sent_once_and_all_again_when_they_have_turned():
    record = trained(graph="cycle", total_nodes=6, steps=9)
    whole = describe(record, "", ("", 0))
    assert whole["space"]["movie"]["steps"] == record.steps.tolist()
    rest = describe(record, "", (record.key, 4))
    assert rest["movie"]["steps"] == record.steps[4:].tolist()
    assert [dict(row)["step"] for row in rest["facts"]] == [str(s) for s in record.steps[4:]]
    assert "space" in describe(record, "", (record.key + "-before", 4))


@pytest.mark.parametrize("steps", [1, 2, 59, 500, 20_000])
def test_frames_are_few_and_hold_both_ends(steps):
    found = frame_steps(steps)
    assert {0, steps} <= found <= set(range(steps + 1))
    assert len(found) <= FRAMES


@pytest.mark.parametrize("values", [{"model": "mamba"}, {"tied": False, "init_scale": 2.0}])
def test_other_models_learn_too(values):
    record = trained(graph="cycle", total_nodes=6, steps=40, width=16, **values)
    loss = record.curves["loss"]
    assert loss.at(40) < 0.7 * loss.at(0)
    assert loss.at(40) >= record.floor


@pytest.mark.parametrize("model", ["transformer", "linear", "mamba"])
def test_initial_scale_acts_on_every_model(model):
    sizes = []
    for scale in (1.0, 3.0):
        training = LiveTraining(experiment_from({"model": model, "init_scale": scale, "steps": 1}))
        training.start()
        training.join()
        sizes.append(np.abs(training.embeddings[0]).mean())
    assert sizes[1] == pytest.approx(3 * sizes[0], rel=1e-5)


def test_a_stop_is_obeyed_at_once_and_keeps_what_there_is():
    training = LiveTraining(experiment_from({"steps": 20_000}), calm=True)
    training.start()
    while len(training.record().steps) < 2:
        time.sleep(0.01)
    training.stop()
    assert training.record().status in (
        "stopping",
        f"stopped after {training.record().last_step} steps",
    )
    training.join()
    record = training.record()
    assert not record.running
    assert record.status == f"stopped after {record.last_step} steps"
    assert record.steps[-1] == record.last_step < 20_000


def test_two_train_at_once_and_a_third_waits_and_can_be_stopped():
    with live.PLACES, live.PLACES:
        training = LiveTraining(experiment_from({"steps": 1}))
        training.start()
        time.sleep(0.2)
        assert training.record().status == "waiting for a free place"
        training.stop()
        training.join()
    assert training.record().status == "stopped before it began"


def test_a_loss_that_explodes_is_told():
    record = trained(graph="cycle", model="node2vec", rate=100, steps=1000, width=100)
    assert not record.running
    assert "not finite" in record.status


def test_a_graph_too_small_for_the_score_says_so():
    record = trained(graph="own", edges="a b", steps=2)
    assert record.coordinates.shape[1:] == (2, 3)
    assert record.verdict.startswith("undecided (score +0.00")
    assert "too few nodes of the graph are placed alike" in record.verdict


def test_the_tab_silent_for_longest_gives_way_and_its_training_ends():
    sessions = Sessions(most=2)
    first, second = sessions.open(), sessions.open()
    stopped = []

    class Source(Finished):
        def leave(self):
            stopped.append(self.shown.title)

    record = trained(graph="own", edges="a b", steps=1)
    sessions.find(first).show(Source(replace(record, title="first")))
    sessions.find(second).show(Source(replace(record, title="second")))
    assert sessions.find(first) is not None
    third = sessions.open()
    assert stopped == ["second"]
    assert [sessions.find(name) is None for name in (first, second, third)] == [False, True, False]
    sessions.close()
    assert stopped == ["second", "first"]
