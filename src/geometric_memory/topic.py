"""A setting, and a topic of settings: frozen dataclasses whose values are checked when made."""

import ast
import dataclasses
import inspect
import math
import os
import sys
import typing
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

import msgspec

from geometric_memory.errors import ConfigurationError
from geometric_memory.synonyms import hint, unknown_name

Made = TypeVar("Made")


class Checked:
    """Values that are checked whoever makes them.

    Raises:
        ConfigurationError: with every broken rule.
    """

    def __post_init__(self) -> None:
        broken = list(self.broken_rules())
        if broken:
            raise ConfigurationError(broken)

    def problems(self) -> list[str]:
        """Return a sentence for every broken rule and how to mend it."""
        return list(self.broken_rules())

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule between values and how to mend it."""
        yield from ()


@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
class Topic(Checked):
    """Settings that belong together, a frozen dataclass; the string below a field is its help.

    Raises:
        ConfigurationError: with every unknown name or every unusable value or every broken rule.
    """

    refused: ClassVar[str] = "--{name} {value}: {rule}"
    """The message about a value that cannot be used; `label` may stand in it too."""
    missing: ClassVar[str] = "--{name} needs a value"
    """The message where there is no value; `label` and the `range` may stand in it too."""

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(frozen=True, init=False)(cls)

    def __init__(self, **values: Any) -> None:
        settings = settings_of_topic(type(self))
        found, problems = read_values(settings, values)
        for name, setting in settings.items():
            object.__setattr__(self, name, found.get(name, setting.default))
        if problems:
            raise ConfigurationError(problems)
        super().__post_init__()

    def __post_init__(self) -> None:
        self.__init__(**vars(self))  # made without a constructor, as readers of JSON do

    @classmethod
    def described_in(cls) -> Iterator[type]:
        """Yield the classes in whose source the help texts of the settings stand."""
        yield from (kind for kind in cls.__mro__ if issubclass(kind, Topic) and kind is not Topic)


@dataclasses.dataclass(frozen=True, kw_only=True)
class About:
    """What there is to know of a setting besides its limits and its help; stands in its type."""

    off: str = ""
    """The published option that turns a switch off."""
    stage: str = ""
    """The only stage that the setting acts in."""
    of: str = ""
    """The setting that this one stands for, under a name and with limits of its own."""
    only: tuple[str, ...] = ()
    """The values of choices with which the setting acts; none is all."""
    label: str = ""
    """Its name for a reader, where that is not the name of the setting in words."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: where it stands, what it may be, and its help text."""

    name: str
    kind: type[Topic]
    type: Any
    default: Any
    topic: str = ""
    """Name of the topic in a configuration."""

    @property
    def label(self) -> str:
        """Its name for a reader."""
        return self.about.label or self.name.replace("_", " ").capitalize()

    @property
    def help(self) -> str:
        """What the setting does, in a sentence."""
        return _help_texts(self.kind)[self.name]

    @property
    def is_switch(self) -> bool:
        """Whether the setting is true or false."""
        return self._plain_type is bool

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The allowed values of a choice, else empty."""
        return get_args(self._plain_type) if get_origin(self._plain_type) is Literal else ()

    @cached_property
    def about(self) -> About:
        """What else there is to know of it."""
        notes = getattr(self.type, "__metadata__", ())
        return next((note for note in notes if isinstance(note, About)), About())

    @property
    def limits(self) -> tuple[msgspec.Meta, ...]:
        """The limits of its value."""
        notes = getattr(self.type, "__metadata__", ())
        return tuple(note for note in notes if isinstance(note, msgspec.Meta))

    @property
    def _plain_type(self) -> Any:
        return get_args(self.type)[0] if get_origin(self.type) is Annotated else self.type

    def read(self, value: Any, *, typed: bool = False) -> Any:
        """Return `value` as the setting's own type; a string that was `typed` is read as one.

        Raises:
            ConfigurationError: if the setting cannot have this value.
        """
        plain = os.fspath(value) if isinstance(value, os.PathLike) else value
        plain = plain.item() if hasattr(plain, "item") and hasattr(plain, "dtype") else plain
        strict = not (typed and isinstance(plain, str | list) and self._plain_type is not str)
        try:
            found = msgspec.convert(plain, self.type, strict=strict)
        except msgspec.ValidationError as error:
            raise ConfigurationError([self._refusal(value, self._rule(value, error))]) from None
        except UnicodeEncodeError:  # half a character, such as a name that is no UTF-8
            problem = self._refusal(value, "is no text that can be stored")
            raise ConfigurationError([problem]) from None
        if isinstance(found, float) and not math.isfinite(found):
            raise ConfigurationError([self._refusal(value, "must be a finite number")])
        return found

    def _rule(self, value: Any, error: msgspec.ValidationError) -> str:
        if self.choices:
            suggestion = hint(value, self.choices) if isinstance(value, str) else ""
            return f"must be one of {', '.join(self.choices)}{suggestion}"
        return expectation(error)

    def _refusal(self, value: Any, rule: str) -> str:
        try:
            text = repr(value)
        except ValueError:  # Python writes no number of thousands of digits
            text = "of thousands of digits"
        shown = text if len(text) <= 80 else text[:77] + "..."
        known = [f" from {m.ge} to {m.le}" for m in self.limits if m.ge is not None and m.le]
        sentence = self.kind.missing if value is None or value == "" else self.kind.refused
        return sentence.format(
            name=self.name, label=self.label, value=shown, rule=rule, range="".join(known)
        )


def read_values(
    settings: Mapping[str, Setting], values: Mapping[str, Any], *, typed: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Return `values` as the settings' own types, and a sentence for each that cannot be read."""
    problems = [unknown_name(name, settings) for name in values if name not in settings]
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in settings:
            try:
                found[name] = settings[name].read(value, typed=typed)
            except ConfigurationError as error:
                problems += error.problems
    problems += [
        setting.kind.missing.format(name=name, label=setting.label, range="")
        for name, setting in settings.items()
        if setting.default is dataclasses.MISSING and name not in values
    ]
    return found, problems


def viewed(view: Topic, kind: type[Topic], *chosen: str) -> dict[str, Any]:
    """Return the settings of `kind` that `view` has, by name or as what they stand for.

    Left out is what acts only with other choices than `chosen`.
    """
    known = settings_of_topic(kind)
    return {
        setting.about.of or name: getattr(view, name)
        for name, setting in settings_of_topic(type(view)).items()
        if (setting.about.of or name) in known
        and (not setting.about.only or set(chosen) & set(setting.about.only))
    }


@cache
def settings_of_topic(topic: type[Topic]) -> Mapping[str, Setting]:
    """Return the settings of `topic` by name, in the order of its fields."""
    hints = typing.get_type_hints(topic, include_extras=True)
    fields: Any = dataclasses.fields(topic)  # type: ignore[arg-type]
    return MappingProxyType(
        {
            field.name: Setting(
                name=field.name, kind=topic, type=hints[field.name], default=field.default
            )
            for field in fields
        }
    )


@cache
def _help_texts(topic: type[Topic]) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for kind in topic.described_in():
        body = _classes(kind.__module__)[kind.__name__].body
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                texts[ast.unparse(field.target)] = ast.literal_eval(text.value)
    return texts


@cache
def _classes(module: str) -> Mapping[str, ast.ClassDef]:
    source = inspect.getsource(sys.modules[module])
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


def unchecked(kind: type[Made], values: Mapping[str, Any]) -> Made:
    """Return a `kind` of `values` and defaults that nothing has checked.

    So that one bad value does not hide what is wrong with the others.
    """
    made = object.__new__(kind)
    fields: Any = dataclasses.fields(kind)  # type: ignore[arg-type]
    for field in fields:
        object.__setattr__(made, field.name, values.get(field.name, field.default))
    return made


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
