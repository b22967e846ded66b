"""Plain text: paragraphs between blank lines, headings known by their words and numbers, pages between form feeds."""

from __future__ import annotations

import re
from collections import Counter

from openbook.papers.blocks import Block
from openbook.papers.sections import Outline

_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*")
CAPTION = re.compile(r"(?:fig(?:ure|\.)|table|algorithm|listing)\s*\d+\s*[.:|]|algorithm\s+\d+\s+[A-Z]", re.IGNORECASE)
_ENTRY = re.compile(r"\[\d+\]|[A-Z][\w’'-]+, |\d{1,3}\. [A-Z]")


def paragraphs(text: str) -> tuple[list[Block], int]:
    """The blocks of a plain text, and the number of its pages (0 without form feeds)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    pages = text.split("\f") if "\f" in text else [text]
    if len(pages) > 1 and not pages[-1].strip():
        pages.pop()
    found: list[tuple[str, int]] = []
    for number, page in enumerate(pages, 1):
        found.extend((" ".join(piece.split()), number) for piece in _PARAGRAPH.split(page))
    repeated = {piece for piece, count in Counter(piece for piece, _ in found).items() if count >= 3}
    outline = Outline()
    blocks = []
    seen: set[str] = set()
    for piece, number in found:
        if not piece:
            continue
        if len(piece) < 120 and piece in repeated:  # a running head: once is enough
            if piece in seen:
                continue
            seen.add(piece)
        kind = classify(piece, outline)
        entry = kind == "text" and outline.part == "references" and len(piece) < 600
        blocks.append(
            Block(piece, kind, pages=[(0, number)] if len(pages) > 1 else [], entry=entry)  # type: ignore[arg-type]
        )
    return blocks, len(pages) if len(pages) > 1 else 0


def classify(piece: str, outline: Outline, *, marked: bool = False) -> str:
    """The kind of a paragraph by its words; a heading moves the outline on."""
    if outline.is_heading(piece, marked=marked):
        outline.enter(piece, marked=marked)
        return "heading"
    if CAPTION.match(piece):
        return "caption"
    return "text"
