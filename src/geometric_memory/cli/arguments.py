"""Command-line options made from the settings: published spellings, hyphens or underscores.

Every problem of a command line (unknown options, unusable values, broken rules) is reported at
once, before anything is created. Abbreviations are refused.
"""

import argparse
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic

import msgspec

from geometric_memory.config import GraphConfig
from geometric_memory.config.presets import Preset, preset_settings
from geometric_memory.errors import ConfigurationError
from geometric_memory.settings import (
    Config,
    Setting,
    assemble,
    from_json,
    settings_of,
    topic_descriptions,
)
from geometric_memory.synonyms import unknown_name


@dataclass(frozen=True, kw_only=True)
class Parsed(Generic[Config]):
    """A command line: its configuration, the settings given on purpose, and the other options."""

    config: Config
    given: frozenset[str]
    extra: Mapping[str, Any]


def parse(  # noqa: PLR0913 - every one is a keyword that a subcommand may leave out
    config_type: type[Config],
    argv: Sequence[str],
    *,
    program: str,
    description: str,
    defaults: Mapping[str, Any] | None = None,
    add_extra: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
    presets: Mapping[str, Preset] | None = None,
    more_from: Collection[str] = (),
) -> Parsed[Config]:
    """Parse `argv` over (in rising order) defaults, `--preset`, `--config` and typed options.

    `defaults` replaces defaults of settings; a default of None makes the setting required. Beside
    one of the extra options `more_from`, which bring further settings, rules between settings are
    left to the caller.

    Raises:
        ConfigurationError: with every problem found.
    """
    defaults = defaults or {}
    explained = not {"-h", "--help"}.isdisjoint(argv)
    parser = _parser(config_type, program, description, defaults, explained)
    add_extra(parser)
    if presets is not None:
        _add_sources(parser, presets)
    arguments, problems = _without_switch_values([_underscore(arg) for arg in argv], parser)
    options, unknown = parser.parse_known_args(arguments)
    typed = vars(options)
    settings = settings_of(config_type)
    given = {name: typed.pop(name) for name in list(typed) if name in settings}
    problems += parser.problems + _report_unknown(unknown, arguments, parser)
    base: dict[str, Any] = {name: value for name, value in defaults.items() if value is not None}
    try:
        base |= _sources(config_type, typed, presets)
    except ConfigurationError as error:
        problems += error.problems
    required = [name for name, value in defaults.items() if value is None]
    problems += [
        f"--{name} is required: one of {', '.join(settings[name].choices)}"
        for name in required
        if name not in given and name not in base
    ]
    whole = not {*more_from} & {*typed}
    config = assemble(config_type, base | given, problems=problems, whole=whole)
    return Parsed(config=config, given=frozenset(given), extra=typed)


class _Parser(argparse.ArgumentParser):
    """A parser that collects its errors instead of leaving at the first."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.problems: list[str] = []

    def error(self, message: str) -> None:  # type: ignore[override]
        self.problems.append(message)


class _Formatter(argparse.HelpFormatter):
    """Help without the brackets of an optional value (leaving it out is an error of ours).

    Lines never break inside an option, so that it can be copied.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=44, width=100)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)

    def _format_args(self, action: argparse.Action, default_metavar: str | None) -> str:
        return "" if action.nargs == 0 else str(action.metavar or default_metavar)


def _parser(
    config_type: type[GraphConfig],
    program: str,
    description: str,
    defaults: Mapping[str, Any],
    explained: bool,
) -> _Parser:
    parser = _Parser(
        prog=program,
        description=description,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        formatter_class=_Formatter,
        usage=f"{program} [options]",
    )
    groups = {
        topic: parser.add_argument_group(text)
        for topic, text in topic_descriptions(config_type).items()
    }
    for setting in settings_of(config_type).values():
        default = defaults.get(setting.name, setting.default)
        # Help texts are parsed out of the source, a tenth of the time to a first step.
        text = setting.help.replace("%", "%%") if explained else ""
        _add(groups[setting.topic], setting, text, default)
    return parser


def _add(group: Any, setting: Setting, text: str, default: Any) -> None:
    if setting.is_switch:
        _add_switch(group, setting, text, default)
        return
    words = "none" if default == "" else default
    shown = "required" if default is None else f"default {words}"
    group.add_argument(
        f"--{setting.name}",
        nargs="?",
        const=None,
        metavar="{" + ",".join(setting.choices) + "}" if setting.choices else "VALUE",
        help=f"{text} ({shown})",
    )


def _add_switch(group: Any, setting: Setting, text: str, default: bool) -> None:
    name, negative = setting.name, setting.about.off
    text = f"{text} (default {'on' if default else 'off'})"
    hidden = argparse.SUPPRESS
    options = [(name, True, hidden if negative else f"{text}; also --no-{name}")]
    if negative:
        options = [
            (negative, False, f"turn off: {text}"),
            (f"no_{negative}", True, hidden),
            *options,
        ]
    for option, value, shown in [*options, (f"no_{name}", False, hidden)]:
        group.add_argument(f"--{option}", dest=name, action="store_const", const=value, help=shown)


def _add_sources(parser: argparse.ArgumentParser, presets: Mapping[str, Preset]) -> None:
    group = parser.add_argument_group("Where settings come from (typed options win)")
    for name, metavar, text in (
        ("preset", "NAME", f"start from a preset: {', '.join(presets)}"),
        ("config", "FILE", "start from a config.json, or from that of the folder of a run"),
    ):
        group.add_argument(f"--{name}", nargs="?", const=None, metavar=metavar, help=text)


def _sources(
    config_type: type[Config], typed: dict[str, Any], presets: Mapping[str, Preset] | None
) -> dict[str, Any]:
    missing = [source for source in ("preset", "config") if typed.get(source, "") is None]
    if missing:
        raise ConfigurationError([f"--{source} needs a value" for source in missing])
    if presets is None:
        return {}
    values, problems = preset_settings(typed.get("preset", ""), presets)
    if problems:
        raise ConfigurationError(problems)
    if "config" in typed:
        values |= read_settings(config_type, Path(typed["config"]))
    return values


def read_settings(config_type: type[Config], path: Path) -> dict[str, Any]:
    """Return the flat settings in a JSON file, or in the config.json of a folder.

    Raises:
        ConfigurationError: if the file is missing, no JSON, or names unknown settings.
    """
    if path.is_dir():
        path = path / "config.json"
    try:
        content = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError([f"{path}: is not JSON: {error}"]) from None
    return from_json(config_type, content, str(path))


def _underscore(argument: str) -> str:
    """Spell an option with underscores, whatever the user wrote."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return "--" + name.replace("-", "_") + equals + value


def _without_switch_values(
    arguments: Sequence[str], parser: argparse.ArgumentParser
) -> tuple[list[str], list[str]]:
    """Return what argparse can read on its own, and a problem for each `--switch=value`.

    argparse would stop at one of these, and the problems after it would stay unseen.
    """
    switches = {option for option, action in _options(parser) if action.nargs == 0}
    kept, problems = [], []
    for argument in arguments:
        option, equals, _ = argument.partition("=")
        if equals and option in switches:
            problems.append(f"{argument}: a switch takes no value, write {option} alone")
        else:
            kept.append(argument)
    return kept, problems


def _options(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.Action]]:
    actions = parser._actions
    names = [(option, action) for action in actions for option in action.option_strings]
    return [(option, action) for option, action in names if option.startswith("--")]


def _report_unknown(
    left: Sequence[str], arguments: Sequence[str], parser: argparse.ArgumentParser
) -> list[str]:
    """Return a problem for each of `left`, which argparse did not take from `arguments`.

    The value behind an unknown option is no problem of its own.
    """
    known = [option for option, _ in _options(parser)]
    neighbours = set(pairwise(arguments))
    problems, before = [], ""
    for argument in left:
        option, equals, _ = argument.partition("=")
        is_option = option.startswith("-") and option.strip("-")[:1].isalpha()
        if is_option:
            problems.append(unknown_name(option, known))
        elif (before, argument) not in neighbours:
            problems.append(f"unexpected argument {argument!r} (a switch takes no value)")
        before = argument if is_option and not equals else ""
    return problems
