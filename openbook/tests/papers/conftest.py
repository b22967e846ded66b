"""Papers made at test time: by a tiny PDF writer for single effects, by Typst for whole two-column documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PROSE = (
    "We study how a learner of modest size can answer questions about the papers that it reads. In the first part we "
    "describe the data, and in the second part we train a model on it with a batch size of 64. The results are shown "
    "in Fig. 2, and they agree with those of Smith et al. (2019) on all three of the data sets. All of the experiments "
    "were run on a machine with two processors, and each of them took less than one hour to finish. "
)
LINK = "https://github.com/czg1225/AsyncDiff/tree/main/experiments/very-long-folder/configurations"


def write_pdf(pages: list[str], *, extra: dict[int, str] | None = None, page_entries: str = "") -> bytes:
    """A PDF with these content streams, one a page, in Helvetica (/F1) and Helvetica-Bold (/F2)."""
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>",
    }
    kids = []
    for index, content in enumerate(pages):
        number = 10 + 2 * index
        kids.append(f"{number} 0 R")
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {number + 1} 0 R "
            f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> {page_entries} >>"
        ).encode()
        stream = content.encode("latin-1")
        objects[number + 1] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
    objects[2] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(pages)} >>".encode()
    for number, text in (extra or {}).items():
        objects[number] = text.encode("latin-1")
    out = bytearray(b"%PDF-1.5\n")
    offsets = {}
    for number in sorted(objects):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    table = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number in sorted(offsets):
        out += b"%d 1\n%010d 00000 n \n" % (number, offsets[number])
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, table)
    return bytes(out)


def text_at(x: float, y: float, words: str, *, size: float = 10, font: str = "F1", before: str = "") -> str:
    """One line of text in a content stream. ``before``: operators inside the text object, such as ``3 Tr``."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {size} Tf {before} {x} {y} Td ({escaped}) Tj ET\n"


def paragraph_at(x: float, y: float, words: str, *, width: int = 90, size: float = 10) -> str:
    """A paragraph set in lines of at most ``width`` characters, 12 points apart."""
    import textwrap

    return "".join(text_at(x, y - 12 * i, line, size=size) for i, line in enumerate(textwrap.wrap(words, width)))


@pytest.fixture(scope="session")
def prose() -> str:
    """A paragraph of plain English, long enough to pass for a paper when repeated."""
    return PROSE


@pytest.fixture(scope="session")
def pdf_of() -> Callable[..., bytes]:
    """The tiny PDF writer."""
    return write_pdf


@pytest.fixture(scope="session")
def line() -> Callable[..., str]:
    """One line of a content stream."""
    return text_at


@pytest.fixture(scope="session")
def block() -> Callable[..., str]:
    """A paragraph of a content stream."""
    return paragraph_at


@pytest.fixture(scope="session")
def plain_pdf() -> bytes:
    """A one-page PDF that reads well."""
    return write_pdf([text_at(72, 720, "A Small Paper", size=18) + paragraph_at(72, 680, PROSE * 2)])


TWO_COLUMNS = r"""
#set page(paper: "us-letter", columns: 2, margin: (x: 54pt, y: 72pt), numbering: "1",
  header: context if counter(page).get().first() > 1 [#align(center)[_Asynchronous Denoising of Everything_]])
#set text(size: 10pt, hyphenate: true, lang: "en")
#set par(justify: true, first-line-indent: 10pt)
#set heading(numbering: "1.1")
#show heading: set text(size: 12pt)
#place(top + center, scope: "parent", float: true)[
  #text(size: 16pt, weight: "bold")[Asynchronous Denoising of Everything] \
  #text[Ada Lovelace#super[1], Alan M. Turing#super[2] and Grace Hopper#super[1]] \
  #text(size: 9pt)[#super[1]University of Somewhere, #super[2]Institute of Elsewhere]
]
#heading(numbering: none)[Abstract]
PROSE We release the efficient affine official files.
= Introduction
#for i in range(4) [PROSE In step #i, this demonstrates characterization of
representations#footnote[Footnote number #i says something about sufficient conditions.] and more of the same kind.

]
Our code is at #link("LINK")[LINK] for everyone.
A project page is #link("https://example.org/project")[here].
= Experiments
== Setup
#for i in range(3) [PROSE

]
#figure(rect(width: 100%, height: 60pt), caption: [The pipeline of our method, from the left to the right.])
#figure(table(columns: 3, [Method],[Acc],[F1],[Ours],[93.1],[88.2]), caption: [Results on the test split.])
#for i in range(7) [PROSE We train on 8 NVIDIA A100 GPUs with PyTorch 2.1, as said in run #i.

]
#heading(numbering: none)[Acknowledgments]
We thank everybody.
#heading(numbering: none)[References]
#set par(hanging-indent: 10pt, first-line-indent: 0pt)
Kingma, D. P. and Ba, J. Adam: A method for stochastic optimization. In _International Conference on Learning
Representations_, 2015.

Smith, J., Doe, A. and Roe, B. A long title of a paper that goes on for more than one line of print. _Journal of
Things_, 3(2):1--20, 2020.
#counter(heading).update(0)
#set heading(numbering: "A.1")
= Proofs
PROSE
#heading(numbering: none)[NeurIPS Paper Checklist]
1. Claims. Answer: [Yes]. PROSE
"""

REVIEW = r"""
#set page(paper: "us-letter", margin: (x: 108pt, y: 72pt), header: [Under review as a conference paper at ICLR 2025],
  footer: align(center, context counter(page).display()))
#set par.line(numbering: "1")
#set text(size: 10pt, lang: "en", hyphenate: true)
#set par(justify: true, leading: 5pt, spacing: 11pt)
#set heading(numbering: "1.1")
#align(center)[#text(size: 17pt, weight: "bold")[A Paper Under Review]]
#align(center)[Anonymous Authors]
#align(center)[#text(size: 12pt, weight: "bold")[Abstract]]
#pad(x: 30pt)[PROSE
Code: https://anonymous.4open.science/r/asyncdiff-very-long-name-1234/readme-first-of-all.md is there.]
= Introduction
#for i in range(8) [PROSE We measure the #i\-fold efficiency of it.

]
= Experiments
#for i in range(8) [PROSE We use a batch size of 64.

]
"""


def _typeset(source: str, path: Path) -> Path:
    typst = pytest.importorskip("typst", reason="the typst package makes these PDFs")
    typst.compile(source.replace("PROSE", PROSE).replace("LINK", LINK).encode(), output=str(path))
    return path


@pytest.fixture(scope="session")
def two_columns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-column paper with footnotes, floats, links, references, an appendix and a checklist."""
    return _typeset(TWO_COLUMNS, tmp_path_factory.mktemp("typst") / "two columns.pdf")


@pytest.fixture(scope="session")
def review(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper in review format: numbered lines, running heads, page numbers, an address broken at a line's end."""
    return _typeset(REVIEW, tmp_path_factory.mktemp("typst") / "review.pdf")
