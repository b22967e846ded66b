"""PDF pages as lines of text with their boxes, through PDFium's raw interface.

Asking PDFium for the box of every character takes longer than everything else together (3 microseconds a call), so a
page's text is fetched in one call, split where PDFium breaks lines, and a few characters of each line are measured.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium

from openbook.papers.hidden import inspect, mask

_BREAK = re.compile("\r\n|\r|\n|\ufffe|\x02")
_initialised = False
TINY = 1.5
"""Print below this size, in points, is not meant for readers."""


class PdfProblem(Exception):
    """This file cannot be opened as a PDF; the message is the reason, for ``Paper.problem``."""


@dataclass(slots=True)
class Line:
    """One line of a page. Points from the lower left corner; ``size`` is the font size of its middle."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    size: float
    bold: bool
    broken: bool = False
    """Ends in a hyphen that PDFium takes for a broken word."""


@dataclass(slots=True)
class RawPage:
    """A page's lines in the order of its content stream, and its links: address and box (left, bottom, right, top)."""

    number: int
    width: float
    height: float
    lines: list[Line] = field(default_factory=list)
    links: list[tuple[str, tuple[float, float, float, float]]] = field(default_factory=list)
    images: float = 0.0
    """Share of the page that its largest image covers."""
    hidden: int = 0
    """Characters that were left out because a reader could not see them."""


_REASONS = {
    pdfium.FPDF_ERR_PASSWORD: "encrypted: the PDF needs a password",
    pdfium.FPDF_ERR_FORMAT: "damaged: not a PDF, or truncated",
    pdfium.FPDF_ERR_SECURITY: "encrypted: the PDF's security scheme is not supported",
}


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
    """A PDFium document over these bytes. Raises ``PdfProblem`` when it cannot be opened."""
    global _initialised
    if not _initialised:
        pdfium.FPDF_InitLibrary()
        _initialised = True
    document = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
    if not document:
        raise PdfProblem(_REASONS.get(pdfium.FPDF_GetLastError(), "damaged: PDFium cannot open it"))
    try:
        yield document
    finally:
        pdfium.FPDF_CloseDocument(document)


def page_count(document: Any) -> int:
    """The number of pages, as the document says."""
    return max(int(pdfium.FPDF_GetPageCount(document)), 0)


def metadata(document: Any, key: str) -> str:
    """A value of the document's information dictionary, such as ``Title``."""
    size = pdfium.FPDF_GetMetaText(document, key.encode(), None, 0)
    if not 2 < size < 10_000:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDF_GetMetaText(document, key.encode(), buffer, size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace").strip()


def read_page(document: Any, index: int, longest: int) -> RawPage | None:
    """The page with this index (from 0), None if it cannot be loaded; at most ``longest`` characters of it."""
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        return None
    try:
        raw = RawPage(index + 1, pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page))
        seen = inspect(page, raw.width * raw.height)
        raw.images = seen.image
        text_page = pdfium.FPDFText_LoadPage(page)
        if text_page:
            try:
                raw.lines, raw.hidden = _lines(text_page, longest, seen.hidden)
            finally:
                pdfium.FPDFText_ClosePage(text_page)
        raw.links = list(_links(document, page))
        return raw
    finally:
        pdfium.FPDF_ClosePage(page)


def _lines(text_page: Any, longest: int, hidden: set[int]) -> tuple[list[Line], int]:
    """The lines of a page, and the number of characters left out because nobody can see them."""
    count = min(pdfium.FPDFText_CountChars(text_page), longest)
    if count <= 0:
        return [], 0
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(text_page, 0, count, buffer)
    text = bytes(buffer)[: 2 * max(written - 1, 0)].decode("utf-16-le", "replace")
    measure = _Measure(text_page)
    aligned = len(text) == count
    covered = mask(text_page, count, hidden) if hidden else []
    unseen = len(covered)
    if covered:
        characters = list(text)
        for index in covered:
            place = index if aligned else pdfium.FPDFText_GetTextIndexFromCharIndex(text_page, index)
            if 0 <= place < len(characters) and characters[place] not in "\r\n":
                characters[place] = " "
        text = "".join(characters)
    found: list[tuple[Line, int]] = []
    start = 0
    for stop, following, mark in _pieces(text):
        piece = text[start:stop]
        stripped = piece.strip()
        if stripped:
            first = start + len(piece) - len(piece.lstrip())
            last = first + len(stripped) - 1
            if not aligned:
                first = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, first)
                last = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, last)
            line = measure.line(stripped, first, last)
            if line and line.size < TINY:
                unseen += len(stripped)
            elif line:
                line.broken = mark in ("\ufffe", "\x02")
                found.append((line, first))
        start = following
    if aligned and _runs_across(text_page, found):
        return [part for line, first in found for part in _parted(line, first, measure)], unseen
    return [line for line, _ in found], unseen


def _runs_across(text_page: Any, found: list[tuple[Line, int]]) -> bool:
    """Whether lines run over the white gap between two columns: their content stream goes across the page."""
    wide = [line for line, _ in found if len(line.text) > 40]
    if len(wide) < 6:
        return False
    left, right = min(line.x0 for line in wide), max(line.x1 for line in wide)
    middle = (left + right) / 2
    crossing = [line for line in wide if line.x0 < middle - 40 and line.x1 > middle + 40]
    if len(crossing) < 0.5 * len(wide):
        return False
    sample = crossing[:: max(len(crossing) // 12, 1)]
    at = pdfium.FPDFText_GetCharIndexAtPos
    white = sum(at(text_page, middle, (line.y0 + line.y1) / 2, 4.0, 3.0) < 0 for line in sample)
    return bool(white >= 0.9 * len(sample))


def _parted(line: Line, first: int, measure: _Measure) -> list[Line]:
    """A line that runs over several columns, as one line for each."""
    cuts = [0]
    edge = None
    for offset, character in enumerate(line.text):
        box = None if character.isspace() else measure.box(first + offset)
        if box is None:
            continue
        if edge is not None and not -3 * line.size < box[0] - edge < 1.5 * line.size:
            cuts.append(offset)
        edge = box[1]
    parts = []
    for start, stop in zip(cuts, [*cuts[1:], len(line.text)], strict=True):
        words = line.text[start:stop].rstrip()
        part = measure.line(words, first + start, first + start + len(words) - 1) if words else None
        if part:
            part.broken = line.broken and stop == len(line.text)
            parts.append(part)
    return parts


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _BREAK.finditer(text):
        yield found.start(), found.end(), found.group()
    yield len(text), len(text), ""


class _Measure:
    """Boxes, baselines and fonts of single characters, with the C variables made once."""

    def __init__(self, text_page: Any) -> None:
        self.page = text_page
        self.values = [ctypes.c_double() for _ in range(4)]
        self.pointers = [ctypes.byref(value) for value in self.values]
        self.matrix = pdfium.FS_MATRIX()
        self.matrix_pointer = ctypes.byref(self.matrix)
        self.flags = ctypes.c_int()
        self.name = ctypes.create_string_buffer(128)

    def box(self, index: int) -> tuple[float, float, float, float] | None:
        """Left, right, bottom, top."""
        if not pdfium.FPDFText_GetCharBox(self.page, index, *self.pointers):
            return None
        left, right, bottom, top = self.values
        return left.value, right.value, bottom.value, top.value

    def line(self, text: str, first: int, last: int) -> Line | None:
        offset = len(text) // 2
        while offset and text[offset].isspace():
            offset -= 1
        middle = min(first + offset, last)
        head, body, tail = self.box(first), self.box(middle), self.box(last)
        if head is None or tail is None:
            return None
        body = body or head
        # the largest of three characters: one alone may be a subscript
        chosen, size = middle, self.size(middle)
        for index in (first, last) if last - first > 3 else ():
            other = self.size(index)
            if other > size + 0.3:
                chosen, size = index, other
        pdfium.FPDFText_GetCharOrigin(self.page, chosen, self.pointers[0], self.pointers[1])
        base = self.values[1].value
        x0, x1 = min(head[0], tail[0]), max(head[1], tail[1])
        y0, y1 = min(head[2], body[2], tail[2]), max(head[3], body[3], tail[3])
        return Line(text, x0, y0, x1, y1, base, size, self.bold(first) and self.bold(middle) and self.bold(last))

    def size(self, index: int) -> float:
        """Font size in points; many writers set size 1 and scale by the matrix."""
        size: float = pdfium.FPDFText_GetFontSize(self.page, index)
        if pdfium.FPDFText_GetMatrix(self.page, index, self.matrix_pointer):
            size *= math.hypot(self.matrix.c, self.matrix.d)
        return size

    def bold(self, index: int) -> bool:
        length = pdfium.FPDFText_GetFontInfo(self.page, index, self.name, 128, ctypes.byref(self.flags))
        if not 0 < length <= 128:
            return False
        name = self.name.value.lower()
        return b"bold" in name or b"bx" in name or b"medi" in name or b"black" in name or b"heavy" in name


def _links(document: Any, page: Any) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    position = ctypes.c_int(0)
    link = pdfium.FPDF_LINK()
    for _ in range(5000):
        if not pdfium.FPDFLink_Enumerate(page, ctypes.byref(position), ctypes.byref(link)):
            return
        action = pdfium.FPDFLink_GetAction(link)
        if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
            continue
        size = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
        if not 1 < size < 4000:
            continue
        buffer = ctypes.create_string_buffer(size)
        pdfium.FPDFAction_GetURIPath(document, action, buffer, size)
        box = pdfium.FS_RECTF()
        if pdfium.FPDFLink_GetAnnotRect(link, ctypes.byref(box)):
            yield buffer.value.decode("utf-8", "replace"), (box.left, box.bottom, box.right, box.top)
