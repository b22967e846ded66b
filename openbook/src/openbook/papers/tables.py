"""The rows of a PDF's tables of numbers: the lines of values below or above a caption."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from openbook.papers.paper import Paper, TextRun
from openbook.text import one_line

_CAPTION: Final = re.compile(r"Table\s+[A-Z]?\d+(?:\.\d+)*\s*[.:]", re.IGNORECASE)
#: A value of a table: a number with its signs and unit, or a dash that stands for none.
_VALUE: Final = re.compile(
    r"[-−–+~<>≥≤$(\[]*\d[\d.,:/]*(?:e[-+]?\d+)?(?:[±(\[]+\d[\d.,]*[)\]]*)?[%x×†‡*MKk)\]]*|[-−–—]+|n/?a", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its caption's first sentence, the page, and its rows as cells; no rows where none could be read."""

    caption: str
    page: int
    rows: tuple[tuple[str, ...], ...]


def read_tables(paper: Paper) -> list[Table]:
    """The tables of a paper with captions such as ``Table 3:``. Empty for papers that are no PDFs, which keep no positions.

    Rows are the lines next to the caption that consist of values; words between two values make up one cell. The first row
    is the line before them. Tables of words, cells that span lines and headers of several lines are not taken apart.
    """
    found = []
    for item in paper.sentences:
        words = paper.words(item)
        if not _CAPTION.match(words.strip()) or item.page is None:
            continue
        at = next((index for index, run in enumerate(paper.runs) if run.end > item.start), None)
        if at is None:
            continue
        after = _rows(paper, _beyond(paper, at, item.page, 1))
        before = _rows(paper, _beyond(paper, at, item.page, -1), upwards=True)[::-1]
        rows = max((after, before), key=len)
        found.append(Table(one_line(words), item.page, tuple(rows) if len(rows) > 1 else ()))
    return found


def _beyond(paper: Paper, at: int, page: int, step: int) -> list[TextRun]:
    """The lines after or before a caption on its page, in order; those of the caption itself left out."""
    runs: list[TextRun] = []
    index = at + step
    while 0 <= index < len(paper.runs) and paper.runs[index].page == page and len(runs) < 120:
        runs.append(paper.runs[index])
        index += step
    return runs


def _rows(paper: Paper, runs: list[TextRun], *, upwards: bool = False) -> list[tuple[str, ...]]:
    """The lines with two numbers or more, up to prose, and the line without numbers above the first one, the header."""
    rows: list[tuple[str, ...]] = []
    header: tuple[str, ...] = ()
    strange = 0
    for run in runs:
        words = paper.text[run.start : run.end].split()
        cells = _cells(words)
        numbers = sum(bool(_VALUE.fullmatch(word)) for word in words)
        if numbers >= 2 and numbers >= 0.5 * len(words):
            if not rows and header and not upwards:
                rows.append(header)
            rows.append(cells)
            strange = 0
            continue
        header = tuple(words) if len(words) <= 14 and not words[-1].endswith(".") else ()
        if upwards and rows and strange == 0 and header:
            rows.append(header)
            break
        strange += 1
        if strange > (4 if not rows else 2):  # further lines of the caption and header, or the name of a group
            break
    return rows


def _cells(words: list[str]) -> tuple[str, ...]:
    """Each value a cell, with what is joined to it by a sign; words between values make up one cell."""
    cells: list[str] = []
    value = False
    for word in words:
        joined = bool(cells) and (
            word in ("±", "+/-") or cells[-1].endswith(("±", "+/-")) or re.fullmatch(r"\([\d.,±%\s-]+\)", word)
        )
        is_value = bool(_VALUE.fullmatch(word))
        open_pair = bool(cells) and cells[-1][0] in "([" and cells[-1][-1] == ","
        if joined or open_pair or (cells and not is_value and not value):
            cells[-1] += f" {word}"
        else:
            cells.append(word)
        value = is_value or bool(joined)
    return tuple(cells)
