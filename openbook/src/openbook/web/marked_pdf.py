"""A copy of a paper's PDF with its record in it: a highlight on every quote, grey near misses, an outline by variable."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Final

from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Highlight
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, Fit, FloatObject, NameObject, RectangleObject, TextStringObject

from openbook.errors import OpenbookError
from openbook.files import sha256
from openbook.papers.fetch import local_path
from openbook.papers.paper import Paper
from openbook.record.model import Answer, Box, Record
from openbook.text import percent
from openbook.variables import VARIABLES
from openbook.variables.definitions import definition
from openbook.web.record.page import paper_of

# Damage that pypdf mends by itself is nothing that a user can act on.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

#: Colour of each variable's highlights, chosen so that neighbours differ also to people who do not see red and green apart.
COLOURS: Final[dict[str, str]] = {
    "pseudocode": "ffd54f",
    "open_source_code": "81c784",
    "open_datasets": "64b5f6",
    "dataset_splits": "4dd0e1",
    "hardware_specification": "ff8a65",
    "software_dependencies": "ba68c8",
    "experiment_setup": "f06292",
    "research_type": "dce775",
    "affiliation": "bcaaa4",
}
NEAR_MISS: Final = "bdbdbd"


def marked_copy(record: Record, beside: Path) -> bytes:
    """The marked copy of a record's PDF, which is at its source or in the folder ``beside``.

    Raises OpenbookError if it is not at hand, is another file, or cannot be marked.
    """
    paper, reason = paper_of(record, beside=beside)
    if paper is None:
        raise OpenbookError(reason or "the paper is not at hand")
    return mark_pdf(record, paper, local_path(paper.source).read_bytes())


def mark_pdf(record: Record, paper: Paper, data: bytes) -> bytes:
    """The PDF ``data`` with the record's quotes highlighted; the note of a highlight gives the answer and its confidence.

    ``paper`` is what was read of the same file; it says where near misses stand, and quotes of older records.
    Raises OpenbookError if the record is of another file, the source is no PDF, or the PDF may not be changed.
    """
    name = record.paper.source or record.paper.id
    if not data.lstrip()[:1024].startswith(b"%PDF") and b"%PDF-" not in data[:1024]:
        raise OpenbookError(
            f"{name} is not a PDF, so it has no pages to mark; openbook show RECORD --html shows the quotes"
        )
    if record.paper.sha256 and record.paper.sha256 != sha256(data):
        raise OpenbookError(
            f"{name} is not the file that the record was made from; assess it again, or give that file with --paper"
        )
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted:
            raise OpenbookError(f"{name} is encrypted or protected against changes; a marked copy cannot be written")
        writer = PdfWriter(clone_from=reader)
        _mark(writer, record, paper)
        out = BytesIO()
        writer.write(out)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, IndexError) as error:
        raise OpenbookError(f"{name} cannot be marked: its PDF is damaged ({type(error).__name__}: {error})") from error
    return out.getvalue()


def _mark(writer: PdfWriter, record: Record, paper: Paper) -> None:
    root = writer.add_outline_item(title="openbook", page_number=0, bold=True)
    for variable in VARIABLES:
        answer = record.answers.get(variable)
        if answer is None:
            continue
        title = definition(variable).title
        marks = list(marks_of(answer, paper, variable))
        for colour, note, boxes in marks:
            for page in dict.fromkeys(box[0] for box in boxes):
                _highlight(writer, page, [box for box in boxes if box[0] == page], colour, f"{title}: {note}")
        first = next((boxes[0] for _, _, boxes in marks if boxes), None)
        page, top = (first[0] - 1, first[4]) if first else (0, None)
        if page < len(writer.pages):
            writer.add_outline_item(
                title=f"{title}: {answer.result}{_sure(answer)}",
                page_number=page,
                parent=root,
                color=COLOURS[variable],
                fit=Fit.xyz(0, top, 0) if top else Fit.fit(),
            )


def marks_of(answer: Answer, paper: Paper, variable: str) -> Iterable[tuple[str, str, list[Box]]]:
    """Colour, note and boxes of each passage that an answer names."""
    for item in answer.evidence:
        boxes = item.boxes
        if not boxes and item.start is not None and item.end is not None:
            boxes = paper.boxes(item.start, item.end)
        yield COLOURS[variable], f"{answer.result}{_sure(answer)}", boxes
    miss = answer.near_miss
    if miss is not None and miss.start is not None and miss.end is not None:
        yield NEAR_MISS, f"no, near miss: {miss.kind}", paper.boxes(miss.start, miss.end)


def _sure(answer: Answer) -> str:
    return "" if answer.confidence is None else f" ({percent(answer.confidence, sign=' %')} sure)"


def _highlight(writer: PdfWriter, page: int, boxes: list[Box], colour: str, note: str) -> None:
    if page > len(writer.pages):
        return
    quads = [value for _, x0, y0, x1, y1 in boxes for value in (x0, y1, x1, y1, x0, y0, x1, y0)]
    around = (min(b[1] for b in boxes), min(b[2] for b in boxes), max(b[3] for b in boxes), max(b[4] for b in boxes))
    made = Highlight(
        rect=RectangleObject(around),
        quad_points=ArrayObject(map(FloatObject, quads)),
        highlight_color=colour,
        printing=True,
    )
    made[NameObject("/Contents")] = TextStringObject(note)
    made[NameObject("/T")] = TextStringObject("openbook")
    writer.add_annotation(page - 1, made)
