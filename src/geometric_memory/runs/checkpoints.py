"""Checkpoints: folders of safetensors and JSON whose manifest, written last, proves them whole.

    checkpoints/step-00001234/  model.safetensors  optimizer.safetensors  state.json  manifest.json
    checkpoints/best.json, final.json, edge_memorization_final.json: the name of one such folder

A folder is written under a temporary name, synced, and renamed; it is valid if and only if the
sizes and SHA-256 sums in its manifest hold. No pickle is written or read.
"""

import hashlib
import shutil
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from geometric_memory.errors import CheckpointError
from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.files import (
    disk_error,
    read_json,
    read_tensors,
    sync,
    write_json,
    write_tensors,
)
from geometric_memory.training.trainer import Trainer

SCHEMA = 1
MODEL_FILE = "model.safetensors"
FILES = (MODEL_FILE, "optimizer.safetensors", "state.json")


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, *, keep: int = 3) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, trainer: Trainer, *labels: str) -> Path:
        """Save the present state, point `labels` to it, and drop what is no longer needed.

        Raises:
            DiskError: if it cannot be written; earlier checkpoints are untouched.
        """
        path = self.folder / f"step-{trainer.position.step:08d}"
        if not is_valid(path):
            self._write(path, trainer)
        for label in labels:
            write_json(self.folder / f"{label}.json", {"checkpoint": path.name})
        self._drop_old()
        return path

    def labelled(self, label: str) -> Path:
        """Return the checkpoint that `label` points to.

        Raises:
            CheckpointError: if there is none.
        """
        pointer = self.folder / f"{label}.json"
        if not pointer.is_file():
            raise CheckpointError(f"{self.folder}: holds no checkpoint named {label}")
        name = read_json(pointer).get("checkpoint", "")
        return self.folder / Path(str(name)).name

    def all(self) -> list[Path]:
        """Return every finished checkpoint folder, oldest step first."""
        return sorted(path for path in self.folder.glob("step-*") if path.is_dir())

    def _write(self, path: Path, trainer: Trainer) -> None:
        temporary = self.folder / f".tmp-{uuid.uuid4().hex}"
        try:
            temporary.mkdir()
            write_tensors(temporary / MODEL_FILE, model_tensors(trainer.model))
            write_tensors(temporary / "optimizer.safetensors", _optimizer_tensors(trainer))
            write_json(temporary / "state.json", {"position": asdict(trainer.position)})
            write_json(temporary / "manifest.json", _manifest(temporary))
            if path.exists():
                shutil.rmtree(path)
            temporary.rename(path)
            sync(self.folder)
        except OSError as error:
            raise disk_error(path, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _drop_old(self) -> None:
        pointed = {self.labelled(pointer.stem) for pointer in self.folder.glob("*.json")}
        for path in self.all()[: -self.keep]:
            if path not in pointed:
                shutil.rmtree(path, ignore_errors=True)


def is_valid(path: Path) -> bool:
    """Whether the checkpoint folder `path` is whole."""
    try:
        verify(path)
    except CheckpointError:
        return False
    return True


def verify(path: Path) -> None:
    """Check a checkpoint folder against its manifest.

    Raises:
        CheckpointError: naming the file that is missing or differs, expected and found.
    """
    manifest = read_json(path / "manifest.json")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise CheckpointError(f"{path / 'manifest.json'}: is not the manifest of a checkpoint")
    if manifest.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{path}: has schema {manifest.get('schema')!r}, this version reads {SCHEMA}; "
            "it was written by a newer version of geometric_memory"
        )
    for name in FILES:
        expected = manifest["files"].get(name)
        file = path / name
        if not file.is_file():
            raise CheckpointError(f"{file}: is missing")
        found = _fingerprint(file)
        if found != expected:
            raise CheckpointError(f"{file}: is damaged: expected {expected}, found {found}")


def load_model(model: SequenceModel, source: Path) -> None:
    """Load the weights of a checkpoint folder, a run folder or a .safetensors file into `model`.

    Raises:
        CheckpointError: if the file is damaged or does not fit; the model is then untouched.
    """
    file = find_weights(source)
    if file.name == MODEL_FILE and (file.parent / "manifest.json").is_file():
        verify(file.parent)
    tensors = read_tensors(file)
    expected = model.state_dict()
    problems = [f"{name}: not in the file" for name in expected if name not in tensors]
    problems += [f"{name}: not in the model" for name in tensors if name not in expected]
    problems += [
        f"{name}: shape {tuple(tensors[name].shape)} in the file, "
        f"{tuple(expected[name].shape)} in the model"
        for name in expected
        if name in tensors and tensors[name].shape != expected[name].shape
    ]
    problems += [f"{name}: holds NaN or infinity" for name, t in tensors.items()
                 if t.is_floating_point() and not bool(t.isfinite().all())]  # fmt: skip
    if problems:
        raise CheckpointError(f"{file}: does not fit this model:\n  " + "\n  ".join(problems))
    model.load_state_dict(tensors)


def find_weights(source: Path) -> Path:
    """Return the weights file that a path given by the user stands for.

    Raises:
        CheckpointError: if there is none, or it is a pickle.
    """
    if source.suffix in (".pt", ".pth", ".pkl", ".ckpt", ".bin"):
        raise CheckpointError(
            f"{source}: pickles are not read; convert it once: geomem convert {source.name} OUT"
        )
    if source.is_file():
        return source
    if (source / MODEL_FILE).is_file():
        return source / MODEL_FILE
    if (source / "checkpoints").is_dir():
        store = CheckpointStore(source / "checkpoints")
        for label in ("edge_memorization_final", "final"):
            if (store.folder / f"{label}.json").is_file():
                return store.labelled(label) / MODEL_FILE
    raise CheckpointError(f"{source}: no checkpoint folder, run folder or .safetensors file there")


def model_tensors(model: SequenceModel) -> dict[str, torch.Tensor]:
    """Return the weights of `model` on the CPU, each stored once."""
    return {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}


def _optimizer_tensors(trainer: Trainer) -> dict[str, torch.Tensor]:
    state = trainer.optimizer.state_dict()["state"]
    tensors = {
        f"{index}.{name}": value.cpu()
        for index, values in state.items()
        for name, value in values.items()
    }
    return tensors | {"totals": trainer.totals.sums.cpu()}


def _manifest(folder: Path) -> dict[str, Any]:
    return {"schema": SCHEMA, "files": {name: _fingerprint(folder / name) for name in FILES}}


def _fingerprint(file: Path) -> dict[str, Any]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}
