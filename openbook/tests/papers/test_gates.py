"""Gates: files that give no text to assess say why, and nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openbook.errors import OpenbookError
from openbook.papers.reading import Limits, read_bytes, read_paper, read_text

ENDINGS = ["", ".pdf", ".tex", ".html", ".xml", ".md", ".txt", ".tar.gz", ".zip"]
Writer = Callable[..., bytes]


@pytest.mark.parametrize("ending", ENDINGS)
def test_empty_and_binary_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"paper{ending}"
    for content in (b"", b"  \n", bytes(range(256)) * 40, b"\x00" * 5000, b"\x89PNG\r\n\x1a\n" + b"\x00\xff" * 900):
        path.write_bytes(content)
        paper = read_paper(path)
        assert paper.problem, content[:10]
        assert paper.source == str(path)


def test_ghosts() -> None:
    for text in ("paper_1234.pdf", "paper_1234.pdf\n" * 20, "Title\n\nAnn Author", "404 Not Found"):
        assert (read_text(text).problem or "").startswith(("too short", "garbled"))


def test_a_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="there is no file"):
        read_paper(tmp_path / "nothing.pdf")
    with pytest.raises(OpenbookError, match="is a folder"):
        read_paper(tmp_path)


def test_truncated_and_damaged_pdfs(plain_pdf: bytes) -> None:
    assert read_bytes(plain_pdf, source="x.pdf").problem is None
    for data in (plain_pdf[:100], b"%PDF-1.7\n" + b"junk " * 500, b"%PDF-1.4\n%%EOF"):
        assert (read_bytes(data, source="x.pdf").problem or "").startswith("damaged")


def test_an_encrypted_pdf(pdf_of: Writer) -> None:
    data = pdf_of(
        ["BT ET"], extra={5: "<< /Filter /Standard /V 1 /R 2 /O <" + "41" * 32 + "> /U <" + "42" * 32 + "> /P -4 >>"}
    )
    data = data.replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 5 0 R /ID [<00><00>]")
    assert (read_bytes(data, source="x.pdf").problem or "").startswith("encrypted")


def test_a_scan(pdf_of: Writer) -> None:
    image = (
        "<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 4 >>"
    )
    data = pdf_of(["q 612 0 0 792 0 0 cm /Im1 Do Q"] * 3, extra={6: f"{image}\nstream\nabcd\nendstream"})
    data = data.replace(b"/Resources <<", b"/Resources << /XObject << /Im1 6 0 R >>")
    assert (read_bytes(data, source="x.pdf").problem or "").startswith("scanned: 3 of 3 pages")


def test_a_scan_with_recognised_text_is_read(pdf_of: Writer, line: Callable[..., str], prose: str) -> None:
    image = (
        "<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 4 >>"
    )
    words = [line(50, 700 - 12 * i, prose[i * 80 : i * 80 + 80], before="3 Tr") for i in range(6)]
    data = pdf_of(["q 612 0 0 792 0 0 cm /Im1 Do Q " + "".join(words)], extra={6: f"{image}\nstream\nabcd\nendstream"})
    data = data.replace(b"/Resources <<", b"/Resources << /XObject << /Im1 6 0 R >>")
    paper = read_bytes(data, source="x.pdf")
    assert paper.problem is None
    assert "We study how a learner" in paper.text


def test_pages_without_any_text(pdf_of: Writer) -> None:
    assert (read_bytes(pdf_of([" "] * 2), source="x.pdf").problem or "").startswith("empty")


def test_garbled_text(prose: str) -> None:
    assert read_text(prose * 5).problem is None
    shifted = "".join(chr(ord(c) + 4) if c.isalpha() else c for c in prose.lower().replace("v", "t")) * 5
    assert (read_text(shifted).problem or "").startswith("garbled")
    assert (read_text("1 2 3 ab " * 400).problem or "").startswith(("garbled", "too short"))


def test_other_languages_are_no_garbage() -> None:
    german = "Wir untersuchen die Frage, wie ein kleines Modell die Arbeiten und Daten der anderen versteht. " * 20
    chinese = "我们 研究 一个 小型 模型 如何 回答 关于 论文 的 问题。" * 40
    assert read_text(german).problem is None
    assert read_text(chinese).problem is None


def test_limits(prose: str, plain_pdf: bytes, pdf_of: Writer) -> None:
    small = Limits(megabytes=0, markup_megabytes=0, pages=3, characters=1000)
    assert (read_text(prose * 10, limits=small).problem or "").startswith("too large")
    assert (read_bytes(prose.encode() * 10, source="x.txt", limits=small).problem or "").startswith("too large")
    assert (read_bytes(pdf_of(["BT ET"] * 4), source="x.pdf", limits=small).problem or "").startswith(
        "too large: 4 pages"
    )


def test_a_page_tree_that_lies(pdf_of: Writer) -> None:
    data = pdf_of(["BT ET"]).replace(b"/Count 1", b"/Count 999999999")
    paper = read_bytes(data, source="x.pdf")
    assert paper.problem


@pytest.mark.parametrize("page", ["/Resources 10 0 R", "/Contents 10 0 R", "/Annots [10 0 R 10 0 R]", "/Parent 10 0 R"])
def test_objects_that_hold_themselves(pdf_of: Writer, page: str) -> None:
    assert read_bytes(pdf_of(["BT ET"], page_entries=page), source="x.pdf").problem


def test_a_form_that_draws_itself(pdf_of: Writer, block: Callable[..., str], prose: str) -> None:
    form = "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >> /Length 5 >>"
    data = pdf_of([block(72, 700, prose * 2) + "/X Do"], extra={6: f"{form}\nstream\n/X Do\nendstream"})
    data = data.replace(b"/Resources << /Font", b"/Resources << /XObject << /X 6 0 R >> /Font")
    assert "We study how" in read_bytes(data, source="x.pdf").text


def test_brackets_nested_very_deeply(pdf_of: Writer, block: Callable[..., str], prose: str) -> None:
    data = pdf_of([block(72, 700, prose * 2) + "[" * 50_000], extra={6: "[" * 50_000})
    assert read_bytes(data, source="x.pdf").sha256


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("Preface", "a preface"),
        ("Foreword to the Proceedings", "a preface"),
        ("Table of Contents", "a table of contents"),
        ("Program Committee", "a list of names"),
    ],
)
def test_other_parts_of_a_volume_are_no_papers(prose: str, head: str, kind: str) -> None:
    assert kind in (read_text(f"{head}\n\n{prose}\n\n{prose}").problem or "")
    paper = f"{head}\n\n{prose}\n\nAbstract\n\n{prose}\n\n1 Introduction\n\n{prose}"
    assert read_text(paper).problem is None


def test_a_table_of_contents_by_its_leaders(prose: str) -> None:
    lines = "\n\n".join(
        f"A paper on the leaves of tree {i} and their rims . . . . . . . . . {10 * i}" for i in range(1, 40)
    )
    assert "a table of contents" in (read_text("Proceedings\n\n" + lines).problem or "")


def test_titles_that_begin_like_one(prose: str) -> None:
    for title in (
        "Contents of Memory in Recurrent Networks",
        "Index Structures for Fast Search",
        "Organization of Cells by Learning",
    ):
        assert read_text(f"{title}\n\n{prose}\n\n{prose}").problem is None


def test_junk_before_a_pdf(plain_pdf: bytes) -> None:
    for junk in (
        b"\xef\xbb\xbf\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
        b"X-Header: a line of a mail\n" * 90,
    ):
        paper = read_bytes(junk + plain_pdf, source="x.pdf")
        assert (paper.format, paper.problem) == ("pdf", None)
        assert paper.title == "A Small Paper"
