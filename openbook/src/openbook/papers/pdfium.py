"""PDF files through PDFium: opening them, their pages, links and metadata."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2.raw as pdfium

from openbook.papers.hidden import inspect, unseen_characters
from openbook.papers.text_lines import Direction, PageFrame, RawPage, page_lines

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
        seen = inspect(page, frame.box, layered=layered)
        main.images = seen.images
        text_page = pdfium.FPDFText_LoadPage(page)
        if text_page:
            try:
                count = min(pdfium.FPDFText_CountChars(text_page), longest)
                hidden = unseen_characters(page, text_page, count, seen)
                for direction, line in page_lines(text_page, count, hidden, frame, index + 1, main):
                    if direction not in pages:
                        pages[direction] = frame.page(index + 1, direction)
                        pages[direction].turned = True
                    pages[direction].lines.append(line)
            finally:
                pdfium.FPDFText_ClosePage(text_page)
        main.links = list(_links(document, page))
        return list(pages.values())
    finally:
        pdfium.FPDF_ClosePage(page)


def _links(document: Any, page: Any) -> Iterator[str]:
    """The addresses that annotations of the page lead to."""
    position = ctypes.c_int(0)
    link = pdfium.FPDF_LINK()
    for _ in range(5000):
        if not pdfium.FPDFLink_Enumerate(page, ctypes.byref(position), ctypes.byref(link)):
            return
        action = pdfium.FPDFLink_GetAction(link)
        if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
            continue
        size = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
        if 1 < size < 4000:
            buffer = ctypes.create_string_buffer(size)
            pdfium.FPDFAction_GetURIPath(document, action, buffer, size)
            yield buffer.value.decode("utf-8", "replace")
