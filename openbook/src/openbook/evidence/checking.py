"""The one place where evidence is enforced: no ``yes`` without a quote that is in the paper.

Two kinds of words are no evidence though they look like it: sentences of the paper that speak to whoever judges it, and
an assessor's own words about the paper.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, get_args

from openbook.errors import OpenbookError
from openbook.evidence.locating import Finder, is_proven
from openbook.papers.paper import Paper
from openbook.record.model import Affiliation, Answer, Evidence, ResearchType, ScoredResult
from openbook.variables import SCORED, VARIABLES

#: What each variable may be answered with.
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    **{variable: get_args(ScoredResult) for variable in SCORED},
    "research_type": get_args(ResearchType),
    "affiliation": get_args(Affiliation),
}
MOST_LINKS: Final = 10
#: Sentences that speak to whoever assesses the paper. They are in the text, but they are evidence of nothing.
_ADDRESSED: Final = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instruction|prompt|above|previous|rule)"
    r"|\b(?:answer|respond|reply|say|mark|set|score|rate|return|output)\b.{0,30}[\"“'‘]?\byes\b"
    r"|\b(?:language model|LLM|AI|GPT|assistant|assessor|reviewer|grader|evaluator)s?\b.{0,60}"
    r"\b(?:must|should|shall|please|instructed|required)\b.{0,60}\b(?:answer|respond|record|accept|rate|score|conclude|mark)"
    r"|\ball (?:nine |seven |of the )?(?:variables|questions|answers|items)\b.{0,40}\b(?:yes|true|positive|satisfied)\b"
    r"|\bsystem prompt\b|\bas an AI\b|\bend of (?:the )?paper\b",
    re.IGNORECASE | re.DOTALL,
)
#: How an assessor speaks of a paper and the paper never of itself: "the paper", with a verb of reporting.
_ABOUT_THE_PAPER: Final = re.compile(
    r"^\W*(?:yes\W+)?the\s+(?:provided\s+)?(?:paper|authors?|text|manuscript|article|document)\s+"
    r"(?:also\s+|explicitly\s+|clearly\s+|specifically\s+|further\s+)*"
    r"(?:do(?:es)?\s+not|provides?|specif(?:y|ies)|describes?|details|includes?|mentions?|states?|discusses|explicitly|contains?|presents?|"
    r"lists?|references?|refers?|gives?|indicates?|reports?|uses|utilizes|employs?|introduces|outlines?|evaluates?|notes?)\b",
    re.IGNORECASE,
)


def check_answers(paper: Paper, answers: Mapping[str, Answer]) -> dict[str, Answer]:
    """The answers with every quote located in the paper, in the order of the variables.

    A ``yes`` (or ``unverified``) with a quote that is there is ``yes``; one without is ``unverified``. Where evidence
    says it stands is never believed: page, offsets and part are the paper's. A quote that the assessor located with
    ``Finder.of(paper)`` is not searched for again. Raises OpenbookError if an assessor left a variable out or
    answered with a word that it cannot have.
    """
    finder = Finder.of(paper)
    missing = [variable for variable in VARIABLES if variable not in answers]
    if missing:
        raise OpenbookError(f"the assessor gave no answer to {', '.join(missing)}; it must answer all nine variables")
    return {variable: _checked(finder, variable, answers[variable]) for variable in VARIABLES}


def _checked(finder: Finder, variable: str, answer: Answer) -> Answer:
    if answer.result not in ALLOWED[variable]:
        allowed = ", ".join(ALLOWED[variable])
        raise OpenbookError(f"the assessor answered {answer.result!r} to {variable}, which can be: {allowed}")
    evidence: list[Evidence] = []
    proven = False
    for item in answer.evidence:
        pieces = finder.relocate(item)
        proven = proven or (is_proven(pieces) and not speaks_to_the_assessor(item.quote))
        evidence += [_with_boxes(finder.paper, _with_links(finder.paper, piece, item.links)) for piece in pieces]
    result = answer.result
    if variable in SCORED and result in ("yes", "unverified"):
        result = "yes" if proven else "unverified"
    return answer.model_copy(update={"result": result, "evidence": evidence})


def _with_links(paper: Paper, piece: Evidence, named: list[str]) -> Evidence:
    """Evidence with the addresses behind its words, and those of the named ones that are links of the paper."""
    start, end = piece.start, piece.end
    if start is None or end is None:
        return piece
    behind = [link.url for link in paper.links if link.start is not None and start <= link.start < end]
    known = {link.url for link in paper.links} if named else set()
    shown = re.sub(r"\s", "", piece.quote)
    links = [url for url in [*behind, *(url for url in named if url in known)] if url.split("://")[-1] not in shown]
    return piece.model_copy(update={"links": list(dict.fromkeys(links))[:MOST_LINKS]})


def _with_boxes(paper: Paper, piece: Evidence) -> Evidence:
    """Evidence with the boxes of its quote on the pages, where the paper is a PDF."""
    if not paper.runs or piece.start is None or piece.end is None:
        return piece
    return piece.model_copy(update={"boxes": paper.boxes(piece.start, piece.end)})


@lru_cache(maxsize=1024)  # an answer's quotes are looked at by the assessor and by the engine
def speaks_to_the_assessor(quote: str) -> bool:
    """Whether a quote is an instruction to whoever judges the paper rather than a statement about the work."""
    return _ADDRESSED.search(quote) is not None


def speaks_of_the_paper(response: str) -> bool:
    """Whether a response begins in the assessor's own words about the paper instead of quoting it."""
    return _ABOUT_THE_PAPER.match(response) is not None
