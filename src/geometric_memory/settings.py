"""The settings of a configuration by name: read from typed strings or JSON, all errors at once.

A configuration is a dataclass whose fields are topics (dataclasses of settings). The names of
settings are unique across topics, so a flat mapping of names to values describes one completely.
"""

import dataclasses
import types
import typing
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

import docstring_parser
import msgspec

from geometric_memory.config import DatasetConfig
from geometric_memory.config.synonyms import hint
from geometric_memory.errors import ConfigurationError

Config = TypeVar("Config", bound=DatasetConfig)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: where it lives, what it may be, and its help text."""

    name: str
    topic: str
    type: Any
    default: Any
    help: str

    @property
    def is_switch(self) -> bool:
        """Whether the setting is true or false."""
        return self.type is bool

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values of a choice, else empty."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()


@cache
def settings_of(config_type: type[DatasetConfig]) -> Mapping[str, Setting]:
    """Return every setting of `config_type` by name, in order of topic and field."""
    found: dict[str, Setting] = {}
    for topic, topic_type in _topics(config_type).items():
        texts = {
            param.arg_name: param.description or ""
            for kind in getattr(topic_type, "described_in", lambda kind=topic_type: [kind])()
            for param in docstring_parser.parse_from_object(kind).params
        }
        hints = typing.get_type_hints(topic_type, include_extras=True)
        for field in dataclasses.fields(topic_type):
            found[field.name] = Setting(
                name=field.name,
                topic=topic,
                type=hints[field.name],
                default=field.default,
                help=texts[field.name],
            )
    return types.MappingProxyType(found)


def topic_descriptions(config_type: type[DatasetConfig]) -> dict[str, str]:
    """Return the one-line description of every topic of `config_type`."""
    return {
        topic: (topic_type.__doc__ or topic).splitlines()[0].rstrip(".")
        for topic, topic_type in _topics(config_type).items()
    }


def flatten(config: DatasetConfig) -> dict[str, Any]:
    """Return the values of `config` as one flat mapping from setting to value."""
    return {
        field.name: getattr(topic, field.name)
        for topic_name in _topics(type(config))
        for topic in [getattr(config, topic_name)]
        for field in dataclasses.fields(topic)
    }


def assemble(config_type: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a configuration from flat `values`; settings left out keep their defaults.

    Values may be strings, as typed, or of the setting's own type, as read from JSON.

    Raises:
        ConfigurationError: with every unknown name, unusable value and broken rule.
    """
    settings = settings_of(config_type)
    problems = [unknown_name(name, settings) for name in values if name not in settings]
    converted: dict[str, dict[str, Any]] = {topic: {} for topic in _topics(config_type)}
    for name, value in values.items():
        if name in settings:
            setting = settings[name]
            try:
                converted[setting.topic][name] = _convert(setting, value)
            except msgspec.ValidationError as error:
                problems.append(_explain(setting, value, error))
    config = config_type(
        **{topic: kind(**converted[topic]) for topic, kind in _topics(config_type).items()}
    )
    problems += config.problems()
    if problems:
        raise ConfigurationError(problems)
    return config


def from_json(config_type: type[Config], content: Any, source: str) -> dict[str, Any]:
    """Return the flat values in `content`, the JSON of a run's config.json or a flat mapping.

    Raises:
        ConfigurationError: if it is not a mapping, or a topic or setting is unknown.
    """
    if not isinstance(content, dict):
        raise ConfigurationError([f"{source}: expected a JSON object of settings"])
    topics = _topics(config_type)
    values: dict[str, Any] = {}
    problems = []
    for name, value in content.items():
        if name in topics and isinstance(value, dict):
            values.update(value)
        elif name != "schema":
            values[name] = value
    known = settings_of(config_type)
    problems = [f"{source}: {unknown_name(n, known)}" for n in values if n not in known]
    if problems:
        raise ConfigurationError(problems)
    return values


def unknown_name(name: str, known: Collection[str], word: str = "setting") -> str:
    """Return the sentence that refuses `name`, a `word`, and offers what it may stand for."""
    return f"unknown {word} {name}{hint(name, known)}"


def expectation(error: msgspec.ValidationError) -> str:
    """Return what a value should have been, in words: `expected int, a whole number`."""
    rule = (str(error)[0].lower() + str(error)[1:]).replace("`", "").partition(" - at $")[0]
    for kind, words in {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
    }.items():
        rule = rule.replace(f"expected {kind}, got str", f"expected {kind}, {words}")
    return rule


def _topics(config_type: type[DatasetConfig]) -> dict[str, type[Any]]:
    hints = typing.get_type_hints(config_type)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_type)}


def _convert(setting: Setting, value: Any) -> Any:
    if isinstance(value, str) and setting.type is not str:
        return msgspec.convert(value, setting.type, strict=False)
    return msgspec.convert(value, setting.type)


def _explain(setting: Setting, value: Any, error: msgspec.ValidationError) -> str:
    if value is None or value == "":
        return f"--{setting.name} needs a value"
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
    if setting.choices:
        choices = setting.choices
        rule = f"must be one of {', '.join(choices)}{hint(str(value), choices)}"
    else:
        rule = expectation(error)
    return f"--{setting.name} {shown}: {rule}"
