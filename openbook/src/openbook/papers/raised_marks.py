"""Raised marks on the lines of a PDF page, set apart from the words that they stand behind.

In a paper's head they tie names to addresses; in its text they are the numbers that call footnotes.
"""

from __future__ import annotations

import re
from itertools import pairwise

from openbook.papers.text_lines import Direction, Line, LineMeasure

_CALL = re.compile(r"\d{1,2}(?:,\d{1,2})*(?![^\W_])")
_LIKELY = re.compile(r"(?:[^\W\d_]{2}|[.,;:!?”’\"')\]])\d")
"""What every call has that counts by itself."""
_FAMILY = re.compile(r"(?:[a-z]{6}\+)?([a-z]*)")
_FUNCTION = re.compile(r"\b(?:sinh?|cosh?|tanh?|log|ln|exp|det|max|min)$", re.IGNORECASE)
_NAMED = re.compile(r"(?:(?<!\S)[^\W\d_]{2}\S*\d|\b(?:19|20)\d\d)$")
"""A name or a year that ends in a digit: ``CIFAR-10``, ``2017``."""
_SYMBOLS = frozenset("−–-+±=<>/^|({[")
_CLOSING = frozenset(".,;:!?”’\"'")
_YEAR_CLOSED = re.compile(r"(?:19|20)\d\d[a-z]?[)\]]$")


def part_marks(measure: LineMeasure, direction: Direction, line: Line, start: int) -> None:
    """Set the raised marks of the names and addresses in a paper's head apart from them, by spaces."""
    text, cuts = line.text, []
    before = False
    for offset, character in enumerate(text):
        if character.isspace():
            continue
        index = measure.index(start + offset)
        style = measure.style(index)
        height = measure.frame.point(direction, *style.base)[1]
        raised = style.size < 0.87 * line.size and height > line.base + 0.12 * line.size
        raised = raised or (character.isdigit() and measure.raised(index, style, direction))
        if raised != before and offset and not text[offset - 1].isspace():
            cuts.append(offset)
        before = raised
    _insert(line, [(cut, " ") for cut in cuts])


def mark_calls(measure: LineMeasure, found: list[tuple[Direction, Line, int]]) -> None:
    """Set the numbers that call footnotes apart from the words before them: ``available⟨1⟩``.

    They are small, raised, and set in the font of the text, as digits of formulas rarely are. Right behind a word or
    a full stop they count by themselves; behind a number, a bracket or a space, where they may be an exponent or part
    of a fraction, only if the page has such a note. The lines come with the places of their first characters.
    """
    usual = _family(max(measure.fonts_of_lines, key=measure.fonts_of_lines.__getitem__, default=""))
    notes = _note_numbers([line for _, line, _ in found])
    for direction, line, start in found:
        if not notes and not _LIKELY.search(line.text):
            continue
        called = []
        for match in _CALL.finditer(line.text):
            at, end = match.span()
            if end - at == 2 and line.text[at:end] not in notes and line.text[end - 1] in notes:
                at = end - 1  # "2017" and the mark "1"
            head, noted = line.text[:at], line.text[at:end] in notes
            before = len(head.rstrip()) - 1
            if before < 0 or head[before] in _SYMBOLS:
                continue
            closed = head[-1] in _CLOSING or (head[-1] in ")]" and _YEAR_CLOSED.search(head) is not None)
            worded = head[-1].isalpha() and head[-2:].isalpha() and before > 0 and not _FUNCTION.search(head)
            if head[-1].isdigit():
                noted = noted and _NAMED.search(head) is not None
            if not (closed or worded or (noted and not head[-1].isalpha())):
                continue
            mark, word = measure.index(start + at), measure.style(measure.index(start + before))
            if _family(measure.style(mark).font) != usual or not measure.raised(mark, word, direction):
                continue
            if not worded or _family(word.font) == usual:
                called.append((at, end))
        _insert(line, [(at, bracket) for span in called for at, bracket in zip(span, "⟨⟩", strict=True)])


def _insert(line: Line, pieces: list[tuple[int, str]]) -> None:
    """Put texts into a line at these offsets, in order, and fit its run to it."""
    text, last = "", 0
    for offset, piece in pieces:
        text += line.text[last:offset] + piece
        last = offset
    line.text = text + line.text[last:]
    if pieces and line.run is not None:
        line.run.stops = [
            (at + sum(len(piece) for offset, piece in pieces if at and offset <= at), place)
            for at, place in line.run.stops
        ]


def _note_numbers(lines: list[Line]) -> set[str]:
    """The numbers of the notes on a page: raised, at the beginning of a line or alone before one."""
    notes = {line.text[: line.mark] for line in lines if line.mark}
    for line, after in pairwise(lines):
        if len(line.text) < 3 and line.text.isdecimal() and line.size < 0.87 * after.size and after.text[0].isalpha():
            beside = -1 < after.x0 - line.x1 < after.size
            if beside and 0.12 * after.size < line.base - after.base < 0.8 * after.size:
                notes.add(line.text)
    return notes


def _family(font: str) -> str:
    """The name of a font's family: the letters before its size, weight and slant."""
    found = _FAMILY.match(font)
    return found[1] if found else ""
