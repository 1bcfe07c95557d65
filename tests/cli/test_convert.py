"""`geomem convert`: a pickle only with --trust, and a message for everything else."""

import pytest
import torch

from geometric_memory.cli.main import main
from geometric_memory.files.tensors import write_tensors


def test_safetensors_with_published_names(tmp_path, capsys):
    write_tensors(tmp_path / "p.safetensors", {"embed_tokens.weight": torch.ones(3, 2)})
    target = tmp_path / "w.safetensors"
    assert main(["convert", str(tmp_path / "p.safetensors"), str(target)]) == 0
    assert "wrote 1 tensors" in capsys.readouterr().out
    assert target.exists()


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
