"""Sentences with what stands around them: the section, the neighbours, the footnote that they call, the links behind their words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from openbook.papers.paper import Paper, Part, SentenceKind

LONGEST: Final = 400
"""A quote has at most this many characters."""
_NEAR: Final = 40
"""A footnote stands at most this many sentences from the sentence that calls it."""
_CALLS: Final = re.compile(r"(?<=[a-z)\]”\"'’])\s?(\d{1,2})(?=\s*[.,;:)]|\s*$|\s+[A-Z(])|[.,;)]\s?(\d{1,2})\s*$|⟨(\d{1,2})⟩")
_NOTE: Final = re.compile(r"^\s*[\[(]?(\d{1,2})[\])]?\s?(?=[A-Za-z(“\"])")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that may be evidence. ``place`` indexes ``Paper.sentences``; ``start`` and ``end`` index its text.

    ``note`` is the text of the footnote that the sentence calls, ``caller`` the sentence that calls this footnote,
    ``links`` the addresses behind its words; each is empty where there is none.
    """

    place: int
    start: int
    end: int
    text: str
    before: str
    after: str
    section: str
    part: Part
    kind: SentenceKind
    position: float
    note: str = ""
    caller: str = ""
    links: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """The sentence, its footnote and its hidden links as one text: what a reader of the page takes in."""
        hidden = " ".join(link for link in self.links if link not in self.text)
        return " ".join(piece for piece in (self.text, self.note, hidden) if piece)


def statements(paper: Paper, places: Iterable[int], texts: Sequence[str]) -> list[Statement]:
    """These sentences with their surroundings. ``texts`` are the words of all sentences, white space made single."""
    sentences = paper.sentences
    notes = _notes(texts, paper)
    by_number: dict[int, list[int]] = {}
    for place, number in notes.items():
        by_number.setdefault(number, []).append(place)
    callers: dict[int, int] = {}
    called: dict[int, int] = {}
    if notes:
        for place, text in enumerate(texts):
            if place in notes:
                continue
            for match in _CALLS.finditer(text):
                number = int(next(group for group in match.groups() if group))
                near = [note for note in by_number.get(number, ()) if -3 <= note - place <= _NEAR]
                if near and near[0] not in callers:
                    callers[near[0]], called[place] = place, near[0]
    starts = [sentence.start for sentence in sentences]
    links: dict[int, list[str]] = {}
    for link in paper.links:
        if link.start is not None:
            place = bisect_left(starts, link.start + 1) - 1
            if place >= 0 and link.start < sentences[place].end:
                links.setdefault(place, []).append(link.url)
    count = max(len(sentences) - 1, 1)
    found = []
    for place in places:
        sentence = sentences[place]
        known = 0 <= sentence.section < len(paper.sections)
        found.append(
            Statement(
                place=place,
                start=sentence.start,
                end=sentence.end,
                text=texts[place],
                before=texts[place - 1] if place else "",
                after=texts[place + 1] if place + 1 < len(texts) else "",
                section=paper.sections[sentence.section].title if known else "",
                part=paper.sections[sentence.section].part if known else "body",
                kind=sentence.kind,
                position=place / count,
                note=texts[called[place]] if place in called else "",
                caller=texts[callers[place]] if place in callers else "",
                links=tuple(links.get(place, ())),
            )
        )
    return found


def _notes(texts: Sequence[str], paper: Paper) -> dict[int, int]:
    """Place -> number, of the sentences that are footnotes or look like one: a number, then an address or a capital."""
    found = {}
    for place, text in enumerate(texts):
        if not text[:1].isdigit() and text[:1] not in "[(":
            continue
        match = _NOTE.match(text)
        if match and (paper.sentences[place].kind == "footnote" or re.match(r"\d{1,2}\s?(?:https?:|www\.|[A-Z][a-z])", text)):
            found[place] = int(match[1])
    return found
