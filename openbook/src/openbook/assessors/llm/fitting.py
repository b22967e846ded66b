"""Fitting a long paper into a model's context by choosing sections."""

from __future__ import annotations

import math
import re
from typing import Final

from openbook.papers.paper import Paper

#: Characters of English scientific text per token, on the safe (short) side, over common vocabularies.
CHARACTERS_PER_TOKEN: Final = 3.2
#: What marks a left-out stretch, for the model and for whoever reads the call.
GAP: Final = "\n[… {count} characters left out …]\n"

#: Sections that answer the nine variables most often. Earlier in the list is kept longer.
_WANTED = re.compile(
    r"experiment|evaluation|implementation|setup|set-up|setting|detail|reproduc|dataset|\bdata\b|code|availab|hardware|"
    r"training|hyper|empirical|result|numerical|simulation|algorithm",
    re.IGNORECASE,
)


def tokens_in(text: str) -> int:
    """About how many tokens a text has: an estimate from its length that errs on the high side."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def fit(paper: Paper, budget: int) -> str:
    """The paper's text in at most about ``budget`` tokens, in its own order, what is left out marked.

    The whole text where it fits. Otherwise the first page (authors, abstract) comes first, then sections whose
    headings promise experiments, data or code, then the rest of the body, the appendix, the checklist, and last the
    references; the section that does not fit whole gives its beginning.
    """
    room = math.floor(budget * CHARACTERS_PER_TOKEN)
    if len(paper.text) <= room:
        return paper.text
    opening = min(paper.pages[0].end if paper.pages else 4_000, 6_000, room)
    spans = sorted(_ranked(paper, opening))
    chosen = [(0, opening)]
    left = room - opening
    for _, _, start, end in spans:
        allowance = min(end - start, left - len(GAP) - 8)
        if allowance < 200 and allowance < end - start:
            continue
        chosen.append((start, start + allowance))
        left -= allowance + len(GAP) + 8
    return _joined(paper.text, sorted(chosen))


def _ranked(paper: Paper, opening: int) -> list[tuple[int, int, int, int]]:
    """Sections after the opening as (rank, order, start, end), smaller ranks to be kept first."""
    ranked = []
    for order, section in enumerate(paper.sections):
        start = max(section.start, opening)
        if start >= section.end:
            continue
        if section.part == "references":
            rank = 4
        elif section.part == "checklist":
            rank = 3
        elif _WANTED.search(section.title):
            rank = 0
        else:
            rank = 1 if section.part == "body" else 2
        ranked.append((rank, order, start, section.end))
    if not ranked and opening < len(paper.text):
        ranked.append((1, 0, opening, len(paper.text)))
    return ranked


def _joined(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in spans:
        if start > at:
            parts.append(GAP.format(count=start - at))
        parts.append(text[max(start, at) : end])
        at = max(at, end)
    if at < len(text):
        parts.append(GAP.format(count=len(text) - at))
    return "".join(parts)
