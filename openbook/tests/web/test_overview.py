"""The overview of a venue's papers: ranked by what is missing, each row with its page and, where there is one, its marked PDF."""

from __future__ import annotations

import csv
import json
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from openbook.assess.pipeline import assess_paper
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.linear.weight_files import SHIPPED
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.papers.reading import read_paper
from openbook.record.files import write_record
from openbook.record.model import Answer, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED


def record(name: str, said: int, kind: str = "experimental", title: str = "") -> Record:
    answers = {variable: Answer(result="yes" if place < said else "no") for place, variable in enumerate(SCORED)}
    answers |= {"research_type": Answer(result=kind), "affiliation": Answer(result="unknown")}
    paper = PaperInfo(id=name, title=title or f"On {name}", venue="PLUM", year=2025, source=f"{name}.pdf")
    return Record(paper=paper, answers=answers, scores=score_answers(answers), run=Run(assessor="made up"))


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    found = [record(f"p{number:02}", number % 8) for number in range(20)]
    found += [record("theory", 0, "theoretical"), record("formula", 3, title='=HYPERLINK("http://x")')]
    for one in found:
        write_record(one, folder / f"{one.paper.id}.json")
    return folder


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "papers.csv").read_text(encoding="utf-8").splitlines()))


def test_papers_are_ranked_by_what_is_missing(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "overview"
    run = CliRunner().invoke(app, ["overview", str(records), "--out", str(out), "--json"])
    assert run.exit_code == 0, run.output
    report = json.loads(run.stdout)
    assert report["papers"] == 22
    assert report["marked"] == 0
    assert len(report["unmarked"]) == 22
    table = rows(out)
    missing = [int(row["missing"]) for row in table]
    assert missing == sorted(missing, reverse=True)
    by_id = {row["id"]: row for row in table}
    assert by_id["p00"]["missing"] == "7"
    assert by_id["p07"]["what_is_missing"] == ""
    assert by_id["theory"]["what_is_missing"] == "Pseudocode; Open source code", "the rest does not apply to theory"
    assert by_id["formula"]["title"].startswith("'=")
    for row in table:
        assert (out / row["page"]).exists()
        assert row["marked_pdf"] == ""
    assert (
        sum(row["experiment_setup"] == "no" and row["research_type"] == "experimental" for row in table)
        == (report["missing"]["experiment_setup"])
    )
    assert list((out / "figures").glob("*.svg"))


@pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of the linear assessor are not built")
def test_a_pdf_at_hand_is_marked(records: Path, tmp_path: Path) -> None:
    typst = pytest.importorskip("typst")
    text = "= Sorting Pebbles\n\n== Experiments\n\n" + "We sort pebbles by colour, and we do so with great care. " * 20
    code = "\n\nOur code is available at https://github.com/example/pebbles.\n"
    pdf = tmp_path / "papers" / "pebbles.pdf"
    pdf.parent.mkdir()
    pdf.write_bytes(typst.compile((text + code).encode()))
    write_record(assess_paper(read_paper(pdf), LinearAssessor()), records / "pebbles.json")
    out = tmp_path / "overview"
    run = CliRunner().invoke(app, ["overview", str(records), "--out", str(out), "--papers", str(pdf.parent)])
    assert run.exit_code == 0, run.output
    (row,) = [row for row in rows(out) if row["id"] == "pebbles"]
    assert row["marked_pdf"] == "marked/pebbles.pdf"
    pages = PdfReader(BytesIO((out / row["marked_pdf"]).read_bytes())).pages
    assert any(page.get("/Annots") for page in pages)


def test_no_records_are_one_line(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["overview", str(tmp_path / "nothing"), "--out", str(tmp_path / "out")])
    assert isinstance(run.exception, OpenbookError)
    assert not (tmp_path / "out").exists()


def test_a_site_links_marked_pdfs_where_it_is_asked_to(tmp_path: Path) -> None:
    """Each quote links to its page of the marked PDF; a PDF that differs or is gone leaves the page without the link."""
    typst = pytest.importorskip("typst")
    text = "= Sorting Pebbles\n\n== Experiments\n\n" + "We sort pebbles by colour, and we do so with great care. " * 20
    code = "\n\nOur code is available at https://github.com/example/pebbles.\n"
    papers, records, out = tmp_path / "papers", tmp_path / "records", tmp_path / "site"
    papers.mkdir()
    records.mkdir()
    pdf = papers / "pebbles.pdf"
    pdf.write_bytes(typst.compile((text + code).encode()))
    write_record(assess_paper(read_paper(pdf), LinearAssessor()), records / "pebbles.json")
    write_record(record("lost", 3), records / "lost.json")
    command = ["site", "--records", str(records), "--out", str(out), "--no-search", "--processes", "1", "--json"]
    asked = [*command, "--marked-pdfs", "--papers", str(papers)]
    marked, page = out / "marked/pebbles.pdf", out / "papers/pebbles/index.html"

    def build(arguments: list[str]) -> tuple[int, int, str]:
        run = CliRunner().invoke(app, arguments)
        assert run.exit_code == 0, run.output
        report = json.loads(run.stdout)
        assert run.stderr.count("\n") <= 1, "more than one line"
        assert ("1 without a marked PDF" in run.stderr) == (len(report["unmarked"]) == 1)
        return report["written"], report["marked"], page.read_text(encoding="utf-8")

    written, count, html = build(asked)
    assert (written, count) == (2, 1)
    assert 'href="../../marked/pebbles.pdf#page=1"' in html
    assert any(one.get("/Annots") for one in PdfReader(BytesIO(marked.read_bytes())).pages)
    assert "marked/" not in (out / "papers/lost/index.html").read_text(encoding="utf-8")
    assert build(asked)[0] == 0
    pdf.write_bytes(typst.compile(text.encode()))  # another file than the record was made from
    assert len(json.loads(CliRunner().invoke(app, asked).stdout)["unmarked"]) == 2
    assert not marked.exists()
    assert "marked/" not in page.read_text(encoding="utf-8")
    assert build(command)[:2] == (0, 0)
    refused = CliRunner().invoke(app, [*command, "--papers", str(papers)])
    assert refused.exit_code == 2
