"""Hostile files into every reader: one message, an exit code of the documentation, nothing left.

`readers` lists the readers, `harm` makes the files, `fuzz` gives the one to the other.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import fuzz
import pytest
import torch
from fuzz import Place, attempts, outcome
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from readers import IN_RUN, READERS, signed
from safetensors import safe_open
from safetensors.torch import load, save
from small_models import small_config

import geometric_memory
from geometric_memory.config import RunConfig
from geometric_memory.errors import ConfigurationError, GeometricMemoryError
from geometric_memory.settings import assemble, flatten, settings_of

QUICK, SLOW, GUIDED = 15, 20_000, 30_000
PACKAGE = Path(geometric_memory.__file__).parent
QUICK_READERS = [name for name, reader in READERS.items() if reader.share == 1]
WORDS = ("read_", "load_", "stored_")
"""How functions are called that read a file."""
NOT_OF_FILES = {"load_state_dict", "open_run", "read_result"}


@pytest.mark.parametrize("name", QUICK_READERS)
def test_no_reader_trips(name, tmp_path):
    reader = READERS[name]
    Place(tmp_path, reader.files())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        reader.read(tmp_path)  # sound files first
    for failure in attempts(name, reader, range(QUICK), tmp_path):
        assert failure is None, failure


@pytest.mark.slow
def test_no_reader_trips_over_twenty_thousand_files(capsys):
    command = [sys.executable, fuzz.__file__, str(SLOW), "--seed", "1000000"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    with capsys.disabled():
        sys.stdout.write(f"\n{ended.stdout}")
    assert ended.returncode == 0, ended.stderr[-3000:]


def as_float8(content):
    return save({name: tensor.to(torch.float8_e4m3fn) for name, tensor in load(content).items()})


def flat(content):
    return save({name: tensor.reshape(-1) for name, tensor in load(content).items()})


def before_the_first_step(content):
    with TemporaryDirectory() as place:
        file = Path(place, "x")
        file.write_bytes(content)
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata()
    tensors = load(content)
    return save(tensors | {"snapshot_steps": tensors["snapshot_steps"] - 1}, metadata=metadata)


CHECKPOINT = f"{IN_RUN}/checkpoints/step-00000019"
ONCE = [
    ("graph .csv", "graph.csv", lambda _: b"9" * 5000 + b",3\n1,2\n2,3\n3,1\n"),
    ("graph .net", "graph.net", lambda good: good + b"*" + b"a" * 9000),
    ("graph .net", "graph.net", lambda _: b"*Vertices 99999999\n*Edges\n1 2\n"),
    ("graph .mtx", "graph.mtx", lambda good: good.replace(b"3 3 2", b"999999999 999999999 2")),
    ("graph .mtx", "graph.mtx", lambda good: good.replace(b"3 3 2", b"3 3 999999999999")),
    ("GPT-2", "config.json", lambda good: re.sub(rb'(n_layer": ?)[0-9]+', rb"\g<1>60", good)),
    ("state", f"{CHECKPOINT}/optimizer.safetensors", as_float8),
    ("run, its weights", f"{CHECKPOINT}/model.safetensors", flat),
    ("tiny section", "transformer-grid.safetensors", before_the_first_step),
    ("tokenizer", "tokenizer.json", lambda good: good.replace(
        b'"continuing_subword_prefix": null', b'"continuing_subword_prefix": "longer"')),
    ("run, measured", f"{IN_RUN}/config.json", lambda good: re.sub(
        rb'"transformer_layer_count": *1\b', b'"transformer_layer_count": 99', good)),
]  # fmt: skip
"""What random harm once found: reader, file, and what the file became."""


@pytest.mark.parametrize(("name", "file", "change"), ONCE)
def test_what_once_tripped_a_reader(name, file, change, tmp_path, monkeypatch):
    reader = READERS[name]
    place = Place(tmp_path, reader.files())
    monkeypatch.chdir(tmp_path)
    harmed = change(place.files[file])
    assert harmed != place.files[file]
    Path(file).write_bytes(harmed)
    if reader.signed:
        signed(tmp_path, Path(file))
    refused, error = outcome(reader, tmp_path)
    assert (refused, error) == (name != "graph .csv", "")


def test_every_reader_is_here(tmp_path):
    """Whoever writes a reader of a file puts it into `readers`."""
    called: set[tuple[str, str]] = set()

    def note(frame, event, _):
        if event == "call":
            called.add((frame.f_code.co_filename, frame.f_code.co_name))

    for name in QUICK_READERS:
        folder = tmp_path / name
        Place(folder, READERS[name].files())
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            sys.setprofile(note)
            try:
                READERS[name].read(folder)
            finally:
                sys.setprofile(None)
    written = {
        (str(file), node.name)
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith(WORDS)
        and node.name not in NOT_OF_FILES
    }
    assert written - called == set()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["star", "mamba", "-1", "1e999", "nan", "../x", "0", "true", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
typed = st.dictionaries(
    st.sampled_from(sorted(settings_of(RunConfig))) | st.text(max_size=10), values, max_size=6
)


@settings(
    max_examples=150, database=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(typed, st.booleans())
def test_settings_are_refused_in_words(given_values, as_text):
    asked = flatten(small_config())
    given_values = {k: str(v) for k, v in given_values.items()} if as_text else given_values
    try:
        assemble(RunConfig, asked | given_values)
    except GeometricMemoryError as error:
        assert str(error).strip()


def test_a_number_that_python_cannot_write_is_refused_in_words():
    for name in ("max_steps", "path_finetuning_learning_rate", "run_name", "compile"):
        for value in (10**5000, [10**5000]):
            with pytest.raises(ConfigurationError, match=f"--{name} of thousands of digits"):
                assemble(RunConfig, {name: value}, typed=False)


@pytest.mark.slow
def test_no_reader_trips_over_inputs_found_by_coverage(tmp_path, capsys):
    """libFuzzer looks for inputs that reach new lines; it finds what random damage seldom does."""
    pytest.importorskip("atheris", reason="the extra `fuzz` is not installed")
    corpus = tmp_path / "corpus"
    guided = [sys.executable, str(Path(fuzz.__file__).with_name("guided.py"))]
    subprocess.run([*guided, "--begin", str(corpus)], check=True)
    first = len(list(corpus.iterdir()))
    ended = subprocess.run(
        [*guided, str(corpus), f"-runs={GUIDED}", "-seed=1", "-max_len=4096", "-verbosity=1"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = len(list(corpus.iterdir())) - first
    assert found > 50
    with capsys.disabled():
        sys.stdout.write(f"\n{GUIDED} inputs found by coverage, {found} of them new ways\n")
