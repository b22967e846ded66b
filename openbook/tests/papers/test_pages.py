"""Pages that readers get wrong: turned, cropped, stamped, numbered, scanned, with text that nobody sees."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes, read_paper

CASES = Path(__file__).parent / "cases"
Writer = Callable[..., bytes]
Text = Callable[..., str]
CODE = "Our code is available at https://github.com/adamuster/leafsort for all readers."
GPUS = "All models were trained on eight NVIDIA A100 GPUs with 80 GB of memory."
ASIDE = "A sentence of our own that readers may or may not see."


def urls(paper: Paper) -> set[str]:
    """The addresses of a paper's links."""
    return {link.url for link in paper.links}


@pytest.mark.parametrize("name", ["rotated_page", "crop_box_origin"])
def test_rotated_and_cropped_pages(name: str) -> None:
    paper = read_paper(CASES / f"{name}.pdf")
    assert paper.problem is None
    assert paper.title == "Sorting Leaves with Small Networks"
    assert [section.title for section in paper.sections[1:]] == ["Abstract", "1 Introduction", "2 Experiments"]
    assert GPUS in paper.text
    assert CODE in paper.text
    assert urls(paper) == {"https://github.com/adamuster/leafsort"}


@pytest.mark.parametrize(
    ("rotate", "matrix"),
    [(90, "0 1 -1 0 1212 300"), (180, "-1 0 0 -1 1212 1092"), (270, "0 -1 1 0 400 1092"), (0, "1 0 0 1 400 300")],
)
def test_every_rotation_with_a_crop_box(
    pdf_of: Writer, line: Text, block: Text, prose: str, rotate: int, matrix: str
) -> None:
    # what is drawn upright for the reader: 612 x 792 points, or 792 x 612 where the page is turned by 90 degrees
    entries = f"/Rotate {rotate} /CropBox [400 300 1212 1092] /MediaBox [0 0 2000 2000]"
    head = line(72, 740, "A Small Paper", size=18) + line(72, 716, "1 Introduction", size=12, font="F2")
    content = f"q {matrix} cm {head}{block(72, 700, prose * 2)}Q"
    paper = read_bytes(pdf_of([content], page_entries=entries), source="x.pdf")
    assert paper.problem is None
    assert paper.title == "A Small Paper"
    assert [section.title for section in paper.sections[1:]] == ["1 Introduction"]
    assert paper.text.count(prose.strip()) == 2


def test_the_marks_of_a_plot_do_not_set_the_size_of_the_text(
    pdf_of: Writer, line: Text, block: Text, prose: str
) -> None:
    dice = random.Random(3)
    marks = [
        line(dice.uniform(80, 520), dice.uniform(100, 700), dice.choice(["o", "x", "0.1", "12"]), size=5)
        for _ in range(2000)
    ]
    text = block(72, 720, prose * 2) + block(72, 560, GPUS, width=34)
    paper = read_bytes(pdf_of([text, "".join(marks)]), source="x.pdf")
    said = [paper.words(sentence) for sentence in paper.sentences]
    assert GPUS in [" ".join(words.split()) for words in said]
    assert len(said) < 40


def test_text_that_runs_up_the_page_is_read(pdf_of: Writer, block: Text, prose: str) -> None:
    """A page set sideways, without the rotation that would turn it for the reader."""
    sideways = f"q 0 1 -1 0 612 0 cm {block(72, 540, prose + GPUS, width=110)}Q"
    paper = read_bytes(pdf_of([block(72, 720, prose * 2), sideways]), source="x.pdf")
    assert GPUS in paper.text
    assert paper.text.count("We study how a learner") == 3
    assert paper.page_at(paper.text.index(GPUS)) == 2


def test_stamps_up_the_margin_are_no_text(pdf_of: Writer, line: Text, block: Text, prose: str) -> None:
    stamp = "q 0 1 -1 0 30 200 cm " + line(0, 0, "arXiv:2606.01234v1 [cs.LG] 3 Jun 2026", size=20) + "Q "
    shop = (
        "q 0 1 -1 0 600 200 cm " + line(0, 0, "Downloaded from the library of a university by a guest", size=7) + "Q "
    )
    text = read_bytes(pdf_of([block(72, 720, prose * 2) + stamp + shop]), source="x.pdf").text
    assert "arXiv" not in text
    assert "Downloaded" not in text


def test_a_page_that_loses_most_of_its_letters_says_so(pdf_of: Writer, block: Text, prose: str) -> None:
    slanted = f"q .8 .6 -.6 .8 200 0 cm {block(72, 540, prose * 2)}Q"
    paper = read_bytes(pdf_of([block(72, 720, prose * 2), slanted]), source="x.pdf")
    assert "page 2" in (paper.problem or "")


@pytest.mark.parametrize("step", [2, 5, 10])
@pytest.mark.parametrize("side", ["left", "right"])
def test_numbers_of_every_fifth_line(pdf_of: Writer, line: Text, prose: str, step: int, side: str) -> None:
    import textwrap

    rows = textwrap.wrap(prose * 8, 80)
    pages, number = [], 0
    for start in (0, 30):
        content = ""
        for index, words in enumerate(rows[start : start + 30]):
            number += 1
            content += line(100, 720 - 20 * index, words)
            if number % step == 0:
                content += line(60 if side == "left" else 560, 720 - 20 * index, str(number), size=7)
        pages.append(content)
    paper = read_bytes(pdf_of(pages), source="x.pdf")
    assert prose.strip() in paper.text
    assert not re.search(r"[a-z] (?:10|20|30|40|50) [a-z]", paper.text)


def test_numbers_of_every_fifth_line_in_a_file() -> None:
    paper = read_paper(CASES / "line_numbers_by_five.pdf")
    assert "compared them with a ruler, which took a botanist most of a summer." in paper.text
    assert "We study how small networks sort pictures of leaves" in paper.text
    assert "800 for training, 100 for validation and 100 for testing" in paper.text


def test_a_table_of_even_numbers_keeps_them(pdf_of: Writer, line: Text, block: Text, prose: str) -> None:
    rows = [f"{5 * i} labels give an error of 0.{9 - i} on the test set of leaves" for i in range(1, 7)]
    table = "".join(line(72, 500 - 14 * i, row) for i, row in enumerate(rows))
    text = read_bytes(pdf_of([block(72, 720, prose * 3) + table]), source="x.pdf").text
    for row in rows:
        assert row in text


def test_watermarks_are_no_text_and_no_title() -> None:
    paper = read_paper(CASES / "watermark.pdf")
    assert paper.title == "Sorting Leaves with Small Networks"
    assert "DRAFT" not in paper.text
    assert GPUS in paper.text


def test_upright_watermarks(pdf_of: Writer, line: Text, block: Text, prose: str) -> None:
    stamp = "0.8 g " + line(150, 560, "CONFIDENTIAL", size=48) + "0 g "
    pages = [
        stamp + line(72, 740, "A Small Paper", size=18) + block(72, 710, prose * 2),
        stamp + block(72, 720, prose * 3),
    ]
    paper = read_bytes(pdf_of(pages), source="x.pdf")
    assert paper.title == "A Small Paper"
    assert "CONFIDENTIAL" not in paper.text
    assert paper.text.count(prose.strip()) == 5


@pytest.mark.parametrize("name", ["layer_switched_off", "text_under_white_box"])
def test_what_no_reader_sees_is_no_text(name: str) -> None:
    paper = read_paper(CASES / f"{name}.pdf")
    assert paper.problem is None
    assert "github" not in paper.text
    assert "NVIDIA" not in paper.text
    assert "Oak and maple are told apart almost always" in paper.text


@pytest.mark.parametrize(
    "cover",
    [
        "1 1 1 rg 60 290 480 24 re f",
        "0.9 0.2 0.2 rg 60 290 480 24 re f",
        "1 g 60 290 480 12 re f 60 302 480 12 re f",
        "1 g 60 290 m 540 290 l 540 314 l 60 314 l h f",
        "q 480 0 0 24 60 290 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x80 EI Q",
    ],
    ids=["white", "red", "strips", "polygon", "image"],
)
def test_text_under_something_opaque(pdf_of: Writer, line: Text, block: Text, prose: str, cover: str) -> None:
    paper = read_bytes(pdf_of([block(72, 720, prose * 2) + line(72, 300, ASIDE) + cover]), source="x.pdf")
    assert ASIDE not in paper.text
    assert paper.text.count(prose.strip()) == 2
    below = read_bytes(pdf_of([block(72, 720, prose * 2) + cover + " 0 g " + line(72, 300, ASIDE)]), source="x.pdf")
    assert ASIDE in below.text


def test_a_cover_that_is_clipped_or_see_through_covers_nothing(
    pdf_of: Writer, line: Text, block: Text, prose: str
) -> None:
    clipped = "q 0 0 10 10 re W n 1 g 60 290 480 24 re f Q"
    frame = "1 g 60 290 480 24 re 62 292 476 20 re f*"
    for cover in (clipped, frame):
        paper = read_bytes(pdf_of([block(72, 720, prose * 2) + line(72, 300, ASIDE) + cover]), source="x.pdf")
        assert ASIDE in paper.text, cover


@pytest.mark.parametrize(
    ("ground", "colour", "seen"),
    [
        ("", "0.97 g", False),
        ("", "0.95 0.97 1 rg", False),
        ("", "0.7 g", True),
        ("0 0 0.4 rg 60 290 480 30 re f", "1 g", True),
        ("0 0 0.4 rg 60 290 480 30 re f", "0.9 1 0.9 rg", True),
        ("0.98 g 60 290 480 30 re f", "1 g", False),
    ],
)
def test_pale_text(pdf_of: Writer, line: Text, block: Text, prose: str, ground: str, colour: str, seen: bool) -> None:
    content = block(72, 720, prose * 2) + ground + " " + line(72, 300, ASIDE, before=colour)
    assert (ASIDE in read_bytes(pdf_of([content]), source="x.pdf").text) is seen


def test_a_scan_in_strips_is_read() -> None:
    paper = read_paper(CASES / "scan_in_strips.pdf")
    assert paper.problem is None
    assert "We train on four NVIDIA V100 GPUs with a batch size of 64" in paper.text
    assert urls(paper) == {"https://github.com/example/rivers"}
    assert paper.title == "River Levels from Rain Gauges"
    assert [section.title for section in paper.sections[1:4]] == ["Abstract", "1 Introduction", "2 Setup"]


@pytest.mark.parametrize("gap", [24, 36])
def test_a_scan_of_short_paragraphs_keeps_its_title_and_headings(
    pdf_of: Writer, line: Text, block: Text, prose: str, gap: int
) -> None:
    """Recognised text has one size, and most of its gaps may be those between paragraphs."""
    strips = "".join(f"q 612 0 0 99 0 {99 * row} cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x80 EI Q " for row in range(8))
    head, size = "Measured Leaves of Old Trees", 10
    sentences = [sentence + "." for sentence in prose.strip(" .").split(". ") if "Fig" not in sentence]
    pages = []
    for number in range(2):
        top, content = 740, strips + "3 Tr "
        for words in [
            head,
            *(["Ada Example, Ben Sample", "Abstract"] if not number else []),
            *sentences,
            f"{number + 1} Words",
        ]:
            content += block(72, top, words, size=size)
            top -= gap + 12 * (len(words) > 90)
        pages.append(content + block(72, top, prose))
    paper = read_bytes(pdf_of(pages), source="x.pdf")
    assert (paper.problem, paper.title, paper.authors) == (None, head, ["Ada Example", "Ben Sample"])
    assert paper.text.startswith(f"{head}\n\nAda Example, Ben Sample\n\nAbstract\n\nWe study")
    assert paper.text.count(head) == 1, "on later pages it is a running head"
    assert [section.title for section in paper.sections if section.title] == ["Abstract", "1 Words", "2 Words"]


def test_invisible_text_beside_a_large_picture_is_hidden(pdf_of: Writer, line: Text, block: Text, prose: str) -> None:
    picture = "q 612 0 0 450 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x80 EI Q "
    content = picture + block(72, 760, prose * 3) + line(72, 300, ASIDE, before="3 Tr")
    paper = read_bytes(pdf_of([content]), source="x.pdf")
    assert ASIDE not in paper.text
    assert paper.text.count(prose.strip()) == 3


def test_footnotes_with_raised_marks() -> None:
    paper = read_paper(CASES / "footnote_mark.pdf")
    notes = [paper.words(sentence) for sentence in paper.sentences if sentence.kind == "footnote"]
    assert notes == [
        "1 Code has been released at https://github.com/example/rivers",
        "2 github.com/example/river-levels",
    ]
    assert urls(paper) == {"https://github.com/example/rivers", "https://github.com/example/river-levels"}


def test_plots_do_not_flood_the_sentences(pdf_of: Writer, line: Text, block: Text, prose: str) -> None:
    dots = "".join(line(100 + 7 * (i % 50), 300 + 7 * (i // 50), "\x95", size=6) for i in range(1000))
    ticks = "".join(line(90 + 35 * i, 285, f"0.{i}", size=6) for i in range(10))
    paper = read_bytes(pdf_of([block(72, 720, prose * 2) + dots + ticks + block(72, 200, prose)]), source="x.pdf")
    assert len(paper.sentences) < 16
    assert paper.text.count(prose.strip()) == 3


def test_ligatures_without_a_character(pdf_of: Writer, line: Text, block: Text, prose: str) -> None:
    lines = (
        "We use an e\x0ecient and su\x0ecient \x0crst step, which is di\x0berent.",
        "The coe\x0ecients are signi\x0ccant, and the de\x0cnition is speci\x0cc.",
        "An e cient rst step in the con dence of classi ers is a la carte.",
    )
    content = block(72, 720, prose * 2) + "".join(line(72, 400 - 30 * i, words) for i, words in enumerate(lines))
    text = read_bytes(pdf_of([content]), source="x.pdf").text
    assert "We use an efficient and sufficient first step, which is different." in text
    assert "The coefficients are significant, and the definition is specific." in text
    assert "An efficient first step in the confidence of classifiers is a la carte." in text


def test_a_sound_paper_keeps_its_words(pdf_of: Writer, line: Text, block: Text, prose: str) -> None:
    content = block(72, 720, prose * 2) + line(72, 400, "The rst file and the e cient one are names of flags.")
    assert "The rst file and the e cient one" in read_bytes(pdf_of([content]), source="x.pdf").text


def test_japanese_from_top_to_bottom(pdf_of: Writer) -> None:
    columns = [
        "我々は小さなネットワークが葉の画像を縁の形によって",
        "どのように分類するかを研究する。課題は古く、道具は",
        "新しい。すべてのモデルは八枚のグラフィックスカード",
        "で学習された。コードは公開されている。結果は図二に",
        "示す通りであり、先行研究とよく一致している。以上。",
    ] * 2
    content = "".join(
        f"BT /F2 12 Tf {500 - 20 * i} 720 Td <{words.encode('utf-16-be').hex()}> Tj ET\n"
        for i, words in enumerate(columns)
    )
    fonts = {
        4: "<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiMin-W3 /Encoding /UniJIS-UCS2-V /DescendantFonts [5 0 R] >>",
        5: "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 /DW 1000 /FontDescriptor 6 0 R "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>",
        6: "<< /Type /FontDescriptor /FontName /HeiseiMin-W3 /Flags 6 /FontBBox [-123 -257 1001 910] /ItalicAngle 0 "
        "/Ascent 709 /Descent -241 /CapHeight 709 /StemV 69 >>",
    }
    paper = read_bytes(pdf_of([content], extra=fonts), source="x.pdf")
    assert "".join(columns) in paper.text
    assert paper.problem is None
