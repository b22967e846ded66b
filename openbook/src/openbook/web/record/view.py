"""A record as it is shown: titles, words for its results, and each quote in its context."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openbook.assess.pipeline import text_hash
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.record.model import Answer, Evidence, Record
from openbook.variables import SCORED, VARIABLES
from openbook.variables.definitions import definition

#: Characters of context on either side of a quote, before it is widened to whole words.
CONTEXT: Final = 220

RESULTS: Final = {
    "yes": "Yes",
    "no": "No",
    "unverified": "Unverified",
    "unread": "Unread",
    "experimental": "Experimental",
    "theoretical": "Theoretical",
    "academia": "Academia",
    "industry": "Industry",
    "collaboration": "Collaboration",
    "unknown": "Unknown",
}
MATCHES: Final = {
    "exact": "word for word",
    "normalised": "letter for letter",
    "fuzzy": "similar",
    "absent": "not in the paper",
}


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A quote, where it stands, and the paper's own words around it (``marked`` is what the paper has there)."""

    item: Evidence
    where: str
    before: str = ""
    marked: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer with the title of its variable and its quotes."""

    variable: str
    title: str
    question: str
    scored: bool
    answer: Answer
    result: str
    quotes: list[QuoteView] = field(default_factory=list)

    @property
    def confidence(self) -> str | None:
        """The confidence as a percentage."""
        return None if self.answer.confidence is None else f"{100 * self.answer.confidence:.0f} %"


def answers_of(record: Record, paper: Paper | None = None) -> list[AnswerView]:
    """The answers in the order of the variables; with the paper, each quote in its context."""
    views = []
    for variable in VARIABLES:
        if variable not in record.answers:
            continue
        answer, known = record.answers[variable], definition(variable)
        views.append(
            AnswerView(
                variable=variable,
                title=known.title,
                question=known.question,
                scored=variable in SCORED,
                answer=answer,
                result=RESULTS[answer.result],
                quotes=[quote_view(item, paper) for item in answer.evidence],
            )
        )
    return views


def quote_view(item: Evidence, paper: Paper | None) -> QuoteView:
    """A quote with its place in words, and its context where the paper is at hand."""
    where = _where(item, paper)
    if paper is None or item.start is None or item.end is None or item.end > len(paper.text):
        return QuoteView(item, where)
    first, last = _context(paper.text, item.start, item.end)
    return QuoteView(
        item,
        where,
        _one_line(paper.text[first : item.start]),
        _one_line(paper.text[item.start : item.end]),
        _one_line(paper.text[item.end : last]),
    )


def _where(item: Evidence, paper: Paper | None) -> str:
    if item.match == "absent":
        return MATCHES["absent"]
    parts = [f"page {item.page}"] if item.page is not None else []
    section = paper.section_at(item.start) if paper and item.start is not None else None
    if section and section.title:
        parts.append(f"“{_one_line(section.title)[:80]}”")
    if item.part and item.part != "body":
        parts.append(item.part)
    score = f" ({item.score:.0f} of 100)" if item.match == "fuzzy" and item.score is not None else ""
    return " · ".join([*parts, MATCHES[item.match] + score])


def _context(text: str, start: int, end: int) -> tuple[int, int]:
    """A span around a quote, within its paragraph's neighbours, cut between words."""
    first, last = max(0, start - CONTEXT), min(len(text), end + CONTEXT)
    while 0 < first < start and not text[first - 1].isspace():
        first += 1
    while end < last < len(text) and not text[last].isspace():
        last -= 1
    return first, last


def _one_line(text: str) -> str:
    before, after = _edges(text)
    return f"{before}{' '.join(text.split())}{after}" if text.strip() else before


def _edges(text: str) -> tuple[str, str]:
    return (" " if text[:1].isspace() else "", " " if text[-1:].isspace() else "")


def paper_of(record: Record, given: Path | None = None, beside: Path | None = None) -> tuple[Paper | None, str | None]:
    """The paper a record was made from, read again for the context of its quotes; or None and why not.

    ``given`` is where the user says that it is; else its source is tried, as it stands and from the folder ``beside``.
    Offsets only fit the very text that was assessed, so a paper whose text differs is not used.
    """
    from openbook.papers.sandbox import read_safely

    if record.paper.problem is not None:
        return None, f"the paper could not be read: {record.paper.problem}"
    path = given or _source(record, beside)
    if path is None:
        return None, f"the paper is not at {record.paper.source}; say where it is with --paper"
    try:
        paper = read_safely(path)
    except OpenbookError as error:
        return None, str(error)
    if paper.problem is not None:
        return None, f"{path} cannot be read: {paper.problem}"
    if record.run.text_hash and text_hash(paper) != record.run.text_hash:
        return None, f"{path} does not have the text that was assessed; assess it again"
    return paper, None


def _source(record: Record, beside: Path | None) -> Path | None:
    if not record.paper.source:
        return None
    source = Path(record.paper.source)
    for path in [source, *([] if beside is None else [beside / source, beside / source.name])]:
        if path.is_file():
            return path
    from openbook.papers.fetch import is_remote, local_path

    if is_remote(record.paper.source):
        try:
            return local_path(record.paper.source)
        except OpenbookError:
            return None
    return None


def interval_text(interval: tuple[float, float] | None) -> str:
    """An interval in words."""
    return "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
