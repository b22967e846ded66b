"""Numbers that call footnotes stand apart from the words before them, and a footnote is tied to the sentence that calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest

import openbook
from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes, read_paper

CODE = "https://github.com/ada/pebbles"
CLAIM = "Our source code is publicly available"
Text = Callable[..., str]


def set_with(words: str, mark: str, rest: str, rise: float, size: float = 7) -> str:
    """A line in which a mark of this size is raised (or lowered) behind the words."""
    return f"BT /F1 10 Tf 72 400 Td ({words}) Tj /F1 {size} Tf {rise} Ts ({mark}) Tj /F1 10 Tf 0 Ts ({rest}) Tj ET\n"


@pytest.mark.parametrize(
    ("words", "mark", "rest", "read"),
    [
        (CLAIM, "1", ".", CLAIM + "⟨1⟩."),
        ("The GitHub", "2", " page has them.", "The GitHub⟨2⟩ page has them."),
        ("We thank them all.", "12", " The rest follows.", "We thank them all.⟨12⟩ The rest follows."),
        ("It was as it is (Ada et al., 1998)", "3", ", mostly.", "(Ada et al., 1998)⟨3⟩, mostly."),
        ("We use the word GPT2", "1", ", as noted.", "GPT2⟨1⟩, as noted."),
        ("We saw words of two notes", "1,2", " once.", "two notes⟨1,2⟩ once."),
    ],
)
def test_numbers_that_call_footnotes(
    block: Text, pdf_of: Callable[..., bytes], line: Text, prose: str, words: str, mark: str, rest: str, read: str
) -> None:
    notes = line(72, 80, "1", size=6) + line(76, 77, "A note of many words.", size=8)
    content = block(72, 720, prose * 2) + set_with(words, mark, rest, 3.6) + notes
    paper = read_bytes(pdf_of([content]), source="x.pdf")
    assert read in paper.text
    quote = words + mark + rest.strip()
    located = openbook.locate(quote, paper)
    assert located.match != "absent", "a quote of another reader, which glues the mark to the word"
    page = pypdfium2.PdfDocument(pdf_of([content]))[0].get_textpage()
    boxes = paper.boxes(located.start, located.end)
    assert len(boxes) == 1
    under = page.get_text_bounded(*boxes[0][1:])
    assert "".join(under.split()).startswith("".join(words.split()))


@pytest.mark.parametrize(
    ("words", "mark", "rest", "rise", "size"),
    [
        ("We fine-tune GPT", "2", " and others.", 0, 10),
        ("We compare ResNet", "50", " and others.", 0, 10),
        ("We count CO", "2", " in the air.", -1.5, 7),
        ("We take the words H", "2", "O and others.", -1.5, 7),
        ("We add the square x", "2", " of it.", 3.6, 7),
        ("We name the method F", "3", "L of it.", 3.6, 7),
        ("We drew some 10", "5", " samples of it.", 3.6, 7),
        ("We bound it by log", "2", " n at most.", 3.6, 7),
        ("We ran Adam", "1", " with it.", 0, 7),
    ],
)
def test_numbers_that_belong_to_words(
    block: Text, pdf_of: Callable[..., bytes], prose: str, words: str, mark: str, rest: str, rise: float, size: float
) -> None:
    content = block(72, 720, prose * 2) + set_with(words, mark, rest, rise, size)
    paper = read_bytes(pdf_of([content]), source="x.pdf")
    assert words + mark in paper.text
    assert "⟨" not in paper.text


def test_superscripts_of_the_font(two_columns: Path) -> None:
    """Typst prints raised digits of the font, in the size of the text."""
    paper = read_paper(two_columns)
    assert "representations⟨1⟩ and more" in paper.text
    assert paper.authors == ["Ada Lovelace", "Alan M. Turing", "Grace Hopper"]
    notes = [paper.words(item) for item in paper.sentences if item.kind == "footnote"]
    assert "2 Footnote number 1 says something about sufficient conditions." in notes


def test_the_link_of_a_footnote_is_evidence_of_its_sentence_in_a_pdf(
    pdf_of: Callable[..., bytes], line: Text, block: Text, prose: str
) -> None:
    note = line(72, 80, "4", size=6) + line(76, 77, CODE, size=8)
    content = block(72, 720, prose * 2) + set_with(CLAIM, "4", ". We trust it.", 3.6) + block(72, 380, prose) + note
    paper = read_bytes(pdf_of([content]), source="x.pdf")
    assert [link.url for link in paper.links] == [CODE]
    answer = openbook.assess(paper).answers["open_source_code"]
    assert answer.result == "yes"
    assert (answer.evidence[0].quote, answer.evidence[0].links) == (CLAIM + "⟨4⟩.", [CODE])


LATEX = r"""\documentclass{article}\title{A Small Paper}\begin{document}\maketitle
\section{Introduction\footnote{A note of a title.}}
PROSE
\paragraph{Code\footnote{See \url{https://example.org/b}.}} BODY
\begin{figure}\caption{The leaves.\footnote{By hand.}}\end{figure}
\end{document}"""
BODIES = {
    "footnote": (CLAIM + r"\footnote{\url{URL}}. We trust it.", 3),
    "after the full stop": (CLAIM + r".\footnote{\href{URL}{GitHub}} We trust it.", 3),
    "number given": (CLAIM + r"\footnote[7]{\url{URL}}. We trust it.", 7),
    "mark and text apart": (CLAIM + r"\footnotemark. We trust it." + r"\footnotetext{\url{URL}}", 3),
    "mark and text with a number": (CLAIM + r" \footnotemark[9]." + r"\footnotetext[9]{Code: \url{URL}}", 9),
}


def latex(body: str, prose: str) -> Paper:
    """A small LaTeX paper with this paragraph."""
    source = LATEX.replace("PROSE", prose * 3).replace("BODY", body.replace("URL", CODE))
    return read_bytes(source.encode(), source="x.tex", suffix=".tex")


@pytest.mark.parametrize("name", BODIES)
def test_the_link_of_a_footnote_is_evidence_of_its_sentence_in_latex(prose: str, name: str) -> None:
    body, number = BODIES[name]
    paper = latex(body, prose)
    answer = openbook.assess(paper).answers["open_source_code"]
    assert answer.result == "yes"
    assert CLAIM in answer.evidence[0].quote
    assert f"⟨{number}⟩" in answer.evidence[0].quote
    assert answer.evidence[0].links == [CODE]
    notes = [paper.words(item) for item in paper.sentences if item.kind == "footnote"]
    assert any(note.startswith(f"{number} ") for note in notes)


def test_footnotes_of_titles_and_captions_in_latex(prose: str) -> None:
    paper = latex("We saw it.", prose)
    assert [section.title for section in paper.sections if section.title] == ["1 Introduction"]
    assert "Code⟨2⟩. We saw it." in paper.text
    assert "Figure 1: The leaves.⟨3⟩" in paper.text
    notes = [paper.words(item) for item in paper.sentences if item.kind == "footnote"]
    assert notes == ["1 A note of a title.", "2 See https://example.org/b.", "3 By hand."]
    assert [link.url for link in paper.links] == ["https://example.org/b"]
