"""What reading a paper gives: its text once, and pages, sections, sentences and links as spans over it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

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
    problem: str | None = None

    def page_at(self, offset: int) -> int | None:
        """The number of the page that holds this offset; None where the source has no pages."""
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
