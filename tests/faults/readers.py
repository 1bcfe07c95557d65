"""Every reader of a file: what it reads when all is well, and how to call it.

A reader gets a whole folder, so that one harmed file meets others that are sound. `test_fuzz` and
`guided` give each of them files that were made to do harm; `test_every_reader_is_here` looks for
readers that are missing.
"""

import hashlib
import json
import math
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from small_models import small_config

from geometric_memory.api.geometry import geometry
from geometric_memory.cli.arguments import read_settings
from geometric_memory.config import DatasetConfig, GraphSettings, RunConfig
from geometric_memory.console import make_console
from geometric_memory.datasets.manifest import file_sha256, read_manifest
from geometric_memory.datasets.reader import read_dataset, read_table
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.explore.run_folders import RunFolders
from geometric_memory.files.lock import RunLock
from geometric_memory.files.tensors import read_tensors
from geometric_memory.files.whole import read_json, write_json
from geometric_memory.graphs.files import read_graph_file
from geometric_memory.models.build import build_model
from geometric_memory.models.pretrained import load_pretrained
from geometric_memory.models.published import convert_published, from_published
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.report.answers import read_answers
from geometric_memory.report.stored import runs_of
from geometric_memory.report.write import report, still
from geometric_memory.runs.checkpoints import CheckpointStore, find_weights, load_model, verify
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.history import history_steps, read_frames, read_history
from geometric_memory.runs.interruption import Watching
from geometric_memory.runs.measurement import evaluate_run
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.preparation import Preparation, prepare
from geometric_memory.runs.resume import change_config, find_unfinished, load_edges, locate
from geometric_memory.runs.run import Run
from geometric_memory.runs.session import Session
from geometric_memory.runs.state import read_state, restore
from geometric_memory.runs.train import run_training
from geometric_memory.settings import assemble
from geometric_memory.studies.path_runs import NUMBERS
from geometric_memory.studies.registry import CLAIMS
from geometric_memory.studies.runner import Plan, look_back, write_pages
from geometric_memory.studies.scales import laptop
from geometric_memory.sweeps.cells import cell_key, make_cells
from geometric_memory.sweeps.folder import SweepFolder, read_results, run_folders
from geometric_memory.sweeps.pieces import make_pieces
from geometric_memory.sweeps.rows import read_cells
from geometric_memory.tasks.text import text_vocabulary
from geometric_memory.tiny.recording import Progress
from geometric_memory.tiny.results import load_run as load_section
from geometric_memory.tiny.results import numbers, save_run
from geometric_memory.tiny.results import read_run as read_section
from geometric_memory.tiny.sections import section
from geometric_memory.tiny.training import shortened, train_batch, train_section
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Answers, Piece

Files = Mapping[str, bytes]
"""Content by path within the folder of a reader."""
QUIET = make_console(quiet=True)
TOKENIZER = Path(__file__).with_name("tokenizer.json")
FILE, RUN = "file", "run"


@dataclass(frozen=True)
class Reader:
    """One or several functions that read the same files."""

    files: Callable[[], Files]
    """What the folder holds when all is well."""
    read: Callable[[Path], Any]
    """Called with the folder."""
    harmed: str = "*"
    """Which of the files are harmed."""
    signed: bool = False
    """Whether the manifest of a checkpoint is made to fit the harmed file."""
    writes: bool = False
    """Whether it leaves a file, when all goes well."""
    share: float = 1.0
    """Of the inputs that a reader gets: pages take their time."""


def content_of(folder: Path) -> Files:
    """Return the content of every file in `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def made(maker: Callable[[Path], Any]) -> Callable[[], Files]:
    """Return a function that has a folder filled once, and then tells its files.

    The folder is the working one meanwhile, and paths in it are relative.
    """

    @cache
    def files() -> Files:
        before = Path.cwd()
        with TemporaryDirectory() as place:
            os.chdir(place)
            try:
                maker(Path())
            finally:
                os.chdir(before)
            return content_of(Path(place))

    return files


def one(name: str, content: bytes) -> Callable[[], Files]:
    """Return a function that tells of a single file."""
    return lambda: {name: content}


def signed(folder: Path, harmed: Path) -> None:
    """Make the manifest of a checkpoint, or the keys of a plan, fit what was harmed."""
    if harmed.name == "plan.jsonl":
        harmed.write_bytes(b"\n".join(map(keyed, harmed.read_bytes().splitlines())))
    manifest, content = harmed.parent / "manifest.json", harmed.read_bytes()
    if harmed.parent.parent.name != "checkpoints" or harmed == manifest:
        return
    told = json.loads(manifest.read_text())
    sums = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    told["files"][harmed.name] = sums
    manifest.write_text(json.dumps(told))


def keyed(row: bytes) -> bytes:
    """Return a row of a plan with the key of its settings, if it is one."""
    try:
        cell = json.loads(row)
        cell["key"] = cell_key(cell["kind"], cell["settings"])
        return json.dumps(cell).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return row


# A run of `geomem train`, with everything that one can leave; the data set lies in it too.

SETTINGS = {
    "graph_type": "star", "total_nodes": -1, "star_degree": 4, "path_length": 4,
    "training_recipe": "staged_full_path", "embedding_dimension": 16, "device": "cpu",
    "precision": "fp32",
    "edge_memorization_epochs": 3, "edge_memorization_batch_size": 5,
    "edge_memorization_eval_interval_epochs": 1, "edge_memorization_warmup_steps": 2,
    "path_finetuning_epochs": 2, "path_finetuning_batch_size": 2, "path_finetuning_warmup_steps": 2,
    "prediction_logging_multiplier": 1, "track_embedding_evolution": True,
    "track_top_k_predictions": True, "dataset_root": "data", "experiment_log_root": "logs",
    "run_name": RUN,
}  # fmt: skip
LOCK = json.dumps({"pid": 1, "host": socket.gethostname(), "start": "2020-01-01T00:00:00"}).encode()


def train(folder: Path) -> None:
    """Train a run that ends in `logs/in_weights/run`."""
    result = run_training(small_config(**SETTINGS), QUIET)
    (result.folder.resumes).write_text('{"step": 3, "changes": {}}\n')
    (result.folder.failure).write_text('{"step": 3, "stage": "edges", "rate": 0.1}\n')


run_files = made(train)


def the_run(folder: Path) -> Run:
    return Run(folder / "logs/in_weights" / RUN)


@cache
def preparation() -> Preparation:
    """Return a trainer for the run, which takes whatever state it is given."""
    before = Path.cwd()
    with TemporaryDirectory() as place:
        os.chdir(place)
        try:
            return prepare(small_config(**SETTINGS), QUIET)
        finally:
            os.chdir(before)


def restore_run(folder: Path) -> None:
    """Do what a resume does before it trains."""
    run, ready = the_run(folder), preparation()
    config = small_config(**SETTINGS)
    locate(run.path)
    change_config(run, config, frozenset())
    run.folder.read_summary()
    chosen = CheckpointStore(run.folder.checkpoints).newest(lambda warning: None)
    if chosen is None:
        return
    state = read_state(chosen)
    session = Session(config, ready, run.folder, QUIET, Watching())
    try:
        restore(ready.trainer, session.callbacks, chosen, state)
    finally:
        session.close()


def read_edges(folder: Path) -> None:
    place = str(the_run(folder).path)
    config = small_config(
        **SETTINGS | {"edge_memorization_checkpoint_path": place, "skip_edge_memorization": True}
    )
    load_edges(preparation().trainer.model, config)


def read_checkpoints(folder: Path) -> None:
    store = CheckpointStore(the_run(folder).folder.checkpoints)
    for path in store.all():
        verify(path)
    store.labelled("best")
    find_weights(the_run(folder).path)


def read_histories(folder: Path) -> None:
    for history in the_run(folder).folder.artifacts.iterdir():
        history_steps(history)
        list(read_history(history))
    frames = read_frames(the_run(folder).folder.artifacts / "embedding_evolution", [], 13)
    if frames is not None:
        list(frames.spread(5))


def read_back(path: Path) -> None:
    """Ask a run for everything."""
    for run in runs_of(path):
        asked = (
            repr(run), run.status, run.remark, run.summary, run.dataset, run.provenance,
            run.changed, run.last_step, run.chance, run.notes,
        )  # fmt: skip
        assert asked
        for series in run.metrics.values():
            assert series.last == series.at(math.inf) or series.last != series.last
        if run.frames is not None:
            list(run.frames.spread(4, rows=13))
        if run.command == "geomem train":
            read_answers(run)


def write_page(path: Path) -> None:
    report([path], path.parent / "page.html")


def write_card(path: Path) -> None:
    still([path], path.parent / "card.pdf")


def open_in_page(folder: Path) -> None:
    found = RunFolders([folder])
    for key, _ in found.listed():
        found.open(key).record()


# A stored section of `geomem tiny`, and a sweep.


def train_tiny(folder: Path) -> None:
    save_run(train_section(TINY, [7, 3]), Path())


def read_tiny_section(folder: Path) -> None:
    file = folder / "transformer-grid.safetensors"
    numbers(read_section(file))
    load_section(TINY, [7, 3], "fp32", folder)
    read_back(file)


TINY = shortened(section("transformer", "grid"), 12)


def stop_tiny(folder: Path) -> None:
    """Leave the state of a batch that was killed."""
    progress = Progress(path=Path("state.safetensors"), interval=0.0, resume=False)
    train_batch([TINY], [7, 3], progress=progress)


def go_on_with_tiny(folder: Path) -> None:
    path = folder / "state.safetensors"
    train_batch([TINY], [7, 3], progress=Progress(path=path, interval=1e9, resume=True))


PIECE = Piece(function=dict, arguments={})


def store_answers(plan: Mapping[Piece, Any]) -> None:
    for piece, answer in plan.items():
        file = Answers(Path()).place(piece) / "answer.json"
        file.parent.mkdir(parents=True)
        write_json(file, {"answer": answer, "core_seconds": 1.5})


def read_answer(folder: Path) -> None:
    list(perform([PIECE], folder))
    Answers(folder).core_seconds(PIECE)


CLAIM = CLAIMS["staged_training"]


def claim_plan(folder: Path) -> Plan:
    scale = replace(laptop(), seeds=(0, 1))
    return Plan(studies=(CLAIM,), scale=scale, results=folder)


def store_claim(folder: Path) -> None:
    plan = claim_plan(Path())
    plan.write_plan(CLAIM)
    numbers_of = {name: [2.0] for name in (*NUMBERS, "chance", "held_out")}
    curves = {name: [[[0, 1], [0.5, None]]] for name in ("accuracy", "edges_known")}
    answer = {"numbers": numbers_of | {"order": [None]}, "curves": curves}
    store_answers(dict.fromkeys(plan.every_piece([CLAIM]), answer))


def read_claim(folder: Path) -> None:
    plan = claim_plan(folder)
    found = look_back(plan, CLAIM)
    plan.write_plan(CLAIM)
    if found:
        write_pages(plan, [found], folder / "page", about=ABOUT)


ABOUT = {"scale": "laptop", "seconds": 1.0, "core_seconds": 1.0, "workers": 1,
         "machine": {"processor": "a"}}  # fmt: skip


def plan_sweep(folder: Path) -> None:
    cells = [
        *make_cells([SETTINGS_OF_SWEEP | {"seed": seed} for seed in (1, 2, 3)]),
        *make_cells([{"experiment": "transformer", "graph": "grid", "seed": 1, "steps": 5}]),
    ]
    sweep = SweepFolder(Path())
    sweep.write_plan(cells)
    told = {"error": "", "exit_code": 0, "ended": "2026-01-01T00:00:00", "host": "here",
            "seconds": 1.5}  # fmt: skip
    for cell, status in zip(cells, ("finished", "failed", "finished", "finished"), strict=True):
        run = f"runs/in_weights/{cell.key}" if cell.kind == "train" else ""
        more = {"run": run, "steps": 5, "final": {"loss": 0.5, "x": None}, "best": {"loss": 0.1}}
        sweep.write_record({"key": cell.key, "status": status} | told | more)


SETTINGS_OF_SWEEP = {
    name: value for name, value in SETTINGS.items()
    if name not in ("experiment_log_root", "run_name")
}  # fmt: skip


def read_sweep(folder: Path) -> None:
    sweep = SweepFolder(folder)
    for piece in make_pieces(sweep.read_plan()):
        sweep.answer(piece)
    run_folders(folder)
    read_results(folder)


# Weights of others.


SHAPES = {
    "gpt2": {
        "wte.weight": (30, 16), "wpe.weight": (40, 16), "ln_f.weight": (16,), "ln_f.bias": (16,),
        "h.0.ln_1.weight": (16,), "h.0.ln_1.bias": (16,), "h.0.ln_2.weight": (16,),
        "h.0.ln_2.bias": (16,), "h.0.attn.c_attn.weight": (16, 48), "h.0.attn.c_attn.bias": (48,),
        "h.0.attn.c_proj.weight": (16, 16), "h.0.attn.c_proj.bias": (16,),
        "h.0.mlp.c_fc.weight": (16, 64), "h.0.mlp.c_fc.bias": (64,),
        "h.0.mlp.c_proj.weight": (64, 16), "h.0.mlp.c_proj.bias": (16,),
    },
    "pythia": {
        "embed_in.weight": (30, 16), "embed_out.weight": (30, 16), "final_layer_norm.weight": (16,),
        "final_layer_norm.bias": (16,), "layers.0.input_layernorm.weight": (16,),
        "layers.0.input_layernorm.bias": (16,), "layers.0.post_attention_layernorm.weight": (16,),
        "layers.0.post_attention_layernorm.bias": (16,),
        "layers.0.attention.query_key_value.weight": (48, 16),
        "layers.0.attention.query_key_value.bias": (48,),
        "layers.0.attention.dense.weight": (16, 16), "layers.0.attention.dense.bias": (16,),
        "layers.0.mlp.dense_h_to_4h.weight": (64, 16),
        "layers.0.mlp.dense_h_to_4h.bias": (64,), "layers.0.mlp.dense_4h_to_h.weight": (16, 64),
        "layers.0.mlp.dense_4h_to_h.bias": (16,),
    },
}  # fmt: skip
SIZES = {
    "gpt2": {"model_type": "gpt2", "n_layer": 1, "n_embd": 16, "n_head": 2, "n_positions": 40,
             "vocab_size": 30, "n_inner": None, "activation_function": "gelu_new"},
    "pythia": {"model_type": "gpt_neox", "num_hidden_layers": 1, "hidden_size": 16,
               "num_attention_heads": 2, "max_position_embeddings": 40, "vocab_size": 30,
               "intermediate_size": 64, "hidden_act": "gelu",
               "rope_parameters": {"rope_theta": 1e4}},
}  # fmt: skip


def save_pretrained(family: str) -> Callable[[Path], None]:
    def maker(folder: Path) -> None:
        tensors = {name: torch.ones(shape) for name, shape in SHAPES[family].items()}
        (folder / "model.safetensors").write_bytes(save(tensors))
        (folder / "config.json").write_text(json.dumps(SIZES[family]))
        index = {"weight_map": dict.fromkeys(tensors, "model.safetensors")}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())

    return maker


def read_pretrained(family: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        settings = {
            "model_family": family, "pretrained": str(folder), "graph_type": "star",
            "star_degree": 4, "path_length": 4, "tokenizer": "text",
            "tie_input_output_embeddings": family == "gpt2",
        }  # fmt: skip
        config = resolve_sizes(assemble(RunConfig, settings))
        if config.model.embedding_dimension * config.model.transformer_layer_count > 1000:
            return  # a model of the size that a file asks for is no matter of its reader
        vocabulary = text_vocabulary(13, folder, 30)
        load_pretrained(build_model(config, vocabulary_size=vocabulary.size), config.model)

    return read


def save_published(folder: Path) -> None:
    layer = {
        "ln_1": (16,), "ln_2": (16,), "attn.proj": (16, 16), "mlp.swapd": (64, 16),
        "mlp.proj": (16, 64), "attn.queries_linear": (16, 16), "attn.keys_linear": (16, 16),
        "attn.values_linear": (16, 16),
    }  # fmt: skip
    state = {f"layers.0.{name}.weight": torch.ones(shape) for name, shape in layer.items()}
    state |= {f"layers.0.{name}.bias": torch.ones(shape[0]) for name, shape in layer.items()}
    state |= {"embed_tokens.weight": torch.ones(17, 16), "pos_encoding.weight": torch.ones(64, 16)}
    state |= {f"final_layernorm.{name}": torch.ones(16) for name in ("weight", "bias")}
    (folder / "w.safetensors").write_bytes(save(state))


def convert(folder: Path) -> None:
    target = folder / "out.safetensors"
    try:
        convert_published(folder / "w.safetensors", target)
    finally:
        target.unlink(missing_ok=True)


def save_ours(folder: Path) -> None:
    save_published(folder)
    ours = from_published(read_tensors(folder / "w.safetensors"))
    (folder / "w.safetensors").write_bytes(save(ours))


def convert_back(folder: Path) -> None:
    target = folder / "out.pt"
    try:
        convert_published(folder / "w.safetensors", target, back=True)
    finally:
        target.unlink(missing_ok=True)


def pickle_published(folder: Path) -> None:
    save_published(folder)
    state = read_tensors(folder / "w.safetensors")
    torch.save({"model_state_dict": state}, folder / "w.pt")
    (folder / "w.safetensors").unlink()


def convert_pickle(folder: Path) -> None:
    target = folder / "out.safetensors"
    try:
        convert_published(folder / "w.pt", target, trust=True)
    finally:
        target.unlink(missing_ok=True)


@cache
def small_model() -> torch.nn.Module:
    return build_model(small_config(), vocabulary_size=17)


# Single files.

GRAPHS = {
    "txt": b"# a graph\na b\nb c\nc d\nd a\n", "edges": b"0 1\n1 2\n2 3\n",
    "csv": b'source,target,weight\na,"b c",1\n"b c",d,2\n', "tsv": b"u\tv\na\tb\nb\tc\n",
    "json": b'{"directed": false, "multigraph": false, "graph": {}, "nodes": [{"id": 0}, {"id": 1},'
    b' {"id": 2}], "edges": [{"source": 0, "target": 1}, {"source": 1, "target": 2}]}',
    "graphml": b'<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.'
    b'graphdrawing.org/xmlns"><key id="d0" for="edge" attr.name="weight" attr.type="int"/>'
    b'<graph edgedefault="undirected"><node id="a"/><node id="b"/><edge source="a" target="b">'
    b'<data key="d0">1</data></edge></graph></graphml>',
    "gml": b'graph [ node [ id 0 label "a" ] node [ id 1 ] edge [ source 0 target 1 ] ]\n',
    "net": b'*Vertices 3\n1 "a"\n2 "b"\n3 "c"\n*Edges\n1 2\n2 3\n',
    "mtx": b"%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n",
    "adjlist": b"# hand\na b c\nb d\nc\nd\n",
}  # fmt: skip
STAR = {"graph_type": "star", "star_degree": 4, "path_length": 4, "dataset_root": "data"}


def build_star(folder: Path) -> None:
    build_dataset(assemble(DatasetConfig, STAR))


def read_star(folder: Path) -> None:
    for path in folder.rglob("*_manifest.json"):
        read_manifest(path)
    read_dataset(assemble(DatasetConfig, STAR | {"dataset_root": str(folder / "data")}))


def read_star_without_manifest(folder: Path) -> None:
    for path in folder.rglob("*_manifest.json"):
        path.unlink()
    read_dataset(assemble(DatasetConfig, STAR | {"dataset_root": str(folder / "data")}))


def map_graph(suffix: str) -> Reader:
    def read(folder: Path) -> None:
        for directed in (False, suffix not in ("json", "graphml", "gml", "net", "mtx")):
            read_graph_file(folder / f"graph.{suffix}", directed=directed)
        settings = GraphSettings(graph_type="custom", graph_file=str(folder / f"graph.{suffix}"))
        file_sha256(Path(settings.graph_file))

    return Reader(one(f"graph.{suffix}", GRAPHS[suffix]), read)


VECTORS = np.arange(12.0).reshape(4, 3) + 0.5
PATH = [("a", "b"), ("b", "c"), ("c", "d")]


def save_vectors(folder: Path) -> None:
    """Write the vectors of four nodes in every form."""
    rows = list(zip("abcd", VECTORS.tolist(), strict=True))
    np.save(folder / "rows.npy", VECTORS)
    np.savez(folder / "named.npz", names=np.array(list("abcd")), rows=VECTORS)
    (folder / "each.safetensors").write_bytes(save({n: torch.tensor(row) for n, row in rows}))
    (folder / "rows.csv").write_text("".join(f"{n},{row[0]},{row[1]}\n" for n, row in rows))
    words = "".join(f"{n} {' '.join(map(str, row))}\n" for n, row in rows)
    (folder / "words.txt").write_text(f"4 3\n{words}")


def read_files_of_vectors(folder: Path) -> None:
    for file in ("rows.npy", "named.npz", "each.safetensors", "rows.csv", "words.txt"):
        geometry(folder / file, PATH)


def take_lock(folder: Path) -> None:
    for steal in (False, True):
        with RunLock(folder / "run.lock", steal=steal):
            pass


def read_config(folder: Path) -> None:
    file = folder / "config.json"
    assemble(RunConfig, read_settings(RunConfig, file))
    RunFolder(folder).read_config()


def config_json() -> Files:
    return {"config.json": run_files()[f"logs/in_weights/{RUN}/config.json"]}


IN_RUN = f"logs/in_weights/{RUN}"
CELLS = b'cells = [{"preset": "tiny", "seed": 1}]\n'

READERS: dict[str, Reader] = {
    "data set": Reader(made(build_star), read_star),
    "data set without manifest": Reader(made(build_star), read_star_without_manifest, "*.txt"),
    "edge facts": Reader(one(FILE, b"0=1\n1=0\n"), lambda f: read_table(f / FILE, b"=\n")),
    "paths": Reader(one(FILE, b"2=0,1\n3=0,3\n"), lambda f: read_table(f / FILE, b"=,\n")),
    **{f"graph .{suffix}": map_graph(suffix) for suffix in GRAPHS},
    "vectors": Reader(made(save_vectors), read_files_of_vectors),
    "settings": Reader(config_json, read_config),
    "JSON of a run": Reader(
        one("x.json", b'{"checkpoint": "step-00000001"}'), lambda f: read_json(f / "x.json")
    ),
    "rows": Reader(
        one("x.jsonl", b'{"step": 1, "loss": null}\n{"step": 2, "loss": 0.5}\n'),
        lambda f: list(read_rows(f / "x.jsonl")),
    ),
    "lock": Reader(one("run.lock", LOCK), take_lock),
    "checkpoints": Reader(run_files, read_checkpoints, f"{IN_RUN}/checkpoints/*"),
    "state": Reader(run_files, restore_run, f"{IN_RUN}/checkpoints/*/*", signed=True),
    "histories": Reader(run_files, read_histories, f"{IN_RUN}/artifacts/*/*"),
    "run": Reader(run_files, lambda f: read_back(the_run(f).path), "logs/*"),
    "run, its weights": Reader(
        run_files, lambda f: read_back(the_run(f).path), f"{IN_RUN}/checkpoints/*/*", signed=True
    ),
    "page of a run": Reader(
        run_files, lambda f: write_page(the_run(f).path), signed=True, writes=True,
        share=0.1
    ),
    "card of a run": Reader(
        run_files, lambda f: write_card(the_run(f).path), signed=True, writes=True,
        share=0.1
    ),
    "page of a tiny section": Reader(
        made(train_tiny), lambda f: write_page(f / "transformer-grid.safetensors"), writes=True,
        share=0.1
    ),
    "run, measured": Reader(run_files, lambda f: evaluate_run(the_run(f), "final"), signed=True),
    "run, loaded": Reader(run_files, lambda f: the_run(f).network("best"), signed=True),
    "memorized edges": Reader(
        run_files, read_edges, f"{IN_RUN}/checkpoints/step-*/*", signed=True
    ),
    "run, looked for": Reader(
        run_files, lambda f: find_unfinished(small_config(**SETTINGS)), f"{IN_RUN}/*.json"
    ),
    "run, on the page": Reader(run_files, open_in_page, "logs/*"),
    "tiny section": Reader(made(train_tiny), read_tiny_section),
    "tiny section, on the page": Reader(made(train_tiny), open_in_page),
    "sweep": Reader(made(plan_sweep), read_sweep),
    "plan of a sweep": Reader(made(plan_sweep), read_sweep, "plan.jsonl", signed=True),
    "cells": Reader(one("cells.py", CELLS), lambda f: read_cells(f / "cells.py")),
    "tensors": Reader(
        one("w.safetensors", save({"a": torch.ones(2, 3), "b": torch.zeros(2).long()})),
        lambda f: read_tensors(f / "w.safetensors"),
    ),
    "weights": Reader(
        lambda: {"w.safetensors": save(small_model().state_dict())},
        lambda f: load_model(small_model(), f / "w.safetensors"),
    ),
    "published weights": Reader(made(save_published), convert),
    "weights going out": Reader(made(save_ours), convert_back),
    "published pickle": Reader(made(pickle_published), convert_pickle, share=0.02),
    "state of tiny members": Reader(made(stop_tiny), go_on_with_tiny),
    "answer of a piece": Reader(
        made(lambda folder: store_answers({PIECE: {"curve": [1.0, None]}})), read_answer
    ),
    "claim": Reader(made(store_claim), read_claim, writes=True),
    "GPT-2": Reader(made(save_pretrained("gpt2")), read_pretrained("gpt2")),
    "Pythia": Reader(made(save_pretrained("pythia")), read_pretrained("pythia")),
    "tokenizer": Reader(
        lambda: {"tokenizer.json": TOKENIZER.read_bytes()}, lambda f: text_vocabulary(13, f)
    ),
}  # fmt: skip
