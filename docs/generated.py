"""The parts of the reference that are made from the code, as Markdown.

A page says `<!-- generated: NAME -->` where the part of that name stands on the site. Commands are
asked for their own parsers, so that a new one is described here without a line of ours.
"""

import argparse
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from geometric_memory import errors
from geometric_memory.cli.dataset import PUBLISHED_DEFAULTS
from geometric_memory.cli.main import SUBCOMMANDS, find_command
from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.runs.folder import RunFolder
from geometric_memory.settings import Setting, differing, settings_of, topic_descriptions


class _Parsed(Exception):  # noqa: N818 - it carries the parser out of the command
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def parser_of(subcommand: str) -> argparse.ArgumentParser:
    """Return the parser of a subcommand, caught when it is first used; nothing else is run."""

    def caught(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        raise _Parsed(parser)

    command = find_command(subcommand)
    with patch.object(argparse.ArgumentParser, "parse_known_args", caught):
        try:
            command([])
        except _Parsed as parsed:
            return parsed.parser
    raise TypeError(f"geomem {subcommand} parses nothing")


def parsers(
    parser: argparse.ArgumentParser, summary: str
) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Yield the parser and those of its own subcommands, each with what it is for."""
    yield parser, parser.description or summary
    for action in parser._actions:
        if isinstance(action.choices, dict):
            texts = {choice.dest: choice.help for choice in vars(action)["_choices_actions"]}
            for name, inner in action.choices.items():
                yield from parsers(inner, texts.get(name, ""))


def commands() -> str:
    """Return every subcommand with its arguments; settings have a page of their own."""
    parts = []
    for name, summary in SUBCOMMANDS.items():
        for parser, text in parsers(parser_of(name), summary):
            words = parser.prog.partition(" [")[0].split()
            parts.append(
                f"{'#' * len(words)} {' '.join(words)}\n\n{_sentence(text)}\n\n{_arguments(parser)}"
            )
    return "\n".join(parts)


def settings() -> str:
    """Return every setting by topic."""
    topics = topic_descriptions(RunConfig)
    found = settings_of(RunConfig).values()
    parts = []
    for topic, title in topics.items():
        rows = [_setting_row(setting) for setting in found if setting.topic == topic]
        parts.append(f"## {title}\n\n{_table(('option', 'default', 'meaning'), rows)}")
    return "\n".join(parts)


def dataset_defaults() -> str:
    """Return the defaults of `geomem dataset` that differ."""
    rows = [
        (f"`--{name}`", "required" if value is None else f"`{value}`")
        for name, value in PUBLISHED_DEFAULTS.items()
    ]
    return _table(("option", "default"), rows)


def presets() -> str:
    """Return every preset and the settings in which it differs from the defaults."""
    parts = []
    for name, preset in PRESETS.items():
        own = differing(preset.config)
        words = " ".join(_typed(setting, value) for setting, value in own.items())
        parts.append(f"### {name}\n\n{_sentence(preset.description)}\n\n```text\n{words}\n```\n")
    return "\n".join(parts)


def run_folder() -> str:
    """Return the files of a run folder."""
    properties = inspect.getmembers(RunFolder, lambda member: isinstance(member, property))
    folder = RunFolder(Path())
    rows = [
        (f"`{getattr(folder, name)}`", inspect.getdoc(member) or "") for name, member in properties
    ]
    return _table(("in the folder", "what"), rows)


def exit_codes() -> str:
    """Return the exit code of every error."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.GeometricMemoryError) and "exit_code" in vars(kind)
    ]
    rows = [
        (str(kind.exit_code), f"`{kind.__name__}`", inspect.getdoc(kind) or "")
        for kind in sorted(kinds, key=lambda kind: kind.exit_code)
    ]
    return _table(("code", "error", "meaning"), rows)


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "settings": settings,
    "dataset_defaults": dataset_defaults,
    "presets": presets,
    "run_folder": run_folder,
    "exit_codes": exit_codes,
}


def _arguments(parser: argparse.ArgumentParser) -> str:
    topics = topic_descriptions(RunConfig).values()
    groups = [group for group in parser._action_groups if group.title in topics]
    settings = {id(action) for group in groups for action in group._group_actions}
    rows = [
        (_spelled(action), _cell(_help(parser, action)))
        for action in parser._actions
        if id(action) not in settings
        and not isinstance(action.choices, dict)
        and action.dest != "help"
        and action.help != argparse.SUPPRESS
    ]
    titles = ", ".join(f"*{group.title}*" for group in groups)
    note = f"\nEvery [setting](settings.md) of these topics is an option: {titles}.\n"
    return (_table(("argument", "meaning"), rows) if rows else "") + (note if groups else "")


def _spelled(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else _value(action)
    if not action.option_strings:
        return f"`{value}`"
    return ", ".join(f"`{f'{name} {value}'.strip()}`" for name in action.option_strings)


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper()


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    plain = action.nargs != 0 and action.default not in (None, argparse.SUPPRESS)
    return f"{text} (default {action.default})" if plain and "default" not in text else text


def _setting_row(setting: Setting) -> tuple[str, str, str]:
    spelled = f"`--{setting.name}`"
    if setting.is_switch:
        negative = setting.about.off
        off = f"`--{negative}`" if negative else f"`--no-{setting.name}`"
        return f"{spelled} {off}", "on" if setting.default else "off", _cell(setting.help)
    default = f"`{setting.default}`" if setting.default != "" else "none"
    return spelled, default, _cell(f"{setting.help} {_limits(setting)}")


def _limits(setting: Setting) -> str:
    if setting.choices:
        return "One of " + ", ".join(f"`{choice}`" for choice in setting.choices) + "."
    if not setting.limits:
        return {int: "A whole number.", float: "A number."}.get(setting.type, "")
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    limits = [
        f"{word} {getattr(meta, name):g}"
        for meta in setting.limits
        for name, word in words.items()
        if getattr(meta, name) is not None
    ]
    return (" and ".join(limits).capitalize() + ".") if limits else ""


def _typed(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {value}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
