"""For each thing that a paper does not state: what to add, where it belongs in this very paper, and a draft of it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper, Section, Sentence
from openbook.record.model import Record
from openbook.variables import SCORED
from openbook.variables.definitions import definition

#: Titles of the sections where something belongs, likeliest first; ``definitions.toml`` names the kind.
_TITLES: Final = {
    "method": (r"algorithm|method|approach|procedure|our model|proposed", r"model|optimi[sz]|learning|inference"),
    "experiments": (
        r"experiment\w* (?:setup|set-up|settings?|details)|implementation|training details|setup",
        r"experiment|empirical|evaluation|simulation|numerical|case stud|application",
        r"results|comparison",
    ),
    "data": (
        r"data ?sets?\b|\bdata\b|corpora|corpus|benchmark",
        r"experiment|empirical|evaluation|simulation|numerical|case stud|application",
        r"results",
    ),
    "code": (
        r"(?:code|software|data) availab|availab|reproducib",
        r"experiment|implementation|empirical|evaluation|simulation|numerical",
        r"conclusion|discussion|summary",
        r"introduction",
    ),
}
_LAST: Final = r"conclusion|discussion|summary"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something belongs: a section of the paper, its page, and the sentence after which it fits."""

    section: str
    page: int | None
    after: str | None
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to add for one variable.

    ``reason`` is ``missing`` (answered no) or ``unverified`` (the quotes given are not in the paper). ``shortfall`` is
    a sentence of the paper that comes near, and what it lacks. ``place`` is None where the paper has no body.
    """

    variable: str
    title: str
    reason: str
    what: str
    states: str
    draft: str
    place: Place | None
    shortfall: dict[str, str | int | None] | None


def advise(record: Record, paper: Paper) -> list[Advice]:
    """Advice on each of the seven that is not ``yes``, in the order of the variables.

    Raises OpenbookError when the paper could not be read.
    """
    if paper.problem is not None:
        raise OpenbookError(f"{paper.source} could not be read ({paper.problem}), so there is nothing to advise on")
    advice = []
    for variable in SCORED:
        answer = record.answers.get(variable)
        if answer is None or answer.result not in ("no", "unverified"):
            continue
        known, draft = definition(variable), drafts()[variable]
        shortfall = _shortfall(paper, draft, known.where)
        advice.append(
            Advice(
                variable=variable,
                title=known.title,
                reason="unverified" if answer.result == "unverified" else "missing",
                what=known.advice,
                states=known.good_sentence,
                draft=draft["draft"],
                place=_place(paper, known.where, draft["near"], shortfall),
                shortfall=None if shortfall is None else _said(paper, shortfall, draft["short_says"]),
            )
        )
    return advice


@cache
def drafts() -> dict[str, dict[str, Any]]:
    """Variable -> a sentence to fill in (``draft``), and the words by which its place in a paper is known."""
    return tomllib.loads(files("openbook.advice").joinpath("drafts.toml").read_text(encoding="utf-8"))


def _body(paper: Paper) -> list[Sentence]:
    return [item for item in paper.sentences if item.kind in ("text", "footnote") and _part(paper, item) == "body"]


def _part(paper: Paper, sentence: Sentence) -> str:
    return paper.sections[sentence.section].part if 0 <= sentence.section < len(paper.sections) else "body"


def _shortfall(paper: Paper, draft: dict[str, Any], where: str) -> Sentence | None:
    """A sentence of the body that comes near to what is wanted: the first where that belongs, else the first."""
    pattern = re.compile(draft["short"], re.IGNORECASE)
    near = [item for item in _body(paper) if pattern.search(paper.words(item))]
    index = _section(paper, where)
    return min(near, key=lambda item: (item.section != index, item.start), default=None)


def _said(paper: Paper, sentence: Sentence, lacks: str) -> dict[str, str | int | None]:
    return {"sentence": _plain(paper.words(sentence)), "page": sentence.page, "lacks": lacks}


def _place(paper: Paper, where: str, near: list[str], shortfall: Sentence | None) -> Place | None:
    """After the sentence that falls short, if there is one; else after the nearest one of the likeliest section."""
    if shortfall is not None:
        section = paper.sections[shortfall.section] if 0 <= shortfall.section < len(paper.sections) else None
        return _at(paper, section, shortfall)
    index = _section(paper, where)
    body = _body(paper)
    inside = [item for item in body if item.section == index] if index is not None else []
    inside = inside or body
    if not inside:
        return None
    anchor = _nearest(paper, inside, near)
    section = paper.sections[anchor.section] if 0 <= anchor.section < len(paper.sections) else None
    return _at(paper, section, anchor)


def _at(paper: Paper, section: Section | None, anchor: Sentence) -> Place:
    title = _plain(section.title) if section and section.title else "the opening of the paper"
    return Place(title, anchor.page, _plain(paper.words(anchor)), anchor.start, anchor.end)


def _section(paper: Paper, where: str) -> int | None:
    """The section where something belongs: by its title, else the last of the body before its conclusion."""
    counts: dict[int, int] = {}
    for item in _body(paper):
        counts[item.section] = counts.get(item.section, 0) + 1
    candidates = [index for index in counts if 0 <= index < len(paper.sections) and counts[index] >= 2]
    for pattern in _TITLES[where]:
        fitting = [index for index in candidates if re.search(pattern, paper.sections[index].title, re.IGNORECASE)]
        if fitting:
            return fitting[0]
    rest = [index for index in candidates if not re.search(_LAST, paper.sections[index].title, re.IGNORECASE)]
    return rest[-1] if rest else (candidates[-1] if candidates else None)


def _nearest(paper: Paper, sentences: list[Sentence], near: list[str]) -> Sentence:
    """The sentence that speaks most of the matter; of equals the first; else the last one of the section."""
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in near]

    def weight(sentence: Sentence) -> float:
        text = paper.words(sentence)
        whole = 40 <= len(text) <= 600 and text.rstrip()[-1:] in ".!?"
        # Earlier patterns say more about the matter than later ones.
        return (1.0 if whole else 0.2) * sum(1 / (1 + rank / 4) for rank, p in enumerate(patterns) if p.search(text))

    best = max(sentences, key=weight)
    return best if weight(best) >= 0.3 else sentences[-1]


def _plain(text: str) -> str:
    return " ".join(text.split())
