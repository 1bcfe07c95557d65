"""Own graphs: data set, training and what goes out, killed anywhere and done again to the bit."""

import random
import shutil

import networkx as nx
import pytest
from trials import differences, result, run_folder

from geometric_memory.files.whole import POINTS

KITE = nx.relabel_nodes(nx.krackhardt_kite_graph(), dict(enumerate("abcdefghij")))
FILES = {
    "own.csv": lambda path: path.write_text(
        "source,target\n" + "".join(f"{u},{v}\n" for u, v in KITE.edges)
    ),
    "own.graphml": lambda path: nx.write_graphml(KITE, path),
}
BUILD = ["dataset", "--graph_type", "custom", "--dataset_root", "data", "--path_length", "3"]
TRAIN = [
    "train", "--dataset_root", "data", "--experiment_log_root", "logs", "--embedding_dimension",
    "8", "--path_finetuning_epochs", "6", "--checkpoint_interval_steps", "5",
]  # fmt: skip
TRIALS, SAMPLE = 25, 2


def written(folder):
    """Every file below a folder that a command has to leave there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.fixture(scope="module")
def whole(workshop, tmp_path_factory):
    """A folder with a graph in two files, and what each command makes of it without a fault."""
    folder = tmp_path_factory.mktemp("whole")
    for name, write in FILES.items():
        write(folder / name)
    ended = workshop.run([*TRAIN, "--graph", "own.csv"], folder)
    assert ended.code == 0, ended.said
    return folder


def copied(whole, folder, *names):
    """Give a folder the graph files, and whatever else is named."""
    folder.mkdir()
    for name in FILES:
        shutil.copy(whole / name, folder)
    for name in names:
        shutil.copytree(whole / name, folder / name)


def build_after_a_kill(workshop, whole, folder, fault, name):
    copied(whole, folder)
    line = [*BUILD, "--graph_file", name]
    killed = workshop.run(line, folder, **fault).code
    again = workshop.run(line, folder)
    assert again.code == 0, again.said
    found = written(folder / "data")
    shutil.rmtree(folder / "data")
    assert workshop.run(line, folder).code == 0
    assert found == written(folder / "data")
    return killed


def train_after_a_kill(workshop, whole, folder, fault, name):
    copied(whole, folder)
    line = [*TRAIN, "--graph", "own.csv", "--resume", "auto"]
    killed = workshop.run(line, folder, **fault).code
    again = workshop.run(line, folder)
    assert again.code == 0, again.said
    assert differences(result(run_folder(whole)), result(run_folder(folder))) == []
    return killed


def convert_after_a_kill(workshop, whole, folder, fault, name):
    copied(whole, folder, "data", "logs")
    kind = {"own.csv": "csv", "own.graphml": "projector"}[name]
    line = ["convert", run_folder(folder), "out", "--to", kind]
    killed = workshop.run(line, folder, **fault).code
    there = (folder / "out").exists()
    again = workshop.run(line, folder)
    assert again.code == 0 or (there and "exists" in again.said), again.said
    line[2] = "once more"
    assert workshop.run(line, folder).code == 0
    found = [folder / "out", folder / "once more"]
    first, second = (written(place) if place.is_dir() else place.read_bytes() for place in found)
    assert first == second
    return killed


DEEDS = {
    "build": (build_after_a_kill, 14, ("change",)),
    "train": (train_after_a_kill, 30, ("change", *POINTS)),
    "convert": (convert_after_a_kill, 8, ("change",)),
}


def try_kills(workshop, whole, tmp_path, deed, trials):
    """Kill at random moments, do it again, compare; return how often a kill came in time."""
    attempt, most, moments = DEEDS[deed]
    chance, killed = random.Random(deed), 0
    for trial in range(4 * trials):
        fault = {"moment": chance.choice(moments), "occurrence": chance.randint(1, most)}
        name = chance.choice([*FILES])
        code = attempt(workshop, whole, tmp_path / str(trial), fault | {"deed": "kill"}, name)
        assert code in (0, -9)
        killed += code == -9
        if killed == trials:
            return
    pytest.fail(f"{killed} kills of {trials} came in time")


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_killed_is_done_again_to_the_same_bits(workshop, whole, tmp_path, deed):
    try_kills(workshop, whole, tmp_path, deed, SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_random_kills_of_own_graphs(workshop, whole, tmp_path, deed):
    try_kills(workshop, whole, tmp_path, deed, TRIALS)
