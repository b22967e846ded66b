"""One paper as LaTeX and as PDF: the two readers agree on its sentences, its sections and its answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

import openbook
from openbook.papers.characters import without_calls
from openbook.papers.paper import Paper
from openbook.papers.reading import read_paper

CASES = Path(__file__).parent / "cases" / "pair"
_CITED = re.compile(r"\[[\w, ]+\]")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Paper, Paper]:
    """The paper read from LaTeX, and from the PDF of two columns that Typst makes of the same words."""
    typst = pytest.importorskip("typst", reason="the typst package makes the PDF")
    path = tmp_path_factory.mktemp("pair") / "paper.pdf"
    typst.compile(str(CASES / "paper.typ"), output=str(path))
    return read_paper(CASES / "paper.tex"), read_paper(path)


def sentences(paper: Paper, *kinds: str) -> Iterator[str]:
    """The letters of its sentences from the abstract on. Works are cited differently in LaTeX and on a printed page."""
    for item in paper.sentences:
        if item.kind in kinds and item.section and paper.part_at(item.start) != "references":
            text = unicodedata.normalize("NFKC", _CITED.sub("", without_calls(paper.words(item))))
            yield "".join(letter for letter in text if letter.isalnum() or letter in ".?!")


def test_the_same_sentences(pair: tuple[Paper, Paper]) -> None:
    first, second = (set(sentences(paper, "text", "caption")) for paper in pair)
    for mine, others in ((first, second), (second, first)):
        missing = sorted(mine - others)
        assert len(mine) > 40
        assert len(missing) <= 0.05 * len(mine), missing


def test_the_same_notes_and_captions(pair: tuple[Paper, Paper]) -> None:
    latex, printed = ([*sentences(paper, "footnote")] for paper in pair)
    assert len(latex) == 2
    assert sorted(latex) == sorted(printed)
    latex, printed = ([*sentences(paper, "caption")] for paper in pair)
    assert sorted(latex) == sorted(printed)


def test_the_same_sections(pair: tuple[Paper, Paper]) -> None:
    latex, printed = (
        [(section.title, section.part, section.level) for section in paper.sections[1:]] for paper in pair
    )
    assert [section for section in latex if section[0] != "Appendix"] == printed


def test_the_same_links_title_and_authors(pair: tuple[Paper, Paper]) -> None:
    latex, printed = pair
    assert sorted(link.url for link in latex.links) == sorted(link.url for link in printed.links)
    assert (latex.title, latex.authors) == (printed.title, printed.authors)


def test_the_same_answers(pair: tuple[Paper, Paper]) -> None:
    latex, printed = (openbook.assess(paper).answers for paper in pair)
    assert {name: answer.result for name, answer in latex.items()} == {
        name: answer.result for name, answer in printed.items()
    }
    for answers in (latex, printed):
        assert answers["open_source_code"].evidence[0].links == ["https://github.com/ada-example/tidenet"]
