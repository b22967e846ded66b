"""The one place where evidence is enforced: no ``yes`` without a quote that is in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from openbook.errors import OpenbookError
from openbook.evidence.finder import Finder
from openbook.evidence.folding import letters_of
from openbook.evidence.instructions import speaks_to_the_assessor
from openbook.papers.paper import Paper
from openbook.record.model import Affiliation, Answer, Evidence, ResearchType, ScoredResult
from openbook.variables import SCORED, VARIABLES

#: At least this share of a quote's letters must be in the paper for the quote to prove a yes.
LEAST_SHARE: Final = 0.5
#: What each variable may be answered with.
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    **{variable: get_args(ScoredResult) for variable in SCORED},
    "research_type": get_args(ResearchType),
    "affiliation": get_args(Affiliation),
}


def check_answers(paper: Paper, answers: Mapping[str, Answer], finder: Finder | None = None) -> dict[str, Answer]:
    """The answers with every quote located again in the paper, in the order of the variables.

    A ``yes`` (or ``unverified``) with a quote that is there is ``yes``; one without is ``unverified``. Where evidence
    says it stands is never believed: page, offsets and part are the paper's. Raises OpenbookError when an assessor left
    a variable out or answered with a word that it cannot have.
    """
    finder = finder or Finder(paper)
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
        evidence += pieces
    result = answer.result
    if variable in SCORED and result in ("yes", "unverified"):
        result = "yes" if proven else "unverified"
    return answer.model_copy(update={"result": result, "evidence": evidence})


def is_proven(pieces: list[Evidence]) -> bool:
    """Whether enough of one quote, located in pieces, is in the paper to prove a yes."""
    letters = [(len(letters_of(piece.quote)), piece.match != "absent") for piece in pieces]
    there = sum(count for count, found in letters if found)
    return there > 0 and there >= LEAST_SHARE * sum(count for count, _ in letters)
