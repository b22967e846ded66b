"""What reading a paper gives: its text once, and pages, sections, sentences and links as spans over it; and its form as JSON."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import asdict, dataclass, field, fields
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

    def packed(self) -> dict[str, Any]:
        """The fields as JSON values, spans as short lists: how a paper leaves the process that read it."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in _SPANS:
            values[name] = list(map(_LISTED[name], values[name]))
        return values

    @classmethod
    def unpacked(cls, values: dict[str, Any]) -> Self:
        """The paper that ``packed`` gave. Raises ``TypeError`` or ``KeyError`` for anything else."""
        values = dict(values)
        for name, kind in _SPANS.items():
            values[name] = [kind(*span) for span in values[name]]
        return cls(**values)

    def as_objects(self) -> dict[str, Any]:
        """The paper as one JSON object with named keys, for people and scripts."""
        return asdict(self)


_SPANS: dict[str, type[Any]] = {"pages": Page, "sections": Section, "sentences": Sentence, "links": Link}
_LISTED = {name: attrgetter(*(item.name for item in fields(kind))) for name, kind in _SPANS.items()}
