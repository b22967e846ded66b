"""Plain text by its lines, and one paper in several shapes: broken lines, hyphens and formats give the same sentences."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes

PROSE = (
    "We study how small networks sort pictures of leaves by the shape of their rim. The task is old and the tools are new, and "
    "we ask how far a network of two layers can go. Earlier work drew the rims by hand and compared them with a ruler."
)


def read(text: str, suffix: str = ".txt") -> Paper:
    return read_bytes(text.encode(), source="x" + suffix, suffix=suffix)


def wrapped(text: str, width: int) -> str:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def test_lines_without_blank_lines() -> None:
    body = wrapped(PROSE, 70)
    paper = read(
        f"Sorting Leaves with Small\nNetworks of Two Layers\nAda Muster, Ben Beispiel\nUniversity of Example\nAbstract\n{body}\n"
        f"1 Introduction\n{body}\n1.1 Data\n{body}\n2. Setup\n{body}\nResults\n{body}\nAcknowledgments\nWe thank all.\nReferences\n"
        "[1] A. Author. Floods and how to see them coming. Journal of\nRivers, 2011.\n[2] B. Author. Our code is available at "
        "https://github.com/other/notours,\n2012.\nAppendix A: More\n" + body
    )
    assert [(section.title, section.part) for section in paper.sections if section.title] == [
        ("Abstract", "body"),
        ("1 Introduction", "body"),
        ("1.1 Data", "body"),
        ("2. Setup", "body"),
        ("Acknowledgments", "body"),
        ("References", "references"),
        ("Appendix A: More", "appendix"),
    ]
    assert "[1] A. Author. Floods and how to see them coming. Journal of Rivers, 2011." in [
        paper.words(sentence) for sentence in paper.sentences
    ]
    assert paper.part_at(paper.text.index("github.com/other")) == "references"
    assert paper.text.startswith("Sorting Leaves with Small")


def test_headings_right_above_their_paragraphs() -> None:
    body = wrapped(PROSE, 60)
    paper = read(
        f"Sorting Leaves\n\nAbstract\n{body}\n\n1 Introduction\n{body}\n\nReferences\n[1] A. Author. Floods. 2011.\n"
    )
    assert paper.title == "Sorting Leaves"
    assert [section.title for section in paper.sections] == ["", "Abstract", "1 Introduction", "References"]


def test_headings_that_take_two_lines() -> None:
    body = wrapped(PROSE, 70)
    paper = read(
        f"Sorting Leaves\nAda Muster1 Ben Beispiel2\n1 The University of Example\n2 Acme Inc.\nAbstract\n{body}\n1 INTRODUCTION\n{body}\n"
        f"2 SORTING THE PICTURES OF LEAVES BY THE\nSHAPE OF THEIR RIM\n{body}\n2. For each K ≥ 0, the outer iterates\n{body}\n3 Results for\n"
        f"Two Layers\n{body}\n"
    )
    assert [section.title for section in paper.sections] == [
        "",
        "Abstract",
        "1 INTRODUCTION",
        "2 SORTING THE PICTURES OF LEAVES BY THE SHAPE OF THEIR RIM",
        "3 Results for Two Layers",
    ]


def test_prose_that_looks_like_a_heading_is_none() -> None:
    text = (
        "Sorting Leaves\n\n1 Introduction\n\n"
        + wrapped(PROSE, 60)
        + "\nWe use it in Section\n2 Setup and then in the\nResults of others too.\n"
    )
    assert [section.title for section in read(text).sections] == ["", "1 Introduction"]


def test_pages_with_running_heads_and_numbers() -> None:
    pages = [
        f"Ada Muster et al.\n{wrapped(PROSE + f' This is page {number} of it.', 60)}\n{number}"
        for number in (1, 2, 3, 4)
    ]
    paper = read("\f".join(pages))
    assert paper.text.count("Ada Muster et al.") == 1
    assert len(paper.pages) == 4
    assert "with a ruler. This is page 2 of it." in paper.text
    assert not any(paper.words(sentence).isdigit() for sentence in paper.sentences)


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ("Our code is at https://github.com/\nexample/rivers for all.", "https://github.com/example/rivers"),
        (
            "Our code is at https://github.com/example/riv-\ners/tree for all.",
            "https://github.com/example/riv-ers/tree",
        ),
        (
            "Our code is at https://github.com/example/rivers/\nand the data is there.",
            "https://github.com/example/rivers/",
        ),
        (
            "Our code is at https://github.com/example/rivers\nand the data is there.",
            "https://github.com/example/rivers",
        ),
        ("Our code is at https://github.com/example/rivers.\nWe split the data.", "https://github.com/example/rivers"),
        ("Code: https://github.com/example/rivers.We split it.", "https://github.com/example/rivers"),
        ("Code: https://github.com/a/rivers,https://a.org/data too.", "https://github.com/a/rivers"),
        ("Code: (https://github.com/example/rivers); more.", "https://github.com/example/rivers"),
    ],
)
def test_addresses_at_the_end_of_a_line(lines: str, address: str) -> None:
    assert read(f"Sorting Leaves\n\n{PROSE}\n\n{lines}\n").links[0].url == address


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"{\\rtf1\\ansi We study leaves.}", "RTF"),
        (b"%!PS-Adobe-3.0\n/Times findfont", "PostScript"),
        (b"\x1b%-12345X@PJL JOB\n%!PS-Adobe-3.0\n", "printer's job"),
        (b"\xf7\x02\x01\x83\x92", "DVI"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "Word"),
    ],
)
def test_other_formats_are_refused_by_name(data: bytes, word: str) -> None:
    for suffix in (".txt", "", ".tex", ".doc"):
        problem = read_bytes(data, source="x" + suffix, suffix=suffix).problem
        assert problem
        assert word in problem


@pytest.mark.parametrize(
    ("text", "suffix", "word"),
    [
        ('{"cells": [{"source": ["We study leaves."]}]}', ".ipynb", "JSON"),
        ('[\n  {"title": "Leaves"}]', ".txt", "JSON"),
        ('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><text>We study</text></svg>', ".svg", "SVG"),
        ("% mine\n@article{leaves,\n  title = {We study leaves}\n}", "", "BibTeX"),
        (f'"""{PROSE}"""\nimport leaves\n', ".py", "program"),
    ],
)
def test_other_texts_are_refused_by_name(text: str, suffix: str, word: str) -> None:
    problem = read_bytes(text.encode(), source="x" + suffix, suffix=suffix).problem
    assert problem is not None
    assert word in problem


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252"])
def test_encodings(encoding: str) -> None:
    paper = read_bytes(f"Größe\n\n{PROSE}\n\n{PROSE}".encode(encoding), source="x.txt", suffix=".txt")
    assert (paper.problem, paper.title) == (None, "Größe")


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        (
            "\\documentclass{article}\\begin{document}The tag <html> and <body> is there.\\end{document}",
            ".tex",
            "latex",
        ),
        ("\\section{A} The tag <html>.\n\\section{B} <!DOCTYPE html>", ".tex", "latex"),
        ("\\documentclass{article}\n\\begin{document}x\\end{document}", ".txt", "latex"),
        ("\\documentclass{article}\n\\begin{document}x\\end{document}", ".md", "latex"),
        ("# A\n\nUse `<html>` as in\n\n```html\n<html>\n<body>\n</body></html>\n```\n", ".md", "markdown"),
        ("# A\n\nUse `\\documentclass{x}` and `\\begin{document}`.", ".md", "markdown"),
        ("<div align=center>\n\n# A\n</div>\n", ".md", "markdown"),
        ("# A\n\nx\n\n## B\n\ny\n\n## C\n\nz\n", "", "markdown"),
        (
            "<!-- saved --><!DOCTYPE html><html><body><p>\\documentclass{x} \\begin{document}</p></body></html>",
            ".txt",
            "html",
        ),
        ("<html><body>x</body></html>", ".md", "html"),
        ("The tag <html> is there, and \\begin{document} is too.", ".txt", "text"),
        ("We write <p> and <html>.", "", "text"),
        ("<?xml version='1.0'?><TEI xmlns='http://www.tei-c.org/ns/1.0'/>", "", "tei"),
        ("<!DOCTYPE article PUBLIC '-//NLM//DTD JATS'><article><front/></article>", ".txt", "jats"),
        ("<article xmlns:xlink='x' article-type='a'><front/></article>", "", "jats"),
        ("<article><h1>A</h1><p>x</p></article>", ".html", "html"),
        ("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><body/></html>", ".xml", "html"),
    ],
)
def test_formats_by_their_structure(text: str, suffix: str, expected: str) -> None:
    assert read(text, suffix).format == expected


LANGUAGES = {
    "Finnish": "Tutkimme pieniä verkkoja, jotka lajittelevat lehtien kuvia reunan muodon mukaan, ja kysymme kuinka pitkälle kaksi kerrosta riittää.",
    "Polish": "Badamy małe sieci, które sortują zdjęcia liści według kształtu ich brzegu, i pytamy, jak daleko można dojść z dwiema warstwami.",
    "Turkish": "Yaprak resimlerini kenar biçimlerine göre sıralayan küçük ağları inceliyoruz ve iki katmanın ne kadar yeterli olduğunu soruyoruz.",
    "Hungarian": "Olyan kis hálózatokat vizsgálunk, amelyek a levelek képeit a szélük alakja szerint rendezik, és megkérdezzük, meddig jutunk két réteggel.",
    "Vietnamese": "Chúng tôi nghiên cứu các mạng nhỏ sắp xếp hình ảnh lá cây theo hình dạng của mép lá, và hỏi hai lớp có thể đi được bao xa.",
    "Czech": "Zkoumáme malé sítě, které třídí obrázky listů podle tvaru jejich okraje, a ptáme se, jak daleko se dostaneme se dvěma vrstvami.",
    "Indonesian": "Kami meneliti jaringan kecil yang mengurutkan gambar daun menurut bentuk tepinya dan bertanya seberapa jauh dua lapisan dapat berjalan.",
    "Swedish": "Vi undersöker små nätverk som sorterar bilder av löv efter formen på deras kant, och frågar hur långt två lager räcker till.",
    "Russian": "Мы изучаем небольшие сети, которые сортируют изображения листьев по форме их края, и спрашиваем, как далеко можно зайти с двумя слоями.",
    "Greek": "Μελετάμε μικρά δίκτυα που ταξινομούν εικόνες φύλλων με βάση το σχήμα του χείλους τους και ρωτάμε πόσο μακριά φτάνουν δύο επίπεδα.",
    "Arabic": "ندرس شبكات صغيرة ترتب صور الأوراق حسب شكل حافتها ونسأل إلى أي مدى يمكن أن تصل طبقتان من هذه الشبكات في العمل.",
    "Japanese": "葉の縁の形によって葉の写真を並べ替える小さなネットワークを研究し、二層でどこまで行けるかを問う。この課題は古い。道具は新しい。",
    "Korean": "우리는 잎 가장자리의 모양에 따라 잎 사진을 분류하는 작은 신경망을 연구하고 두 개의 층으로 얼마나 갈 수 있는지 묻는다.",
    "Hindi": "हम छोटे नेटवर्क का अध्ययन करते हैं जो पत्तियों की तस्वीरों को उनके किनारे के आकार के अनुसार छाँटते हैं और पूछते हैं कि दो परतें कितनी दूर जा सकती हैं।",
    "Basque": "Hostoen irudiak ertzaren formaren arabera sailkatzen dituzten sare txikiak aztertzen ditugu, eta bi geruzarekin noraino iritsi daitekeen galdetzen dugu.",
}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_other_languages_are_sound(language: str) -> None:
    assert read("Title\n\n" + "\n\n".join(f"{number} " + LANGUAGES[language] for number in range(8))).problem is None


def test_garbage_is_still_garbled() -> None:
    for shift in range(1, 26):
        table = {letter: (letter - 97 + shift) % 26 + 97 for letter in range(97, 123)}
        shifted = (PROSE * 3).lower().translate(table)
        assert (read(shifted).problem or "").startswith("garbled")
    swapped = (PROSE * 3).translate(str.maketrans("aeioutnshrdl", "qxzvkjwpgfbm"))
    assert (read(swapped).problem or "").startswith("garbled")


WORDS = (
    "network networks leaves pictures experiments hyperparameters state-of-the-art well-known optimization regularization "
    "training validation learning classification approximately representation self-supervised small results and the of"
).split()


def sentences_of(paper: Paper) -> list[str]:
    return [paper.words(sentence) for sentence in paper.sentences if sentence.kind == "text"]


def hyphenated(text: str, rng: random.Random) -> str:
    """The text in lines of random width, long words broken by a hyphen at some of their ends."""
    lines, line = [], ""
    width = rng.randint(30, 90)
    for word in text.split():
        if line and len(line) + len(word) >= width:
            cut = rng.randint(3, len(word) - 4) if len(word) > 9 and word.isalpha() and rng.random() < 0.6 else 0
            if cut:
                line, word = f"{line} {word[:cut]}-", word[cut:]
            elif "-" in word and rng.random() < 0.6:
                first, _, word = word.partition("-")
                line = f"{line} {first}-"
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=5, max_size=25), min_size=3, max_size=12),
    st.randoms(use_true_random=False),
)
def test_broken_lines_and_hyphens_give_the_same_sentences(drawn: list[list[str]], rng: random.Random) -> None:
    whole = [" ".join(words).capitalize() + "." for words in drawn]
    front = "Sorting Leaves\n\nAbstract\n\n"
    known = PROSE + " Our terms: " + ", ".join(WORDS) + ".\n\n1 Introduction\n\n"
    straight = read(front + known + " ".join(whole))
    broken = read(front + known + hyphenated(" ".join(whole), rng))
    assert sentences_of(broken) == sentences_of(straight)

    def source(text: str) -> str:
        lines = text.split(" ")
        joints = [rng.choice([" ", " ", "\n", "  ", " % a remark\n", "\n% a whole line\n"]) for _ in lines[1:]]
        lines = [
            word[:4] + rng.choice(["", "\\-", "%\n  "]) + word[4:] if len(word) > 8 and word.isalpha() else word
            for word in lines
        ]
        return "".join(word + joint for word, joint in zip(lines, [*joints, ""], strict=True))

    document = (
        "\\documentclass{article}\\title{Sorting Leaves}\\begin{document}\\maketitle\\begin{abstract}"
        + source(known.split("\n\n")[0])
        + "\\end{abstract}\\section{Introduction}"
        + source(" ".join(whole))
        + "\\end{document}"
    )
    assert sentences_of(read(document, ".tex"))[1:] == sentences_of(straight)[1:]
