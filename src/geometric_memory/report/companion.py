"""The companion: the story of the paper on one page, told by trainings that anyone can repeat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.errors import DataError
from geometric_memory.figures.colors import PALETTE, SPARE
from geometric_memory.figures.colors import PARTS as COLORS
from geometric_memory.figures.page import Block, Page, Section, Table, percent
from geometric_memory.figures.picture import Chart, Level, Line, Picture, Space
from geometric_memory.report.curves import ACCURACY
from geometric_memory.report.embedding import graph_picture, space_picture
from geometric_memory.report.stored import runs_below
from geometric_memory.report.view import MOST_NODES, RECOVERY, View, course_of, view_of
from geometric_memory.runs.resume import changes
from geometric_memory.runs.run import Run
from geometric_memory.runs.train import train
from geometric_memory.settings import assemble
from geometric_memory.tiny.laboratory import train_or_load
from geometric_memory.tiny.section_source import section_runs
from geometric_memory.tiny.sections import GRAPHS, section

FRAMES, PAPER_FRAMES = 60, 32
SEED = 1
"""Of the trainings that are not tiny: those of a published seed are."""
ASKED = 6
"""Leaves whose answers stand in a table."""
STAR = "demo_gpt2"
FROZEN = {"freeze_token_embeddings": True, "path_finetuning_learning_rate": 0.01,
          "path_finetuning_epochs": 240}  # fmt: skip
"""What it takes to know the facts of that star with embeddings at random (`geomem reproduce`)."""
MOVABLE = {"dataset_root", "experiment_log_root", "precision"}
"""Settings in which a finished training may differ from what is asked: where it lies, and the
precision that its start settled."""
HARD_TOKEN = "test_forced/hard_token"
MODELS = {
    "mamba": "Mamba, a recurrent model, without self edges:",
    "neural_network_self_edges": "A linear net: an embedding, one matrix, the embedding again:",
    "node2vec_self_edges": "Node2Vec, which has nothing but embeddings:",
    "associative_fast_self_edges": "The linear net with its embeddings frozen, for comparison:",
}
"""Beside the Transformer, which the story is told with."""
VERDICTS = {"map": "a map", "folded": "a folded map", "clusters": "clusters", "none": "no map",
            "local": "near nodes alone are in order", "depth": "depth alone is in order",
            "undecided": "undecided"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The runs of the story, each made when it is first asked for and kept in `folder`."""

    folder: Path
    most_steps: int = 0
    """Updates after which a training stops; 0 is no limit."""

    def tiny(self, experiment: str, graph: str, seed: int = 7) -> Run:
        """Return a run of `geomem tiny`."""
        wanted, folder = section(experiment, graph), self.folder / "tiny"
        train_or_load(wanted, [seed], folder, steps=self.most_steps or None)
        return section_runs(folder / wanted.name)[0]

    def large(self, preset: str, **settings: Any) -> Run:
        """Return a run of `geomem train`, with the embeddings along it where it has a graph."""
        name = "-".join([preset, *settings, *[str(self.most_steps)] * bool(self.most_steps)])
        place = self.folder / name
        tracked = "context" not in preset
        given = {
            **PRESETS[preset].settings, **settings, "seed": SEED,
            "max_steps": self.most_steps, "track_embedding_evolution": tracked,
            "tracking_schedule": "log", "dataset_root": str(self.folder / "datasets"),
            "experiment_log_root": str(place),
        }  # fmt: skip
        config = assemble(RunConfig, given, typed=False)
        for stored in map(Run, runs_below(place)):
            if stored.summary and changes(stored.config, config).keys() <= MOVABLE:
                return stored
        return train(config, resume="auto")


def companion_page(trainings: Trainings, parts: Sequence[str] = ()) -> Page:
    """Return the page with the `parts` named, of PARTS; all of them by default."""
    return Page(
        title="How a model comes to draw a map",
        subtitle="A companion to “Deep sequence models tend to memorize geometrically”",
        intro="Ten minutes, with the trainings themselves: press play under a picture, drag it, "
        "point at a node. Every movie is the recorded embedding of one run; nothing is drawn "
        "by hand.",
        sections=[*[_own_names(PARTS[part](trainings)) for part in parts or PARTS], _further()],
        maker="geomem companion",
        linked=False,
    )


def _own_names(section: Section) -> Section:
    """Return the section with names of pictures that no other has: a run is shown in several."""
    blocks = [
        replace(block, name=f"{section.name}-{block.name}") if isinstance(block, Picture) else block
        for block in section.blocks
    ]
    return replace(section, blocks=blocks)


def _memorize(trainings: Trainings) -> Section:
    run = trainings.tiny("transformer_self_edges", "grid")
    view = view_of(run)
    assert run.graph is not None and run.dataset is not None and view is not None
    graph = replace(graph_picture(run.graph, view), height=340, wide=False,
                    caption="The graph. The model never sees it.")  # fmt: skip
    return Section("memorize", "Memorize edges", [
        f"This grid has {run.graph.node_count} nodes. A small Transformer is trained on "
        f"{len(run.dataset.facts)} facts about it, one at a time and in random order: node 5 is "
        "next to node 6, node 2 is next to node 2. No prompt ever holds the graph, and no fact "
        "names more than two nodes. Each node has a vector, its embedding, that starts at random.",
        graph,
        _movie(run, "What it keeps. Press play."),
        f"At the end it knows {percent(run[RECOVERY])} of the facts. A lookup table would be "
        "enough for that: with every vector at random, the layers above could hold the list. "
        "But look at where the vectors went.",
    ])  # fmt: skip


def _map(trainings: Trainings) -> Section:
    graphs = [graph for graph in GRAPHS if graph != "grid"]
    runs = {graph: trainings.tiny("transformer_self_edges", graph) for graph in ("grid", *graphs)}
    maps = [graph for graph, run in runs.items() if run.geometry().verdict == "map"]
    return Section("map", "The map folds", [
        "The same on a star, a cycle and an irregular graph. The facts say who is next to whom. "
        "Nobody ever said which nodes are three, four or five steps apart, and that is what the "
        "score is about: whether far nodes lie in the right order, 0 by chance and 1 in a perfect "
        f"map. By it these are maps: {', '.join(maps) or 'none'}. A picture shows the three "
        "directions in which the graph is clearest, the score counts all there are; so a ring can "
        "look perfect and score low.",
        *[_movie(runs[graph], _judged(runs[graph])) for graph in graphs],
    ])  # fmt: skip


def _path(trainings: Trainings) -> Section:
    run = trainings.large(STAR)
    view = view_of(run)
    assert run.dataset is not None and run.graph is not None and view is not None
    leaves = [path[-1] for path in run.dataset.test_paths[:ASKED].tolist()]
    answers = [run.answer(run.graph.labels[leaf]) for leaf in leaves]
    rows = [
        [str(answer.asked), " → ".join(map(str, answer.path)), "right" if answer.right else "wrong"]
        for answer in answers
    ]  # fmt: skip
    count = len(run.dataset.test_paths)
    return Section("path", "Ask a path", [
        f"A star of {len(run.graph.paths)} arms, and a question: which path leads from the root to "
        "this leaf? The first step decides, and nothing near the root tells which of all arms is "
        f"right. The model was trained on three arms in four as whole paths. Of the other {count} "
        "it knows the edges, as separate facts, and was never shown a path. It answers "
        f"{percent(run[ACCURACY])} of them; a guess is right in {run.chance:.2g} %.",
        Table(name="asked", headings=("asked for", "answer", ""), rows=rows,
              caption="Held-out leaves and what the model answers"),
        _movie(run, "Part of the star. Point at a leaf to read what the model answers.",
               wide=True, height=560, notes=_answers(run, view)),
    ])  # fmt: skip


def _frozen(trainings: Trainings) -> Section:
    runs = {
        "free": (trainings.tiny("neural_network_self_edges", "grid"), trainings.large(STAR)),
        "frozen": (trainings.tiny("associative_fast_self_edges", "grid"),
                   trainings.large(STAR, **FROZEN)),
    }  # fmt: skip
    rows = [
        [f"embeddings {name}", percent(large[RECOVERY]), percent(large[ACCURACY]),
         f"{large.chance:.2g} %"]
        for name, (_, large) in runs.items()
    ]  # fmt: skip
    return Section("frozen", "Freeze the embeddings", [
        "Is the map needed? Keep every vector at its random start and train the rest. The facts "
        "are learned all the same: memory without geometry is possible, and the "
        "second picture does not move.",
        *[_movie(tiny, f"Linear net, embeddings {name}. {_judged(tiny)}")
          for name, (tiny, _) in runs.items()],
        "What is lost is what nobody trained for. On the star with its held-out arms:",
        Table(name="frozen", rows=rows, headings=(
            "the star of 500 arms", "edges known", "held-out paths answered", "chance")),
    ])  # fmt: skip


def _self_edges(trainings: Trainings) -> Section:
    runs = [
        (graph, trainings.tiny(experiment, graph), told)
        for graph in ("star", "grid")
        for experiment, told in (("transformer_self_edges", "with"), ("transformer", "without"))
    ]
    return Section("self-edges", "Add self edges", [
        "Each training set above held one fact more per node: that it is next to itself. Such a "
        "self edge says nothing about the graph, and yet much of the map hangs on it. The likely "
        "reason: to answer 5 with 5, reading and writing a node have to agree on its vector.",
        *[_movie(run, f"The {graph} {told} self edges. {_judged(run)}")
          for graph, run, told in runs],
    ])  # fmt: skip


def _context(trainings: Trainings) -> Section:
    within, inside = trainings.large("in_context"), trainings.large(STAR)
    lines, sentences = [], []
    for run, words, color in ((inside, "in the weights, 500 arms", PALETTE[0]),
                              (within, "in the prompt, 2 arms", PALETTE[1])):  # fmt: skip
        found = run.metrics[HARD_TOKEN]
        lines.append(Line(x=found.steps, y=found.values, label=words, color=color, width=3.0))
        sentences.append(f"{words}: {percent(found.last)}, chance {run.chance:.2g} %")
    chart = Chart(
        lines=lines, y_title="first step right (%)", y_range=(-3.0, 103.0),
        levels=[Level(value=within.chance, label="chance of two arms")],
    )  # fmt: skip
    return Section("context", "In context, in weights", [
        "Now the other way round: write the edges of a star into the prompt, a new star each time, "
        "and ask for the path to a leaf. Two arms suffice. The model learns to walk an arm, and "
        "goes on guessing which one, though all it needs stands in front of it. The same question "
        "about the graph in its weights, with 500 arms, it answers.",
        Picture(name="context", panels=[chart], height=340,
                label=f"First step right over steps of training: {'; '.join(sentences)}.",
                caption=f"First step of held-out paths: {'; '.join(sentences)}."),
    ])  # fmt: skip


def _paper(trainings: Trainings) -> Section:
    run = trainings.large("paper_5000x5", random_seed=SEED)
    assert run.dataset is not None
    count, nodes = len(run.dataset.test_paths), run.dataset.node_count
    whole = _movie(run, "The whole star.", most=nodes, wide=True, height=560)
    space, view = whole.panels[0], view_of(run, nodes)
    assert isinstance(space, Space)
    assert view is not None
    return Section("paper", "The paper's own size", [
        f"The star of the paper has 5,000 arms: {nodes:,} nodes, {len(run.dataset.facts):,} facts. "
        f"A Transformer of two layers learns it in {run.last_step:,} steps, minutes on one core of "
        f"a laptop, and answers {percent(run[ACCURACY])} of the {count:,} paths it never saw "
        f"({run.chance:.2g} % by chance).",
        "Some of its arms, half of them held out:",
        _movie(run, "Each arm in a colour; the root is dark.", wide=True, height=560),
        f"And all {nodes:,} nodes. Three directions out of 64 cannot keep 5,000 arms apart, but "
        "they show how large this memory is. Seven arms are lit; press their entry below the "
        "picture to see the others.",
        replace(whole, panels=[_color_few(space, view)], name=f"{whole.name}-whole"),
    ])  # fmt: skip


def _color_few(space: Space, view: View) -> Space:
    """Return a star with as many arms in colours as there are colours, the others grey."""
    assert view.colors.group is not None
    pairs = zip(space.colors, view.colors.group.tolist(), strict=True)
    colors = [color if arm < len(COLORS) else SPARE for color, arm in pairs]
    legend = [(COLORS, f"{len(COLORS)} arms"), ((SPARE,), "the others")]
    return replace(space, colors=colors, legend=legend, lit=0)


def _models(trainings: Trainings) -> Section:
    blocks: list[Block] = []
    for experiment, told in MODELS.items():
        runs = [(graph, trainings.tiny(experiment, graph)) for graph in GRAPHS]
        blocks += [told, *[_movie(run, f"{graph}. {_judged(run)}", height=240)
                           for graph, run in runs]]  # fmt: skip
    return Section("models", "Every model, every graph", [
        "Is it a Transformer's habit? Four other models on the same four graphs.", *blocks,
    ])  # fmt: skip


def _further() -> Section:
    rows = [
        ["geomem explore", "train on any of these graphs, and watch"],
        ["geomem tiny run transformer_self_edges --graph grid", "the movies of tiny graphs"],
        [f"geomem train --preset {STAR} --seed {SEED}", "the star of 500 arms"],
        [f"geomem train --preset paper_5000x5 --seed {SEED} --random_seed {SEED}",
         "the paper's star"],
        ["geomem companion", "this page, with all of its trainings"],
        ["geomem train --graph my_graph.csv", "a graph of your own"],
    ]  # fmt: skip
    return Section("further", "Do it yourself", [
        "Why models draw maps although a table would do is open; the paper's title says so. "
        "Everything on this page can be trained again, changed and measured.",
        Table(name="commands", headings=("command", "what comes of it"), rows=rows),
    ])  # fmt: skip


PARTS: Mapping[str, Callable[[Trainings], Section]] = {
    "memorize": _memorize, "map": _map, "path": _path, "frozen": _frozen,
    "self_edges": _self_edges, "context": _context, "paper": _paper, "models": _models,
}  # fmt: skip


def _movie(
    run: Run, caption: str, *, notes: Sequence[str] = (), most: int = MOST_NODES, **looks: Any
) -> Picture:
    """Return the embedding of a run along its training; `looks` are fields of the picture."""
    view = view_of(run, most)
    course = course_of(run, view, FRAMES if most == MOST_NODES else PAPER_FRAMES)
    if view is None or course is None:
        raise DataError(f"{run.name}: has no embeddings of nodes. {' '.join(run.notes)}")
    found = space_picture(run, view, course)
    space, known = found.panels[0], run.metrics[RECOVERY]
    assert isinstance(space, Space)
    assert found.movie is not None
    captions = [f"{percent(known.at(float(step)))} of the facts known" for step in course.steps]
    return replace(
        found, name=run.name, caption=caption, panels=[replace(space, notes=notes)],
        movie=replace(found.movie, captions=captions), **{"wide": False, "height": 340} | looks,
    )  # fmt: skip


def _judged(run: Run) -> str:
    """Return whether the embedding is a map at the end."""
    found = run.geometry()
    score = "" if np.isnan(found.score) else f", score {found.score:+.2f}"
    return f"Verdict: {VERDICTS[found.verdict]}{score}."


def _answers(run: Run, view: View) -> list[str]:
    """Return what the model answers for each leaf that is shown, empty for other nodes."""
    assert run.graph is not None
    ends = {*run.graph.paths[:, -1].tolist()}
    notes = []
    for node in view.nodes.tolist():
        answer = run.answer(run.graph.labels[node]) if node in ends else None
        notes.append("" if answer is None else (
            f"answer {' → '.join(map(str, answer.path))}, "
            f"{'right' if answer.right else 'wrong'}, "
            f"{'never trained as a path' if answer.held_out else 'trained on'}"
        ))  # fmt: skip
    return notes
