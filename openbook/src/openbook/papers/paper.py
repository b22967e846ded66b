"""What reading a paper gives: its text once, and pages, sections, sentences and links as spans over it; and its form as JSON."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain
from operator import attrgetter
from typing import Any, Literal, Self

Part = Literal["body", "appendix", "checklist", "references"]
SentenceKind = Literal["text", "heading", "caption", "footnote"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number (from 1) and its span of ``Paper.text``, in characters."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section, heading included, up to the next heading (sections do not nest). ``level`` is 1 at the top."""

    title: str
    part: Part
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, heading or caption: ``Paper.text[start:end]``. ``section`` indexes ``Paper.sections``."""

    start: int
    end: int
    page: int | None
    section: int
    kind: SentenceKind = "text"


@dataclass(frozen=True, slots=True)
class Link:
    """A hyperlink: its whole address (from an annotation or markup where there is one), and the span of its anchor."""

    url: str
    page: int | None = None
    start: int | None = None
    end: int | None = None


@dataclass(slots=True)
class TextRun:
    """Where a stretch of ``Paper.text`` stands on a page of the PDF: a piece of one line.

    All positions are tenths of points in the user space of the page, as it was written: not rotated. ``direction``: where
    the line runs, 0 to the right, 1 up, 2 to the left, 3 down. ``low`` and ``high``: its edges across that direction.
    ``stops``: (characters from ``start``, position along the direction), the first at 0, the last at its end.
    """

    page: int
    direction: int
    low: int
    high: int
    stops: list[tuple[int, int]]
    start: int = 0
    end: int = 0

    def position(self, offset: int, text: str) -> float:
        """The position of the character at ``start + offset`` of the text, by the letters between two stops."""
        before, after = self.stops[0], self.stops[-1]
        for stop in self.stops:
            if stop[0] <= offset:
                before = stop
            else:
                after = stop
                break
        if offset <= before[0] or before[0] >= after[0]:
            return before[1]
        whole = _breadth(text[self.start + before[0] : self.start + after[0]])
        part = _breadth(text[self.start + before[0] : self.start + offset])
        return before[1] + (after[1] - before[1]) * min(part / whole, 1.0)

    def cut(self, start: int, stop: int, text: str) -> TextRun:
        """The run of ``text[start:stop]``, where this is the run of ``text``."""
        inner = [(at - start, place) for at, place in self.stops if start < at < stop]
        ends = round(self.position(start, text)), round(self.position(stop, text))
        return TextRun(self.page, self.direction, self.low, self.high, [(0, ends[0]), *inner, (stop - start, ends[1])])


_NARROW = re.compile(r"[ijltfrI.,;:'’`|!()\[\]{}\s]")
_WIDE = re.compile(r"[mwMW@—%]")
_CAPITAL = re.compile(r"[A-Z]")


def _breadth(text: str) -> float:
    """About how broad a text is in print, in letters."""
    capitals = len(_CAPITAL.findall(text))
    return len(text) - 0.42 * len(_NARROW.findall(text)) + 0.45 * len(_WIDE.findall(text)) + 0.25 * capitals + 1e-6


@dataclass(slots=True)
class Paper:
    """A paper as it was understood.

    ``problem`` is None for a paper that was read, else the reason why there is no text to assess (then ``text`` may be
    empty, and no assessor may be asked).
    """

    text: str
    source: str
    format: str
    sha256: str
    title: str = ""
    authors: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    runs: list[TextRun] = field(default_factory=list)
    """Where the text stands on the pages of a PDF, by ``start``; empty for other formats. ``boxes`` reads them."""
    venue: str = ""
    """Where it was published, as the first page says: ``ICML``; empty if it does not say."""
    year: int | None = None
    """The year of publication, as the first page says."""
    problem: str | None = None

    def page_at(self, offset: int) -> int | None:
        """The number of the page that holds this offset; None if the source has no pages."""
        index = bisect_right(self.pages, offset, key=lambda page: page.start) - 1
        return self.pages[index].number if index >= 0 else None

    def section_at(self, offset: int) -> Section | None:
        """The section that holds this offset."""
        index = bisect_right(self.sections, offset, key=lambda section: section.start) - 1
        return self.sections[index] if index >= 0 else None

    def part_at(self, offset: int) -> Part:
        """Which part of the paper this offset is in; ``body`` before the first heading."""
        section = self.section_at(offset)
        return section.part if section else "body"

    def words(self, sentence: Sentence) -> str:
        """The sentence's own text."""
        return self.text[sentence.start : sentence.end]

    def boxes(self, start: int, end: int) -> list[tuple[int, float, float, float, float]]:
        """Where ``text[start:end]`` stands in the PDF: (page, x0, y0, x1, y1), one box a line, in the order of reading.

        In points in the user space of the page, as annotations need them: x to the right and y up before the page is
        rotated, not shifted to the crop box. Empty for a paper that is no PDF.
        """
        found: list[tuple[TextRun, float, float]] = []
        first = bisect_right(self.runs, start, key=lambda run: run.end)
        for run in self.runs[first:]:
            if run.start >= end:
                break
            words = self.text[max(start, run.start) : min(end, run.end)]
            if not words.strip():
                continue
            begin = max(start, run.start) + len(words) - len(words.lstrip()) - run.start
            stop = begin + len(words.strip())
            near, far = sorted((run.position(begin, self.text), run.position(stop, self.text)))
            if found:
                last, low, high = found[-1]
                across = min(last.high, run.high) - max(last.low, run.low)
                beside = across > 0.4 * min(last.high - last.low, run.high - run.low)
                gap = near - high if run.direction < 2 else low - far
                if (
                    (last.page, last.direction) == (run.page, run.direction)
                    and beside
                    and -50 < gap < 1.5 * (run.high - run.low)
                ):
                    wide = replace(last, low=min(last.low, run.low), high=max(last.high, run.high))
                    found[-1] = wide, min(low, near), max(high, far)
                    continue
            found.append((run, near, far))
        boxes = []
        for run, near, far in found:
            box = (run.low, near, run.high, far) if run.direction % 2 else (near, run.low, far, run.high)
            x0, y0, x1, y1 = (round(value / 10, 1) for value in box)
            boxes.append((run.page, x0, y0, x1, y1))
        return boxes

    def packed(self) -> dict[str, Any]:
        """The fields as JSON values, spans as short lists: how a paper leaves the process that read it."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in _SPANS:
            values[name] = list(map(_LISTED[name], values[name]))
        values["runs"] = [
            [run.start, run.end, run.page, run.direction, run.low, run.high, *chain.from_iterable(run.stops)]
            for run in self.runs
        ]
        return values

    @classmethod
    def unpacked(cls, values: dict[str, Any]) -> Self:
        """The paper that ``packed`` gave. Raises ``TypeError`` or ``KeyError`` for anything else."""
        values = dict(values)
        for name, kind in _SPANS.items():
            values[name] = [kind(*span) for span in values[name]]
        values["runs"] = [
            TextRun(page, direction, low, high, list(zip(stops[::2], stops[1::2], strict=True)), start, end)
            for start, end, page, direction, low, high, *stops in values["runs"]
        ]
        return cls(**values)

    def as_objects(self) -> dict[str, Any]:
        """The paper as one JSON object with named keys, for people and scripts."""
        values = asdict(replace(self, runs=[]))
        del values["runs"]
        return values


_SPANS: dict[str, type[Any]] = {"pages": Page, "sections": Section, "sentences": Sentence, "links": Link}
_LISTED = {name: attrgetter(*(item.name for item in fields(kind))) for name, kind in _SPANS.items()}
