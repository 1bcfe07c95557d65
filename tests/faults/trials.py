"""Runs in real processes, and what two of them must have in common."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

WORKSHOP = Path(__file__).with_name("workshop.py")
TINY = [
    "train", "--preset", "tiny", "--dataset_root", "data", "--experiment_log_root", "logs",
    "--path_finetuning_epochs", "6", "--edge_memorization_epochs", "6",
    "--edge_memorization_batch_size", "10", "--path_finetuning_batch_size", "4",
    "--path_finetuning_eval_interval_epochs", "2", "--edge_memorization_eval_interval_epochs", "2",
    "--checkpoint_interval_steps", "5", "--embedding_dimension", "8", "--star_degree", "6",
    "--edge_memorization_warmup_steps", "2", "--prediction_logging_multiplier", "1",
]  # fmt: skip
CLOCK = {"seconds", "evaluation_seconds", "steps_per_second"}


@dataclass(frozen=True)
class Ended:
    """How a child ended: exit code (or minus the signal), and everything it said."""

    code: int
    said: str


class Workshop:
    """Runs command lines of `geomem` in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(WORKSHOP)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def run(self, argv, folder: Path | None = None, **more) -> Ended:
        """Run one command line, with at most one fault."""
        return self.run_all([argv], folder, **more)[0]

    def run_all(self, lines, folder: Path | None = None, record="", threads=0, **fault):
        """Run several command lines at the same time; return how each ended.

        `record` is a file for the examples that each update saw.
        """
        outputs = [self.folder / f"output-{index}.txt" for index in range(len(lines))]
        requests = [
            {"argv": [str(word) for word in line], "folder": str(folder or self.folder),
             "output": str(output), "fault": fault, "record": str(record), "threads": threads}
            for line, output in zip(lines, outputs, strict=True)
        ]  # fmt: skip
        self._process.stdin.write(json.dumps(requests) + "\n")
        self._process.stdin.flush()
        codes = json.loads(self._process.stdout.readline())
        said = [output.read_text(errors="replace") for output in outputs]
        return [Ended(code, text) for code, text in zip(codes, said, strict=True)]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


def run_folders(folder: Path) -> list[Path]:
    """The finished runs below a working folder, or the one that is not finished.

    A run that is killed after its summary was written is finished; who then asks to resume gets
    a second one.
    """
    runs = [path.parent for path in sorted(folder.glob("logs/in_weights/*/config.json"))]
    finished = [path for path in runs if (path / "summary.json").exists()]
    assert finished or len(runs) == 1, runs
    return finished or runs


def run_folder(folder: Path) -> Path:
    """The first of these."""
    return run_folders(folder)[0]


def result(run: Path) -> dict:
    """Everything that a resumed run must have in common with one of one piece."""
    final = (
        run / "checkpoints" / json.loads((run / "checkpoints/final.json").read_text())["checkpoint"]
    )
    summary = json.loads((run / "summary.json").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    labels = {path.name: path.read_text() for path in run.glob("checkpoints/*.json")}
    return {
        "model": (final / "model.safetensors").read_bytes(),
        "optimizer": (final / "optimizer.safetensors").read_bytes(),
        "rows": [{k: v for k, v in row.items() if k not in CLOCK} for row in rows],
        "predictions": (run / "predictions.jsonl").read_text(),
        "summary": {k: v for k, v in summary.items() if k not in CLOCK},
        "labels": labels,
        "histories": {path.name: history(path) for path in sorted((run / "artifacts").iterdir())},
    }


def change_checkpoint(checkpoint: Path, name: str, content: bytes) -> None:
    """Replace a file of a checkpoint and make its manifest right, as someone could by hand."""
    (checkpoint / name).write_bytes(content)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    sums = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest["files"][name] = sums
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))


def history(folder: Path) -> bytes:
    """Steps and values of a history, however it is cut into shards."""
    shards = [load_file(path) for path in sorted(folder.glob("shard-*.safetensors"))]
    steps = b"".join(shard["steps"].tobytes() for shard in shards)
    return steps + b"".join(shard["values"].tobytes() for shard in shards)


def seen(record: Path) -> dict[int, list]:
    """Stage and examples of every update by its number; what was done again counts last."""
    return {step: rest for step, *rest in map(json.loads, record.read_text().splitlines())}


def differences(left: dict, right: dict) -> list[str]:
    """Names of the parts in which two results differ."""
    return [name for name in left if left[name] != right[name]]
