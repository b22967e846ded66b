"""Two records, or two folders of records, side by side: what changed between two versions of a paper or two assessors."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from openbook.errors import OpenbookError
from openbook.record.files import read_folder, read_record
from openbook.record.model import Answer, Record
from openbook.text import one_line
from openbook.variables import SCORED, VARIABLES

#: Quotes as alike as this, 0..1, are one quote with small changes.
ALIKE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Change:
    """One answer that differs: its results and confidences, and the quotes that were removed and added."""

    variable: str
    before: str
    after: str
    confidence_before: float | None
    confidence_after: float | None
    lost: tuple[str, ...]
    gained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two records of one paper. ``quotes_only`` are the variables whose result stayed while their quotes changed."""

    id: str
    title: str
    documentation: tuple[int | None, int | None]
    reproducibility: tuple[float | None, float | None]
    changes: tuple[Change, ...]
    quotes_only: tuple[Change, ...]


def compare_records(before: Record, after: Record) -> Comparison:
    """What changed from one record to another."""
    changes, quotes_only = [], []
    for variable in VARIABLES:
        one, other = before.answers.get(variable), after.answers.get(variable)
        if one is None or other is None:
            continue
        change = _change(variable, one, other)
        if change.before != change.after:
            changes.append(change)
        elif variable in SCORED and (change.lost or change.gained):
            quotes_only.append(change)
    return Comparison(
        id=after.paper.id,
        title=after.paper.title or before.paper.title or after.paper.id,
        documentation=(before.scores.documentation, after.scores.documentation),
        reproducibility=(before.scores.reproducibility, after.scores.reproducibility),
        changes=tuple(changes),
        quotes_only=tuple(quotes_only),
    )


def _change(variable: str, one: Answer, other: Answer) -> Change:
    had, has = ([one_line(item.quote) for item in answer.evidence] for answer in (one, other))
    lost = tuple(quote for quote in had if not any(_alike(quote, now) for now in has))
    gained = tuple(quote for quote in has if not any(_alike(quote, was) for was in had))
    return Change(variable, one.result, other.result, one.confidence, other.confidence, lost, gained)


def _alike(one: str, other: str) -> bool:
    return one == other or SequenceMatcher(None, one, other, autojunk=False).ratio() >= ALIKE


def compare(before: Path, after: Path) -> tuple[list[Comparison], list[str], list[str]]:
    """The comparisons of two records or two folders, and the ids that only one folder has.

    The papers of two folders are matched by id. Raises OpenbookError if one is a folder and the other a file, or
    where two folders share no paper.
    """
    if before.is_dir() != after.is_dir():
        raise OpenbookError(f"{before} and {after} cannot be compared: give two records, or two folders of records")
    if not before.is_dir():
        return [compare_records(read_record(before), read_record(after))], [], []
    one, other = ({record.paper.id: record for record in read_folder(folder)} for folder in (before, after))
    shared = [id_ for id_ in other if id_ in one]
    if not shared:
        raise OpenbookError(f"no paper of {before} has its id in {after}, so there is nothing to compare")
    compared = [compare_records(one[id_], other[id_]) for id_ in shared]
    return compared, sorted(one.keys() - other.keys()), sorted(other.keys() - one.keys())
