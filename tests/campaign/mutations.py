"""Small papers of every format, ways to damage them, and what holds for a paper however it was made."""

from __future__ import annotations

import bz2
import contextlib
import copy
import gzip
import io
import random
import tarfile
import zipfile
import zlib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from openbook.papers.paper import Paper

CASES = Path(__file__).resolve().parents[2] / "openbook" / "tests" / "papers" / "cases"
PROSE = (
    b"We study how a learner can answer questions about the papers that it reads, e.g. Fig. 2 of Smith et al. (2019). "
)


def _pdf(*, compressed: bool = False) -> bytes:
    lines = b"".join(b"BT /F1 10 Tf 72 %d Td (%s) Tj ET\n" % (720 - 12 * i, PROSE[:90]) for i in range(40))
    filters = b""
    if compressed:
        lines, filters = zlib.compress(lines), b"/Filter /FlateDecode "
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Annots [6 0 R] "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< %s/Length %d >>\nstream\n%s\nendstream" % (filters, len(lines), lines),
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


def _files() -> list[tuple[str, bytes]]:
    return [("main.tex", _latex()), ("b.tex", PROSE), ("00README.json", b'{"sources": [{"filename": "main.tex"}]}')]


def _tar(files: list[tuple[str, bytes]] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files or _files():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _zip(method: int, files: list[tuple[str, bytes]] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files or _files():
            archive.writestr(zipfile.ZipInfo(name), data, method)
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


SEEDS: Final = {
    ".pdf": _pdf(),
    ".tex": _latex(),
    ".tar": _tar(),
    ".tar.gz": gzip.compress(_tar(), mtime=0),
    ".html": _html(),
    ".xml": _tei(),
    ".nxml": _jats(),
    ".md": _markdown(),
    ".txt": b"T\n\n1. Introduction\n\n" + PROSE * 3 + b"\n\f\nReferences\n\n[1] A. B. 2019.\n",
}
_ENDINGS: Final = {
    "PDF": (".pdf",),
    "LaTeX": (".tex",),
    "archive": (".tar.gz",),
    "HTML": (".html",),
    "TEI": (".tei.xml",),
    "JATS": (".nxml",),
    "Markdown": (".md",),
    "text": (".txt",),
}
_OWN: Final = {
    "PDF": [SEEDS[".pdf"], _pdf(compressed=True)],
    "LaTeX": [SEEDS[".tex"]],
    "archive": [
        SEEDS[".tar"],
        SEEDS[".tar.gz"],
        _zip(zipfile.ZIP_STORED),
        _zip(zipfile.ZIP_DEFLATED),
        gzip.compress(_latex(), mtime=0),
        bz2.compress(_tar()),
    ],
    "HTML": [SEEDS[".html"]],
    "TEI": [SEEDS[".xml"]],
    "JATS": [SEEDS[".nxml"]],
    "Markdown": [SEEDS[".md"]],
    "text": [SEEDS[".txt"], SEEDS[".txt"].decode().encode("utf-16")],
}
FORMATS: Final = tuple(_OWN)
SUFFIXES: Final = {kind: endings[0].replace(".tei", "") for kind, endings in _ENDINGS.items()}
#: What a format's syntax is made of: put in anywhere, doubled, or nested.
_SYNTAX: Final = {
    "PDF": b"obj|endobj|stream|endstream|<<|>>|[|]|/Kids|/Parent 2 0 R|3 0 R|Tj|TJ|Td|cm|q|Q|BT|ET|/Rotate 90|3 Tr|Do|re f|1e38|-1e38".split(
        b"|"
    ),
    "LaTeX": rb"\def\a{\a}|\a|\input{main}|\begin{figure}|\end{figure}|\iffalse|\if0|\else|\fi|\newcommand{\b}[9]{#1#9}|\footnote{|\url{|$|$$|\[|%|&|\\|\begin{thebibliography}|\bibitem{|\verb||\begin{verbatim}|^^M|\csname|\endcsname|\let\c\a|\expandafter".split(
        b"|"
    ),
    "archive": b"ustar|PK\x01\x02|PK\x03\x04|PK\x05\x06|\x1f\x8b|../|main.tex|\\input{main}|\\documentclass{article}".split(
        b"|"
    ),
    "HTML": b"<p>|</p>|<div hidden>|<math>|<table>|<tr>|<td>|<a href='http://a.b/c'>|&lt;|&#0;|&#x110000;|<!--|-->|<style>|</style>|p{color:red}|@media|<h2>|<script>|<![CDATA[|<?x ?>|<template>|<svg>|<li>".split(
        b"|"
    ),
    "TEI": b"<p>|</p>|<div>|</div>|<?x?>|<!--|-->|<![CDATA[|]]>|&amp;|&#1;|<!DOCTYPE a [|]>|<!ENTITY b 'c'>|&b;|<note>|<figure>|<ref>|<listBibl>|<author>|xmlns='x'".split(
        b"|"
    ),
    "Markdown": b"# |```|| a ||\n\n|- |> |* |**|_|`|[a](|](|<div>|<!--|-->|---\n|$|$$|1. |\t|[1]: http://a.b|![".split(
        b"|"
    ),
    "text": b"\n\n|\f|- |\xe2\x80\xa2 |1. Introduction\n\n|References\n\n|[1] |Appendix A\n\n|http://|github.com/|www.|A. B. Smith et al. |We study. |Table 1. |\xe2\x80\xae|\x00|-\n|doi:10.1/|a@b.org".split(
        b"|"
    ),
}
_SYNTAX["JATS"] = [*_SYNTAX["TEI"], b"<sec>", b"<xref>", b"<fn>", b"<front>", b"<back>", b"<ref-list>", b"<aff>"]
_MARKS: Final = [b"{", b"}", b"<", b">", b"(", b"[", b"\\", b"\x00", b"99999999999", b"-1", b"\xff\xfe"]


@cache
def seeds_of(kind: str) -> list[bytes]:
    """The small papers of a format, always in the same order; the tests' cases of up to 6,000 bytes among them."""
    cases = [path for path in sorted(CASES.iterdir()) if path.name.endswith(_ENDINGS[kind])]
    return [*_OWN[kind], *(data for path in cases if len(data := path.read_bytes()) <= 6000)]


def mutated(data: bytes, chance: random.Random, kind: str | None = None) -> bytes:
    """The seed with bytes changed, cut, doubled or swapped; with words of the format's syntax put in where it is given."""
    out = bytearray(data)
    words = _MARKS if kind is None else [*_MARKS, *_SYNTAX[kind]]
    for _ in range(chance.choice([1, 2, 5, 20, 80])):
        if not out:
            break
        at = chance.randrange(len(out))
        change = chance.randrange(6 if kind is None else 8)
        if change == 0:
            out[at] = chance.randrange(256)
        elif change == 1:
            del out[at : at + chance.randrange(1, 40)]
        elif change == 2:
            out[at:at] = out[at : at + chance.randrange(1, 200)] * chance.choice([1, 1, 3, 50])
        elif change == 3:
            out[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 16)))
        elif change in (4, 6):
            out[at:at] = chance.choice(words)
        elif change == 7:
            out[at:at] = chance.choice(words) * chance.choice([2, 3, 10, 300])
        elif chance.random() < 0.1:
            del out[at:]
    return bytes(out)


_TAGS: Final = (
    "p div head note figure figDesc ref listBibl biblStruct title author persName forename sec fn fig table label caption "
    "xref ext-link ref-list ref mixed-citation aff contrib name surname abstract body back front s formula list item td tr"
).split()
_ADDRESSES: Final = [
    "https://a.org/b",
    "http://[",
    "x",
    "",
    "https://a.org/" + "c" * 300,
    "mailto:a@b",
    "#n1",
    "\u202e",
]


def _tree(data: bytes, chance: random.Random) -> bytes:
    """A well-formed XML file whose elements are copied, moved, renamed, nested or emptied."""
    root = ElementTree.fromstring(data)
    for _ in range(chance.choice([1, 3, 10, 40])):
        every = list(root.iter())
        one, other = chance.choice(every), chance.choice(every)
        space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        change = chance.randrange(7)
        if change == 0 and len(every) < 2000 and one is not root:
            other.append(copy.deepcopy(one))
        elif change == 1 and one is not root:
            one.tag = space + chance.choice(_TAGS)
        elif change == 2:
            one.text = chance.choice(["", " ", "1", "\u200b", "We study. " * chance.choice([1, 50]), "http://a.b/c"])
        elif change == 3:
            one.tail = chance.choice([None, " ", "x", PROSE.decode()])
        elif change == 4 and len(one):
            del one[chance.randrange(len(one))]
        elif change == 5:
            one.set(chance.choice(["target", "coords", "n", "type", "rid", "place"]), chance.choice(_ADDRESSES))
        elif change == 6 and len(every) < 2000:
            for _ in range(chance.choice([1, 5, 200])):
                one = ElementTree.SubElement(one, space + chance.choice(_TAGS))
    return ElementTree.tostring(root)


def mutation(kind: str, seed: int, number: int) -> bytes:
    """Mutation ``number`` of a format: the same for ever for the same seed.

    Half of the XML files stay well-formed, and half of the archives can be unpacked, so that their content is read.
    """
    chance = random.Random(f"{seed} {kind} {number}")
    seeds = seeds_of(kind)
    data = seeds[number % len(seeds)]
    if kind in ("TEI", "JATS") and chance.random() < 0.5:
        with contextlib.suppress(RecursionError):  # nested too deeply to be written
            return _tree(data, chance)
    if kind == "archive" and chance.random() < 0.5:
        source = mutated(chance.choice(seeds_of("LaTeX")), chance, "LaTeX")
        other = mutated(PROSE, chance, "LaTeX")
        files = [
            ("main.tex", source),
            (chance.choice(["b.tex", "main.bbl", "a.sty", "00README.json", "x/main.tex"]), other),
        ]
        return _zip(zipfile.ZIP_STORED, files) if chance.random() < 0.5 else _tar(files)
    return mutated(data, chance, kind)


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
