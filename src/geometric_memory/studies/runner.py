"""The one runner of studies: plans first, then the work, then a result and pages.

RESULTS/
  KINDs/NAME/plan.json      statement, setting, criteria: written before the work
  KINDs/NAME/result.json    values, intervals, outcomes, verdict, what was found, time
  KINDs/NAME/picture.png
  KINDs.html                all of one kind (claims or findings)
  work/KEY/                 runs, and answer.json of every finished piece of work
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from geometric_memory.analysis.estimate import decide, number
from geometric_memory.config import RunConfig
from geometric_memory.errors import CheckpointError
from geometric_memory.figures.claims import claim_picture
from geometric_memory.figures.page import Block, Note, Page, Section, Table, html, markdown
from geometric_memory.figures.picture import Picture
from geometric_memory.files.whole import json_bytes, read_json, write_json, write_whole
from geometric_memory.studies.path_runs import path_pieces, train_path
from geometric_memory.studies.scales import Scale
from geometric_memory.studies.study import Conclusion, Criterion, Found, Study, judge
from geometric_memory.studies.tiny_runs import tiny_pieces, train_tiny
from geometric_memory.tiny.sections import Section as TinySection
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Answers, Failure, Piece

Result = dict[str, Any]
Concluded = tuple[Study, Result, Picture | None]
LINES = 20
"""That say how far the work is, from its beginning to its end."""
DPI = 80
INTRO = {
    "claim": "What each claim asks for was written down before it was trained. A number is the "
    "mean over seeds with its 95 % interval: of Student's t, for ratios on a log scale, and of "
    "Clopper and Pearson for shares of trials. It is met when the whole interval keeps the bound, "
    "not met when the whole interval breaks it, undecided otherwise, or where a seed has no "
    "number. A claim holds when every number is met, does not hold here when none is, controls "
    "set aside, and holds in part otherwise; it is undecided where that depends on numbers that "
    "are. Since all must be met, a claim holds by mere chance in at most 2.5 % of cases.",
    "finding": "Questions that the paper leaves open; a number is the mean over seeds with its "
    "95 % interval.",
}  # fmt: skip
TITLES = {"claim": "The paper, claim by claim", "finding": "Past the paper"}


@dataclass(frozen=True)
class _Left:
    """What a training leaves: for every seed one of each number, and of each curve."""

    numbers: dict[str, list[float | None]]
    curves: dict[str, list[tuple[list[float], list[float | None]]]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done, at which scale, and where it is kept."""

    studies: tuple[Study, ...]
    scale: Scale
    results: Path

    def pieces(self, study: Study) -> dict[str, tuple[Piece, ...]]:
        """Return the pieces of every arm of `study`."""
        return {name: self._pieces(arm) for name, arm in study.arms(self.scale).items()}

    def _pieces(self, arm: Any) -> tuple[Piece, ...]:
        if isinstance(arm, RunConfig):
            return path_pieces(arm, self.scale)
        return tiny_pieces(arm, self.scale) if isinstance(arm, TinySection) else tuple(arm)

    def every_piece(self, studies: Sequence[Study]) -> list[Piece]:
        """Return every piece once, in the order of the studies."""
        every = (own for study in studies for own in self.pieces(study).values())
        return list(dict.fromkeys(piece for pieces in every for piece in pieces))

    def core_seconds(self, studies: Sequence[Study]) -> float:
        """Return the time that finished work took, shared work counted once."""
        answers = Answers(self.results)
        return math.fsum(answers.core_seconds(piece) for piece in self.every_piece(studies))

    def folder(self, study: Study) -> Path:
        """Where plan, result and picture of `study` lie."""
        return self.results / f"{study.kind}s" / study.name

    def described(self, study: Study) -> Result:
        """Return what is decided before the work: statement, setting, criteria, seeds."""
        scale = self.scale
        return {
            "name": study.name, "kind": study.kind, "source": study.source,
            "statement": study.statement, "setting": study.setting, "revised": study.revised,
            "scale": scale.name,
            "steps_at_most": scale.steps, "arms": list(study.arms(scale)),
            "seeds": {"runs": list(scale.seeds), "tiny": list(scale.tiny_seeds)},
            "criteria": [
                {"text": each.text, "bound": str(each.bound), "control": each.control,
                 "measure": each.statistic.kind}
                for each in study.criteria(scale)
            ],
        }  # fmt: skip

    def planned(self, study: Study) -> Result | None:
        """Return what was planned at an earlier time, if it was just what is planned now.

        What is said of earlier runs, `revised`, is no plan, and may be said better later.
        """
        file = self.folder(study) / "plan.json"
        if not file.is_file():
            return None
        before, wanted = read_json(file), self.described(study)
        known = isinstance(before, dict) and "stated" in before
        asked = {name: value for name, value in wanted.items() if name != "revised"}
        return before | wanted if known and before == before | asked else None

    def write_plan(self, study: Study) -> None:
        """Write the plan with the time; an equal one that is there keeps its time."""
        if self.planned(study) is None:
            self.folder(study).mkdir(parents=True, exist_ok=True)
            stated = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(
                self.folder(study) / "plan.json", {"stated": stated, **self.described(study)}
            )


def carry_out(
    plan: Plan, workers: int, report: Callable[[str], None], timeout: float = math.inf
) -> Iterator[Concluded]:
    """Write the plans, do what is missing, and yield what comes of each study when it is there."""
    for study in plan.studies:
        plan.write_plan(study)
    pieces = plan.every_piece(plan.studies)
    found: dict[Piece, Any] = {}
    missing = sum(read_answer(plan, piece) is None for piece in pieces)
    report(f"{len(pieces) - missing} of {len(pieces)} pieces of work are there, {missing} to do")
    waiting = list(plan.studies)
    for ready in _take_settled(plan, waiting, found):
        yield conclude(plan, ready, found)
    done_now = perform(pieces, plan.results, workers=workers, timeout=timeout, report=report)
    for piece, answer in done_now:
        found[piece] = answer
        done = len(found) - (len(pieces) - missing)
        if isinstance(answer, Failure):
            report(f"failed, {piece.name or piece.key}: {answer}")
        if missing and done * LINES // missing > max(done - 1, 0) * LINES // missing:
            report(f"{done} of {missing} done")
        for ready in _take_settled(plan, waiting, found):
            yield conclude(plan, ready, found)


def look_back(plan: Plan, study: Study) -> Concluded | None:
    """Return what an earlier call found for `study`, if it was planned just as now and done."""
    if plan.planned(study) is None:
        return None
    found = {piece: read_answer(plan, piece) for piece in plan.every_piece([study])}
    return None if None in found.values() else conclude(plan, study, found)


def read_answer(plan: Plan, piece: Piece) -> Any:
    """Return the stored answer of a piece, None if there is none.

    Raises:
        CheckpointError: if its file is damaged, or does not hold a number for every seed.
    """
    found = Answers(plan.results).answer(piece)
    if found is None or piece.function not in (train_path, train_tiny):
        return found
    try:
        answer = msgspec.convert(found, _Left)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{plan.results}/work/{piece.key}: is damaged: {error}") from None
    seeds, drawn = len(piece.arguments.get("seeds", [0])), answer.curves.values()
    uneven = any(len(steps) != len(values) for curves in drawn for steps, values in curves)
    if uneven or any(len(each) != seeds for each in (*answer.numbers.values(), *drawn)):
        raise CheckpointError(f"{plan.results}/work/{piece.key}: is damaged: not one per seed")
    return found


def _take_settled(plan: Plan, waiting: list[Study], found: Mapping[Piece, Any]) -> list[Study]:
    """Take out of `waiting`, and return, the studies that need nothing that is left to do."""
    ready = [study for study in waiting if all(p in found for p in plan.every_piece([study]))]
    for study in ready:
        waiting.remove(study)
    return ready


def conclude(plan: Plan, study: Study, found: Mapping[Piece, Any]) -> Concluded:
    """Return and store the result of a study whose work is done, with its picture."""
    arms = {name: [found[piece] for piece in own] for name, own in plan.pieces(study).items()}
    failed = [each for own in arms.values() for each in own if isinstance(each, Failure)]
    result: Result = {**(plan.planned(study) or plan.described(study)), "verdict": None, "runs": 0,
                      "errors": list(map(str, failed))}  # fmt: skip
    picture = None
    if not failed:
        criteria = study.criteria(plan.scale)
        _judge(result, criteria, arms)
        made = study.conclude(arms) if study.conclude else Conclusion()
        drawn = made.picture or _picture(study, result, criteria, arms)
        picture = replace(drawn, name=study.name)
        result |= {
            "answer": list(made.sentences), "numbers": made.numbers,
            "tables": [vars(table) for table in made.tables],
            "runs": sum(len(seeds) for own in arms.values() for seeds in map(_seeds, own)),
            "core_seconds": round(plan.core_seconds([study]), 1),
        }  # fmt: skip
        for suffix, content in {
            "png": _draw_small(picture),
            "json": picture.to_json().encode(),
        }.items():
            write_whole(plan.folder(study) / f"picture.{suffix}", content)
    write_json(plan.folder(study) / "result.json", result)
    return study, result, picture


def _draw_small(picture: Picture) -> bytes:
    """Return a PNG for the documentation: of so few colours it takes a third of the room."""
    from PIL import Image

    content = BytesIO()
    image = Image.open(BytesIO(picture.drawn(dpi=DPI))).convert("RGB")
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE)  # which keeps colours that are rare
    few.save(content, "PNG", optimize=True)
    return content.getvalue()


def _seeds(answer: Mapping[str, Any]) -> Sequence[Any]:
    return next(iter(answer.get("numbers", {}).values()), ())


def _judge(result: Result, criteria: Sequence[Criterion], found: Found) -> None:
    outcomes = []
    for row, criterion in zip(result["criteria"], criteria, strict=True):
        estimate = criterion.statistic.read(found)
        outcomes.append(decide(estimate, criterion.bound))
        row |= {**estimate.plain(), "outcome": outcomes[-1]}
    if criteria:
        result["verdict"] = judge(outcomes, [each.control for each in criteria])


def _picture(study: Study, result: Result, criteria: Sequence[Criterion], found: Found) -> Picture:
    """Return the panels of a study above its criteria."""
    panels = {
        panel.label: (
            {
                name: [curve for answer in found[arm] for curve in answer["curves"][own]]
                for name, (arm, own) in panel.lines_of(found).items()
                if arm in found and all(own in answer["curves"] for answer in found[arm])
            },
            panel.logarithmic,
        )
        for panel in study.panels
    }
    title = f"{study.name}: {result['verdict'] or 'no verdict'}"
    return claim_picture(panels, result["criteria"], title)


def page_of(plan: Plan, concluded: Sequence[Concluded], about: Mapping[str, Any]) -> Page:
    """Return the page of several studies of one kind, a table of their verdicts first."""
    kind = concluded[0][0].kind
    sections = [study_section(*each) for each in concluded]
    if kind == "claim":
        rows = [(s.name, s.statement, s.source, r["verdict"] or "failed") for s, r, _ in concluded]
        headings = ("claim", "the paper says", "source", "verdict")
        table = Table(headings=headings, rows=rows, name="verdicts")
        sections.insert(0, Section("verdicts", "Verdicts", (table,)))
    intro = (
        f"Made by {maker(kind)} at {plan.scale.name} scale. {INTRO[kind]} The work took "
        f"{about['core_seconds'] / 60:.1f} minutes of one core, on "
        f"{about['machine']['processor']}."
    )
    scale = plan.scale.name
    title = TITLES[kind] if scale == "laptop" else f"{TITLES[kind]}, at {scale} scale"
    return Page(title=title, intro=intro, sections=sections, maker=maker(kind), live=False)


def maker(kind: str) -> str:
    """Return the command that makes studies of a kind."""
    return "geomem reproduce" if kind == "claim" else "geomem findings"


def study_section(study: Study, result: Result, picture: Picture | None) -> Section:
    """Return question, answer, picture, setting, tables and limits of a study."""
    claimed, seeds = bool(study.source), result["seeds"]
    answer = [*([] if claimed else _outcome_in_words(result)), *result.get("answer", ())]
    about = f"{study.statement} ({study.source})" if claimed else f"Question: {study.statement}"
    effort = (
        f" Seeds: {len(seeds['runs'])} of runs trained one by one, {len(seeds['tiny'])} of "
        f"small models trained as one batch; {result.get('core_seconds', 0) / 60:.1f} minutes "
        "of one core."
    )
    shown: list[Block | None] = [
        about,
        None if result["steps_at_most"] is None else
        f"A trial, not a result: every training was cut at {result['steps_at_most']} updates.",
        f"Answer: {' '.join(answer)}" if answer else None,
        picture,
        f"Setting: {study.setting}{effort * bool(result['arms'])}",
        *_criteria_blocks(result["criteria"]),
        *(Table(**table) for table in result.get("tables", ())),
        f"Limits: {study.limits}" if study.limits else None,
        f"Revised after a first whole run: {study.revised}" if study.revised else None,
        *(Note(f"Failed: {error}") for error in result["errors"]),
        f"Command: {maker(study.kind)} {study.name}{_scale_option(result['scale'])}",
    ]  # fmt: skip
    title = f"{study.name}: {result['verdict'] or 'failed'}" if claimed else study.title
    return Section(study.name, title, [block for block in shown if block is not None])


def _scale_option(name: str) -> str:
    return "" if name == "laptop" else f" --scale {name}"


def _outcome_in_words(result: Result) -> list[str]:
    """Return what came of a statement as a sentence, none where nothing was foretold."""
    if not result["criteria"] or result["verdict"] is None:
        return []
    foretold = [row["outcome"] for row in result["criteria"] if not row["control"]]
    met, controls = foretold.count("met"), len(result["criteria"]) - len(foretold)
    kept = [row["outcome"] for row in result["criteria"] if row["control"]].count("met")
    guards = f", and {kept} of {controls} controls" if controls else ""
    verdict = result["verdict"].replace("undecided", "is undecided")
    begin = f"It {verdict}: {met} of {len(foretold)} numbers came as foretold"
    return [f"{begin}{guards}."]


def _criteria_blocks(rows: Sequence[Result]) -> list[Block]:
    cells = [
        (
            row["text"] + " (control)" * row["control"], row["bound"], number_of(row.get("mean")),
            " to ".join(map(number_of, row.get("interval", ()))), row.get("outcome", "failed"),
        )
        for row in rows
    ]  # fmt: skip
    headings = ("number", "asked for", "mean", "95 % interval", "outcome")
    text = (
        f"Each decision is wrong by chance in at most 2.5 % of cases, any of these {len(rows)} in "
        f"at most {min(100.0, 2.5 * len(rows)):g} %."
    )
    return [*[Table(headings=headings, rows=cells)] * bool(cells), *[text] * (len(rows) > 1)]


def number_of(value: float | None) -> str:
    """Return four digits of a number that was stored, and a dash for none."""
    return "-" if value is None else number(value, 4)


def write_pages(
    plan: Plan, concluded: Sequence[Concluded], place: Path, *, about: Mapping[str, Any]
) -> list[Path]:
    """Write RESULTS/KINDs.html, and Markdown, JSON and pictures to `place`; return the files.

    Claims have one page, `place` with suffixes and the pictures in a folder beside it; findings one
    each, in the folder `place`.
    """
    page, kind = page_of(plan, concluded, about), concluded[0][0].kind
    files = {plan.results / f"{kind}s.html": html(page).encode()}
    if kind == "claim":
        content = {"schema": 2, **about, "claims": [result for _, result, _ in concluded]}
        files[place.with_name(f"{place.name}.json")] = json_bytes(content, indent=1)
        files[place.with_name(f"{place.name}.md")] = markdown(page, place.name).encode()
    else:
        concluded = [each for each in concluded if each[0] in plan.studies]
        for study, result, picture in concluded:
            blocks = study_section(study, result, picture).blocks
            own = Page(title=study.title, sections=[Section(study.name, "", blocks)])
            files[place / f"{study.name}.json"] = json_bytes({"schema": 2, **about, **result})
            files[place / f"{study.name}.md"] = markdown(own).encode()
    for study, _, picture in concluded:
        if picture is None:
            (place / f"{study.name}.png").unlink(missing_ok=True)
        else:
            files[place / f"{study.name}.png"] = _draw_small(picture)
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
    return [file for file in files if kind == "finding" or file.suffix != ".png"]
