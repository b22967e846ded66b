"""PDF files through PDFium: opening them, their pages, lines, links and metadata.

A page's text is fetched in one call and split where PDFium breaks lines; ``text_lines`` measures each line.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2.raw as pdfium

from openbook.papers.hidden import inspect, unseen_characters
from openbook.papers.raised_marks import mark_calls, part_marks
from openbook.papers.text_lines import Direction, Line, LineMeasure, PageFrame, RawPage

TINY = 1.5
"""Print below this size, in points, is not meant for readers."""
_BREAK = re.compile("\r\n|\r|\n|\ufffe|\x02")
_ABSTRACT = re.compile(r"abstract|summary|1\.?\s+introduction", re.IGNORECASE)
_initialised = False


class PdfProblem(Exception):
    """This file cannot be opened as a PDF; the message is the reason, for ``Paper.problem``."""


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


def read_page(document: Any, index: int, longest: int, *, layered: bool = False) -> list[RawPage]:
    """The page with this index (from 0), one ``RawPage`` for each direction of its lines; none if it cannot be loaded.

    At most ``longest`` characters are read. ``layered``: the document has layers, some of which may be switched off.
    """
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        return []
    try:
        bounds = pdfium.FS_RECTF()
        pdfium.FPDF_GetPageBoundingBox(page, ctypes.byref(bounds))
        frame = PageFrame(bounds.left, bounds.bottom, bounds.right, bounds.top)
        upright: Direction = pdfium.FPDFPage_GetRotation(page) % 4
        pages = {upright: frame.page(index + 1, upright)}
        main = pages[upright]
        main.links, links = _links(document, page)
        seen = inspect(page, frame.box, layered=layered, links=links)
        main.images = seen.images
        text_page = pdfium.FPDFText_LoadPage(page)
        if text_page:
            try:
                count = min(pdfium.FPDFText_CountChars(text_page), longest)
                hidden = unseen_characters(page, text_page, count, seen)
                for direction, line in _page_lines(text_page, count, hidden, frame, index + 1, main):
                    if direction not in pages:
                        pages[direction] = frame.page(index + 1, direction)
                        pages[direction].turned = True
                    pages[direction].lines.append(line)
            finally:
                pdfium.FPDFText_ClosePage(text_page)
        return list(pages.values())
    finally:
        pdfium.FPDF_ClosePage(page)


def _page_lines(
    text_page: Any, count: int, hidden: list[int], frame: PageFrame, number: int, main: RawPage
) -> Iterator[tuple[Direction, Line]]:
    """The lines of a page with their directions. What is left out is counted in ``main``."""
    if count <= 0:
        return
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(text_page, 0, count, buffer)
    text = bytes(buffer)[: 2 * max(written - 1, 0)].decode("utf-16-le", "replace")
    measure = LineMeasure(text_page, frame, number, text, count)
    if hidden:
        characters = list(text)
        for index in hidden:
            place = measure.place(index)
            if 0 <= place < len(characters) and characters[place] not in "\r\n":
                main.hidden += not characters[place].isspace()
                characters[place] = " "
        text = "".join(characters)
    found: list[tuple[Direction, Line, int]] = []
    head = 0
    heading = number == 1
    start = 0
    for stop, following, mark in _pieces(text):
        piece = text[start:stop]
        stripped = piece.strip()
        if stripped:
            first = start + len(piece) - len(piece.lstrip())
            measured = measure.line(stripped, first)
            if measured is None:
                pass
            elif isinstance(measured, float):
                main.slanted += len(stripped)
            elif measured[1].size < TINY:
                main.hidden += len(stripped)
            else:
                heading = heading and len(found) < 60 and not (_ABSTRACT.match(stripped) or _is_prose(stripped))
                if heading:
                    part_marks(measure, *measured, first)
                    head = len(found) + 1
                measured[1].broken = mark in ("\ufffe", "\x02")
                found.append((*measured, first))
        start = following
    if _runs_across(text_page, [line for direction, line, _ in found if direction == 0], frame):
        found = [part for item in found for part in measure.parted(*item)]
        head = 0
    mark_calls(measure, found[head:])
    for direction, line, _ in found:
        yield direction, line


def _is_prose(line: str) -> bool:
    """Whether a line is part of a paragraph, rather than a title, names or an address."""
    words = line.split() if len(line) > 70 else ()
    return len(words) > 9 and sum(word[0].islower() for word in words) > 0.6 * len(words)


def _runs_across(text_page: Any, found: list[Line], frame: PageFrame) -> bool:
    """Whether lines run over the white gap between two columns: their content stream goes across the page."""
    wide = [line for line in found if len(line.text) > 40]
    if len(wide) < 6:
        return False
    left, right = min(line.x0 for line in wide), max(line.x1 for line in wide)
    middle = (left + right) / 2
    crossing = [line for line in wide if line.x0 < middle - 40 and line.x1 > middle + 40]
    if len(crossing) < 0.5 * len(wide):
        return False
    sample = crossing[:: max(len(crossing) // 12, 1)]
    at, x, bottom = pdfium.FPDFText_GetCharIndexAtPos, middle + frame.left, frame.bottom
    white = sum(at(text_page, x, bottom + (line.y0 + line.y1) / 2, 4.0, 3.0) < 0 for line in sample)
    return bool(white >= 0.9 * len(sample))


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _BREAK.finditer(text):
        yield found.start(), found.end(), found.group()
    yield len(text), len(text), ""


def _links(document: Any, page: Any) -> tuple[list[tuple[str, tuple[float, float, float, float]]], int]:
    """The addresses that annotations of the page lead to, with their boxes; and how many links there are in all."""
    found: list[tuple[str, tuple[float, float, float, float]]] = []
    box = pdfium.FS_RECTF()
    position = ctypes.c_int(0)
    link = pdfium.FPDF_LINK()
    for count in range(5000):
        if not pdfium.FPDFLink_Enumerate(page, ctypes.byref(position), ctypes.byref(link)):
            return found, count
        action = pdfium.FPDFLink_GetAction(link)
        if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
            continue
        size = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
        if 1 < size < 4000:
            buffer = ctypes.create_string_buffer(size)
            pdfium.FPDFAction_GetURIPath(document, action, buffer, size)
            pdfium.FPDFLink_GetAnnotRect(link, ctypes.byref(box))
            found.append((buffer.value.decode("utf-8", "replace"), (box.left, box.bottom, box.right, box.top)))
    return found, 5000
