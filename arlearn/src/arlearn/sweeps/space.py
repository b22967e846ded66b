"""The search space of a sweep: lists of values (``batch=32,64``) and ranges (``learning_rate=1e-4..1e-2``)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arlearn.errors import ArlearnError
from arlearn.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.trial import Trial

WIDE = 10.0  # a range whose ends differ by this factor is searched by orders of magnitude
# a value and the comma after it; commas inside quotes and brackets are part of the value
VALUE = re.compile(r"""((?:"[^"]*"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|[^,])*),""")
MOST_CHECKED = 10_000  # combinations that are checked before anything is trained


@dataclass(frozen=True)
class SweptSetting:
    """One setting and the values it takes.

    Attributes:
        key: as ``--set`` takes it.
        choices: values as ``--set`` takes them; empty for a range.
        low, high: ends of a range, both included.
        whole: whether a range is one of whole numbers.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False

    @property
    def wide(self) -> bool:
        return self.low > 0 and self.high / self.low >= WIDE

    @property
    def extremes(self) -> tuple[str, ...]:
        """All choices of a list, both ends of a range."""
        return self.choices or (self.written(self.low), self.written(self.high))

    def suggest(self, trial: Trial) -> str:
        """The value that this trial takes."""
        if self.choices:
            return str(trial.suggest_categorical(self.key, self.choices))
        if self.whole:
            return self.written(trial.suggest_int(self.key, int(self.low), int(self.high), log=self.wide))
        return self.written(trial.suggest_float(self.key, self.low, self.high, log=self.wide))

    def written(self, value: str | float) -> str:
        """A value as ``--set`` takes it."""
        if isinstance(value, str):
            return value
        return str(int(value)) if self.whole else repr(float(value))

    def __str__(self) -> str:
        return f"{self.key}={','.join(self.choices) if self.choices else '..'.join(self.extremes)}"


def read_space(given: Sequence[str], recipe: Recipe) -> list[SweptSetting]:
    """The search space that ``--over`` describes. Raises ArlearnError that lists all invalid values and combinations."""
    found, problems = [], []
    for text in given:
        try:
            found.append(_read(text))
        except ArlearnError as error:
            problems.append(str(error))
    keys = [setting.key.rpartition(".")[2] for setting in found]
    problems += [f"--over {key}: given twice" for key in sorted({key for key in keys if keys.count(key) > 1})]
    for setting in found:
        for value in setting.extremes:
            try:
                recipe.with_changes([f"{setting.key}={value}"])
            except ArlearnError as error:
                problems.append(f"--over {setting}: {error}")
    if not problems:  # each value by itself is right, so what is wrong now is a combination
        for values in itertools.islice(combinations(found), MOST_CHECKED):
            try:
                recipe.with_changes(as_changes(values))
            except ArlearnError as error:
                problems.append(f"{', '.join(as_changes(values))}: {error}")
    if problems:
        told = list(dict.fromkeys(problems))
        rest = f"; and {len(told) - 8} more" if len(told) > 8 else ""
        raise ArlearnError("; ".join(told[:8]) + rest)
    return found


def combinations(space: Sequence[SweptSetting]) -> Iterator[dict[str, str]]:
    """Every combination of values, the last setting changing first; of ranges the ends."""
    for values in itertools.product(*(setting.extremes for setting in space)):
        yield {setting.key: value for setting, value in zip(space, values, strict=True)}


def as_changes(values: Mapping[str, str]) -> list[str]:
    """As ``Recipe.with_changes`` takes them."""
    return [f"{key}={value}" for key, value in values.items()]


def _read(text: str) -> SweptSetting:
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not key or not values:
        raise ArlearnError(f"--over {text}: write key=a,b,c or key=low..high")
    if ".." in values and not values.startswith(("[", "'", '"')):
        return _range(text, key, values)
    choices = [value.strip() for value in VALUE.findall(values + ",")]
    if "" in choices:
        raise ArlearnError(f"--over {text}: there is an empty value")
    if len(set(choices)) < len(choices):
        raise ArlearnError(f"--over {text}: a value is given twice")
    return SweptSetting(key, tuple(choices))


def _range(text: str, key: str, values: str) -> SweptSetting:
    low, _, high = (part.strip() for part in values.partition(".."))
    try:
        whole = all(end.lstrip("+-").isdigit() for end in (low, high))
        setting = SweptSetting(key, (), float(low), float(high), whole)
    except ValueError as error:
        raise ArlearnError(f"--over {text}: the ends of a range are numbers, such as 1e-4..1e-2") from error
    if not setting.low < setting.high < float("inf"):
        raise ArlearnError(f"--over {text}: a range runs from a smaller number to a larger one")
    return setting
