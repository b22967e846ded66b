"""Whole small papers, each the sign of a kind of fault that readers of markup have; what should come out of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from openbook.papers.reading import read_paper

CASES = Path(__file__).parent / "cases"
LEAFSORT = "https://github.com/adamuster/leafsort"
RIVERS = "https://github.com/example/rivers"
LEAVES_TITLE, RIVERS_TITLE = "Sorting Leaves with Small Networks", "River Levels from Rain Gauges"
TWO = ["Abstract", "1 Introduction", "2 Experiments"]


@dataclass(frozen=True)
class Case:
    """What a file should give: its format and title, headings, links, and what its text holds and does not."""

    format: str
    title: str
    headings: list[str]
    links: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    authors: list[str] | None = None


CASES_BY_NAME = {
    "affiliation.tei.xml": Case(
        "tei",
        "River levels from rain gauges",
        ["Abstract", "1 Introduction", "2 Setup"],
        [RIVERS],
        ["\n\nUniversity of Example, Sampleton, Germany\n\n"],
        authors=["Ada Example", "Ben Sample"],
    ),
    "affiliation.tex": Case(
        "latex",
        RIVERS_TITLE,
        ["Abstract", "1 Introduction", "2 Setup", "3 Code"],
        [RIVERS],
        ["\n\nDepartment of Water, University of Example\n\n", "\n\nada@example.edu\n\n"],
        ["[1]", "[]"],
        ["Ada Example", "Ben Sample"],
    ),
    "discarding_macro.tex": Case(
        "latex", LEAVES_TITLE, TWO, [], ["We report the mean"], ["Our code", "GPUs", "github"]
    ),
    "nested_iffalse.tex": Case(
        "latex",
        LEAVES_TITLE,
        TWO,
        [],
        ["We split the pictures into 800 for training"],
        ["GPUs", "github", "An old remark", "Inner words", "Old numbers"],
    ),
    "percent_in_url.tex": Case(
        "latex",
        LEAVES_TITLE,
        TWO,
        ["https://zenodo.org/record/42/files/leaf%20rims.zip", LEAFSORT],
        ["leaf%20rims.zip for everyone. Our code is available at https://github.com/adamuster/leafsort."],
    ),
    "import_package.tar.gz": Case("latex", LEAVES_TITLE, TWO, [LEAFSORT], ["eight NVIDIA A100 GPUs"], ["parts/"]),
    "html_word.tex": Case(
        "latex", LEAVES_TITLE, TWO, [LEAFSORT], ["the tag <html> and all tags", "We split the pictures"], ["GPUs"]
    ),
    "macros_in_sty.tar.gz": Case(
        "latex",
        LEAVES_TITLE,
        TWO,
        [LEAFSORT],
        [f"Our code is available at {LEAFSORT}. Our method LeafNet was trained on eight NVIDIA A100 GPUs."],
    ),
    "macros_with_arguments.tex": Case(
        "latex",
        RIVERS_TITLE,
        ["Abstract", "1 Introduction", "2 Setup", "3 Code"],
        [RIVERS],
        ["We train on four NVIDIA V100 GPUs with a batch size of 64.", f"Our code is at {RIVERS}."],
    ),
    "plot_coordinates.tex": Case(
        "latex",
        RIVERS_TITLE,
        ["Abstract", "1 Introduction", "2 Setup", "3 Code"],
        [RIVERS],
        ["We train on four NVIDIA V100 GPUs", "Figure 1: All hours."],
        ["91.9", "coordinates"],
    ),
    "table_cells.html": Case(
        "html",
        LEAVES_TITLE,
        TWO,
        [],
        ["\n\nMachine eight NVIDIA A100 GPUs\n\nLibrary PyTorch 2.1\n\nTraining 800\n\nTest 100"],
    ),
    "media_rules.html": Case(
        "html", LEAVES_TITLE, TWO, [LEAFSORT], ["eight NVIDIA A100 GPUs", "Our code is available at GitHub."]
    ),
    "footnote_in_sentence.html": Case(
        "html",
        LEAVES_TITLE,
        TWO[:2],
        [],
        ["\n\nAll models were trained on eight NVIDIA A100 GPUs with 80 GB of memory.\n\nMore in the appendix."],
        ["11More"],
    ),
    "sentences.tei.xml": Case(
        "tei",
        LEAVES_TITLE,
        TWO[:2],
        [LEAFSORT],
        ["summer. All models were trained", "memory. We split the pictures", f"Our code is at {LEAFSORT}."],
    ),
    "font_size_in_em.html": Case(
        "html",
        "River levels from rain gauges",
        ["Abstract", "1 Introduction", "2 Setup", "3 Code"],
        [RIVERS],
        ["We train on four NVIDIA V100 GPUs"],
    ),
    "jats.nxml": Case(
        "jats",
        "River levels from rain gauges",
        ["Abstract", "Introduction", "Setup", "References"],
        [RIVERS],
        ["We train on four NVIDIA V100 GPUs", "\n\nA. Author. Floods. 2011."],
        ["<", "article"],
        ["Ada Example"],
    ),
    "lines_without_blank_lines.txt": Case(
        "text",
        "River levels from rain gauges",
        ["Abstract", "1 Introduction", "2 Setup", "3 Code", "References"],
        ["https://github.com/other/notours"],
        ["\n\n[1] A. Author. Floods. 2011.\n\n[2] B. Author. Gauges."],
    ),
    "contents_page.pdf": Case(
        "pdf",
        RIVERS_TITLE,
        ["Contents", "Abstract", "1 Introduction", "2 Setup", "3 Code", "References", "Appendix. More results"],
        [RIVERS],
    ),
    "acl_checklist.pdf": Case(
        "pdf",
        RIVERS_TITLE,
        [
            "Abstract",
            "1 Introduction",
            "2 Results",
            "References",
            "ACL 2023 Responsible NLP Checklist",
            "A For every submission:",
            "B Did you use or create scientific artifacts?",
            "C Did you run computational experiments?",
        ],
        [RIVERS],
    ),
    "supplement_headings.pdf": Case(
        "pdf",
        RIVERS_TITLE,
        ["Abstract", "1 Introduction", "2 Results", "References", "S1 Training details", "S2 Data and code"],
        [RIVERS],
    ),
}


@pytest.mark.parametrize("name", sorted(CASES_BY_NAME))
def test_case(name: str) -> None:
    case, paper = CASES_BY_NAME[name], read_paper(CASES / name)
    assert (paper.problem, paper.format, paper.title) == (None, case.format, case.title)
    assert [section.title for section in paper.sections if section.title] == case.headings
    assert [link.url for link in paper.links] == case.links
    for words in case.holds:
        assert words in paper.text
    for words in case.lacks:
        assert words not in paper.text
    assert case.authors in (None, paper.authors)


@pytest.mark.parametrize(
    ("name", "part", "first"),
    [
        ("contents_page.pdf", "body", "3 Code"),
        ("acl_checklist.pdf", "checklist", "C Did you run computational experiments?"),
        ("supplement_headings.pdf", "appendix", "S1 Training details"),
        ("lines_without_blank_lines.txt", "references", "References"),
    ],
)
def test_parts(name: str, part: str, first: str) -> None:
    paper = read_paper(CASES / name)
    assert next(section.part for section in paper.sections if section.title == first) == part
