"""Where text stands in the PDF: what lies under the boxes of a span is the span, on pages of every direction."""

from __future__ import annotations

import os
import random
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes, read_paper, read_text

DATA = Path(os.environ.get("OPENBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
CASES = Path(__file__).parent / "cases"


def letters(text: str) -> str:
    """The letters and digits of a text."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if c.isalnum())


def under(document: pypdfium2.PdfDocument, boxes: list[tuple[int, float, float, float, float]]) -> str:
    """The text that PDFium finds under boxes."""
    found = []
    for number, x0, y0, x1, y1 in boxes:
        page = document[number - 1].get_textpage()
        found.append(page.get_text_bounded(x0, y0, x1, y1))
    return " ".join(found)


def share(span: str, found: str) -> float:
    """How many of the letters of both are in both."""
    a, b = Counter(letters(span)), Counter(letters(found))
    return 2 * (a & b).total() / max(a.total() + b.total(), 1)


def spans(paper: Paper, count: int) -> Iterator[tuple[int, int]]:
    """Some sentences of prose, whole and cut in the middle of a word."""
    chosen = [s for s in paper.sentences if s.kind == "text" and 60 < s.end - s.start < 400]
    some = random.Random(len(paper.text))
    for sentence in some.sample(chosen, min(count, len(chosen))):
        yield sentence.start, sentence.end


def test_boxes_of_a_rotated_page() -> None:
    path = CASES / "rotated_page.pdf"
    paper = read_paper(path)
    document = pypdfium2.PdfDocument(path)
    for quote in (
        "All models were trained on eight NVIDIA A100 GPUs with 80 GB of memory.",
        "Earlier work drew the rims",
    ):
        start = paper.text.index(quote)
        boxes = paper.boxes(start, start + len(quote))
        assert {box[0] for box in boxes} == {2 if "NVIDIA" in quote else 1}
        assert share(quote, under(document, boxes)) > 0.97
        page, x0, y0, x1, y1 = boxes[0]
        assert (y1 - y0 > x1 - x0) is (page == 2)  # page 2 was written sideways


def test_boxes_where_the_crop_box_begins_elsewhere() -> None:
    path = CASES / "crop_box_origin.pdf"
    paper = read_paper(path)
    quote = "Our code is available at https://github.com/adamuster/leafsort for all readers."
    start = paper.text.index(quote)
    assert share(quote, under(pypdfium2.PdfDocument(path), paper.boxes(start, start + len(quote)))) > 0.97


def test_boxes_over_lines_and_columns(two_columns: Path) -> None:
    paper = read_paper(two_columns)
    document = pypdfium2.PdfDocument(two_columns)
    broken = 0
    for sentence in paper.sentences:
        if sentence.kind == "text" and sentence.end - sentence.start > 100:
            boxes = paper.boxes(sentence.start, sentence.end)
            broken += len({round(box[1]) // 200 for box in boxes}) > 1
            assert share(paper.words(sentence), under(document, boxes)) > 0.96, paper.words(sentence)
    assert broken


def test_boxes_survive_the_pipe_and_are_none_for_text(plain_pdf: bytes, prose: str) -> None:
    paper = read_bytes(plain_pdf, source="a.pdf")
    assert paper.boxes(0, 40)
    assert Paper.unpacked(paper.packed()) == paper
    assert read_text(prose).boxes(0, 40) == []


@pytest.mark.parametrize("folder", ["pdf", "modern_pdf"])
def test_boxes_on_real_papers(folder: str) -> None:
    if not (DATA / "papers" / folder).is_dir():
        pytest.skip(f"the shared papers are not at {DATA}; set OPENBOOK_DATA")
    shares = []
    for path in sorted((DATA / "papers" / folder).glob("*.pdf"))[::6]:
        paper = read_paper(path)
        document = pypdfium2.PdfDocument(path)
        for start, end in spans(paper, 8):
            shares.append(share(paper.text[start:end], under(document, paper.boxes(start, end))))
    assert len(shares) > 30
    mean = sum(shares) / len(shares)
    assert mean >= 0.98, sorted(shares)[:10]
