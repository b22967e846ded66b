"""The rows of PDF pages as paragraphs, headings, captions and footnotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openbook.papers.characters import PaperWords, close_small_caps
from openbook.papers.layout import Layout, PrintedRow
from openbook.papers.paper import SentenceKind
from openbook.papers.sections import Outline

CAPTION = re.compile(
    r"(?:(?:supplementary |extended data )?(?:fig(?:ure)?s?\.?|tables?|algorithms?|alg\.|listing|procedure))\s*"
    r"(?:[A-Z]?\d+(?:\.\d+)?|[IVX]+|[A-Z]\d*)\s*(?:[.:|–—-]|\([a-z]\)|$|(?=\s(?-i:[A-Z])))",
    re.IGNORECASE,
)
_FOOT_MARK = re.compile(r"(?:\d{1,2}|[*†‡§¶∗⋆♯♭])\s?(?=[A-Za-z(“\"‘'])")
_FOOT_WORDS = re.compile(
    r"(?:proceedings of|copyright|preprint\b|\W{0,2}equal contribution|"
    r"\W{0,2}correspond(?:ence|ing)|permission to make|"
    r"\W{0,2}these authors|\W{0,2}work (?:was )?done|to appear in|appearing in|this work was done|joint first)",
    re.IGNORECASE,
)
_OWN_HEADING = re.compile(r"\d{1,2}(?:\.\d+)*\.?\s+[A-Z]|(?:abstract|references|introduction)\W*$", re.IGNORECASE)
_ENTRY = re.compile(r"\[\w{1,12}\]\s|\d{1,3}\.\s+[A-Z]")
_TERMINAL = re.compile(r"[.!?:][)\]”’\"']*(?:\d{1,2}| ?⟨[\d,]+⟩)?$")
_UNORDERED = re.compile(r"[•▪◦‣●■–-]\s|\(?(?:[ivx]{1,4}|[a-z]|\d{1,2})[.)]\s")

_WORDS = re.compile(r"[^\W\d_]{3,}.*?[^\W\d_]{3,}")
"""Two words: fewer are a label, a number or a formula."""


@dataclass(slots=True)
class Group:
    """Rows that belong together, before they are text."""

    rows: list[PrintedRow]
    kind: SentenceKind = "text"
    part: str = "body"
    entry: bool = False
    title: str = ""
    """The text of a heading."""
    graphic: bool = False
    """Labels of a figure, numbers of a table, a formula: no prose."""

    @property
    def last(self) -> PrintedRow:
        return self.rows[-1]


def paragraphs(layout: Layout, vocabulary: PaperWords) -> list[Group]:
    """The rows of a document as groups, in the order of reading, each whole where a page or a column broke it in two."""
    groups = _groups(layout, vocabulary)
    _mark_footnotes(groups, layout)
    return _without_graphics(_flow(groups, layout))


def _groups(layout: Layout, vocabulary: PaperWords) -> list[Group]:
    """Paragraphs and headings, in the order of the rows."""
    outline = Outline()
    groups: list[Group] = []
    rows = layout.rows
    index = 0
    while index < len(rows):
        row = rows[index]
        taken = _heading(rows, index, layout, outline, vocabulary.words)
        if taken:
            title = close_small_caps(" ".join(row.text for row in rows[index : index + taken]), vocabulary.words)
            outline.enter(title, marked=_distinct(row, layout))
            groups.append(Group(rows[index : index + taken], "heading", outline.part, title=title))
            index += taken
            continue
        group = groups[-1] if groups else None
        if group and group.kind != "heading" and not _breaks(group, row, layout, outline.part):
            group.rows.append(row)
        else:
            fresh = Group([row], "caption" if CAPTION.match(row.text) else "text", outline.part)
            fresh.entry = outline.part == "references" and row.width > 3
            groups.append(fresh)
        index += 1
    return groups


def _heading(rows: list[PrintedRow], index: int, layout: Layout, outline: Outline, words: set[str]) -> int:
    """How many rows from this one are a heading: 0 if it is none, more than one if its title is broken."""
    row = rows[index]
    if row.size < layout.size - 1.2 or len(row.text) > 130:
        return 0
    before = rows[index - 1] if index else None
    larger = row.size > layout.size + 0.7
    marked = _distinct(row, layout)
    apart = before is None or before.page != row.page or before.column != row.column
    apart = apart or abs(before.base - row.base) > 1.12 * layout.leading  # type: ignore[union-attr]
    if not (marked or apart):
        return 0
    text = close_small_caps(row.text, words)
    if not outline.is_heading(text, marked=marked):
        return 0
    if not marked and (row.broken or not apart or _goes_on(rows, index, layout)):
        return 0
    taken = 1
    while marked and taken < 3 and index + taken < len(rows):
        after = rows[index + taken]
        close = 0 < rows[index + taken - 1].base - after.base < 1.5 * max(row.size, layout.leading)
        same = abs(after.size - row.size) < 0.4 and after.bold == row.bold and after.column == row.column
        distinct = row.bold or larger
        if not (close and same and distinct and len(after.text) < 90) or _OWN_HEADING.match(after.text):
            break
        if after.text[0].isupper() and text.endswith((".", "?")):
            break
        taken += 1
    return taken


def _distinct(row: PrintedRow, layout: Layout) -> bool:
    """Bold, larger than the text, or in capitals: a row that its typography makes a heading."""
    capitals = row.text.isupper() and sum(c.isalpha() for c in row.text) > 4
    return row.bold or row.size > layout.size + 0.7 or capitals


def _goes_on(rows: list[PrintedRow], index: int, layout: Layout) -> bool:
    """Whether the next row stands as close below as in a paragraph."""
    if index + 1 >= len(rows):
        return False
    row, after = rows[index], rows[index + 1]
    return after.column == row.column and 0 < row.base - after.base < 1.12 * layout.leading


def _breaks(group: Group, row: PrintedRow, layout: Layout, part: str) -> bool:
    """Whether this row begins a new paragraph."""
    last = group.last
    if CAPTION.match(row.text) and (
        row.bold
        or last.page != row.page
        or abs(last.base - row.base) > 1.1 * layout.leading
        or _TERMINAL.search(last.text)
    ):
        return True
    if last.page != row.page or last.column != row.column:
        return True
    gap = last.base - row.base
    margin = layout.margins.get((row.page, row.column))
    if part == "references":
        return _new_entry(group, row, margin, gap, layout)
    if row.mark and row.size < layout.size + 0.3:
        return True  # a raised mark begins a note or an affiliation, whatever came before
    if row.size < layout.size - 0.55 and _TERMINAL.search(last.text) and _FOOT_MARK.match(row.text):
        return True
    small = min(row.width, last.width) < 12  # pieces of a formula
    if abs(row.size - last.size) > (0.6 if gap > 1.25 * layout.leading else 1.1) and not small:
        return True
    if gap < -3 * layout.size and not small:
        return True
    leading = layout.leading * (max(row.size, 5.0) / layout.size if row.size < layout.size - 0.6 else 1.0)
    ended = bool(_TERMINAL.search(last.text))
    if gap > 1.25 * leading:
        formula = small or not row.text[0].isupper()
        return not (not ended and formula and gap < 4.5 * leading) or group.kind == "caption"
    if row.bold and not last.bold and row.width > 12:
        return True
    if margin and ended:
        indent = row.x0 - margin[0]
        if 4 < indent < 40 and last.x0 - margin[0] < 2.5:
            return True
        if _UNORDERED.match(row.text):
            return True
        return last.x1 < margin[1] - 0.25 * (margin[1] - margin[0]) and row.text[0].isupper() and indent < 2.5
    return bool(_UNORDERED.match(row.text)) and row.text[0] in "•▪◦‣●■"


def _new_entry(group: Group, row: PrintedRow, margin: tuple[float, float] | None, gap: float, layout: Layout) -> bool:
    if not group.entry or group.part != "references":
        return True
    if gap > 1.35 * layout.leading:
        return True
    if _ENTRY.match(row.text):
        return True
    first = group.rows[0]
    hanging = len(group.rows) > 1 and group.rows[1].x0 > first.x0 + 4
    ended = group.last.text.endswith((".", ")", "]")) or bool(re.search(r"\d$", group.last.text))
    at_margin = margin is not None and row.x0 < margin[0] + 3
    if hanging:
        return row.x0 < first.x0 + 3
    return (ended and at_margin and gap > 1.12 * layout.leading) or (ended and at_margin and group.last.x0 > row.x0 + 4)


def _mark_footnotes(groups: list[Group], layout: Layout) -> None:
    """Small print at the foot of a column."""
    lowest: dict[tuple[int, int], float] = {}
    for group in groups:
        for row in group.rows:
            if row.size > layout.size - 0.55 and row.width > 20:
                key = (row.page, row.column)
                lowest[key] = min(lowest.get(key, 1e9), row.base)
    open_notes: set[tuple[int, int]] = set()
    for group in groups:
        row = group.rows[0]
        key = (row.page, row.column)
        if group.kind != "text" or group.part == "references":
            continue
        small = row.size < layout.size - 0.55 or row.width < 4
        below = row.base < lowest.get(key, -1.0) or row.column == 0
        if (
            small
            and (row.mark or _FOOT_MARK.match(row.text) or _FOOT_WORDS.match(row.text))
            and (below or len(row.text) > 30)
            and any(map(_is_prose, group.rows))  # else it is the label of a figure
        ):
            group.kind = "footnote"
            open_notes.add(key)
        elif small and below and key in open_notes:
            group.kind = "footnote"


def _flow(groups: list[Group], layout: Layout) -> list[Group]:
    """Join paragraphs that a column, a page, a footnote or a float broke in two."""
    flowing: list[Group] = []
    used = [False] * len(groups)
    front = next((index for index, group in enumerate(groups) if group.kind == "heading"), 0)
    for index, group in enumerate(groups):
        if used[index]:
            continue
        used[index] = True
        if group.kind in ("heading", "caption") or index < front or not any(map(_is_prose, group.rows)):
            flowing.append(group)
            continue
        held: list[Group] = []
        while not _finished(group, layout):
            following = _continuation(groups, used, index, group, layout)
            if following is None or any(_breaks_off(groups[at]) for at in range(index + 1, following) if not used[at]):
                break  # what follows a word that is broken off goes on with that word's paragraph
            # what stood between goes before the paragraph on its own page, else after it
            for between in range(index + 1, following):
                if not used[between]:
                    used[between] = True
                    held.append(groups[between])
            used[following] = True
            group.rows.extend(groups[following].rows)
            index = following
        first_page = group.rows[0].page
        flowing.extend(other for other in held if other.rows[0].page == first_page)
        flowing.append(group)
        flowing.extend(other for other in held if other.rows[0].page != first_page)
    return flowing


def _breaks_off(group: Group) -> bool:
    """Whether a paragraph ends within a word."""
    return group.kind == "text" and group.last.broken and _is_prose(group.last)


def _finished(group: Group, layout: Layout) -> bool:
    last = group.last
    if last.broken:
        return False
    if _TERMINAL.search(last.text):
        return True
    margin = layout.margins.get((last.page, last.column))
    return margin is not None and last.x1 < margin[0] + 0.72 * (margin[1] - margin[0])


def _continuation(groups: list[Group], used: list[bool], index: int, group: Group, layout: Layout) -> int | None:
    """The group that goes on where this one stops, within the next page: body text that begins in the middle."""
    last = group.last
    for following in range(index + 1, min(index + 40, len(groups))):
        other = groups[following]
        row = other.rows[0]
        if used[following]:
            continue
        if row.page > last.page + 1:
            return None
        if other.kind == "heading":
            if row.page == last.page and row.column == last.column:
                return None
            continue
        if other.kind != group.kind or other.part != group.part or abs(row.size - last.size) > 0.6:
            continue
        moved = row.page != last.page or row.column != last.column
        if not moved and following > index + 1 and not row.text[0].islower():
            continue
        margin = layout.margins.get((row.page, row.column))
        if margin and row.x0 > margin[0] + 60:
            continue
        if group.part == "references":
            return following if moved and not _ENTRY.match(row.text) and row.x0 > (margin or (0, 0))[0] + 3 else None
        begins = row.text[0].islower() or last.broken or row.text[0] in "([0123456789"
        open_end = last.text[-1] in ",(" or last.text.split()[-1].islower()
        if begins or (moved and row.width > 25 and open_end):
            if row.width < 12 and not last.broken and len(other.rows) == 1:
                continue
            return following
        if other.last.width > 25 and not _finished(other, layout):
            return None  # what comes later goes on with that one
    return None


def _without_graphics(groups: list[Group]) -> list[Group]:
    """Neighbouring groups that are not prose joined into one, without the dots and crosses of plots."""
    result: list[Group] = []
    for group in groups:
        if group.kind == "text" and not group.entry and not any(map(_is_prose, group.rows)):
            group.rows = [row for row in group.rows if any(c.isalnum() for c in row.text)]
            if not group.rows:
                continue
            group.graphic = True
            last = result[-1] if result else None
            if last and last.graphic and last.part == group.part and last.last.page == group.rows[0].page:
                last.rows.extend(group.rows)
                continue
        result.append(group)
    return result


def _is_prose(row: PrintedRow) -> bool:
    """Whether a row has two words; one that runs up the page, six: fewer are the label of an axis."""
    return bool(_WORDS.search(row.text)) and (not row.turned or len(row.text.split()) > 5)
