"""Fuzzing every reader: changed bytes and made-up markup never raise, hang or give spans outside the text.

A few seconds in the test suite; ``OPENBOOK_FUZZ_SECONDS`` makes it longer (``make fuzz``).
"""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes
from openbook.papers.sandbox import ReaderPool

SECONDS = float(os.environ.get("OPENBOOK_FUZZ_SECONDS", "2"))
PROSE = (
    b"We study how a learner can answer questions about the papers that it reads, e.g. Fig. 2 of Smith et al. (2019). "
)


def _pdf() -> bytes:
    lines = b"".join(b"BT /F1 10 Tf 72 %d Td (%s) Tj ET\n" % (720 - 12 * i, PROSE[:90]) for i in range(40))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Annots [6 0 R] "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(lines), lines),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Annot /Subtype /Link /Rect [72 700 200 712] /A << /S /URI /URI (https://github.com/a/b) >> >>",
    ]
    out = b"%PDF-1.5\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, body) for n, body in enumerate(objects, 1))
    return out + b"trailer\n<< /Root 1 0 R /Size 7 >>\n%%EOF\n"


def _latex() -> bytes:
    return (
        rb"\documentclass{article}\newcommand{\x}{y}\def\z#1#2{#1}\newif\ifw\title{T}\author{A B\thanks{c} \and D E \\ F}"
        rb"\NewDocumentCommand{\v}{s o m}{\IfNoValueTF{#2}{#3}{}}\begin{document}\ifw a\else b\fi \z{c}{d}\v*{e}\begin{abstract}"
        + PROSE * 3
        + rb"\end{abstract}\section{Intro} $x^2$ \cite{a} \url{https://a.org/b}\footnote{n}\begin{figure}\caption{c}"
        + rb"\end{figure}\appendix\section{P}"
        + rb"\begin{thebibliography}{9}\bibitem{a} A.\end{thebibliography}\end{document}"
    )


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in (("main.tex", _latex()), ("b.tex", PROSE)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _html() -> bytes:
    head = b"<!doctype html><html><head><style>.a{display:none} @media screen{p{color:#fff;background:#000}}</style></head><body><h1>T</h1><p>"
    tail = b"<a href='https://a.org/b'>x</a><math alttext='x'><mi>x</mi></math><ul><li>i</ul><table><tr><td>1</table>"
    return head + PROSE * 3 + tail + b"</body>"


def _tei() -> bytes:
    return (
        b"<?xml version='1.0'?><TEI xmlns='http://www.tei-c.org/ns/1.0'><teiHeader/><text><body><div><head n='1'>H</head>"
        b"<p coords='1,2,3,4,5'>"
        + PROSE
        * 3
        + b"<ref target='https://a.org/b'>x</ref></p></div></body><back><listBibl>"
        b"<biblStruct><title>t</title></biblStruct></listBibl></back></text></TEI>"
    )


def _jats() -> bytes:
    return (
        b"<article xmlns:xlink='http://www.w3.org/1999/xlink'><front><article-meta><title-group><article-title>T</article-title>"
        b"</title-group><contrib-group><contrib><name><surname>B</surname></name></contrib><aff>U</aff></contrib-group>"
        b"</article-meta></front><body><sec><title>S</title><p>"
        + PROSE
        * 3
        + b"<ext-link xlink:href='https://a.org/b'>x</ext-link><fn><p>n</p></fn></p><fig><label>F</label></fig></sec></body>"
        b"<back><ref-list><ref><mixed-citation>C</mixed-citation></ref></ref-list></back></article>"
    )


def _markdown() -> bytes:
    return (
        b"---\ntitle: T\n---\n# H\n\n"
        + PROSE * 3
        + b"[x](https://a.org/b)\n\n- a\n\n| a |\n|---|\n| 1 |\n\n<div>x</div>\n"
    )


SEEDS = {
    ".pdf": _pdf(),
    ".tex": _latex(),
    ".tar": _tar(),
    ".tar.gz": gzip.compress(_tar()),
    ".html": _html(),
    ".xml": _tei(),
    ".nxml": _jats(),
    ".md": _markdown(),
    ".txt": b"T\n\n1. Introduction\n\n" + PROSE * 3 + b"\n\f\nReferences\n\n[1] A. B. 2019.\n",
}


_MARKS = [b"{", b"}", b"<", b">", b"(", b"[", b"\\", b"\x00", b"99999999999", b"-1", b"\xff\xfe"]


def check(paper: Paper) -> None:
    """What holds for every paper, however it was made."""
    length = len(paper.text)
    assert paper.problem is None or paper.problem.strip()
    for spans in (paper.pages, paper.sections, paper.sentences):
        assert all(0 <= span.start <= span.end <= length for span in spans)
        assert all(a.start <= b.start for a, b in pairwise(spans))
    for sentence in paper.sentences:
        assert paper.words(sentence).strip()
        assert sentence.start < sentence.end
        assert paper.sections[sentence.section].start <= sentence.start < paper.sections[sentence.section].end
    for link in paper.links:
        assert (link.start is None) == (link.end is None)
        assert link.start is None or 0 <= link.start < (link.end or 0) <= length


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The seed with bytes changed, cut, doubled or swapped."""
    out = bytearray(data)
    for _ in range(chance.choice([1, 2, 5, 20, 80])):
        if not out:
            break
        at = chance.randrange(len(out))
        kind = chance.randrange(6)
        if kind == 0:
            out[at] = chance.randrange(256)
        elif kind == 1:
            del out[at : at + chance.randrange(1, 40)]
        elif kind == 2:
            out[at:at] = out[at : at + chance.randrange(1, 200)] * chance.choice([1, 3, 50])
        elif kind == 3:
            out[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 16)))
        elif kind == 4:
            out[at:at] = chance.choice(
                [b"{", b"}", b"<", b">", b"(", b"[", b"\\", b"\x00", b"99999999999", b"-1", b"\xff\xfe"]
            )
        elif chance.random() < 0.1:
            del out[at:]
    return bytes(out)


@pytest.fixture(scope="module")
def readers() -> Iterator[ReaderPool]:
    with ReaderPool(1, seconds=20, megabytes=1024) as pool:
        yield pool


@pytest.mark.parametrize("ending", sorted(SEEDS))
def test_changed_bytes(ending: str, readers: ReaderPool, tmp_path: Path) -> None:
    assert read_bytes(SEEDS[ending], source="seed", suffix=ending).text, "the seed itself must be read"
    start = int(os.environ.get("OPENBOOK_FUZZ_SEED", "0"))
    path = tmp_path / f"paper{ending}"
    deadline = time.monotonic() + SECONDS
    tried = 0
    while tried < 25 or time.monotonic() < deadline:
        data = mutated(SEEDS[ending], random.Random(f"{ending}{start + tried}"))
        path.write_bytes(data)
        paper = readers.read(path)
        try:
            check(paper)
            assert "crashed" not in (paper.problem or ""), paper.problem
            assert "reading it failed" not in (paper.problem or ""), paper.problem
            assert "too slow" not in (paper.problem or ""), paper.problem
        except AssertionError as error:
            raise AssertionError(f"{ending}, mutation {start + tried}: {error}") from error
        tried += 1


_LATEX = [
    "\\section{",
    "}",
    "{",
    "\\begin{figure}",
    "\\end{figure}",
    "\\caption{",
    "\\footnote{",
    "$",
    "\\\\",
    "%",
    "\\item",
]
_LOOPS = ["\\def\\a{\\a}", "\\a", "\\input{main}", "\\begin{thebibliography}", "\\bibitem{", "\\appendix", "\\url{"]
_HTML = ["<p>", "</p>", "<div hidden>", "<math>", "<a href='http://a.b/c'>", "&lt;", "&#0;", "<!--", "<style>", "<h2>"]
_LINES = [
    "# ",
    "```",
    "| a |",
    "\n\n",
    "\f",
    "- ",
    "• ",
    "1. Introduction\n\n",
    "References\n\n",
    "[1] ",
    "Appendix A\n\n",
]
_WORDS = [
    "http://",
    "github.com/",
    "www.",
    "A. B. Smith et al. ",
    "We study. ",
    "ﬁ",
    "\u202e",
    "\x00",
    "İ",
    "𝓐",
    "Table 1. ",
]
_PIECES = st.sampled_from([*_LATEX, *_LOOPS, *_HTML, *_LINES, *_WORDS])


@settings(max_examples=max(60, int(40 * SECONDS)), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_PIECES | st.text(max_size=12), max_size=60), st.sampled_from([".tex", ".html", ".md", ".txt"]))
def test_made_up_markup(pieces: list[str], ending: str) -> None:
    text = "We study how a learner reads the papers of others. " * 8 + "".join(pieces)
    data = text.encode("utf-8", "surrogatepass")
    check(read_bytes(data, source="x", suffix=ending))


@settings(max_examples=max(40, int(20 * SECONDS)), deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["", *SEEDS]))
def test_garbage_with_every_ending(data: bytes, ending: str) -> None:
    paper = read_bytes(data, source="x", suffix=ending)
    check(paper)
    assert paper.problem
