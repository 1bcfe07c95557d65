"""Memory that runs out ends in one message, and memory that need not grow does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from trials import TINY, differences, result, run_folder

from geometric_memory.runs.checkpoints import CheckpointStore

LARGE = [
    *TINY, "--star_degree", "900", "--path_finetuning_batch_size", "4096",
    "--edge_memorization_batch_size", "4096", "--embedding_dimension", "128",
    "--checkpoint_interval_steps", "1", "--precision", "fp32",
]  # fmt: skip


@pytest.fixture(scope="module")
def reference(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert workshop.run(TINY, folder).code == 0
    return result(run_folder(folder))


@pytest.mark.parametrize(("moment", "what"), [("mid_epoch", "in step"), ("mid_eval", "evaluation")])
def test_an_accelerator_without_memory(workshop, reference, tmp_path, moment, what):
    fault = {"moment": moment, "occurrence": 2, "deed": "out_of_memory"}
    ended = workshop.run([*TINY, "--checkpoint_interval_steps", "1"], tmp_path, **fault)
    assert ended.code == 7, ended.said
    assert "Traceback" not in ended.said
    assert "out of memory" in ended.said
    assert what in ended.said
    assert "20.00 GiB" not in ended.said
    run = run_folder(tmp_path)
    resumed = workshop.run(["train", "--resume", run, "--checkpoint_interval_steps", "5"], tmp_path)
    assert resumed.code == 0, resumed.said
    assert differences(reference, result(run)) in ([], ["labels"])


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_limit_of_the_system(workshop, tmp_path):
    """A step soon meets a real limit; the message names a smaller batch."""
    fault = {"moment": "mid_epoch", "occurrence": 1, "deed": "little_memory", "bytes": 3_000_000}
    ended = workshop.run(LARGE, tmp_path, **fault)
    assert ended.code == 7, ended.said
    assert "Traceback" not in ended.said
    words = ended.said.split("try --path_finetuning_batch_size ")[1].split(".")[0]
    assert 1 <= int(words) < 900
    failing = int(ended.said.split("out of memory in step ")[1].split()[0])
    newest = CheckpointStore(run_folder(tmp_path) / "checkpoints").newest(pytest.fail)
    assert newest.name == f"step-{failing - 1:08d}"


MEASURED = """
import json, resource, sys
import torch
from geometric_memory.runs import history

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

torch.set_num_threads(1)
history.SHARD_BYTES = 8 * 2**20
value = torch.randn(2**19)
writer = history.HistoryWriter(__import__("pathlib").Path(sys.argv[1]))
peaks = []
for step in range(60):
    writer.append(step, value)
    peaks.append(peak())
writer.flush()
print(json.dumps(peaks))
"""

EVALUATED = """
import json, resource, sys
import numpy as np
import torch
from geometric_memory.config import RunConfig, TaskSettings
from geometric_memory.models.build import build_model
from geometric_memory.settings import assemble
from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths
from geometric_memory.training.precision import Arithmetic

torch.set_num_threads(1)
nodes, rows = 100_000, int(sys.argv[1])
vocabulary, task = Vocabulary(nodes), TaskSettings()
config = assemble(RunConfig, {
    "graph_type": "star", "star_degree": 4, "path_length": 4, "embedding_dimension": 8,
    "attention_head_count": 1, "transformer_layer_count": 1,
})
model = build_model(config, vocabulary_size=vocabulary.size)
numbers = np.arange(rows)
paths = np.stack([numbers, numbers + 1, numbers + 2], axis=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
arithmetic = Arithmetic(device=torch.device("cpu"), matrix_type=torch.float32)
examples = path_examples(paths, vocabulary, task, full_path=False, include_start_node=False)
evaluate_paths(model, examples, arithmetic)
evaluate_edges(model, edge_examples(paths[:, :2], vocabulary, task), arithmetic)
print(json.dumps((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))
"""


def measured(code, *arguments):
    answer = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(answer.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="sizes of Linux")
def test_a_history_of_any_length_takes_the_memory_of_one_shard(tmp_path):
    """120 MiB go to the disk; after the first shards the process grows no more."""
    peaks = measured(MEASURED, tmp_path / "history")
    assert len(list(Path(tmp_path / "history").iterdir())) == 15
    assert peaks[-1] < 1.02 * peaks[11]


@pytest.mark.skipif(sys.platform != "linux", reason="sizes of Linux")
def test_an_evaluation_of_a_hundred_thousand_nodes_stays_in_its_memory():
    """1,000 rows of 100,000 logits are 400 MB at once; they come in parts."""
    assert measured(EVALUATED, 1_000) < 250


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="sizes of Linux")
def test_an_evaluation_of_very_many_rows_stays_in_its_memory():
    """20,000 rows of 100,000 logits would be 8 GB."""
    assert measured(EVALUATED, 20_000) < 250
