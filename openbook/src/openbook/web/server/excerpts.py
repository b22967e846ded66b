"""What a paper's page shows of its text: quotes in their context, and advice. It is kept when the file is deleted."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from openbook.advice.advising import Advice
from openbook.advice.counterfactuals import tested_advice
from openbook.evidence.letters import letters_of
from openbook.evidence.locating import Finder
from openbook.papers.paper import Paper
from openbook.record.model import Evidence, Record
from openbook.variables import SCORED
from openbook.web.record.view import AnswerView, QuoteView, quote_view

#: The most characters of one paper's excerpts: the process that read a hostile paper may send anything.
MOST: Final = 500_000
#: A quote in a correction's reason has at least this many letters: a shorter one could be from anywhere.
LEAST_LETTERS: Final = 20
_QUOTED: Final = re.compile(r"[“„\"«]([^“”„\"«»]+)[”“\"»]")


class Context(BaseModel):
    """A quote's place in words, and the paper's own words before it, in its place and after it."""

    model_config = ConfigDict(extra="forbid")

    where: str
    before: str
    marked: str
    after: str


class Excerpts(BaseModel):
    """The contexts of quotes, by the span of each (``START:END``), and advice on what is not answered yes."""

    model_config = ConfigDict(extra="forbid")

    contexts: dict[str, Context] = {}
    advice: list[Advice] = []


def excerpts_of(paper: Paper, record: Record) -> dict[str, Any]:
    """What the page of a record shows of its paper, as JSON."""
    contexts = context_of(paper, [item for answer in record.answers.values() for item in answer.evidence])
    return {"contexts": contexts, "advice": [asdict(item) for item in tested_advice(record, paper)]}


def context_of(paper: Paper, quotes: list[Evidence]) -> dict[str, dict[str, str]]:
    """The contexts of quotes by their spans, as JSON."""
    views = {f"{item.start}:{item.end}": quote_view(item, paper) for item in quotes if item.start is not None}
    return {
        span: {"where": view.where, "before": view.before, "marked": view.marked, "after": view.after}
        for span, view in views.items()
        if view.marked
    }


def read_excerpts(content: object) -> Excerpts | None:
    """Excerpts that were kept or sent; None if they are not of this form or too long."""
    try:
        return Excerpts.model_validate(content) if len(json.dumps(content)) <= MOST else None
    except (ValidationError, ValueError):
        return None


def in_context(views: list[AnswerView], excerpts: Excerpts) -> list[AnswerView]:
    """Answers with their quotes in the contexts that were kept."""

    def shown(quote: QuoteView) -> QuoteView:
        found = excerpts.contexts.get(f"{quote.item.start}:{quote.item.end}")
        return replace(quote, **found.model_dump()) if found else quote

    return [replace(view, quotes=[shown(quote) for quote in view.quotes]) for view in views]


def open_advice(record: Record, excerpts: Excerpts) -> list[Advice]:
    """The advice that was kept, for what is still not answered yes."""
    missing = {
        name for name in SCORED if name in record.answers and record.answers[name].result in ("no", "unverified")
    }
    return [item for item in excerpts.advice if item.variable in missing]


def quotes_in(reason: str, paper: Paper) -> list[Evidence]:
    """The quotes in a correction's reason that are in the paper; without quotation marks, its sentences that are."""
    finder = Finder.of(paper)
    found: dict[tuple[int | None, int | None], Evidence] = {}
    for words in _QUOTED.findall(reason) or [reason]:
        for item in finder.evidence(words):
            if item.match != "absent" and len(letters_of(item.quote)) >= LEAST_LETTERS:
                found.setdefault((item.start, item.end), item)
    return list(found.values())
