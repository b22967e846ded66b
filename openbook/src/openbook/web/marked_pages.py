"""Pictures of a paper's pages and the places of its record's marks on them, made in a reading process under limits."""

from __future__ import annotations

import base64
import ctypes
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pypdfium2.raw as pdfium
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.papers.pdfium import PdfProblem, opened, page_count
from openbook.papers.sandbox import ReaderPool
from openbook.record.model import Box, Record
from openbook.variables import VARIABLES
from openbook.web.marked_pdf import mark_pdf, marks_of

#: Width of a picture; the most pixels of one, and its greatest height, whatever a page's shape.
WIDTH: Final = 1240
PIXELS: Final = 4_000_000
TALLEST: Final = 16_000
#: Pages that are shown; the marked PDF has all.
MOST_PAGES: Final = 200
#: Bytes of pictures that are kept in memory, the last ones shown.
CACHED: Final = 64_000_000
#: Requests that may wait for the one process that makes pictures.
WAITING: Final = 16
#: FPDF_PageToDevice answers in whole pixels of a page of this size.
_FINE: Final = 1_000_000


class PageMark(BaseModel):
    """A passage that an answer rests on, or its near miss, where it stands on one page."""

    model_config = ConfigDict(extra="forbid")

    variable: str
    quote: int | None = Field(description="Which of the answer's quotes, from 0; null for its near miss.")
    colour: str = Field(description="As in the marked PDF: six hexadecimal digits.", pattern="^[0-9a-f]{6}$")
    note: str = Field(description="The answer and how sure the assessor is.")
    boxes: list[tuple[float, float, float, float]] = Field(
        description="A box a line: left, top, width and height, as shares of the page's width and height."
    )


class PageView(BaseModel):
    """One page as it is shown: its size in points, and its marks."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(description="From 1.")
    width: float
    height: float
    marks: list[PageMark]


class PageViews(BaseModel):
    """The pages of a paper, as many as are shown."""

    model_config = ConfigDict(extra="forbid")

    total: int = Field(description="All pages of the PDF; the first 200 are shown.")
    pages: list[PageView]


class PagesBusy(OpenbookError):
    """Too many requests wait for pictures."""


class PageRenderer:
    """The process that draws pages, started when first used, and the pictures it made last. Close it at the end."""

    def __init__(self, *, seconds: float, megabytes: int) -> None:
        self._pool = ReaderPool(1, seconds=seconds, megabytes=megabytes, task=page_work, by_path=True)
        self._room = threading.BoundedSemaphore(WAITING)
        self._pictures: OrderedDict[tuple[str, int], bytes | str] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def views(self, path: Path, record: Record) -> PageViews:
        """The pages and their marks. Raises OpenbookError."""
        try:
            return PageViews.model_validate(self._run(path, {"do": "views", "record": record.model_dump_json()}))
        except ValidationError as error:
            raise OpenbookError("the process that draws pages gave no pages") from error

    def picture(self, path: Path, key: str, number: int) -> bytes:
        """Page ``number`` (from 1) of the paper ``key`` as WebP. Raises OpenbookError."""
        with self._lock:
            found = self._pictures.get((key, number))
            if found is not None:
                self._pictures.move_to_end((key, number))
        if found is None:
            try:
                found = self._bytes(path, {"do": "picture", "page": number})
            except PagesBusy:
                raise
            except OpenbookError as error:  # it would fail again, and take as long
                found = str(error)
            self._keep((key, number), found)
        if isinstance(found, str):
            raise OpenbookError(found)
        return found

    def marked_pdf(self, path: Path, record: Record) -> bytes:
        """A copy of the PDF with the record's marks. Raises OpenbookError."""
        return self._bytes(path, {"do": "marked_pdf", "record": record.model_dump_json()})

    def close(self) -> None:
        """End the process."""
        self._pool.close()

    def _bytes(self, path: Path, options: dict[str, Any]) -> bytes:
        found = self._run(path, options)
        if not isinstance(found, str):
            raise OpenbookError("the process that draws pages gave no picture")
        try:
            return base64.b64decode(found, validate=True)
        except ValueError as error:
            raise OpenbookError("the process that draws pages gave no picture") from error

    def _run(self, path: Path, options: dict[str, Any]) -> object:
        with self._turn():
            found = self._pool.run(path, options)
        if isinstance(found, Paper):
            raise OpenbookError(found.problem or "it could not be read")
        return found

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            raise PagesBusy("many pages are being drawn at the moment")
        try:
            yield
        finally:
            self._room.release()

    def _keep(self, place: tuple[str, int], made: bytes | str) -> None:
        with self._lock:
            self._size += len(made) - len(self._pictures.pop(place, b""))
            self._pictures[place] = made
            while self._size > CACHED:
                self._size -= len(self._pictures.popitem(last=False)[1])


# --- in the reading process


def page_work(path: str, options: dict[str, Any]) -> Any:
    """The sandbox's task: ``views`` as JSON; a ``picture`` or the ``marked_pdf`` in base 64. Raises OpenbookError."""
    data = Path(path).read_bytes()
    if options["do"] == "picture":
        return base64.b64encode(page_picture(data, options["page"])).decode()
    from openbook.papers.reading import read_paper

    record = Record.model_validate_json(options["record"])
    paper = read_paper(path)
    if options["do"] == "marked_pdf":
        return base64.b64encode(mark_pdf(record, paper, data)).decode()
    return page_views(record, paper, data).model_dump()


def page_picture(data: bytes, number: int) -> bytes:
    """Page ``number`` (from 1) of a PDF as a WebP picture, WIDTH pixels wide where its shape allows. Raises OpenbookError."""
    from PIL import Image

    with _document(data) as document, _page(document, number) as page:
        across, down = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
        if across < 1 or down < 1:
            raise OpenbookError(f"page {number} has no size")
        scale = min(WIDTH / across, TALLEST / down, (PIXELS / (across * down)) ** 0.5)
        width, height = max(1, int(across * scale)), max(1, int(down * scale))
        bitmap = pdfium.FPDFBitmap_Create(width, height, 0)
        if not bitmap:
            raise OpenbookError(f"page {number} cannot be drawn")
        try:
            pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
            pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, pdfium.FPDF_ANNOT)
            stride = pdfium.FPDFBitmap_GetStride(bitmap)
            pixels = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), stride * height)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
    out = BytesIO()
    Image.frombuffer("RGB", (width, height), pixels, "raw", "BGRX", stride, 1).save(out, "webp", quality=80, method=2)
    return out.getvalue()


def page_views(record: Record, paper: Paper, data: bytes) -> PageViews:
    """The pages of a PDF as they are shown, rotated and cropped, with the record's marks. Raises OpenbookError.

    ``paper`` is what was read of ``data``; it says where near misses stand.
    """
    marks: dict[int, list[tuple[PageMark, list[Box]]]] = {}
    for variable in VARIABLES:
        answer = record.answers.get(variable)
        for number, (colour, note, boxes) in enumerate(marks_of(answer, paper, variable) if answer else ()):
            quote = number if answer is not None and number < len(answer.evidence) else None
            for page in dict.fromkeys(box[0] for box in boxes):
                mark = PageMark(variable=variable, quote=quote, colour=colour, note=note, boxes=[])
                marks.setdefault(page, []).append((mark, [box for box in boxes if box[0] == page]))
    pages: list[PageView] = []
    size = pdfium.FS_SIZEF()
    with _document(data) as document:
        total = page_count(document)
        for number in range(1, min(total, MOST_PAGES) + 1):
            pdfium.FPDF_GetPageSizeByIndexF(document, number - 1, ctypes.byref(size))
            placed = []
            if number in marks:
                with _page(document, number) as page:
                    placed = [
                        mark.model_copy(update={"boxes": [_shares(page, box) for box in boxes]})
                        for mark, boxes in marks[number]
                    ]
            width, height = round(max(size.width, 1), 2), round(max(size.height, 1), 2)
            pages.append(PageView(number=number, width=width, height=height, marks=placed))
    return PageViews(total=total, pages=pages)


def _shares(page: Any, box: Box) -> tuple[float, float, float, float]:
    """A box in the user space of a page as left, top, width and height on the page as it is shown, in shares of it."""
    x, y = ctypes.c_int(), ctypes.c_int()
    found = []
    for at in ((box[1], box[2]), (box[3], box[4])):
        pdfium.FPDF_PageToDevice(page, 0, 0, _FINE, _FINE, 0, *at, ctypes.byref(x), ctypes.byref(y))
        found.append((x.value / _FINE, y.value / _FINE))
    (x0, x1), (y0, y1) = sorted((found[0][0], found[1][0])), sorted((found[0][1], found[1][1]))
    return x0, y0, x1 - x0, y1 - y0


@contextmanager
def _document(data: bytes) -> Iterator[Any]:
    try:
        with opened(data) as document:
            yield document
    except PdfProblem as problem:
        raise OpenbookError(str(problem)) from problem


@contextmanager
def _page(document: Any, number: int) -> Iterator[Any]:
    page = pdfium.FPDF_LoadPage(document, number - 1) if 0 < number <= page_count(document) else None
    if not page:
        raise OpenbookError(f"there is no page {number}")
    try:
        yield page
    finally:
        pdfium.FPDF_ClosePage(page)
