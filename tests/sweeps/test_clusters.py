"""The same sweep by other engines: two nodes of Ray on loopback, an array of submitit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_sweeps import results, start

from geometric_memory.errors import ConfigurationError
from geometric_memory.sweeps.folder import read_results
from geometric_memory.work.slurm import Slurm

WORDS = [
    "--preset", "tiny", "--device", "cpu", "--path_finetuning_epochs", "20",
    "--path_finetuning_eval_interval_epochs", "20", "--checkpoint_interval_steps", "20",
    "--grid", "seed=0-9", "--grid", "path_finetuning_learning_rate=0.01,1e38",
    "--path_finetuning_warmup_steps", "0",
]  # fmt: skip
"""Twenty cells, of which ten fail."""
NODES = """
import json, sys
from ray.cluster_utils import Cluster

options = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 10**8}
cluster = Cluster(initialize_head=True, head_node_args=options)
cluster.add_node(num_cpus=1, object_store_memory=10**8)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture
def cluster():
    """The address of a Ray cluster of two nodes on this machine."""
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", NODES], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("")


@pytest.fixture
def alone(tmp_path) -> Path:
    """The sweep run by the processes of this machine."""
    folder = tmp_path / "alone"
    assert start(*WORDS, "--folder", str(folder), cwd=tmp_path).wait(300) == 1
    return folder


@pytest.mark.slow
def test_two_nodes_of_ray_give_the_table_of_one_machine(tmp_path, alone, cluster):
    folder = tmp_path / "ray"
    words = ["--folder", str(folder), "--engine", "ray", "--address", cluster]
    assert start(*WORDS, *words, cwd=tmp_path).wait(300) == 1
    assert results(folder).equals(results(alone))
    hosts = read_results(folder)["host"].to_pylist()
    assert len(set(hosts)) == 2, hosts


@pytest.mark.slow
@pytest.mark.parametrize("cluster_name", ["local", "debug"])
def test_an_array_of_submitit_gives_the_table_of_one_machine(tmp_path, alone, cluster_name):
    folder = tmp_path / "array"
    words = ["--folder", str(folder), "--engine", "slurm", "--shards", "2", "--workers", "1"]
    code = start(*WORDS, *words, "--slurm", f"cluster={cluster_name}", cwd=tmp_path).wait(300)
    assert code == 1
    assert results(folder).equals(results(alone))
    # The debugging executor runs the jobs where it stands and stores no results.
    stored = 2 if cluster_name == "local" else 0
    assert len(list((folder / "slurm").glob("*_result.pkl"))) == stored


@pytest.fixture
def scheduler(tmp_path, monkeypatch) -> Path:
    """A folder of commands that stand for Slurm's; `sbatch` keeps the file it was given."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "srun").write_text("#!/bin/sh\nexit 0\n")
    (commands / "sbatch").write_text(
        f'#!/bin/sh\ncp "$1" {tmp_path}/batch.sh\necho Submitted batch job 1234\n'
    )
    for command in commands.iterdir():
        command.chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    return tmp_path


def test_the_batch_file_asks_slurm_for_one_array_of_shards(scheduler):
    asked = {"partition": "cpu", "time": "90", "mem_gb": "8", "array_parallelism": "3"}
    executor = Slurm(folder=scheduler / "slurm", workers=4, shards=5, asked=asked).executor()
    with executor.batch():
        for index in range(5):
            executor.submit(len, str(index))
    lines = (scheduler / "batch.sh").read_text().splitlines()
    for line in ("--array=0-4%3", "--cpus-per-task=4", "--partition=cpu", "--time=90",
                 "--mem=8GB", "--job-name=geomem-sweep", "--signal=USR2@90"):  # fmt: skip
        assert f"#SBATCH {line}" in lines, lines


def test_what_slurm_cannot_be_asked_for_is_told(scheduler):
    for asked, message in (({"partitio": "cpu"}, "partitio"), ({"cluster": "x"}, "one of slurm")):
        with pytest.raises(ConfigurationError, match=message):
            Slurm(folder=scheduler / "slurm", asked=asked).executor()


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="srun"):
        Slurm(folder=tmp_path / "slurm").executor()
