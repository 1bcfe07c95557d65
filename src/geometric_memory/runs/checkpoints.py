"""Checkpoints: folders of safetensors and JSON whose manifest, written last, proves them whole.

    checkpoints/step-00001234/  model.safetensors  optimizer.safetensors  state.json  manifest.json
    checkpoints/best.json, final.json, edge_memorization_final.json: the name of one such folder

A folder is written under a temporary name, synced, and renamed; it is valid if and only if the
sizes and SHA-256 sums in its manifest hold. No pickle is written or read.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from geometric_memory.errors import CheckpointError
from geometric_memory.files.tensors import read_tensors
from geometric_memory.files.whole import (
    json_bytes,
    read_json,
    remove_folder,
    write_folder,
    write_json,
)
from geometric_memory.models.interface import SequenceModel

SCHEMA = 1
BYTES_PER_PARAMETER = 12
"""Of a checkpoint: a weight and two moments, float32."""
MODEL_FILE = "model.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
STATE_FILE = "state.json"
MANIFEST_FILE = "manifest.json"
FILES = (MODEL_FILE, OPTIMIZER_FILE, STATE_FILE)
FOLDER_NAME = re.compile(r"step-([0-9]{8,18})")


class CheckpointStore:
    """The checkpoints of one run: the last few, those labelled, and those that it `keeps`."""

    def __init__(
        self, folder: Path, *, keep: int = 3, keeps: Callable[[Path], bool] = lambda path: False
    ) -> None:
        self.folder = folder
        self.keep = keep
        self._keeps = keeps

    def save(self, step: int, contents: Callable[[], Mapping[str, bytes]], *labels: str) -> Path:
        """Save the state after `step` updates, point `labels` to it, drop what is superseded.

        Args:
            step: updates made.
            contents: makes the content of each of `FILES`; not called if the state is there.
            labels: names for this checkpoint.

        Raises:
            DiskError: if it cannot be written; earlier checkpoints are untouched.
        """
        path = self.folder / f"step-{step:08d}"
        if not is_valid(path):
            made = contents()
            write_folder(path, {**made, MANIFEST_FILE: json_bytes(_manifest(made))})
        for label in labels:
            write_json(self.folder / f"{label}.json", {"checkpoint": path.name})
        self._drop_old()
        return path

    def labels(self) -> dict[str, str]:
        """Return the name of the checkpoint folder behind every label."""
        found = {}
        for pointer in sorted(self.folder.glob("*.json")):
            content = read_json(pointer)
            name = content.get("checkpoint") if isinstance(content, dict) else None
            if not isinstance(name, str) or not FOLDER_NAME.fullmatch(name):
                raise CheckpointError(f"{pointer}: does not name a checkpoint")
            found[pointer.stem] = name
        return found

    def labelled(self, name: str) -> Path:
        """Return the checkpoint of a label, of a step (its number), or of this name.

        Raises:
            CheckpointError: if there is none; it lists those that are there.
        """
        labels = self.labels()
        folders = {path.name: path for path in self.all()}
        number = name.removeprefix("step-")
        wanted = f"step-{int(number):08d}" if re.fullmatch("[0-9]{1,18}", number) else name
        wanted = labels.get(wanted, wanted)
        if wanted not in folders:
            there = f"but {', '.join(labels)}" if labels else "nor any other name"
            steps = ", ".join(str(step_of(path)) for path in folders.values()) or "none"
            raise CheckpointError(
                f"{self.folder}: holds no checkpoint named {name} ({there}); of steps, {steps}"
            )
        return folders[wanted]

    def all(self) -> list[Path]:
        """Return every finished checkpoint folder, earliest step first."""
        found = [path for path in self.folder.glob("step-*") if FOLDER_NAME.fullmatch(path.name)]
        return sorted((path for path in found if path.is_dir()), key=step_of)

    def newest(self, warn: Callable[[str], None], *, strict: bool = False) -> Path | None:
        """Return the valid checkpoint of the highest step; `warn` hears of damaged later ones.

        Raises:
            CheckpointError: if `strict` and the last one is damaged.
        """
        for path in reversed(self.all()):
            try:
                verify(path)
            except CheckpointError as error:
                if strict:
                    raise
                warn(f"{error}; taking the checkpoint before it")
            else:
                return path
        return None

    def return_to(self, path: Path, labels: Mapping[str, str]) -> None:
        """Make `path` the last checkpoint again, with the labels of its time.

        Raises:
            DiskError: if the labels cannot be written.
        """
        there = {checkpoint.name for checkpoint in self.all()}
        kept = {label: name for label, name in labels.items() if name in there}
        for pointer in self.folder.glob("*.json"):
            if pointer.stem not in kept:
                pointer.unlink(missing_ok=True)
        for label, name in kept.items():
            write_json(self.folder / f"{label}.json", {"checkpoint": name})
        for later in reversed(self.all()):
            if step_of(later) > step_of(path):
                remove_folder(later)

    def _drop_old(self) -> None:
        # The checkpoint just saved is whole, and among those kept: a good one always remains.
        pointed = set(self.labels().values())
        for path in self.all()[: -self.keep]:
            if path.name not in pointed and not self._keeps(path):
                remove_folder(path)


def step_of(path: Path) -> int:
    """Return the number of updates in the name of a checkpoint folder."""
    return int(path.name.partition("-")[2])


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
    manifest = read_json(path / MANIFEST_FILE)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise CheckpointError(f"{path / MANIFEST_FILE}: is not the manifest of a checkpoint")
    schema = manifest.get("schema")
    if schema != SCHEMA:
        newer = isinstance(schema, int) and schema > SCHEMA
        reason = "it was written by a newer version of geometric_memory" if newer else "damaged"
        raise CheckpointError(f"{path}: schema {schema!r:.40}, this version reads 1: {reason}")
    for name in FILES:
        expected = manifest["files"].get(name)
        file = path / name
        if not file.is_file():
            raise CheckpointError(f"{file}: is missing")
        if not isinstance(expected, dict):
            raise CheckpointError(f"{path / MANIFEST_FILE}: does not list {name}")
        size = file.stat().st_size
        if size != expected.get("bytes"):
            raise CheckpointError(
                f"{file}: {expected.get('bytes')!r:.40} bytes expected, {size} found"
            )
        found = _sha256(file)
        if found != expected.get("sha256"):
            raise CheckpointError(
                f"{file}: changed: SHA-256 {expected.get('sha256')!r:.70} expected, {found} found"
            )


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read: {error.strerror}") from None


def _manifest(contents: Mapping[str, bytes]) -> dict[str, Any]:
    files = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    return {"schema": SCHEMA, "files": files}


PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".npy", ".npz")


def load_model(model: SequenceModel, source: Path, *, allow_nonfinite: bool = False) -> None:
    """Load the weights of a checkpoint folder, a run folder or a .safetensors file into `model`.

    NaN and infinity are refused unless `allow_nonfinite`.

    Raises:
        CheckpointError: if the file is damaged or does not fit; the model is then untouched.
    """
    file = find_weights(source)
    if file.name == MODEL_FILE and (file.parent / MANIFEST_FILE).is_file():
        verify(file.parent)
    tensors = read_tensors(file)
    problems = model.misfits(tensors, allow_nonfinite=allow_nonfinite)
    if any("NaN" in problem for problem in problems):
        problems.append("geomem evaluate measures such weights with --allow_nonfinite")
    if problems:
        raise CheckpointError(f"{file}: does not fit this model:\n  " + "\n  ".join(problems))
    model.load_state_dict(tensors)


def find_weights(source: Path) -> Path:
    """Return the weights file that a path given by the user stands for.

    Raises:
        CheckpointError: if there is none, or it is a pickle.
    """
    if source.suffix in PICKLES:
        raise CheckpointError(
            f"{source}: pickles are not read; convert it once: "
            f"geomem convert --trust {source.name} OUT.safetensors"
        )
    if source.is_file():
        return source
    if (source / MODEL_FILE).is_file():
        return source / MODEL_FILE
    if (source / "checkpoints").is_dir():
        store = CheckpointStore(source / "checkpoints")
        names = store.labels()
        for label in ("edge_memorization_final", "final"):
            if label in names:
                return store.labelled(label) / MODEL_FILE
    raise CheckpointError(f"{source}: no checkpoint folder, run folder or .safetensors file there")
