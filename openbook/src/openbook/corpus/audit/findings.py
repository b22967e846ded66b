"""A finding of the audit, the kinds there are, and a record as the rules see it: the numbers and words of its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from openbook.errors import OpenbookError
from openbook.record.model import Record
from openbook.record.parquet import CODES, read_table
from openbook.text import one_line
from openbook.variables import SCORED, VARIABLES

FindingKind = Literal[
    "ghost",
    "promised_code",
    "damaged_url",
    "checklist",
    "not_a_quote",
    "quote_absent",
    "contradiction",
    "no_own_link",
    "link_beside_no",
    "work_of_others",
]
Severity = Literal["high", "medium", "low"]

#: Kind -> what it means, in the order of reports.
KINDS: Final[dict[str, str]] = {
    "ghost": "answers about a paper whose text the assessor never had",
    "promised_code": "code counted as open although it is only promised",
    "damaged_url": "a link in an answer that was broken by text extraction",
    "checklist": "an answer that rests on the authors' checklist instead of the paper",
    "not_a_quote": "a yes whose evidence is the assessor's own words, not the paper's",
    "quote_absent": "a yes whose quote is not in the paper",
    "contradiction": "answers of one record that cannot both be right, or an answer against its own evidence",
    "no_own_link": "code answered yes, with no link, supplement or footnote in any of its quotes",
    "link_beside_no": "code answered no, although the nearest sentence links to a code host",
    "work_of_others": "a yes for code whose quotes speak of other people's work",
}
SEVERITIES: Final = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """One error: the paper and answer, its severity, the words it rests on, and the reason."""

    id: str
    kind: FindingKind
    severity: Severity
    variable: str | None
    evidence: str
    why: str


def read_findings(path: Path) -> list[Finding]:
    """Findings as ``openbook audit --json`` printed them. Raises ``OpenbookError`` on anything else."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return [
            Finding(**{name: one.get(name) for name in ("id", "kind", "severity", "variable", "evidence", "why")})
            for one in content["findings"]
        ]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise OpenbookError(
            f"{path} does not hold findings ({type(error).__name__}: {error}); make them with: openbook audit R --json"
        ) from error


YES: Final = 1
NO: Final = 0
#: The model of the published index.
PUBLISHED_MODEL: Final = "gemini-2.5-flash"


@dataclass(frozen=True, slots=True)
class AuditedAnswer:
    """One answer: its number (None when unread), the words it rests on, and the quotes where a record keeps them apart.

    The words are the quotes if there are any, else the near miss of a no, else the response.
    """

    result: int | None
    words: str
    quotes: tuple[tuple[str, str], ...] = ()  # (quote, how it matched)
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class AuditedRecord:
    """One record. ``input_tokens`` is None if the run does not say; ``published`` marks a run of the imported index."""

    id: str
    title: str
    answers: dict[str, AuditedAnswer]
    input_tokens: int | None
    published: bool


def read_audited(records: Path, most_tokens: int | None = None) -> Iterator[AuditedRecord]:
    """The records of a Parquet file or of a folder that ``openbook assess`` wrote.

    With ``most_tokens``, records of the published index with a larger input are left out. Raises ``OpenbookError`` when
    the table has no answers.
    """
    import pyarrow.compute as pc  # what renders papers' pages needs the rest of this module, and starts sooner without it

    table = read_table(records)
    names = set(table.column_names)
    answered = [variable for variable in VARIABLES if variable in names]
    if "id" not in names or not answered:
        raise OpenbookError(f"{records} is not a table of records: it needs a column id and one per variable.")
    wanted = ["id", "title", "input_tokens", "model", "assessor"]
    for variable in answered:
        wanted += [variable, *(f"{variable}_{part}" for part in ("text", "result", "evidence", "near_miss"))]
    if most_tokens is not None and {"input_tokens", "model"} <= names and "assessor" not in names:
        large = pc.greater(table["input_tokens"], most_tokens)
        table = table.filter(pc.invert(pc.fill_null(pc.and_(large, pc.equal(table["model"], PUBLISHED_MODEL)), False)))
    table = table.select([name for name in wanted if name in names])
    for batch in table.to_batches(max_chunksize=2000):
        for row in batch.to_pylist():
            yield audited_record(row, answered)


def audited_record(row: dict[str, Any], answered: list[str]) -> AuditedRecord:
    """The record in one row of a table of records, of which the variables ``answered`` are columns."""
    answers = {}
    for variable in answered:
        evidence = row.get(f"{variable}_evidence")
        quotes = tuple((item["quote"], item["match"]) for item in json.loads(evidence)) if evidence else ()
        near_miss = row.get(f"{variable}_near_miss")
        nearest = json.loads(near_miss)["quote"] if near_miss else ""
        words = " ".join(quote for quote, _ in quotes) or nearest or row.get(f"{variable}_text") or ""
        unverified = row.get(f"{variable}_result") == "unverified"
        answers[variable] = AuditedAnswer(row[variable], words, quotes, unverified)
    return AuditedRecord(
        id=row["id"],
        title=row.get("title") or "",
        answers=answers,
        input_tokens=row.get("input_tokens"),
        published=row.get("assessor") in (None, "published") and row.get("model") == PUBLISHED_MODEL,
    )


def as_audited(record: Record) -> AuditedRecord:
    """A record as the rules see it: the same as ``audited_record`` makes of its row."""
    answers = {}
    for variable in VARIABLES:
        answer = record.answers.get(variable)
        if answer is not None:
            quotes = tuple((item.quote, item.match) for item in answer.evidence)
            nearest = answer.near_miss.quote if answer.near_miss else ""
            words = " ".join(quote for quote, _ in quotes) or nearest or answer.response
            code = CODES[variable][answer.result]
            answers[variable] = AuditedAnswer(code, words, quotes, answer.result == "unverified")
    run = record.run
    published = run.assessor == "published" and run.model == PUBLISHED_MODEL
    return AuditedRecord(record.paper.id, record.paper.title, answers, run.input_tokens, published)


def yes_answers(record: AuditedRecord) -> Iterator[tuple[str, AuditedAnswer]]:
    """The scored answers that are yes, with their variable."""
    for variable in SCORED:
        answer = record.answers.get(variable)
        if answer is not None and answer.result == YES:
            yield variable, answer


def excerpt(text: str, start: int = 0, end: int | None = None, around: int = 60) -> str:
    """A span of a text with some context on both sides, as one line."""
    stop = len(text) if end is None else end
    first, last = max(0, start - around), min(len(text), stop + around)
    if last - first > 400:
        last = first + 400
    cut = one_line(text[first:last])
    return ("… " if first else "") + cut + (" …" if last < len(text) else "")
