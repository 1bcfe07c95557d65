"""The engine of a Ray cluster: every job a task, its state in the folder of the sweep.

Ray starts tasks again when a machine is lost; they then go on from their last checkpoint. The
folder of the sweep and this package must be there, under the same path, on every machine.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geometric_memory.errors import ConfigurationError, Interrupted
from geometric_memory.extras import load
from geometric_memory.runs.interruption import Interruption
from geometric_memory.sweeps.engine import Engine, Report, Say
from geometric_memory.sweeps.folder import SweepFolder
from geometric_memory.sweeps.jobs import Job, Outcome, execute, fail
from geometric_memory.sweeps.memory import shape_of
from geometric_memory.sweeps.worker import THREAD_VARIABLES, measured

GLANCE = 0.5
RETRIES = 3


def run_on_ray(
    folder: SweepFolder, jobs: Sequence[Job], engine: Engine, report: Report, say: Say,
    interruption: Interruption,
) -> None:  # fmt: skip
    """Run jobs on the cluster at `engine.address`, or on one of this machine alone.

    Raises:
        ConfigurationError: if Ray is missing, or there is no such cluster.
    """
    ray = _connect(engine)
    here = str(Path.cwd())
    run = ray.remote(num_cpus=1, num_gpus=engine.gpus, max_retries=RETRIES)(_run)
    measure = ray.remote(num_cpus=1, num_gpus=engine.gpus, max_retries=RETRIES)(_measure)
    place = folder.path.resolve()
    try:
        shapes = {shape_of(job.cells[0]): job.cells[0] for job in jobs}
        needs = ray.get([measure.remote(place, cell, here) for cell in shapes.values()])
        # A cell that fits nowhere gets a whole machine: its task would wait forever.
        largest = max(int(node["Resources"].get("memory", 0)) for node in ray.nodes())
        memory = {shape: min(need, largest) for shape, need in zip(shapes, needs, strict=True)}
        waiting = {}
        for job in jobs:
            need = memory[shape_of(job.cells[0])]
            waiting[run.options(memory=need or None).remote(place, job, here)] = job
        _collect(ray, waiting, folder, report, interruption)
    finally:
        ray.shutdown()


def _connect(engine: Engine) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = load("ray", "--engine ray")
    variables = {name: "1" for name in THREAD_VARIABLES}
    options: dict[str, Any] = {"address": engine.address}
    if not engine.address:
        options = {"num_cpus": engine.workers, "include_dashboard": False}
    try:
        ray.init(
            **options, log_to_driver=False, logging_level=logging.ERROR,
            runtime_env={"env_vars": variables},
        )  # fmt: skip
    except ConnectionError as error:
        raise ConfigurationError([f"--address {engine.address}: {error}"]) from None
    return ray


def _collect(
    ray: Any, waiting: dict[Any, Job], folder: SweepFolder, report: Report,
    interruption: Interruption,
) -> None:  # fmt: skip
    stopped = False
    while waiting:
        if interruption.name and not stopped:
            stopped = True
            for task in waiting:
                ray.cancel(task)  # a signal in the task, which saves a checkpoint
        ready, _ = ray.wait(list(waiting), num_returns=1, timeout=GLANCE)
        for task in ready:
            job = waiting.pop(task)
            try:
                outcomes = ray.get(task)
            except ray.exceptions.RayError as error:
                outcomes = _lost(folder, job, error, stopped=stopped)
            for outcome in outcomes:
                report(outcome)


def _lost(folder: SweepFolder, job: Job, error: Exception, *, stopped: bool) -> list[Outcome]:
    if stopped:
        return [Outcome(key=cell.key, status="interrupted") for cell in job.cells]
    missing = [cell for cell in job.cells if not folder.is_finished(cell.key)]
    folder.logs.mkdir(parents=True, exist_ok=True)
    return [fail(folder, cell, error) for cell in missing]


def _run(folder: Path, job: Job, here: str) -> list[Outcome]:
    os.chdir(here)
    try:
        return execute(SweepFolder(folder), job)
    except Interrupted:
        return [Outcome(key=cell.key, status="interrupted") for cell in job.cells]


def _measure(folder: Path, cell: Any, here: str) -> int:
    os.chdir(here)
    return measured(SweepFolder(folder), cell).get("cpu", 0)
