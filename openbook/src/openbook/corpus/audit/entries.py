"""A record as the rules of the audit see it: numbers and words of its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from openbook.errors import OpenbookError
from openbook.record.parquet import read_table
from openbook.variables import SCORED, VARIABLES

YES: Final = 1
NO: Final = 0
#: The model of the published index.
PUBLISHED_MODEL: Final = "gemini-2.5-flash"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: its number (None when unread), the words given for it, and the quotes where a record keeps them apart."""

    result: int | None
    words: str
    quotes: tuple[tuple[str, str], ...] = ()  # (quote, how it matched)
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. ``input_tokens`` is None where the run does not say; ``published`` marks a run of the imported index."""

    id: str
    title: str
    answers: dict[str, Said]
    input_tokens: int | None
    published: bool


def read_entries(records: Path, most_tokens: int | None = None) -> Iterator[Entry]:
    """The records of a Parquet file or of a folder that ``openbook assess`` wrote.

    With ``most_tokens``, records of the published index with a larger input are left out. Raises ``OpenbookError`` when
    the table has no answers.
    """
    table = read_table(records)
    names = set(table.column_names)
    answered = [variable for variable in VARIABLES if variable in names]
    if "id" not in names or not answered:
        raise OpenbookError(f"{records} is no table of records: it needs a column id and one per variable.")
    wanted = ["id", "title", "input_tokens", "model", "assessor"]
    for variable in answered:
        wanted += [variable, f"{variable}_text", f"{variable}_result", f"{variable}_evidence"]
    if most_tokens is not None and {"input_tokens", "model"} <= names and "assessor" not in names:
        large = pc.greater(table["input_tokens"], most_tokens)
        table = table.filter(pc.invert(pc.fill_null(pc.and_(large, pc.equal(table["model"], PUBLISHED_MODEL)), False)))
    table = table.select([name for name in wanted if name in names])
    for batch in table.to_batches(max_chunksize=2000):
        for row in batch.to_pylist():
            yield entry_of(row, answered)


def entry_of(row: dict[str, Any], answered: list[str]) -> Entry:
    """The entry of one row of a table of records, of which the variables ``answered`` are columns."""
    answers = {}
    for variable in answered:
        evidence = row.get(f"{variable}_evidence")
        quotes = tuple((item["quote"], item["match"]) for item in json.loads(evidence)) if evidence else ()
        words = row.get(f"{variable}_text") or " ".join(quote for quote, _ in quotes)
        unverified = row.get(f"{variable}_result") == "unverified"
        answers[variable] = Said(row[variable], words, quotes, unverified)
    return Entry(
        id=row["id"],
        title=row.get("title") or "",
        answers=answers,
        input_tokens=row.get("input_tokens"),
        published=row.get("assessor") in (None, "published") and row.get("model") == PUBLISHED_MODEL,
    )


def said_yes(entry: Entry) -> Iterator[tuple[str, Said]]:
    """The scored answers that are yes, with their variable."""
    for variable in SCORED:
        said = entry.answers.get(variable)
        if said is not None and said.result == YES:
            yield variable, said


def excerpt(text: str, start: int = 0, end: int | None = None, around: int = 60) -> str:
    """A stretch of a text with something on both sides, in one line."""
    stop = len(text) if end is None else end
    first, last = max(0, start - around), min(len(text), stop + around)
    if last - first > 400:
        last = first + 400
    cut = " ".join(text[first:last].split())
    return ("… " if first else "") + cut + (" …" if last < len(text) else "")
