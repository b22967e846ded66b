"""The layout of PDF pages: rows from line fragments, columns, and what stands on the page but is not the paper's text.

PDFium gives lines in the order of the content stream, which for typeset papers is the order of reading, column by
column. That order is kept unless a page's stream jumps about; then rows are sorted by column and height.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from openbook.papers.characters import IDEOGRAPHS, clean, lose_ligatures, restore_ligatures
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
    mark: int = 0
    """So many characters at its beginning are raised: the mark of a footnote or an affiliation."""
    font: str = ""
    turned: bool = False
    parts: list[tuple[int, Line]] = field(default_factory=list)
    """Its fragments, each with its place in ``text``."""


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
    edges: list[str] = field(default_factory=list)
    """What stood at the edges of the first page and is no text of the paper: running heads, footers, stamps."""
    lost: dict[int, int] = field(default_factory=dict)
    """Page -> letters that a reader sees on it and that were left out."""


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
_EDGE = 0.06
"""The share of a page's width at its sides in which a line that runs up the page is a stamp."""


def lay_out(pages: list[RawPage]) -> Layout:
    """The rows of all pages, without stamps, running heads, page numbers and line numbers."""
    layout = Layout([], 10.0, 12.0)
    for page in pages:
        for line in page.lines:
            line.opens, line.closes = not clean(line.text[0]), not clean(line.text[-1])
        page.lines = [line for line in page.lines if _rewrite(line, clean) and not _outside(line, page)]
    if lose_ligatures(line.text for page in pages for line in page.lines):
        for page in pages:
            for line in page.lines:
                _rewrite(line, restore_ligatures)
    layout.size = size = _usual_size(pages)
    pages = _without_stamps(pages, layout)
    _drop_line_numbers(pages)
    _drop_margin_numbers(pages)
    _drop_running_heads(pages, layout)
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


def _cut(line: Line, start: int, stop: int) -> None:
    """Keep only ``text[start:stop]`` of a line."""
    if line.run is not None:
        run = line.run.cut(start, stop, line.text)
        old, new = line.run.stops, run.stops
        line.x0 += abs(new[0][1] - old[0][1]) / 10
        line.x1 -= abs(new[-1][1] - old[-1][1]) / 10
        line.run = run
    line.text = line.text[start:stop]


def _letters(lines: Iterable[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _outside(line: Line, page: RawPage) -> bool:
    """Whether a line is outside of the visible part of the page."""
    return line.x1 < 0 or line.y1 < 0 or line.x0 > page.width or line.y0 > page.height


def _without_stamps(pages: list[RawPage], layout: Layout) -> list[RawPage]:
    """The pages without stamps and watermarks, and without the few words that run up a page beside its text."""
    counts: Counter[tuple[str, int, int]] = Counter()
    upright = sum(not page.turned for page in pages)
    for page in pages:
        counts.update({_place(line) for line in page.lines if line.size > 1.4 * layout.size})
    kept = []
    for page in pages:
        size = layout.size if not page.turned else _usual_size([page])
        lines = []
        for line in page.lines:
            repeated = line.size > 1.4 * size and counts[_place(line)] >= max(2, 0.5 * upright)
            across = line.size > 1.8 * size and sum(_overlap(line, other) for other in page.lines) > 2
            if repeated or across or _STAMP.match(line.text):
                layout.edges.extend([line.text] if page.number == 1 else [])
            else:
                lines.append(line)
        page.lines = lines
        if page.turned and (aside := _aside(page)):
            layout.edges.extend(line.text for line in aside if page.number == 1)
            if len(aside) > 3:
                layout.lost[page.number] = layout.lost.get(page.number, 0) + _letters(aside)
            page.lines = [line for line in page.lines if not any(line is other for other in aside)]
        if page.lines or not page.turned:
            kept.append(page)
        if page.slanted > 400:
            layout.lost[page.number] = layout.lost.get(page.number, 0) + page.slanted
    return kept


def _place(line: Line) -> tuple[str, int, int]:
    return line.text, round(line.x0 / 4), round(line.base / 4)


def _overlap(line: Line, other: Line) -> bool:
    """Whether most of another line's height lies within this line's."""
    if line is other or line.x1 < other.x0 or line.x0 > other.x1:
        return False
    return min(line.y1, other.y1) - max(line.y0, other.y0) > 0.6 * (other.y1 - other.y0)


def _aside(page: RawPage) -> list[Line]:
    """The lines of a turned page that are no text of the paper: stamps up its side."""
    prose = [line for line in page.lines if len(line.text.split()) > 5 or len(IDEOGRAPHS.findall(line.text)) > 10]
    if len(prose) >= 4 or _letters(prose) > 400:
        return []
    low, high = _EDGE * page.height, (1 - _EDGE) * page.height
    return [line for line in page.lines if line.base < low or line.base > high]


def _drop_line_numbers(pages: list[RawPage]) -> None:
    """Numbers of a review format: most rows of a page have one, each one more than the one before."""
    for page in pages:
        alone = [int(line.text) for line in page.lines if len(line.text) < 5 and _LINE_NUMBER.fullmatch(line.text)]
        if len(alone) >= 15 and _steps(alone)[1] > 0.7:
            page.lines = [line for line in page.lines if not _LINE_NUMBER.fullmatch(line.text)]
        for pattern, at_start in ((_LEADING_NUMBER, True), (_TRAILING_NUMBER, False)):
            find = pattern.match if at_start else pattern.search
            side = 0 if at_start else -1
            found = [(line, match) for line in page.lines if line.text[side].isdigit() and (match := find(line.text))]
            numbers = [int(match.group(1)) for _, match in found]
            if len(numbers) < 15 or len(numbers) < 0.4 * len(page.lines) or _steps(numbers)[1] < 0.7:
                continue
            for line, match in found:
                _cut(line, *((match.end(), len(line.text)) if at_start else (0, match.start())))


def _steps(numbers: list[int], step: int | None = 1) -> tuple[int, float]:
    """How often each number is this much more than the one before (the commonest difference for None): step, share."""
    if len(numbers) < 2:
        return 0, 0.0
    counts = Counter(after - before for before, after in itertools.pairwise(numbers))
    if step is None:
        step = counts.most_common(1)[0][0]
    return step, counts[step] / (len(numbers) - 1)


def _drop_margin_numbers(pages: list[RawPage]) -> None:
    """Numbers of every fifth line, or of every second one: outside of the text, by equal steps from page to page."""
    for left in (True, False):
        found: list[tuple[RawPage, Line, int]] = []
        for page in pages:
            side = 0 if left else -1
            lines = [line for line in page.lines if line.text[side].isdigit() and _may_be_number(line, left)]
            if page.turned or not lines:
                continue
            edge = _text_edge(page.lines, left)
            numbers = [
                (page, line, number) for line in lines if (number := _margin_number(line, edge, left)) is not None
            ]
            found.extend(sorted(numbers, key=lambda item: -item[1].base))
        if len(found) < 3:
            continue
        step, share = _steps([number for _, _, number in found], None)
        if not 1 <= step <= 10 or share < 0.6 or (step == 1 and len(found) < 15):
            continue
        for page, line, number in found:
            if line.text == str(number):
                page.lines = [other for other in page.lines if other is not line]
            elif left:
                match = _LEADING_NUMBER.match(line.text)
                _cut(line, match.end() if match else 0, len(line.text))
            else:
                match = _TRAILING_NUMBER.search(line.text)
                _cut(line, 0, match.start() if match else len(line.text))


def _may_be_number(line: Line, left: bool) -> bool:
    """Whether a line is a short number, or has one far from its other words."""
    return (line.lead if left else line.trail) > 0.7 * line.size or (len(line.text) < 5 and line.text.isdecimal())


def _text_edge(lines: list[Line], left: bool) -> float:
    """Where the text of a page begins or ends: the outermost edge that a fifth of its longer lines share."""
    edges: Counter[int] = Counter()
    longer = [line for line in lines if len(line.text) > 20] or lines
    for line in longer:
        if left:
            match = _LEADING_NUMBER.match(line.text) if line.lead > 0.7 * line.size else None
            edges[round((line.x0 + _ahead(line, match.end() if match else 0)) / 3)] += 1
        elif not line.trail > 0.7 * line.size:
            edges[round(line.x1 / 3)] += 1
    common = [edge for edge, count in edges.items() if count >= 0.2 * len(longer)] or list(edges)
    if not common:
        return 0.0 if left else 1e9
    return 3.0 * (min(common) if left else max(common))


def _ahead(line: Line, offset: int) -> float:
    """How far the character at this offset stands from the beginning of the line."""
    if line.run is None or not offset:
        return 0.0
    return abs(line.run.position(offset, line.text) - line.run.stops[0][1]) / 10


def _margin_number(line: Line, edge: float, left: bool) -> int | None:
    """The number of a line that stands outside of the text's edge."""
    if _LINE_NUMBER.fullmatch(line.text):
        return int(line.text) if (line.x1 < edge if left else line.x0 > edge) else None
    if left and line.lead > 0.7 * line.size and (match := _LEADING_NUMBER.match(line.text)):
        return int(match.group(1)) if line.x0 + _ahead(line, match.end()) - line.lead < edge else None
    if not left and line.trail > 0.7 * line.size and (match := _TRAILING_NUMBER.search(line.text)):
        return int(match.group(1)) if line.x1 > edge + 4 else None
    return None


def _drop_running_heads(pages: list[RawPage], layout: Layout) -> None:
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
        page.lines = []
        for line, key in marked:
            if key is None or not (
                (counts[key] >= often and len(key) < 200)
                or re.fullmatch(r"(?:page )?[-–— ]*#[-–— ]*(?:(?:of|/) ?#)?", key)
                or _RUNNING.fullmatch(key)
            ):
                page.lines.append(line)
            elif page.number == 1:
                layout.edges.append(line.text)


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
    row = None
    for line in page.lines:
        text = line.text
        column = _column(line.x0, line.x1, middle)
        if row and column == row.column and _same_row(row, line):
            gap = line.x0 - row.x1
            glued = -1.5 < gap < 0.12 * row.size and not (row.text[-1].isalnum() and text[0].isalnum() and gap > 0.8)
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
        row = Row(
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


def _goes_before(row: Row, line: Line) -> bool:
    """Whether a line stands right after this row, so that its raised beginning is an exponent and no mark."""
    return -2 < line.x0 - row.x1 < 2 * row.size and row.y0 - 3 < (line.y0 + line.y1) / 2 < row.y1 + 3


def _is_mark(row: Row, line: Line) -> bool:
    """Whether what a row has so far is the raised mark before this line."""
    return row.width < 3 and row.size < 0.87 * line.size and row.base > line.base + 0.12 * line.size


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
    rising = sum(after.base > before.base + 0.5 * after.size for before, after in itertools.pairwise(rows))
    if rising < 0.6 * len(rows) and not (_jumps(rows) and _jumps([row for row in rows if row.width > 20])):
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


def _jumps(rows: list[Row]) -> bool:
    """Whether the rows jump up the page, or back to the left column, more often than figures and columns make them."""
    jumps = 0
    for before, after in itertools.pairwise(rows):
        up = before.column == after.column and after.base > before.base + 3 * after.size
        if (up and not (after.size < 0.95 * before.size)) or (before.column == 2 and after.column == 1):
            jumps += 1
    return jumps > max(3, 0.12 * len(rows))


def _leading(rows: list[Row], size: float) -> float:
    gaps: Counter[float] = Counter()
    for before, after in itertools.pairwise(rows):
        gap = before.base - after.base
        if before.column == after.column and abs(after.size - size) < 0.6 and 0.9 * size < gap < 2.6 * size:
            gaps[round(gap * 2) / 2] += 1
    return gaps.most_common(1)[0][0] if gaps else 1.2 * size


def _margins(rows: list[Row]) -> dict[tuple[int, int], tuple[float, float]]:
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
