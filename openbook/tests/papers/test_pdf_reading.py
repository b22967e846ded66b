"""PDF: reading order, hyphens, ligatures, running heads, footnotes, captions, links and pages of typeset papers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest

from openbook.papers.characters import PaperWords
from openbook.papers.paper import Paper
from openbook.papers.paragraphs import CAPTION
from openbook.papers.reading import read_bytes, read_paper
from openbook.papers.sentences import split_sentences

LINK = "https://github.com/czg1225/AsyncDiff/tree/main/experiments/very-long-folder/configurations"


@pytest.fixture(scope="module")
def paper(two_columns: Path) -> Paper:
    return read_paper(two_columns)


def test_front_matter(paper: Paper) -> None:
    assert paper.problem is None
    assert paper.title == "Asynchronous Denoising of Everything"
    assert paper.authors == ["Ada Lovelace", "Alan M. Turing", "Grace Hopper"]
    assert len(paper.sha256) == 64


def test_sections_and_parts(paper: Paper) -> None:
    assert [(section.title, section.part) for section in paper.sections[1:]] == [
        ("Abstract", "body"),
        ("1 Introduction", "body"),
        ("2 Experiments", "body"),
        ("2.1 Setup", "body"),
        ("Acknowledgments", "body"),
        ("References", "references"),
        ("A Proofs", "appendix"),
        ("NeurIPS Paper Checklist", "checklist"),
    ]


def test_columns_are_read_one_after_the_other_and_no_sentence_is_cut(paper: Paper, prose: str) -> None:
    sentences = [prose[start:end] for start, end in split_sentences(prose)]
    assert len(sentences) == 4
    words = [paper.words(sentence) for sentence in paper.sentences]
    for sentence in sentences:
        assert words.count(sentence) == 17, sentence
    assert (
        sum(word.startswith("We train on 8 NVIDIA A100 GPUs with PyTorch 2.1, as said in run") for word in words) == 7
    )


def test_ligatures_are_letters(paper: Paper) -> None:
    assert "We release the efficient affine official files." in paper.text
    assert not re.search("[ﬀﬁﬂﬃﬄ]", paper.text)


def test_running_heads_and_page_numbers_are_gone(paper: Paper) -> None:
    assert paper.text.count("Asynchronous Denoising of Everything") == 1
    assert not any(re.fullmatch(r"\d+", paper.words(sentence)) for sentence in paper.sentences)


def test_footnotes_and_captions_are_kept_and_marked(paper: Paper) -> None:
    footnotes = [paper.words(sentence) for sentence in paper.sentences if sentence.kind == "footnote"]
    for number in range(4):
        assert any(
            f"Footnote number {number} says something about sufficient conditions." in note for note in footnotes
        )
    captions = " ".join(paper.words(sentence) for sentence in paper.sentences if sentence.kind == "caption")
    assert "Figure 1: The pipeline of our method, from the left to the right." in captions
    assert "Table 1: Results on the test split." in captions


def test_links_are_whole_and_stand_in_the_text(paper: Paper) -> None:
    assert f"Our code is at {LINK} for everyone." in paper.text
    urls = {link.url: link for link in paper.links}
    found = urls[LINK]
    assert paper.text[found.start : found.end] == LINK
    assert found.page == paper.page_at(found.start or 0)
    assert "https://example.org/project" in urls


def test_spans_fit_the_text(paper: Paper) -> None:
    assert [page.number for page in paper.pages] == list(range(1, len(paper.pages) + 1))
    assert paper.pages[0].start == 0
    assert paper.pages[-1].end == len(paper.text)
    assert all(a.end == b.start for a, b in zip(paper.pages, paper.pages[1:], strict=False))
    assert all(a.end == b.start for a, b in zip(paper.sections, paper.sections[1:], strict=False))
    for sentence in paper.sentences:
        section = paper.sections[sentence.section]
        assert section.start <= sentence.start < sentence.end <= section.end
        assert sentence.page == paper.page_at(sentence.start)


def test_references_are_entries(paper: Paper) -> None:
    entries = [paper.words(s) for s in paper.sentences if paper.part_at(s.start) == "references" and s.kind == "text"]
    assert len(entries) == 2
    assert entries[0].startswith("Kingma, D. P.")
    assert entries[0].endswith("2015.")


def test_review_format(review: Path) -> None:
    paper = read_paper(review)
    assert paper.title == "A Paper Under Review"
    assert "Under review as" not in paper.text
    assert not re.search(r"\n\n\d+(?:\n\n|$)", paper.text)
    body = [paper.words(s) for s in paper.sentences if s.kind == "text"]
    assert sum(sentence == "We use a batch size of 64." for sentence in body) == 8
    assert not any(re.search(r"[a-z] \d{1,3} [a-z]", s) for s in body if "two" not in s and "batch" not in s)
    assert "https://anonymous.4open.science/r/asyncdiff-very-long-name-1234/readme-first-of-all.md" in {
        link.url for link in paper.links
    }


def test_words_broken_at_a_line_end(
    pdf_of: Callable[..., bytes], line: Callable[..., str], prose: str, block: Callable[..., str]
) -> None:
    lines = [
        "The learner uses a large-scale corpus, and its charac-",
        "terization is done for a large-",
        "scale corpus again,",
    ]
    content = "".join(line(72, 400 - 12 * i, words) for i, words in enumerate(lines))
    paper = read_bytes(pdf_of([block(72, 700, prose * 2) + content]), source="x.pdf")
    assert "its characterization is done for a large-scale corpus again" in paper.text


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ("the characteri", "zation of", "the characterization of"),
        ("state-of-the", "art results", "state-of-the-art results"),
        ("a full", "information game", "a full-information game"),
        ("section 3", "5 of", "section 3-5 of"),
        ("the Ben", "David bound", "the Ben-David bound"),
        ("we con", "cern", "we concern"),
    ],
)
def test_hyphens_by_the_vocabulary_of_the_paper(before: str, after: str, joined: str) -> None:
    vocabulary = PaperWords(["we use full-information feedback", "characterization concern", "the art of information"])
    assert vocabulary.join(before, after) == joined


def test_columns_out_of_order_in_the_content_stream(pdf_of: Callable[..., bytes], line: Callable[..., str]) -> None:
    left = [f"Left line number {i} has the words of the first column" for i in range(30)]
    right = [f"Right line number {i} has the words of the second one" for i in range(30)]
    content = "".join(
        line(320, 700 - 14 * i, right[i], size=9) + line(50, 700 - 14 * i, left[i], size=9) for i in range(30)
    )
    text = read_bytes(pdf_of([content]), source="x.pdf").text
    places = [text.find(f"{side} line number {i} ") for side in ("Left", "Right") for i in range(30)]
    assert -1 not in places
    assert places == sorted(places)


def test_columns_below_a_table_that_spans_the_page(pdf_of: Callable[..., bytes], line: Callable[..., str]) -> None:
    table = [
        line(60, 740 - 9 * i, f"{i} row of a table that runs over both of the columns 0.12 " * 2, size=7)
        for i in range(40)
    ]
    left = [f"left row {i} has the words of the first column" for i in range(25)]
    right = [f"right row {i} has the words of the second one" for i in range(25)]
    columns = [line(x, 370 - 12 * i, rows[i], size=10) for x, rows in ((50, left), (320, right)) for i in range(25)]
    text = read_bytes(pdf_of(["".join(table + columns)]), source="x.pdf").text
    places = [text.find(f"{side} row {i} ") for side in ("left", "right") for i in range(25)]
    assert -1 not in places
    assert places == sorted(places)


def test_a_paragraph_that_begins_with_a_table_is_no_caption() -> None:
    assert CAPTION.match("Table 1 The results.")
    assert CAPTION.match("Figure 2: the results.")
    assert not CAPTION.match("Table 1 shows the results.")
    assert not CAPTION.match("Algorithm 3 runs in linear time.")


MATHS = r"""
#set page(paper: "us-letter", columns: 2, margin: 60pt)
#set text(size: 10pt)
#text(size: 16pt)[A Small Paper] \
= Introduction
Let $x_t$ be a number and $y_t$ another one, and let $x_t + y_t = z_t$ hold. PROSE
= Experiments
#for i in range(9) [PROSE We have $x$ in run #i, too.

]
"""


def test_letters_of_mathematical_alphabets_shift_no_places(tmp_path: Path, prose: str) -> None:
    """PDFium counts each of them as two: what follows them on the page was measured elsewhere."""
    typst = pytest.importorskip("typst", reason="the typst package makes this PDF")
    path = tmp_path / "maths.pdf"
    typst.compile(MATHS.replace("PROSE", prose).encode(), output=str(path))
    paper, document = read_paper(path), pypdfium2.PdfDocument(path)
    assert [section.title for section in paper.sections[1:]] == ["Introduction", "Experiments"]
    sentences = [prose[start:end] for start, end in split_sentences(prose)]
    words = [paper.words(sentence) for sentence in paper.sentences]
    assert all(words.count(sentence) == 10 for sentence in sentences)
    for item in paper.sentences:
        if "batch size" in paper.words(item):
            found = " ".join(
                document[box[0] - 1].get_textpage().get_text_bounded(*box[1:])
                for box in paper.boxes(item.start, item.end)
            )
            assert re.sub(r"\W", "", found) == re.sub(r"\W", "", paper.words(item))


def test_a_word_that_a_column_breaks_is_whole_though_a_formula_stands_above(
    pdf_of: Callable[..., bytes], line: Callable[..., str], block: Callable[..., str], prose: str
) -> None:
    """The paragraph that ends in a formula does not take what belongs to the paragraph below it."""
    first = block(72, 720, prose * 2, width=48) + line(72, 420, "We count the leaves of all of the trees, as in")
    formula = line(140, 396, "n = 2 k") + line(282, 396, "(1)") + line(72, 338, "A short remark.")
    second = ["Another paragraph speaks of many tall trees", "and of the moss on them, and of their old affin-"]
    left = first + formula + "".join(line(72, 300 - 12 * place, words) for place, words in enumerate(second))
    right = line(320, 720, "ity to the light of the sun, which we measured.") + block(320, 690, prose * 2, width=48)
    paper = read_bytes(pdf_of([left + right]), source="x.pdf")
    assert "and of their old affinity to the light" in paper.text
