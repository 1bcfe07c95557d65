"""The settings of a configuration by name: read from typed strings or JSON, all errors at once.

A configuration is a dataclass whose fields are topics (dataclasses of settings). The names of
settings are unique across topics, so a flat mapping of names to values describes one completely.
"""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from geometric_memory.config import GraphConfig
from geometric_memory.errors import ConfigurationError
from geometric_memory.synonyms import unknown_name
from geometric_memory.topic import Setting, Topic, read_values, settings_of_topic, unchecked

Config = TypeVar("Config", bound=GraphConfig)


@cache
def settings_of(config_type: type[GraphConfig]) -> Mapping[str, Setting]:
    """Return every setting of `config_type` by name, in order of topic and field."""
    return MappingProxyType(
        {
            name: dataclasses.replace(setting, topic=topic)
            for topic, kind in _topics(config_type).items()
            for name, setting in settings_of_topic(kind).items()
        }
    )


def topic_descriptions(config_type: type[GraphConfig]) -> dict[str, str]:
    """Return the one-line description of every topic of `config_type`."""
    return {
        topic: (topic_type.__doc__ or topic).splitlines()[0].rstrip(".")
        for topic, topic_type in _topics(config_type).items()
    }


def flatten(config: GraphConfig) -> dict[str, Any]:
    """Return the values of `config` as one flat mapping from setting to value."""
    return {
        field.name: getattr(topic, field.name)
        for topic_name in _topics(type(config))
        for topic in [getattr(config, topic_name)]
        for field in dataclasses.fields(topic)
    }


def differing(config: GraphConfig) -> dict[str, Any]:
    """Return the flat values of `config` that are not the defaults."""
    settings = settings_of(type(config))
    return {n: value for n, value in flatten(config).items() if value != settings[n].default}


def changed(config: Config, **settings: Any) -> Config:
    """Return `config` with some settings changed, all rules checked.

    Raises:
        ConfigurationError: with every unknown name, unusable value and broken rule.
    """
    return assemble(type(config), flatten(config) | settings, typed=False)


def assemble(
    config_type: type[Config], values: Mapping[str, Any], *, typed: bool = True,
    problems: Sequence[str] = (), whole: bool = True,
) -> Config:  # fmt: skip
    """Build a configuration from flat `values`; settings left out keep their defaults.

    Values are of the setting's own type or, if `typed`, strings as typed in a shell. `problems` are
    those found before, which are reported with the others. Rules between values are not asked of
    settings that are not `whole`: others are still to come.

    Raises:
        ConfigurationError: with every unknown name, unusable value and broken rule.
    """
    settings = settings_of(config_type)
    read, found = read_values(settings, values, typed=typed)
    topics = {
        topic: unchecked(kind, {name: read[name] for name in read & settings_of_topic(kind).keys()})
        for topic, kind in _topics(config_type).items()
    }
    config = unchecked(config_type, topics)
    found = [*problems, *found, *(config.problems() if whole else [])]
    if found:
        raise ConfigurationError(found)
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
    if "checkpoints_kept" in values:  # its name in older versions
        values["keep_checkpoints"] = str(values.pop("checkpoints_kept"))
    known = settings_of(config_type)
    problems = [f"{source}: {unknown_name(n, known)}" for n in values if n not in known]
    if problems:
        raise ConfigurationError(problems)
    return values


@cache
def _topics(config_type: type[GraphConfig]) -> Mapping[str, type[Topic]]:
    hints = typing.get_type_hints(config_type)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_type)}
