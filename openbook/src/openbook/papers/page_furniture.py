"""What stands on the pages of a PDF but is not the paper's text: stamps, running heads, page and line numbers."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from openbook.papers.characters import IDEOGRAPHS
from openbook.papers.text_lines import Line, RawPage

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
LABEL = 8
"""Lines of at most this many letters may be labels of a figure."""
_EDGE = 0.06
"""The share of a page's width at its sides in which a line that runs up the page is a stamp."""


@dataclass(slots=True)
class Furniture:
    """What was taken off the pages."""

    edges: list[str] = field(default_factory=list)
    """What stood at the edges of the first page: running heads, footers, stamps."""
    lost: dict[int, int] = field(default_factory=dict)
    """Page -> letters that a reader sees on it and that were left out."""


def clear(pages: list[RawPage]) -> tuple[list[RawPage], Furniture]:
    """The pages without stamps, running heads, page numbers and line numbers, and what was taken off them."""
    furniture = Furniture()
    pages = _without_stamps(pages, usual_size(pages), furniture)
    _drop_line_numbers(pages)
    _drop_margin_numbers(pages)
    _drop_running_heads(pages, furniture)
    return pages, furniture


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


def outside(line: Line, page: RawPage) -> bool:
    """Whether a line is outside of the visible part of the page."""
    return line.x1 < 0 or line.y1 < 0 or line.x0 > page.width or line.y0 > page.height


def _without_stamps(pages: list[RawPage], size: float, furniture: Furniture) -> list[RawPage]:
    """The pages without stamps and watermarks, and without the few words that run up a page beside its text."""
    counts: Counter[tuple[str, int, int]] = Counter()
    upright = sum(not page.turned for page in pages)
    for page in pages:
        counts.update({_place(line) for line in page.lines if line.size > 1.4 * size})
    kept = []
    for page in pages:
        own = usual_size([page]) if page.turned else size
        lines = []
        for line in page.lines:
            repeated = line.size > 1.4 * own and counts[_place(line)] >= max(2, 0.5 * upright)
            across = line.size > 1.8 * own and sum(_overlap(line, other) for other in page.lines) > 2
            if repeated or across or _STAMP.match(line.text):
                furniture.edges.extend([line.text] if page.number == 1 else [])
            else:
                lines.append(line)
        page.lines = lines
        if page.turned and (aside := _aside(page)):
            furniture.edges.extend(line.text for line in aside if page.number == 1)
            if len(aside) > 3:
                furniture.lost[page.number] = furniture.lost.get(page.number, 0) + _letters(aside)
            page.lines = [line for line in page.lines if not any(line is other for other in aside)]
        if page.lines or not page.turned:
            kept.append(page)
        if page.slanted > 400:
            furniture.lost[page.number] = furniture.lost.get(page.number, 0) + page.slanted
    return kept


def _place(line: Line) -> tuple[str, int, int]:
    return line.text, round(line.x0 / 4), round(line.base / 4)


def _overlap(line: Line, other: Line) -> bool:
    """Whether most of another line's height lies within this line's."""
    if line is other or line.x1 < other.x0 or line.x0 > other.x1:
        return False
    return min(line.y1, other.y1) - max(line.y0, other.y0) > 0.6 * (other.y1 - other.y0)


def _aside(page: RawPage) -> list[Line]:
    """The lines of a turned page that are not the paper's text: stamps up its side."""
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


def _drop_running_heads(pages: list[RawPage], furniture: Furniture) -> None:
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
    titled = _has_title(pages)
    for page, marked in zip(pages, kept, strict=True):
        page.lines = []
        for line, key in marked:
            title = page.number == 1 and not titled and line.base > 0.9 * page.height
            if key is None or not (
                (counts[key] >= often and len(key) < 200 and not title)
                or re.fullmatch(r"(?:page )?[-–— ]*#[-–— ]*(?:(?:of|/) ?#)?", key)
                or _RUNNING.fullmatch(key)
            ):
                page.lines.append(line)
            elif page.number == 1:
                furniture.edges.append(line.text)


def _has_title(pages: list[RawPage]) -> bool:
    """Whether the first page has larger print than its text: else a line that returns on later pages may be the title."""
    first = [line for page in pages if page.number == 1 for line in page.lines]
    size = usual_size(pages)
    return any(line.size > size + 0.8 and sum(map(str.isalpha, line.text)) > 3 for line in first)


def usual_size(pages: list[RawPage]) -> float:
    """The font size of most of the text. Labels of figures count only where there is nothing else."""
    exact: dict[float, int] = {}
    labels: dict[float, int] = {}
    for page in pages:
        for line in page.lines:
            counted = exact if len(line.text) > LABEL else labels
            counted[line.size] = counted.get(line.size, 0) + len(line.text)
    sizes: Counter[float] = Counter()
    for size, letters in (exact or labels).items():
        sizes[round(size, 1)] += letters
    return sizes.most_common(1)[0][0] if sizes else 10.0
