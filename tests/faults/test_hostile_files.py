"""Files made to do harm: nothing in them runs, and each ends in one message."""

import json
import pickle
import struct
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file
from small_models import small_config
from trials import TINY, run_folder

from geometric_memory.cli.main import main
from geometric_memory.config import RunConfig
from geometric_memory.errors import CheckpointError, ConfigurationError
from geometric_memory.models.build import build_model
from geometric_memory.models.published import convert_published
from geometric_memory.runs.checkpoints import find_weights, load_model
from geometric_memory.settings import assemble, from_json


class Canary:
    """A pickle of this touches a file when it is opened carelessly."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def model():
    return build_model(small_config(), vocabulary_size=17)


@pytest.mark.parametrize(
    "name", ["w.pt", "w.pth", "w.pkl", "w.ckpt", "w.bin", "w.npy", "w.safetensors", "weights"]
)
def test_no_pickle_is_opened(model, tmp_path, name):
    canary = tmp_path / "canary"
    file = tmp_path / name
    if name.endswith(".npy"):
        np.save(file, np.array([Canary(canary)], dtype=object), allow_pickle=True)
    else:
        file.write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(CheckpointError, match="convert") as refusal:
        load_model(model, file)
    assert "--trust" in str(refusal.value)
    assert not canary.exists()


def test_the_converter_opens_a_pickle_only_when_told_and_runs_nothing_in_it(tmp_path):
    canary, out = tmp_path / "canary", tmp_path / "out.safetensors"
    bad = tmp_path / "bad.pt"
    torch.save({"embed_tokens.weight": Canary(canary)}, bad)
    with pytest.raises(CheckpointError, match="--trust"):
        convert_published(bad, out)
    with pytest.raises(CheckpointError, match="more than plain tensors"):
        convert_published(bad, out, trust=True)
    assert not canary.exists()
    assert not out.exists()


def hostile_tensors():
    """Files in the manner of the attacks that safetensors lists, by name."""

    def header(content, data=b""):
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        return struct.pack("<Q", len(text)) + text + data

    def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    return {
        "empty": b"",
        "short": b"\x00\x00",
        "huge header": struct.pack("<Q", 2**63) + b"{}",
        "long header": struct.pack("<Q", 2**40),
        "no json": header(b"\xff\xfe"),
        "deep": header(b"[" * 10_000),
        "overlap": header({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
        "hole": header({"a": entry(offsets=(4, 12))}, bytes(12)),
        "overflow": header({"a": entry(shape=(2**62, 2**62), offsets=(0, 8))}, bytes(8)),
        "negative": header({"a": entry(shape=(-1,), offsets=(0, 8))}, bytes(8)),
        "wrong size": header({"a": entry(shape=(3,))}, bytes(8)),
        "bad type": header({"a": entry(dtype="OBJECT")}, bytes(8)),
        "cut off": header({"a": entry()}, bytes(3)),
        "too long": header({"a": entry()}, bytes(99)),
    }


@pytest.mark.parametrize("name", hostile_tensors())
def test_hostile_safetensors_are_refused(model, tmp_path, name):
    file = tmp_path / "w.safetensors"
    file.write_bytes(hostile_tensors()[name])
    before = save(model.state_dict())
    with pytest.raises(CheckpointError, match=r"w\.safetensors"):
        load_model(model, file)
    assert save(model.state_dict()) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("final_norm.bias"), "final_norm.bias: not in the file"),
        (lambda state: state.update(extra=torch.ones(1)), "extra: not in the model"),
        (lambda state: state["final_norm.bias"].fill_(float("nan")), "NaN or infinity"),
        (lambda state: state.update({"final_norm.bias": torch.ones(3)}), r"shape \(3,\)"),
        (lambda state: state.update({"final_norm.bias": torch.ones(16).int()}), "torch.int32"),
    ],
)
def test_weights_that_do_not_fit_leave_the_model_alone(model, tmp_path, change, message):
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    change(state)
    save_file(state, tmp_path / "w.safetensors")
    before = save(model.state_dict())
    with pytest.raises(CheckpointError, match=message):
        load_model(model, tmp_path / "w.safetensors")
    assert save(model.state_dict()) == before


def test_weights_with_nan_are_measured_on_demand_alone(workshop, tmp_path):
    assert workshop.run([*TINY, "--max_steps", "1"], tmp_path).code == 0
    run = run_folder(tmp_path)
    state = load_file(run / "checkpoints/step-00000001/model.safetensors")
    next(iter(state.values())).fill_(float("nan"))
    save_file(state, tmp_path / "nan.safetensors")
    line = ["evaluate", run, "--checkpoint", tmp_path / "nan.safetensors", "--json"]
    refused = workshop.run(line, tmp_path)
    assert refused.code == 4
    assert "--allow_nonfinite" in refused.said
    allowed = workshop.run([*line, "--allow_nonfinite"], tmp_path)
    assert allowed.code == 0, allowed.said
    assert json.loads(allowed.said)["edge_memorization/loss"] is None


def test_half_precision_weights_are_welcome(model, tmp_path):
    state = {name: tensor.bfloat16() for name, tensor in model.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    load_model(model, tmp_path / "w.safetensors")
    assert model.token_embedding.weight.dtype == torch.float32


@pytest.mark.parametrize("place", ["nothing", "", "folder"])
def test_places_without_weights(tmp_path, place):
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        find_weights(tmp_path / place)


@pytest.mark.parametrize(
    "content",
    [
        {"model": {"model_family": "os.system"}},
        {"model": {"model_family": "__import__('os')"}},
        {"model": {"_target_": "subprocess.Popen"}},
        {"training": {"training_recipe": "!!python/object/apply:os.system ['id']"}},
        {"training": {"device": "{0.__class__}"}},
        {"logging": {"run_name": "../../x"}},
        {"logging": {"run_name": "a" * 300}},
        {"logging": {"run_name": "/etc/passwd"}},
        {"dataset": {"dataset_name": "..\\x"}},
        {"dataset": {"dataset_name": "näme"}},
        {"__class__": "geometric_memory.files.whole.shutil"},
        {"model": 3, "graph": None},
    ],
    ids=str,
)
def test_settings_name_no_code_and_no_place_outside(content):
    before = set(sys.modules)
    with pytest.raises(ConfigurationError):
        assemble(RunConfig, from_json(RunConfig, content, "config.json"))
    assert set(sys.modules) == before


def test_an_unknown_name_earns_the_list_of_the_known_ones():
    with pytest.raises(ConfigurationError, match="must be one of gpt, gpt2, pythia, mamba"):
        assemble(RunConfig, {"model_family": "torch.nn.Linear"})


@pytest.mark.parametrize(
    "content", ["{", "[1]", "[" * 100_000, '{"seed": ' + "1" * 9999 + "}", "\xff"]
)
def test_a_config_file_that_is_none(tmp_path, capsys, content):
    file = tmp_path / "config.json"
    file.write_text(content, encoding="latin-1")
    assert main(["train", "--config", str(file)]) == 2
    said = capsys.readouterr().err
    assert "config.json" in said
    assert "Traceback" not in said
