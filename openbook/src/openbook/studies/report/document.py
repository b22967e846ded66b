"""What a report is made of, before it is typeset: sections of blocks. Text is plain; whoever writes it out escapes it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; ``wide`` names the columns that hold sentences, the others are as narrow as they can be."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: tuple[int, ...] = ()
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A picture: SVG, which holds no text of its own, and what it shows in words."""

    name: str
    caption: str
    svg: str
    told: str


@dataclass(frozen=True)
class Pseudocode:
    """An algorithm: lines are indented by two spaces a level."""

    title: str
    takes: str
    gives: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """Text as it was written or printed."""

    caption: str
    text: str


Block = Paragraph | Bullets | Table | Figure | Pseudocode | Listing


@dataclass(frozen=True)
class Section:
    """A section; ``name`` is what ``--without`` calls it."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    authors: tuple[str, ...]
    date: str
    abstract: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())
    references: tuple[str, ...] = ()
