"""The results of many trainings as one table: numbers by name, means over seeds, a plot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geometric_memory.analysis.estimate import Estimate, estimate
from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import require
from geometric_memory.synonyms import unknown_name

if TYPE_CHECKING:
    import pandas

    from geometric_memory.figures.page import Table as Summary
    from geometric_memory.figures.picture import Picture

SEEDS = ("seed", "init_seed")
"""Columns whose values one mean is over."""


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of one column over the seeds of one group."""

    group: Mapping[str, Any]
    """The settings that the group shares, of those that vary."""
    estimate: Estimate


class Table(Mapping[str, list[Any]]):
    """A row per training and a column per name; `table[name]` is a column.

    `by` are the settings that vary, seeds left out; `shown` the columns of most interest.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[Any]], *, by: Sequence[str], shown: Sequence[str]
    ) -> None:
        self._columns = {name: list(values) for name, values in columns.items()}
        self.by, self.shown = tuple(by), tuple(shown)

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._columns:
            raise KeyError(unknown_name(name, self._columns, "column"))
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows, each by column."""
        cells = zip(*self._columns.values(), strict=True)
        return [dict(zip(self._columns, row, strict=True)) for row in cells]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the table as a data frame.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas

        return pandas.DataFrame(self._columns)

    def means(self, name: str) -> list[Mean]:
        """Return mean and 95 % interval of a column over the seeds of each group, in order.

        A group are rows with equal settings `by`; rows without a number do not count.

        Raises:
            KeyError: if there is no such column.
        """
        groups: dict[tuple[Any, ...], list[float]] = {}
        for row, value in zip(self.rows, self[name], strict=True):
            found = groups.setdefault(tuple(row[each] for each in self.by), [])
            found.append(float(value) if isinstance(value, int | float) else float("nan"))
        return [
            Mean(group=dict(zip(self.by, key, strict=True)), estimate=estimate(values))
            for key, values in groups.items()
        ]

    def plot(self, name: str = "", *, x: str = "") -> "Picture":
        """Return a figure of the means of a column, with 95 % intervals as error bars.

        Args:
            name: the column; by default the first of `shown`.
            x: the setting along the axis; by default the last of `by` whose values are numbers.
                Other settings make lines of their own.

        Raises:
            ConfigurationError: if there is no such column, with the nearest.
            MissingPackageError: if matplotlib is not installed.
        """
        require("a plot", "matplotlib")
        name = name or self.shown[0]
        for word, known in ((name, self._columns), *[(x, self.by)] * bool(x)):
            if word not in known:
                raise ConfigurationError([unknown_name(word, known, "column")])
        from geometric_memory.figures.colors import PALETTE
        from geometric_memory.figures.picture import Chart, Line, Picture

        along = x or next((each for each in reversed(self.by) if self._numeric(each)), "")
        groups: dict[str, list[tuple[Any, Estimate]]] = {}
        for mean in self.means(name):
            others = {n: value for n, value in mean.group.items() if n != along}
            label = ", ".join(f"{n} {value}" for n, value in others.items())
            place = mean.group[along] if along else label
            groups.setdefault(label if along else "", []).append((place, mean.estimate))
        names = list(dict.fromkeys(place for found in groups.values() for place, _ in found))
        numbers = all(isinstance(place, int | float) for place in names)
        where = {place: float(place) if numbers else n for n, place in enumerate(names)}
        # Lines stand a little apart where they share places, so that no error bar hides another.
        apart = 0.012 * ((max(where.values()) - min(where.values())) or 1.0)
        lines = []
        for number, (label, found) in enumerate(groups.items()):
            shift = apart * (number - (len(groups) - 1) / 2)
            low, high = np.array([one.interval for _, one in found]).T
            lines.append(
                Line(x=np.array([where[place] + shift for place, _ in found]), label=label,
                     y=np.array([one.mean for _, one in found]), ends=(low, high), markers=True,
                     color=PALETTE[number % len(PALETTE)], dash="solid" if numbers else "none")
            )  # fmt: skip
        chart = Chart(lines=lines, x_title=along.replace("_", " "), y_title=name,
                      columns=() if numbers else list(map(str, names)))  # fmt: skip
        label = f"{name} by {along or 'group'}, mean and 95 % interval over seeds"
        return Picture(panels=[chart], label=label, size=(6.0, 3.6))

    def _numeric(self, name: str) -> bool:
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self[name])

    def _summary(self) -> "Summary":
        """Return a group per row, its seeds and the means of what is shown."""
        from geometric_memory.figures.page import Table as Summary

        columns = {name: self.means(name) for name in self.shown}
        rows = []
        for place, mean in enumerate(next(iter(columns.values()), [])):
            values = [found[place].estimate for found in columns.values()]
            count = max((value.count for value in values), default=0)
            rows.append(
                [*map(str, mean.group.values()), str(count), *(value.text for value in values)]
            )
        return Summary(headings=[*self.by, "seeds", *self.shown], rows=rows)

    def __repr__(self) -> str:
        return self._summary().text()

    def _repr_html_(self) -> str:
        return self._summary().html()
