"""PDF: pages of lines -> blocks in reading order."""

from __future__ import annotations

from openbook.papers.blocks import Block
from openbook.papers.pdfium import Line, RawPage
from openbook.papers.plain import classify
from openbook.papers.sections import Outline

LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00a0": " ", "\u00ad": ""}
_TABLE = str.maketrans(LIGATURES)


def assemble(pages: list[RawPage]) -> list[Block]:
    """The blocks of a document from its pages."""
    outline = Outline()
    blocks: list[Block] = []
    for page in pages:
        for group in _groups(page.lines):
            text = ""
            for line in group:
                words = line.text.translate(_TABLE)
                text = join(text, words)
                if line.broken:
                    text += "\u00ad"
            text = text.rstrip("\u00ad")
            kind = classify(text, outline, marked=all(line.bold for line in group))
            blocks.append(Block(text, kind, pages=[(0, page.number)]))  # type: ignore[arg-type]
    return blocks


def join(before: str, after: str) -> str:
    """Two lines of a paragraph as one; a word broken by a hyphen (marked by a soft hyphen) is made whole."""
    if before.endswith("\u00ad"):
        return before[:-1] + after if after[:1].islower() else before[:-1] + "-" + after
    return f"{before} {after}" if before else after


def _groups(lines: list[Line]) -> list[list[Line]]:
    groups: list[list[Line]] = []
    for line in lines:
        if groups:
            last = groups[-1][-1]
            gap = last.base - line.base
            if -2 < gap < 1.45 * max(last.size, 6) and last.bold == line.bold and abs(last.size - line.size) < 1.6:
                groups[-1].append(line)
                continue
        groups.append([line])
    return groups
