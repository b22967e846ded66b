"""The lines of a PDF page as PDFium measures them: their text, boxes, fonts and directions.

Only a few characters of each line are measured, because a call for every character would take longer than everything else
together. Each direction in which lines are read has its own upright frame: the page's rotation and the origin of its crop
box are taken out here, and nowhere else.
"""

from __future__ import annotations

import ctypes
import math
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pypdfium2.raw as pdfium

from openbook.papers.characters import IDEOGRAPHS
from openbook.papers.hidden import fast_call, pointer_of
from openbook.papers.paper import TextRun

_STOP_EVERY = 28
"""Characters between two measured positions of a line, at least."""
_RAISED = re.compile(r"(?:\d{1,2}|[*†‡§¶∗⋆])(?=[A-Za-z(“\"‘'])|[a-z](?=[A-Z(“])")
_LEADING_NUMBER = re.compile(r"(\d{1,4})\s+(?=\S)")
_TRAILING_NUMBER = re.compile(r"\s+(\d{1,4})$")

Direction = Literal[0, 1, 2, 3]
"""Where a line runs on the unrotated page: 0 to the right, 1 up, 2 to the left (upside down), 3 down."""


@dataclass(slots=True)
class Line:
    """One line of a page, in points from the lower left corner of the frame in which the line is upright."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    """The height of the baseline."""
    size: float
    """The font size of most of the line."""
    bold: bool
    broken: bool = False
    """Ends in a hyphen that PDFium takes for a broken word."""
    mark: int = 0
    """So many characters at the beginning are raised: the mark of a footnote or an affiliation."""
    lead: float = 0.0
    """The white space after a number at its beginning, in points."""
    trail: float = 0.0
    """The white space before a number at its end, in points."""
    opens: bool = False
    """A symbol without a character stands before its text."""
    closes: bool = False
    """A symbol without a character stands behind its text."""
    font: str = ""
    """The font of its first character, in small letters."""
    run: TextRun | None = None
    """Where its characters stand on the page as it was written."""


@dataclass(slots=True)
class RawPage:
    """The lines of a page that run in one direction, in the order of the content stream."""

    number: int
    width: float
    height: float
    lines: list[Line] = field(default_factory=list)
    turned: bool = False
    """These lines run in another direction than most of the page."""
    links: list[tuple[str, tuple[float, float, float, float]]] = field(default_factory=list)
    """The address of each annotation and its box: x0, y0, x1, y1 in points of the page as it was written."""
    images: float = 0.0
    """Share of the page that images cover."""
    hidden: int = 0
    """Characters that were left out because a reader could not see them."""
    slanted: int = 0
    """Characters that were left out because they run neither along nor up the page: stamps and labels of axes."""


@dataclass(frozen=True, slots=True)
class PageFrame:
    """The visible box of the page before rotation, and how it is turned so that a line in it is upright."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.left, self.bottom, self.right, self.top

    def page(self, number: int, direction: Direction) -> RawPage:
        width, height = self.right - self.left, self.top - self.bottom
        return RawPage(number, *((height, width) if direction % 2 else (width, height)))

    def point(self, direction: Direction, x: float, y: float) -> tuple[float, float]:
        """A point of the page in the frame of this direction."""
        if direction == 0:
            return x - self.left, y - self.bottom
        if direction == 1:
            return y - self.bottom, self.right - x
        if direction == 2:
            return self.right - x, self.top - y
        return self.top - y, x - self.left


_P, _I = ctypes.c_void_p, ctypes.c_int
_char_box = fast_call(pdfium.FPDFText_GetCharBox, _I, _P, _I, _P, _P, _P, _P)
_char_origin = fast_call(pdfium.FPDFText_GetCharOrigin, _I, _P, _I, _P, _P)
_char_object = fast_call(pdfium.FPDFText_GetTextObject, _P, _P, _I)
_char_matrix = fast_call(pdfium.FPDFText_GetMatrix, _I, _P, _I, _P)
_char_size = fast_call(pdfium.FPDFText_GetFontSize, ctypes.c_double, _P, _I)
_char_font = fast_call(pdfium.FPDFText_GetFontInfo, ctypes.c_ulong, _P, _I, _P, ctypes.c_ulong, _P)
_object_font = fast_call(pdfium.FPDFTextObj_GetFont, _P, _P)


@dataclass(slots=True)
class _Style:
    """What the characters of one text object share. ``base``: their baseline's x and y on the page."""

    size: float
    bold: bool
    angle: float
    direction: Direction | None
    base: tuple[float, float]
    font: str


class LineMeasure:
    """Boxes, baselines and fonts of single characters, with the C variables made once and styles kept by text object."""

    def __init__(self, text_page: Any, frame: PageFrame, number: int, text: str, count: int) -> None:
        self.pointer = text_page
        self.page = pointer_of(text_page)
        self.frame = frame
        self.number = number
        self.aligned = len(text) == count
        self.pairs = [] if self.aligned else [place for place, letter in enumerate(text) if letter > "\uffff"]
        """The places of letters that PDFium counts as two: those of mathematical alphabets."""
        self.shifted = len(text) + len(self.pairs) == count
        """Only these letters set the two ways of counting apart."""
        self.values = array("d", bytes(32))  # read five times as fast as an array of ctypes
        self.addresses = [self.values.buffer_info()[0] + 8 * index for index in range(4)]
        self.matrix = array("f", bytes(24))
        self.matrix_address = self.matrix.buffer_info()[0]
        self.flags = ctypes.c_int()
        self.flags_address = ctypes.addressof(self.flags)
        self.name = ctypes.create_string_buffer(128)
        self.name_address = ctypes.addressof(self.name)
        self.usual = 0.0
        """The size of the last long line."""
        self.fonts_of_lines: Counter[str] = Counter()
        """The fonts of long lines."""
        self.styles: dict[int, _Style] = {}
        self.fonts: dict[int, tuple[str, bool]] = {}

    def box(self, index: int) -> tuple[float, float, float, float] | None:
        """Left, right, bottom, top on the page."""
        if not _char_box(self.page, index, *self.addresses):
            return None
        left, right, bottom, top = self.values
        return left, right, bottom, top

    def style(self, index: int) -> _Style:
        key = _char_object(self.page, index) or 0
        found = self.styles.get(key) if key else None
        if found is None:
            size = _char_size(self.page, index)
            a, b, c, d, e, f = 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
            if _char_matrix(self.page, index, self.matrix_address):
                a, b, c, d, e, f = self.matrix
                size *= d if c == 0 and d > 0 else math.hypot(c, d)  # many writers set size 1 and scale by the matrix
            if e == 0 and f == 0:  # a character that PDFium put in has no matrix of its own
                key = 0
                _char_origin(self.page, index, *self.addresses[:2])
                e, f = self.values[0], self.values[1]
            name, bold = self.font(index, key)
            angle = 0.0 if b == 0 and a > 0 else math.degrees(math.atan2(b, a))
            found = _Style(size, bold, angle, _direction(angle), (e, f), name)
            if key:
                self.styles[key] = found
        return found

    def font(self, index: int, text_object: int) -> tuple[str, bool]:
        """The name of a character's font, and whether it is a bold one."""
        key = _object_font(text_object) if text_object else 0
        if key in self.fonts:
            return self.fonts[key]
        found = "", False
        if 0 < _char_font(self.page, index, self.name_address, 128, self.flags_address) <= 128:
            name = self.name.value.lower()
            found = (
                name.decode("latin-1"),
                any(word in name for word in (b"bold", b"bx", b"medi", b"black", b"heavy")),
            )
        if key:
            self.fonts[key] = found
        return found

    def line(self, text: str, start: int) -> tuple[Direction, Line] | float | None:
        """The line of this text, which starts at this place of the page's text. A float is the angle of a slanted line."""
        length = len(text)
        offset = length // 2
        while offset and text[offset].isspace():
            offset -= 1
        first, middle, last = start, start + offset, start + length - 1
        if not self.aligned:
            first, middle, last = self.index(first), self.index(middle), self.index(last)
        head = self.box(first)
        tail = self.box(last) if length > 1 else head
        if head is None or tail is None:
            return None
        chosen = begin = self.style(middle)
        bold = chosen.bold
        raised = _RAISED.match(text) if length > 2 else None
        if length > 1 and (bold or raised or self.number == 1 or abs(chosen.size - self.usual) > 0.05):
            # the largest of three characters: one alone may be a subscript
            begin, end = self.style(first), self.style(last)
            bold = bold and begin.bold and end.bold
            for other in (begin, end) if length > 4 else ():
                if other.size > chosen.size + 0.3:
                    chosen = other
        if length > 25:
            self.usual = chosen.size
            self.fonts_of_lines[chosen.font] += 1
        direction = chosen.direction
        if direction is None:
            if length > 2:
                return chosen.angle
            direction = 0
        left, right = min(head[0], tail[0]), max(head[1], tail[1])
        bottom, top = min(head[2], tail[2]), max(head[3], tail[3])
        if 2 < length < 40 and (body := self.box(middle)) is not None:
            bottom, top = min(bottom, body[2]), max(top, body[3])
        box = left, bottom, right, top
        tall = length > 3 and box[3] - box[1] > 2.5 * chosen.size > 1.5 * (box[2] - box[0])
        if direction == 0 and tall and len(IDEOGRAPHS.findall(text)) > length / 2:
            direction = 3  # upright characters one below the other: Japanese and Chinese
            chosen = replace(chosen, base=(box[0] + 0.22 * chosen.size, box[3]))
        point = self.frame.point
        if direction == 0:
            x, y = self.frame.left, self.frame.bottom
            x0, x1, y0, y1, base = left - x, right - x, bottom - y, top - y, chosen.base[1] - y
        else:
            (xa, ya), (xb, yb) = point(direction, box[0], box[1]), point(direction, box[2], box[3])
            x0, x1, y0, y1 = min(xa, xb), max(xa, xb), min(ya, yb), max(ya, yb)
            base = point(direction, *chosen.base)[1]
        line = Line(text, x0, y0, x1, y1, base, chosen.size, bold, font=begin.font)
        if raised and begin.size < 0.87 * chosen.size:
            self.mark(line, begin, start, raised.end(), direction)
        elif raised and direction == 0 and text[0].isdigit() and _is_high(head, begin):
            line.mark = raised.end()
        extra = None
        if text[0].isdigit() and (number := _LEADING_NUMBER.match(text)) is not None:
            line.lead = self.gap(start + number.end(1) - 1, start + number.end(), direction)
            extra = number.end()
        elif text[-1].isdigit() and (number := _TRAILING_NUMBER.search(text)) is not None:
            line.trail = self.gap(start + number.start() - 1, start + number.start(1), direction)
        line.run = self.run(text, start, chosen, direction, box, extra)
        return direction, line

    def gap(self, first: int, second: int, direction: Direction) -> float:
        """The white space between two neighbours."""
        before, after = self.box(self.index(first)), self.box(self.index(second))
        if before is None or after is None:
            return 0.0
        axis = 2 * (direction % 2)
        return after[axis] - before[axis + 1] if direction < 2 else before[axis] - after[axis + 1]

    def raised(self, index: int, beside: _Style, direction: Direction) -> bool:
        """Whether a digit is small and above the baseline of what stands beside it, by its size or by its shape alone."""
        style = self.style(index)
        if style.size < 0.87 * beside.size:
            height = self.frame.point(direction, *style.base)[1] - self.frame.point(direction, *beside.base)[1]
            return 0.12 * beside.size < height < 0.8 * beside.size
        box = self.box(index) if direction == 0 else None
        return box is not None and _is_high(box, style)

    def mark(self, line: Line, begin: _Style, start: int, length: int, direction: Direction) -> None:
        """Note that the line begins with so many raised characters, if it does."""
        after = self.style(self.index(start + length))
        if begin.size < 0.87 * after.size:
            raised = self.frame.point(direction, *begin.base)[1] - self.frame.point(direction, *after.base)[1]
            if raised > 0.12 * after.size:
                line.mark = length

    def run(
        self,
        text: str,
        start: int,
        style: _Style,
        direction: Direction,
        box: tuple[float, float, float, float],
        extra: int | None = None,
    ) -> TextRun:
        """Where the characters of the line stand: the position of a word every few letters, of the end, and of ``extra``."""
        axis, sign = direction % 2, 1 if direction < 2 else -1
        near, far = (box[axis], box[axis + 2])[::sign]
        stops = [(0, round(10 * near))]
        at = extra if extra is not None else text.find(" ", _STOP_EVERY) + 1
        while 0 < at < len(text) - 3:
            if _char_origin(self.page, self.index(start + at), self.addresses[0], self.addresses[1]):
                place = round(10 * self.values[axis])
                if (place - stops[-1][1]) * sign > 0:
                    stops.append((at, place))
            at = text.find(" ", at + _STOP_EVERY - 1) + 1
        stops.append((len(text), round(10 * far)))
        # the extent across the line by the font, not by the ink of a few characters
        below, above = 0.22 * style.size, 0.72 * style.size
        base = style.base[1 - axis]
        low, high = (base - below, base + above) if direction in (0, 3) else (base - above, base + below)
        return TextRun(self.number, direction, round(10 * low), round(10 * high), stops)

    def index(self, place: int) -> int:
        """The character at a place of the page's text."""
        if self.aligned:
            return place
        place += bisect_left(self.pairs, place)
        if self.shifted:
            return place
        found: int = pdfium.FPDFText_GetCharIndexFromTextIndex(self.pointer, place)
        return found

    def place(self, index: int) -> int:
        """The place of a character in the page's text; -1 for one that is not in it."""
        if self.aligned:
            return index
        place: int = index if self.shifted else pdfium.FPDFText_GetTextIndexFromCharIndex(self.pointer, index)
        return place - sum(pair + number < place for number, pair in enumerate(self.pairs))

    def parted(self, direction: Direction, line: Line, first: int) -> Iterator[tuple[Direction, Line, int]]:
        """A line that runs over several columns, as one line for each, with the place of its first character."""
        if direction != 0:
            yield direction, line, first
            return
        cuts = [0]
        edge = None
        for offset, character in enumerate(line.text):
            box = None if character.isspace() else self.box(self.index(first + offset))
            if box is None:
                continue
            if edge is not None and not -3 * line.size < box[0] - edge < 1.5 * line.size:
                cuts.append(offset)
            edge = box[1]
        for start, stop in zip(cuts, [*cuts[1:], len(line.text)], strict=True):
            words = line.text[start:stop].rstrip()
            part = self.line(words, first + start) if words else None
            if isinstance(part, tuple):
                part[1].broken = line.broken and stop == len(line.text)
                yield *part, first + start


def _is_high(box: tuple[float, float, float, float], style: _Style) -> bool:
    """Whether a digit of the size of its text is a superscript of the font: half as high, and above the baseline."""
    return box[2] - style.base[1] > 0.2 * style.size and box[3] - box[2] < 0.6 * style.size


def _direction(angle: float) -> Direction | None:
    """The direction nearest to this angle, None if none is near: the line is slanted."""
    turns = angle / 90
    if not math.isfinite(turns):  # a matrix of numbers too large to have one
        return None
    nearest = round(turns)
    return nearest % 4 if abs(turns - nearest) < 0.11 else None  # type: ignore[return-value]
