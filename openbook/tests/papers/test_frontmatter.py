"""Title, authors, venue and year of a first page: people are told from their addresses, papers from their publishers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openbook.papers.frontmatter import names, publication
from openbook.papers.reading import read_bytes, read_paper

CASES = Path(__file__).parent / "cases"


def test_raised_letters_are_no_part_of_names() -> None:
    assert read_paper(CASES / "author_marks.pdf").authors == ["Ada Example", "Ben Sample", "Carla Probe"]


@pytest.mark.parametrize(
    ("lines", "people"),
    [
        (["Ada Muster, Ben Sample", "Acme Robotics, Berlin"], ["Ada Muster", "Ben Sample"]),
        (["Ada Muster, Ben Sample", "Leaf Works, Musterstadt"], ["Ada Muster", "Ben Sample"]),
        (["Ada Muster and Ben Sample", "Quantum Brain"], ["Ada Muster", "Ben Sample"]),
        (["Ada Muster 1 , Ben Sample 2", "1 Acme Widgets, Palo Alto", "2 ETH Zurich"], ["Ada Muster", "Ben Sample"]),
        (["Ada Muster", "TU Munich", "Ben Sample", "Snap, Santa Monica"], ["Ada Muster", "Ben Sample"]),
        (["Ada Muster, Acme Widgets, London", "Ben Sample, Acme Widgets, London"], ["Ada Muster", "Ben Sample"]),
        (["Ada Muster", "Sorbonne Paris", "Vector Institute Toronto"], ["Ada Muster"]),
        (["Kai-Wei Example, University of Somewhere", "Dan Sample, Berkeley"], ["Kai-Wei Example"]),
        (
            ["María José de la Cruz, J. R. R. Probe, Jean-Luc Bâché"],
            ["María José de la Cruz", "J. R. R. Probe", "Jean-Luc Bâché"],
        ),
        (["Ada Muster α , Ben Sample β", "α Leaf Company"], ["Ada Muster", "Ben Sample"]),
        (["Ada Ma 1 Ben Ai⟨2,3⟩ Carla Li*2", "1 Acme Widgets, Springfield, MA"], ["Ada Ma", "Ben Ai", "Carla Li"]),
    ],
)
def test_addresses_are_no_authors(lines: list[str], people: list[str]) -> None:
    assert names(lines) == people


def test_names_in_a_font_of_their_own(
    pdf_of: Callable[..., bytes], line: Callable[..., str], block: Callable[..., str], prose: str
) -> None:
    head = (
        line(150, 730, "A Small Paper of Leaves", size=18)
        + line(150, 700, "Ada Muster", font="F2")
        + line(150, 688, "Green Leaf Partners")
        + line(350, 700, "Ben Sample", font="F2")
        + line(350, 688, "Tall Tree Ventures")
        + line(72, 650, "Abstract", font="F2", size=12)
    )
    paper = read_bytes(pdf_of([head + block(72, 630, prose * 2)]), source="x.pdf")
    assert paper.title == "A Small Paper of Leaves"
    assert paper.authors == ["Ada Muster", "Ben Sample"]


@pytest.mark.parametrize(
    ("lines", "venue", "year"),
    [
        (
            ["Proceedings of the 34th International Conference on Machine Learning, Sydney, PMLR 70, 2017."],
            "ICML",
            2017,
        ),
        (
            ["Proceedings of the 40 th International Conference on Machine", "Learning, Hawaii. PMLR 202, 2023."],
            "ICML",
            2023,
        ),
        (
            ["Proceedings of the 31st International Conference on Machine", "Learning, 2014. JMLR: W&CP volume 32."],
            "ICML",
            2014,
        ),
        (["PMLR 202"], "ICML", 2023),
        (["Published as a conference paper at ICLR 2023"], "ICLR", 2023),
        (["35th Conference on Neural Information Processing Systems (NeurIPS 2021)."], "NeurIPS", 2021),
        (["NeurIPS 2021"], "NeurIPS", 2021),
        (["31st Conference on Neural Information Processing Systems (NIPS 2017), Long Beach."], "NeurIPS", 2017),
        (["The Thirty-Fourth AAAI Conference on Artificial Intelligence (AAAI-20)"], "AAAI", 2020),
        (
            ["Proceedings of the Thirty-Ninth Conference on Uncertainty in Artificial Intelligence (UAI 2023)"],
            "UAI",
            2023,
        ),
        (["Published in Transactions on Machine Learning Research (10/2022)"], "TMLR", 2022),
        (["arXiv:1706.03762v5 [cs.CL] 6 Dec 2017"], "arXiv", 2017),
        (["Under review as a conference paper at ICLR 2025"], "", None),
        (["Submitted to 35th Conference on Neural Information Processing Systems (NeurIPS 2021)."], "", None),
        (["We follow the winners of ICML and compare to work of 2019."], "", None),
    ],
)
def test_venue_and_year(lines: list[str], venue: str, year: int | None) -> None:
    assert publication(lines) == (venue, year)


def test_venue_and_year_of_a_page(
    pdf_of: Callable[..., bytes], line: Callable[..., str], block: Callable[..., str], prose: str
) -> None:
    head = line(72, 770, "Published as a conference paper at ICLR 2023", size=9) + line(
        72, 720, "A Small Paper", size=18
    )
    paper = read_bytes(pdf_of([head + block(72, 680, prose * 2)]), source="x.pdf")
    assert (paper.venue, paper.year, paper.title) == ("ICLR", 2023, "A Small Paper")
    assert "conference paper" not in paper.text
