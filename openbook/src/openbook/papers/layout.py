"""The layout of PDF pages: rows from line fragments, columns, and what stands on the page but is not the paper's text.

PDFium gives lines in the order of the content stream, which for typeset papers is the order of reading, column by
column. That order is kept unless a page's stream jumps about; then rows are sorted by column and height.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass, field

from openbook.papers.pdfium import Line, RawPage


@dataclass(slots=True)
class Row:
    """One printed row of one column: fragments that PDFium gave apart (sub- and superscripts) are joined."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    size: float
    bold: bool
    broken: bool
    page: int
    column: int = 0
    """0 spans the page or there is one column; 1 left; 2 right."""
    width: int = 0
    """Characters of the widest fragment, which gave the row its size and baseline."""


@dataclass(slots=True)
class Layout:
    """All rows of a document in reading order, and what is usual in it."""

    rows: list[Row]
    size: float
    """Font size of most of the text."""
    leading: float
    """Distance between baselines in most of the text."""
    margins: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    """(page, column) -> the usual left and right edge of its rows."""
    two_columns: bool = False


_DIGITS = re.compile(r"\d+")
_LINE_NUMBER = re.compile(r"\d{1,4}$")
_LEADING_NUMBER = re.compile(r"(\d{1,4})\s+(?=\S)")
_TRAILING_NUMBER = re.compile(r"\s+(\d{1,4})$")
_STAMP = re.compile(r"arXiv:\d{4}\.\d{4,5}(?:v\d+)?\s+\[")
_RUNNING = re.compile(
    r"(?:under review as a|published as a|accepted as a|workshop track).{0,60}|"
    r"(?:\d+ )?(?:submitted to |preprint\.? ?(?:under review|work in progress)?\.?).{0,80}|"
    r"\d{1,2}th conference on neural information processing systems.{0,60}",
    re.IGNORECASE,
)


def lay_out(pages: list[RawPage]) -> Layout:
    """The rows of all pages, without running heads, page numbers and line numbers."""
    for page in pages:
        page.lines = [line for line in page.lines if not _is_margin_mark(line, page)]
    _drop_line_numbers(pages)
    _drop_running_heads(pages)
    size = _usual_size(pages)
    middles = [_gutter(page, size) for page in pages]
    known = sorted(middle for middle in middles if middle is not None)
    double = len(known)
    if double * 2 > len(pages):
        usual = known[double // 2]
        middles = [
            _gutter(page, size, usual) if middle is None else middle
            for page, middle in zip(pages, middles, strict=True)
        ]
    rows: list[Row] = []
    for page, middle in zip(pages, middles, strict=True):
        rows.extend(_reordered(_rows(page, middle), middle))
    layout = Layout(rows, size, _leading(rows, size), two_columns=double * 2 > len(pages))
    layout.margins = _margins(rows, size)
    return layout


def _is_margin_mark(line: Line, page: RawPage) -> bool:
    """Text up the side of the page, or outside it."""
    upright = line.y1 - line.y0 > 60 and line.x1 - line.x0 < 30 and len(line.text) > 12
    outside = line.x1 < 0 or line.y1 < 0 or line.x0 > page.width or line.y0 > page.height
    return upright or outside or bool(_STAMP.match(line.text))


def _drop_line_numbers(pages: list[RawPage]) -> None:
    """Numbers of a review format: most rows of a page have one, each one more than the one before."""
    for page in pages:
        alone = [int(line.text) for line in page.lines if _LINE_NUMBER.fullmatch(line.text)]
        if len(alone) >= 15 and _consecutive(alone) > 0.7:
            page.lines = [line for line in page.lines if not _LINE_NUMBER.fullmatch(line.text)]
        for pattern, at_start in ((_LEADING_NUMBER, True), (_TRAILING_NUMBER, False)):
            found = [(line, match) for line in page.lines if (match := pattern.search(line.text))]
            if at_start:
                found = [(line, match) for line, match in found if match.start() == 0]
            numbers = [int(match.group(1)) for _, match in found]
            if len(numbers) < 15 or len(numbers) < 0.4 * len(page.lines) or _consecutive(numbers) < 0.7:
                continue
            for line, match in found:
                line.text = line.text[match.end() :] if at_start else line.text[: match.start()]
            edge = sorted(line.x0 for line in page.lines if line not in [pair[0] for pair in found])
            if at_start and edge:
                for line, _ in found:
                    line.x0 = max(line.x0, edge[len(edge) // 2])


def _consecutive(numbers: list[int]) -> float:
    steps = sum(after - before == 1 for before, after in itertools.pairwise(numbers))
    return steps / max(len(numbers) - 1, 1)


def _drop_running_heads(pages: list[RawPage]) -> None:
    """Lines near the top or bottom edge that return on other pages, and page numbers."""
    counts: Counter[str] = Counter()
    kept: list[list[tuple[Line, str | None]]] = []
    for page in pages:
        marked: list[tuple[Line, str | None]] = []
        for line in page.lines:
            edge = line.base > 0.9 * page.height or line.base < 0.1 * page.height
            marked.append((line, _DIGITS.sub("#", line.text).strip().lower() if edge else None))
        counts.update({key for _, key in marked if key})
        kept.append(marked)
    often = 2 if len(pages) <= 6 else 3
    for page, marked in zip(pages, kept, strict=True):
        page.lines = [
            line
            for line, key in marked
            if key is None
            or not (
                (counts[key] >= often and len(key) < 200)
                or re.fullmatch(r"(?:page )?[-–— ]*#[-–— ]*(?:(?:of|/) ?#)?", key)
                or _RUNNING.fullmatch(key)
            )
        ]


def _usual_size(pages: list[RawPage]) -> float:
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _gutter(page: RawPage, size: float, usual: float | None = None) -> float | None:
    """The middle of the white gap between two columns, None when most of the text spans it.

    Print of the usual size decides, for tables run across the gap. ``usual``: the gap of other pages.
    """
    long = [line for line in page.lines if len(line.text) > 25 and abs(line.size - size) < 0.6]
    if len(long) < 6:
        long = [line for line in page.lines if len(line.text) > (25 if usual is None else 8)]
    if len(long) < 6:
        long = [line for line in page.lines if len(line.text) > 8]
    if not long:
        return None
    left, right = min(line.x0 for line in long), max(line.x1 for line in long)
    best, fewest = None, 0.25 * len(long)
    tried = [left + share * (right - left) for share in (0.5, 0.48, 0.52, 0.46, 0.54)] if usual is None else [usual]
    for middle in tried:
        spanning = sum(line.x0 < middle - 3 and line.x1 > middle + 3 for line in long)
        beside = sum(line.x0 >= middle - 3 for line in long), sum(line.x1 <= middle + 3 for line in long)
        if spanning < fewest and (min(beside) >= 2 or usual is not None):
            best, fewest = middle, spanning
    return best


def _column(x0: float, x1: float, middle: float | None) -> int:
    if middle is None:
        return 0
    if x1 <= middle + 4:
        return 1
    return 2 if x0 >= middle - 4 else 0


def _rows(page: RawPage, middle: float | None) -> list[Row]:
    rows: list[Row] = []
    for line in page.lines:
        text = line.text
        column = _column(line.x0, line.x1, middle)
        row = rows[-1] if rows else None
        if row and column == row.column and _same_row(row, line):
            gap = line.x0 - row.x1
            glued = -1.5 < gap < 0.12 * row.size and not (row.text[-1].isalnum() and text[0].isalnum() and gap > 0.8)
            row.text += text if glued else " " + text
            row.x0, row.x1 = min(row.x0, line.x0), max(row.x1, line.x1)
            row.y0, row.y1 = min(row.y0, line.y0), max(row.y1, line.y1)
            row.broken = line.broken
            row.bold = row.bold and line.bold
            if len(text) > row.width:
                row.size, row.base, row.width = line.size, line.base, len(text)
            continue
        rows.append(
            Row(
                text,
                line.x0,
                line.y0,
                line.x1,
                line.y1,
                line.base,
                line.size,
                line.bold,
                line.broken,
                page.number,
                column,
                width=len(text),
            )
        )
    return rows


def _same_row(row: Row, line: Line) -> bool:
    centre = (line.y0 + line.y1) / 2
    if abs(row.base - line.base) < 0.2 * row.size and line.x0 >= row.x1 - row.size:
        return True
    small = len(line.text) < 25 or row.width < 25
    slack = 0.25 * row.size
    return small and row.y0 - slack < centre < row.y1 + slack and line.x0 > row.x0 and line.x1 > row.x0 + 2


def _reordered(rows: list[Row], middle: float | None) -> list[Row]:
    """The rows as they come, or by height and column where the content stream is not in the order of reading."""
    if len(rows) < 4:
        return rows
    jumps = 0
    for before, after in itertools.pairwise(rows):
        same = before.column == after.column
        if (same and after.base > before.base + 3 * after.size and not (after.size < 0.95 * before.size)) or (
            before.column == 2 and after.column == 1
        ):
            jumps += 1
    if jumps <= max(3, 0.12 * len(rows)):
        return rows
    ordered: list[Row] = []
    zone: list[Row] = []
    for row in sorted(rows, key=lambda row: -row.base):
        if middle is not None and row.column == 0 and row.x0 < middle - 20 and row.x1 > middle + 20:
            ordered.extend(sorted(zone, key=lambda row: (row.column, -row.base, row.x0)))
            ordered.append(row)
            zone = []
        else:
            zone.append(row)
    ordered.extend(sorted(zone, key=lambda row: (row.column, -row.base, row.x0)))
    return ordered


def _leading(rows: list[Row], size: float) -> float:
    gaps: Counter[float] = Counter()
    for before, after in itertools.pairwise(rows):
        gap = before.base - after.base
        if before.column == after.column and abs(after.size - size) < 0.6 and 0.9 * size < gap < 2.6 * size:
            gaps[round(gap * 2) / 2] += 1
    return gaps.most_common(1)[0][0] if gaps else 1.2 * size


def _margins(rows: list[Row], size: float) -> dict[tuple[int, int], tuple[float, float]]:
    lefts: dict[tuple[int, int], Counter[int]] = {}
    rights: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        if row.width > 15:
            key = (row.page, row.column)
            lefts.setdefault(key, Counter())[round(row.x0)] += 1
            rights.setdefault(key, []).append(row.x1)
    margins = {}
    for key, counter in lefts.items():
        common = [edge for edge, count in counter.items() if count >= 0.15 * counter.total()] or list(counter)
        edges = sorted(rights[key])
        margins[key] = (float(min(common)), edges[int(0.9 * (len(edges) - 1))])
    return margins
