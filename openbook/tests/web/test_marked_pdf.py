"""Marks in a copy of the PDF: what stands under a highlight is the quote, and the original is left alone."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from pypdf import PdfReader, PdfWriter
from rapidfuzz.distance import LCSseq
from typer.testing import CliRunner

from openbook.assess.pipeline import assess_paper
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.files import sha256
from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes
from openbook.papers.sandbox import read_safely
from openbook.record.model import Answer, NearMiss, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED
from openbook.web.marked_pdf import mark_pdf

CODE = "Our code is available at https://github.com/example/rivers."


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper of two columns made with Typst, whose sentences run over lines, columns and pages."""
    typst = pytest.importorskip("typst")
    folder = tmp_path_factory.mktemp("draft")
    words = "We measure how far a small network can look ahead on rivers that have few records of their own. "
    source = f"""
#set page(width: 15cm, height: 12cm, margin: 1cm, columns: 2)
#set text(size: 9pt, hyphenate: true)
#set par(justify: true)
= River Levels from Rain Gauges
Ada Example, University of Example
== Introduction
{words * 9}
== Experiments
{words * 3} We split the 900 records into 700 for training, 100 for validation and 100 for testing, drawn at random. {words * 3}
{CODE} All models were trained on four NVIDIA A100 GPUs with 80 GB of memory, and one run took two hours. {words * 6}
"""
    (folder / "draft.typ").write_text(source)
    (folder / "draft.pdf").write_bytes(typst.compile(str(folder / "draft.typ")))
    return folder / "draft.pdf"


def under(data: bytes) -> list[tuple[str, str]]:
    """Of each highlight: its note, and the text under its quadrilaterals as PDFium sees it."""
    pages = pdfium.PdfDocument(data)
    found = []
    for number, page in enumerate(PdfReader(BytesIO(data)).pages):
        text = pages[number].get_textpage()
        for note in page.get("/Annots") or []:
            made = note.get_object()
            if made["/Subtype"] != "/Highlight":
                continue
            quads = [float(value) for value in made["/QuadPoints"]]
            words = ""
            for at in range(0, len(quads), 8):
                xs, ys = quads[at : at + 8 : 2], quads[at + 1 : at + 8 : 2]
                words += text.get_text_bounded(left=min(xs), bottom=min(ys), right=max(xs), top=max(ys))
            found.append((str(made["/Contents"]), words))
    return found


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def answered(path: Path) -> tuple[Paper, Record]:
    paper = read_safely(path)
    return paper, assess_paper(paper, LinearAssessor())


def test_what_stands_under_a_highlight_is_the_quote(draft: Path) -> None:
    data = draft.read_bytes()
    paper, record = answered(draft)
    marked = mark_pdf(record, paper, data)
    quotes = [item.quote for answer in record.answers.values() for item in answer.evidence]
    assert len(quotes) >= 3
    notes = under(marked)
    said = "".join(letters(words) for _, words in notes)
    for quote in quotes:
        assert LCSseq.similarity(letters(quote), said) >= 0.98 * len(letters(quote)), quote
    assert any(note.startswith("Hardware specification: yes") for note, _ in notes)
    titles = [item.title for item in PdfReader(BytesIO(marked)).outline[-1]]  # type: ignore[union-attr]
    assert len(titles) == len(record.answers)
    assert draft.read_bytes() == data


def bare(sha: str, **answers: Answer) -> Record:
    made = {name: Answer(result="no") for name in SCORED} | answers
    info = PaperInfo(id="p", sha256=sha, source="draft.pdf")
    return Record(paper=info, answers=made, scores=score_answers(made), run=Run(assessor="t"))


def test_a_near_miss_is_marked_in_grey(draft: Path) -> None:
    data = draft.read_bytes()
    paper = read_bytes(data, source="draft.pdf")
    start = paper.text.index("Our code is")
    miss = NearMiss(quote=CODE, start=start, end=start + 30, kind="a test")
    marked = mark_pdf(bare(sha256(data), open_source_code=Answer(result="no", near_miss=miss)), paper, data)
    assert [(note, letters(words)) for note, words in under(marked)] == [
        ("Open source code: no, near miss: a test", letters(paper.text[start : start + 30]))
    ]


def test_what_cannot_be_marked_is_one_clear_error(draft: Path, tmp_path: Path) -> None:
    data = draft.read_bytes()
    paper = Paper("", "draft.pdf", "pdf", "0")
    with pytest.raises(OpenbookError, match="not the file"):
        mark_pdf(bare("0" * 64), paper, data)
    with pytest.raises(OpenbookError, match="not a PDF"):
        mark_pdf(bare(""), paper, b"\\documentclass{article}")
    with pytest.raises(OpenbookError, match="damaged"):
        mark_pdf(bare(""), paper, b"%PDF-1.5\nnothing")
    writer = PdfWriter(clone_from=PdfReader(BytesIO(data)))
    writer.encrypt(user_password="", owner_password="secret")
    out = BytesIO()
    writer.write(out)
    with pytest.raises(OpenbookError, match="protected"):
        mark_pdf(bare(""), paper, out.getvalue())


def test_the_command(draft: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["assess", str(draft), "--out", str(tmp_path)]).exit_code == 0
    record = tmp_path / "draft.json"
    done = runner.invoke(app, ["show", str(record), "--pdf", str(tmp_path / "marked.pdf")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "marked.pdf").read_bytes().startswith(b"%PDF")
    done = runner.invoke(app, ["show", str(record), "--pdf", str(draft)])
    assert isinstance(done.exception, OpenbookError)
    assert "never changed" in str(done.exception)
    assert runner.invoke(app, ["show", str(record), "--pdf", "a.pdf", "--json"]).exit_code == 2
    text = tmp_path / "a.txt"
    text.write_text(
        "A Title\n\nAbstract\n\n" + "We study the rivers and their levels over many years of records. " * 30
    )
    assert runner.invoke(app, ["assess", str(text), "--out", str(tmp_path)]).exit_code == 0
    done = runner.invoke(app, ["show", str(tmp_path / "a.json"), "--pdf", str(tmp_path / "b.pdf")])
    assert "not a PDF" in str(done.exception)
    assert not (tmp_path / "b.pdf").exists()
