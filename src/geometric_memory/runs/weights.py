"""Weights from files into a model: found, checked, and loaded whole or not at all."""

from pathlib import Path

from geometric_memory.errors import CheckpointError
from geometric_memory.files.tensors import read_tensors
from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.checkpoints import MANIFEST_FILE, MODEL_FILE, CheckpointStore, verify

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".npy", ".npz")

MOST_PROBLEMS = 40
"""That a message lists."""


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
    if len(problems) > MOST_PROBLEMS:
        problems = [*problems[:MOST_PROBLEMS], f"and {len(problems) - MOST_PROBLEMS} more"]
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
