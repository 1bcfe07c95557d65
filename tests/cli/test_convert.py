"""`geomem convert`: a pickle only with --trust, and a message for everything else."""

import pickle
import re

import numpy as np
import pytest
import torch

from geometric_memory.cli.main import main
from geometric_memory.files.tensors import read_tensors, write_tensors


def test_safetensors_with_published_names(tmp_path, capsys):
    write_tensors(tmp_path / "p.safetensors", {"embed_tokens.weight": torch.ones(3, 2)})
    target = tmp_path / "w.safetensors"
    assert main(["convert", str(tmp_path / "p.safetensors"), str(target)]) == 0
    assert "wrote 1 tensors" in capsys.readouterr().out
    assert target.exists()


WEIGHTS = {"embed_tokens.weight": torch.ones(3, 2), "final_layernorm.weight": torch.ones(2)}


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_names_of_wrapped_models_are_read(tmp_path, prefix):
    torch.save({prefix + name: value for name, value in WEIGHTS.items()}, tmp_path / "w.pt")
    target = tmp_path / "w.safetensors"
    assert main(["convert", str(tmp_path / "w.pt"), str(target), "--trust"]) == 0
    assert set(read_tensors(target)) == {"token_embedding.weight", "final_norm.weight"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WEIGHTS | {"module.final_layernorm.weight": torch.ones(2)}, "a weight is there with and"),
        (WEIGHTS | {"embed_tokens.weight": torch.tensor([[1, np.nan]])}, "NaN or infinity in emb"),
        ({"model": WEIGHTS, "loss": np.float64(0.5)}, r"more than plain tensors, numpy\S+scalar f"),
        ({"model": WEIGHTS | {"epoch": 3}}, "is no state dict: expected names and dense tensors"),
        ({"embed_tokens.weight": torch.ones(2, 2).to_sparse()}, "names and dense tensors"),
        (pickle.dumps({"step": 3}), "holds no weights: it is another pickle, neither of torch.sav"),
        (b"source,target\na,b\n", "holds no weights: it is another kind of file, neither of torch"),
        (b"", "holds no weights: it is another kind of file"),
        (b"PK\x03\x04 cut", "the file is cut off or damaged"),
    ],
)  # fmt: skip
def test_what_is_no_plain_state_dict_is_named_in_one_sentence(tmp_path, capfd, content, message):
    source, target = tmp_path / "w.pt", tmp_path / "w.safetensors"
    if isinstance(content, bytes):
        source.write_bytes(content)
    else:
        torch.save(content, source)
    assert main(["convert", str(source), str(target), "--trust"]) == 4
    told = capfd.readouterr().err
    assert re.search(f"^error: {re.escape(str(source))}: .*{message}", told)
    assert told.count("\n") == 1
    assert not target.exists()
    if isinstance(content, bytes):  # not worth trusting
        assert main(["convert", str(source), str(target)]) == 4
        assert "--trust" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.pt", "no such file"), ("bad.safetensors", "not a safetensors"), ("w.pt", "--trust")],
)
def test_refusals(tmp_path, capsys, name, message):
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    torch.save({}, tmp_path / "w.pt")
    assert main(["convert", str(tmp_path / name), str(tmp_path / "out.safetensors")]) == 4
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()
