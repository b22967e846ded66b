"""The layout of PDF pages: rows from line fragments, columns, and what stands on the page but is not the paper's text.

PDFium gives lines in the order of the content stream, which for typeset papers is the order of reading, column by
column. That order is kept unless a page's stream jumps about; then rows are sorted by column and height.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from openbook.papers.characters import clean, has_lost_ligatures, restore_ligatures
from openbook.papers.page_furniture import LABEL, Furniture, clear, outside, usual_size
from openbook.papers.text_lines import Line, RawPage


@dataclass(slots=True)
class PrintedRow:
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
    mark: int = 0
    """So many characters at its beginning are raised: the mark of a footnote or an affiliation."""
    font: str = ""
    turned: bool = False
    parts: list[tuple[int, Line]] = field(default_factory=list)
    """Its fragments, each with its place in ``text``."""


@dataclass(slots=True)
class Layout:
    """All rows of a document in reading order, and what is usual in it."""

    rows: list[PrintedRow]
    size: float
    """Font size of most of the text."""
    leading: float
    """Distance between baselines in most of the text."""
    margins: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    """(page, column) -> the usual left and right edge of its rows."""
    two_columns: bool = False
    furniture: Furniture = field(default_factory=Furniture)


def lay_out(pages: list[RawPage]) -> Layout:
    """The rows of all pages, without stamps, running heads, page numbers and line numbers."""
    for page in pages:
        for line in page.lines:
            text = line.text
            if not (text.isascii() and text.isprintable()):
                line.opens, line.closes = not clean(text[0]), not clean(text[-1])
        page.lines = [line for line in page.lines if _rewrite(line, clean) and not outside(line, page)]
    if has_lost_ligatures(line.text for page in pages for line in page.lines):
        for page in pages:
            for line in page.lines:
                _rewrite(line, restore_ligatures)
    size = usual_size(pages)
    pages, furniture = clear(pages)
    layout = Layout([], size, 1.2 * size, furniture=furniture)
    middles = [_gutter(page, size) for page in pages]
    known = sorted(middle for middle in middles if middle is not None)
    layout.two_columns = 2 * len(known) > len(pages)
    if layout.two_columns:
        usual = known[len(known) // 2]
        middles = [
            _gutter(page, size, usual) if middle is None and not page.turned else middle
            for page, middle in zip(pages, middles, strict=True)
        ]
    for page, middle in zip(pages, middles, strict=True):
        layout.rows.extend(_reordered(_rows(page, middle), middle))
    layout.leading = _leading(layout.rows, size)
    layout.margins = _margins(layout.rows)
    return layout


def _rewrite(line: Line, function: Callable[[str], str]) -> str:
    """Put ``function(text)`` in the place of a line's text, and fit its run to it."""
    text = line.text
    changed = function(text)
    if changed is text:
        return text
    line.text = changed
    if len(changed) != len(text) and line.run is not None:
        stops = [(len(function(text[:at])) + text[:at].endswith(" ") if at else 0, at_x) for at, at_x in line.run.stops]
        stops[-1] = (len(changed), stops[-1][1])
        line.run.stops = [stop for stop in stops[:-1] if stop[0] < len(changed)] + stops[-1:]
    return changed


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


def _rows(page: RawPage, middle: float | None) -> list[PrintedRow]:
    rows: list[PrintedRow] = []
    row = None
    for line in page.lines:
        text = line.text
        column = _column(line.x0, line.x1, middle)
        if row and column == row.column and _same_row(row, line):
            gap = line.x0 - row.x1
            glued = -1.5 < gap < 0.12 * row.size and not (row.text[-1].isalnum() and text[0].isalnum() and gap > 0.8)
            glued = glued or (row.text[-1] == "⟩" and text[0] in ".,;:)]”’" and -1.5 < gap < 0.3 * row.size)
            glued = glued and not line.opens and not row.parts[-1][1].closes
            if not row.mark and _is_mark(row, line):
                row.mark = len(row.text)
            row.text += text if glued else " " + text
            row.parts.append((len(row.text) - len(text), line))
            row.x0, row.x1 = min(row.x0, line.x0), max(row.x1, line.x1)
            row.y0, row.y1 = min(row.y0, line.y0), max(row.y1, line.y1)
            row.broken = line.broken
            row.bold = row.bold and line.bold
            if len(text) > row.width:
                row.size, row.base, row.width, row.font = line.size, line.base, len(text), line.font
            continue
        row = PrintedRow(
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
            mark=0 if row and _goes_before(row, line) else line.mark,
            font=line.font,
            turned=page.turned,
            parts=[(0, line)],
        )
        rows.append(row)
    return rows


def _goes_before(row: PrintedRow, line: Line) -> bool:
    """Whether a line stands right after this row, so that its raised beginning is an exponent and no mark."""
    return -2 < line.x0 - row.x1 < 2 * row.size and row.y0 - 3 < (line.y0 + line.y1) / 2 < row.y1 + 3


def _is_mark(row: PrintedRow, line: Line) -> bool:
    """Whether what a row has so far is the raised mark before this line."""
    return row.width < 3 and row.size < 0.87 * line.size and row.base > line.base + 0.12 * line.size


def _same_row(row: PrintedRow, line: Line) -> bool:
    centre = (line.y0 + line.y1) / 2
    if abs(row.base - line.base) < 0.2 * row.size and line.x0 >= row.x1 - row.size:
        return True
    small = len(line.text) < 25 or row.width < 25
    slack = 0.25 * row.size
    return small and row.y0 - slack < centre < row.y1 + slack and line.x0 > row.x0 and line.x1 > row.x0 + 2


def _reordered(rows: list[PrintedRow], middle: float | None) -> list[PrintedRow]:
    """The rows as they come, or by height and column where the content stream is not in the order of reading."""
    if len(rows) < 4:
        return rows
    rising = sum(after.base > before.base + 0.5 * after.size for before, after in itertools.pairwise(rows))
    if rising < 0.6 * len(rows) and not (_jumps(rows) and _jumps([row for row in rows if row.width > 20])):
        return rows
    ordered: list[PrintedRow] = []
    zone: list[PrintedRow] = []
    for row in sorted(rows, key=lambda row: -row.base):
        if middle is not None and row.column == 0 and row.x0 < middle - 20 and row.x1 > middle + 20:
            ordered.extend(sorted(zone, key=lambda row: (row.column, -row.base, row.x0)))
            ordered.append(row)
            zone = []
        else:
            zone.append(row)
    ordered.extend(sorted(zone, key=lambda row: (row.column, -row.base, row.x0)))
    return ordered


def _jumps(rows: list[PrintedRow]) -> bool:
    """Whether the rows jump up the page, or back to the left column, more often than figures and columns make them."""
    jumps = 0
    for before, after in itertools.pairwise(rows):
        up = before.column == after.column and after.base > before.base + 3 * after.size
        if (up and not (after.size < 0.95 * before.size)) or (before.column == 2 and after.column == 1):
            jumps += 1
    return jumps > max(3, 0.12 * len(rows))


def _leading(rows: list[PrintedRow], size: float) -> float:
    gaps: Counter[float] = Counter()
    for before, after in itertools.pairwise(rows):
        gap = before.base - after.base
        prose = before.width > LABEL and after.width > LABEL  # the labels of a figure stand anyhow
        if prose and before.column == after.column and abs(after.size - size) < 0.6 and 0.9 * size < gap < 2.6 * size:
            gaps[round(gap * 2) / 2] += 1
    if not gaps:
        return 1.2 * size
    commonest, count = gaps.most_common(1)[0]
    # in notes and scans of short paragraphs most gaps are those between paragraphs
    return min(
        gap for gap, times in gaps.items() if gap == commonest or (gap < 0.7 * commonest and times > 0.25 * count)
    )


def _margins(rows: list[PrintedRow]) -> dict[tuple[int, int], tuple[float, float]]:
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
