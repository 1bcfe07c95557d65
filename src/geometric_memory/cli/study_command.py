"""What `geomem reproduce` and `geomem findings` have in common: all but their words and places."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from geometric_memory.cli.study_options import Places, add_limits, check_limits
from geometric_memory.cli.tiny import parse_seeds
from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import require
from geometric_memory.synonyms import unknown_name

if TYPE_CHECKING:
    from geometric_memory.studies.runner import Concluded, Plan
    from geometric_memory.studies.study import Study

FAILED = 1


@dataclass(frozen=True, kw_only=True)
class StudyCommand:
    """A command that does the studies of one kind, and writes their pages."""

    name: str
    word: str
    """What it calls a study: a claim, or a finding."""
    description: str
    places: Places
    packages: tuple[str, ...]
    """Those that pages need."""

    def main(self, argv: Sequence[str]) -> int:
        """Do the studies that `argv` names, all of them when it names none."""
        options = self._parser().parse_args(argv)
        chosen = self._choose(options.names)
        if options.list:
            for study in chosen:
                source = f"  ({study.source})" if study.source else ""
                sys.stdout.write(f"{study.name}{source}\n    {study.statement}\n")
            return 0
        plan = self._plan(options, chosen)
        require(f"geomem {self.name}", *self.packages)
        found = self._carry_out(plan, options)
        self._write(plan, found, options)
        return FAILED if any(result["errors"] for _, result, _ in found) else 0

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"geomem {self.name}", description=self.description, allow_abbrev=False
        )
        parser.add_argument(
            "names", nargs="*", metavar=self.word.upper(), help="names (--list); default all"
        )
        parser.add_argument("--list", action="store_true", help=f"list the {self.word}s")
        if self.word == "claim":
            parser.add_argument(
                "--scale", default="laptop", choices=("laptop", "paper", "gpu"),
                help="laptop: two CPU cores, some 45 minutes; paper: 5000 arms of the small models "
                "of the laptop, hours; gpu: the published sizes, days",
            )  # fmt: skip
        parser.add_argument("--seeds", help="seeds of all trainings, such as 0-4")
        add_limits(parser)
        self.places.add_options(parser)
        return parser

    @property
    def _known(self) -> "dict[str, Study]":
        from geometric_memory.studies.registry import CLAIMS, FINDINGS

        return CLAIMS if self.word == "claim" else FINDINGS

    def _choose(self, names: Sequence[str]) -> "tuple[Study, ...]":
        known = self._known
        problems = [
            f"{unknown_name(name, known, self.word)} (geomem {self.name} --list)"
            for name in names
            if name not in known
        ]
        if problems:
            raise ConfigurationError(problems)
        return tuple(known[name] for name in dict.fromkeys(names)) or tuple(known.values())

    def _plan(self, options: argparse.Namespace, chosen: "tuple[Study, ...]") -> "Plan":
        check_limits(options)
        self.places.settle(options)
        from geometric_memory.studies.runner import Plan
        from geometric_memory.studies.scales import SCALES, smaller

        scale = SCALES[options.scale]() if self.word == "claim" else smaller()
        if options.seeds:
            seeds = parse_seeds(options.seeds)
            scale = replace(scale, seeds=seeds, tiny_seeds=seeds)
        scale = replace(scale, steps=options.steps)
        plan = Plan(studies=chosen, scale=scale, results=options.results)
        if options.publish and self.word == "claim":
            earlier = {study.name for study, _, _ in self._earlier(plan)}
            if missing := [name for name in self._describe_left(plan) if name not in earlier]:
                raise ConfigurationError(
                    [f"--publish: the page would lose {', '.join(missing)}; name no claim to try "
                     "all"]
                )  # fmt: skip
        return plan

    def _describe_left(self, plan: "Plan") -> "dict[str, Study]":
        return {name: study for name, study in self._known.items() if study not in plan.studies}

    def _earlier(self, plan: "Plan") -> "list[Concluded]":
        """Return what earlier calls found of the studies that this one does not name."""
        from geometric_memory.studies.runner import look_back

        return [found for s in self._describe_left(plan).values() if (found := look_back(plan, s))]

    def _carry_out(self, plan: "Plan", options: argparse.Namespace) -> "list[Concluded]":
        from geometric_memory.studies.runner import carry_out
        from geometric_memory.work.processes import core_count

        begin, found = time.perf_counter(), []

        def report(text: str) -> None:
            sys.stderr.write(f"{time.perf_counter() - begin:7.1f} s  {text}\n")

        for each in carry_out(plan, options.workers or core_count(), report, options.timeout):
            study, result, _ = each
            found.append(each)
            word = "failed" if result["errors"] else result["verdict"] or "done"
            report(f"{study.name}: {word}")
            sys.stdout.write(f"{study.name}: {word}\n")
            sys.stdout.flush()
        # The page shows every study, those of earlier calls too.
        found += self._earlier(plan)
        order = list(self._known)
        return sorted(found, key=lambda each: order.index(each[0].name))

    def _write(self, plan: "Plan", found: "list[Concluded]", options: argparse.Namespace) -> None:
        from geometric_memory.runs.environment import describe_machine
        from geometric_memory.studies.runner import write_pages
        from geometric_memory.work.processes import core_count

        about: dict[str, Any] = {
            "scale": plan.scale.name,
            "core_seconds": round(plan.core_seconds([study for study, _, _ in found]), 1),
            "workers": options.workers or core_count(),
            "machine": describe_machine(),
        }
        place = getattr(options, self.places.option)
        for file in write_pages(plan, found, place, about=about):
            sys.stdout.write(f"wrote {file}\n")
