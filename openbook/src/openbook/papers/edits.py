"""A paper without some of its sentences, or with one sentence more: how an answer is put to the test.

The text itself is changed, and every span that comes after the change is moved. Positions on the page are dropped, because
nothing stands there in print.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import accumulate

from openbook.papers.paper import Paper, Sentence
from openbook.papers.sentences import split_sentences

Move = Callable[[int], int]


def without_sentences(paper: Paper, places: Iterable[int]) -> Paper:
    """The paper without the sentences at these indices of ``Paper.sentences``, their words and their links."""
    gone = set(places)
    cuts = sorted((paper.sentences[place].start, paper.sentences[place].end) for place in gone)
    starts = [start for start, _ in cuts]
    removed = [0, *accumulate(end - start for start, end in cuts)]

    def moved(offset: int) -> int:
        before = bisect_right(starts, offset)
        shift = removed[before]
        if before and offset < cuts[before - 1][1]:  # within a sentence that goes: where that sentence began
            shift += offset - cuts[before - 1][1]
        return offset - shift

    kept, last = [], 0
    for start, end in cuts:
        kept.append(paper.text[last:start])
        last = end
    text = "".join([*kept, paper.text[last:]])
    links = [
        link for link in paper.links if link.start is None or not any(start <= link.start < end for start, end in cuts)
    ]
    sentences = [item for place, item in enumerate(paper.sentences) if place not in gone]
    return _moved(replace(paper, links=links, sentences=sentences), text, moved, moved, moved)


def with_passage(paper: Paper, passage: str, after: int | None) -> Paper:
    """The paper with a passage put after the sentence that ends at the offset ``after``; None: after its last words.

    The passage belongs to the section of that sentence, or to the last one of the body.
    """
    place = _place_before(paper, after)
    at = paper.sentences[place].end if place >= 0 else len(paper.text)
    size = len(passage) + 1

    def from_here(offset: int) -> int:
        return offset + size if offset >= at else offset

    def beyond(offset: int) -> int:
        return offset + size if offset > at else offset

    changed = _moved(paper, f"{paper.text[:at]} {passage}{paper.text[at:]}", from_here, beyond, from_here)
    page = paper.sentences[place].page if place >= 0 else None
    section = paper.sentences[place].section if place >= 0 else -1
    added = [Sentence(start, end, page, section) for start, end in split_sentences(changed.text, at + 1, at + size)]
    changed.sentences[place + 1 : place + 1] = added
    return changed


def _place_before(paper: Paper, after: int | None) -> int:
    """The index of the sentence that ends at this offset, or of the last one of the body; -1 where there is none."""
    ends = [item.end for item in paper.sentences]
    if after is not None:
        return bisect_right(ends, after) - 1
    body = [place for place, item in enumerate(paper.sentences) if paper.part_at(item.start) == "body"]
    return body[-1] if body else -1


def _moved(paper: Paper, text: str, start: Move, end: Move, around: Move) -> Paper:
    """The paper with another text. ``start`` and ``end`` move the spans in it; ``around`` the ends of pages and sections."""
    links = [
        link if link.start is None or link.end is None else replace(link, start=start(link.start), end=end(link.end))
        for link in paper.links
    ]
    return replace(
        paper,
        text=text,
        pages=[replace(item, start=start(item.start), end=around(item.end)) for item in paper.pages],
        sections=[replace(item, start=start(item.start), end=around(item.end)) for item in paper.sections],
        sentences=[replace(item, start=start(item.start), end=end(item.end)) for item in paper.sentences],
        links=links,
        runs=[],
    )
