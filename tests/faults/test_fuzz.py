"""Random bytes, random damage and random JSON into every reader: one message, no file left behind.

`COUNTED` holds the number of inputs; the slow tests bring it to 100,000 and more.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_models import small_config

from geometric_memory.config import DatasetConfig, RunConfig
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.errors import GeometricMemoryError
from geometric_memory.models.build import build_model
from geometric_memory.runs.checkpoints import FILES, CheckpointStore, verify
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.state import read_state
from geometric_memory.runs.tensors import tensor_bytes
from geometric_memory.runs.weights import load_model
from geometric_memory.settings import assemble, flatten, from_json, settings_of

QUICK, SLOW, GUIDED = 40, 13_000, 30_000
COUNTED: Counter[str] = Counter()

edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "repeat", "drop"]), st.floats(0, 1),
        st.binary(max_size=9),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["star", "mamba", "-1", "1e999", "nan", "../x", "0", "true"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
typed = st.dictionaries(
    st.sampled_from(sorted(settings_of(RunConfig))) | st.text(max_size=10), values, max_size=6
)


def edited(content: bytes, changes) -> bytes:
    """Damage `content` a little, so that most of it still looks right."""
    for kind, place, piece in changes:
        at = int(place * len(content))
        if kind == "cut":
            content = content[:at]
        elif kind == "flip" and content:
            at = min(at, len(content) - 1)
            content = (
                content[:at] + bytes([content[at] ^ (piece[0] if piece else 1)]) + content[at + 1 :]
            )
        elif kind == "insert":
            content = content[:at] + piece + content[at:]
        elif kind == "repeat":
            content = content + content[at : at + 40]
        else:
            content = content[:at] + content[at + len(piece) :]
    return content


def survives(name, reader):
    """Count an input; anything but success or a message of ours is a failure."""
    COUNTED[name] += 1
    try:
        reader()
    except GeometricMemoryError as error:
        assert str(error)


def fuzz_data_files(tmp_path, examples):
    config = assemble(
        DatasetConfig,
        {"graph_type": "star", "star_degree": 4, "path_length": 4, "dataset_root": str(tmp_path)},
    )
    build_dataset(config)
    contents = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*_*")) if path.is_file()}
    manifest = next(path for path in contents if path.suffix == ".json")

    @settings(max_examples=examples, **EASY)
    @given(path=st.sampled_from(sorted(contents)), changes=edits, listed=st.booleans())
    def check(path, changes, listed):
        path.write_bytes(edited(contents[path], changes))
        if not listed:
            manifest.unlink(missing_ok=True)
        survives("data files", lambda: read_dataset(config))
        assert set(tmp_path.rglob("*_*")) <= {*contents, *tmp_path.iterdir()}
        for changed in (path, manifest):
            changed.write_bytes(contents[changed])

    check()


def fuzz_settings(tmp_path, examples):
    asked = flatten(small_config())

    @settings(max_examples=examples, **EASY)
    @given(typed, st.sampled_from(["flat", "topics", "typed"]))
    def check(given_values, form):
        def read():
            if form == "typed":
                return assemble(RunConfig, asked | {k: str(v) for k, v in given_values.items()})
            content = given_values if form == "flat" else {"model": given_values, "graph": {}}
            return assemble(RunConfig, asked | from_json(RunConfig, content, "config.json"))

        survives("settings", read)
        assert not list(tmp_path.iterdir())

    check()


def fuzz_checkpoints(tmp_path, examples):
    model = build_model(small_config(), vocabulary_size=17)
    weights = tensor_bytes(model.state_dict())
    position = dict.fromkeys(("stage", "epoch", "batch", "stage_step", "step"), 3)
    origin = {"dataset": {"train": "0"}, "arithmetic": {"torch": "2"}}
    state = {"position": position, "stop_stage": False, "origin": origin, "labels": {}}
    contents = dict(zip(FILES, (weights, weights, json.dumps(state).encode()), strict=True))
    path = CheckpointStore(tmp_path).save(3, lambda: contents, "best")
    good = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    @settings(max_examples=examples, **EASY)
    @given(file=st.sampled_from(sorted(good)), changes=edits)
    def check(file, changes):
        file.write_bytes(edited(good[file], changes))
        survives("checkpoint manifests", lambda: verify(path))
        survives("checkpoint labels", lambda: CheckpointStore(tmp_path).labelled("best"))
        survives("checkpoint states", lambda: read_state(path))
        bare = path.with_name("w.safetensors")
        bare.write_bytes((path / FILES[0]).read_bytes())
        survives("weights", lambda: load_model(model, bare))
        bare.unlink()
        file.write_bytes(good[file])
        assert {found for found in tmp_path.rglob("*") if found.is_file()} == set(good)
        assert all(bool(p.isfinite().all()) for p in model.parameters())

    check()


def fuzz_states(tmp_path, examples):
    """States that are JSON, and rows that may be."""
    folder = tmp_path / "step-00000001"
    folder.mkdir()
    fields = st.sampled_from(["position", "stop_stage", "origin", "labels", "callbacks"])

    @settings(max_examples=examples, **EASY)
    @given(st.dictionaries(fields, values, max_size=5), st.binary(max_size=60))
    def check(content, rows):
        (folder / "state.json").write_text(json.dumps(content))
        survives("states", lambda: read_state(folder))
        (folder / "metrics.jsonl").write_bytes(json.dumps(content).encode() + b"\n" + rows)
        survives("rows", lambda: list(read_rows(folder / "metrics.jsonl")))
        assert len(list(folder.iterdir())) == 2

    check()


EASY = {
    "database": None,
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}
ALL = (fuzz_data_files, fuzz_settings, fuzz_checkpoints, fuzz_states)


@pytest.mark.parametrize("fuzz", ALL)
def test_no_reader_trips(fuzz, tmp_path):
    fuzz(tmp_path, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("fuzz", ALL)
def test_no_reader_trips_over_many_inputs(fuzz, tmp_path, capsys):
    torch.set_num_threads(1)
    fuzz(tmp_path, SLOW)
    with capsys.disabled():
        sys.stdout.write(f"\n{COUNTED.total()} inputs so far: {dict(COUNTED)}\n")


@pytest.mark.slow
def test_the_inputs_were_a_hundred_thousand():
    if set(COUNTED) >= {"data files", "settings", "weights", "rows"}:
        assert COUNTED.total() >= 100_000


FIRST = (
    b"2=0,1,2\n5=3,4,5\n", b"0=1\n1=0\n", b"a b\nb c\n", b'source,target\na,"b c"\n',
    b'{"directed": false, "nodes": [{"id": 0}, {"id": 1}], "edges": [{"source": 0, "target": 1}]}',
    b'<graphml><graph edgedefault="undirected"><node id="0"/><edge source="0" target="0"/></graph>'
    b"</graphml>",
    b'{"schema": 1, "files": [], "graph": {}, "dataset": {}, "node_count": 3}',
    b'{"step": 1, "loss": null}\n{"step"', b'{"schema": 1, "files": {"state.json": {"bytes": 3}}}',
    b'{"position": {"stage": 0, "epoch": 0, "batch": 0, "stage_step": 0, "step": 0}}',
    tensor_bytes({"a": torch.ones(2)}), b'{"model": {"model_family": "mamba"}, "graph": {}}',
)  # fmt: skip


@pytest.mark.slow
def test_no_reader_trips_over_inputs_found_by_coverage(tmp_path, capsys):
    """libFuzzer looks for inputs that reach new lines; it finds what random damage seldom does."""
    pytest.importorskip("atheris", reason="the extra `fuzz` is not installed")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, content in enumerate(FIRST):
        (corpus / str(number)).write_bytes(bytes([number]) + content)
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("guided.py")), str(corpus),
         f"-runs={GUIDED}", "-seed=1", "-max_len=4096", "-verbosity=1"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = len(list(corpus.iterdir())) - len(FIRST)
    assert found > 50
    with capsys.disabled():
        sys.stdout.write(f"\n{GUIDED} inputs found by coverage, {found} of them new ways\n")
