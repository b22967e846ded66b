"""Headings and parts: which lines are headings, and what they open."""

from __future__ import annotations

import pytest

from openbook.papers.sections import Outline


def follow(*titles: str) -> list[tuple[int, str]]:
    outline = Outline()
    return [outline.enter(title) for title in titles]


def test_parts_of_a_whole_paper() -> None:
    found = follow(
        "Abstract",
        "1 Introduction",
        "1.1 Data",
        "2 Results",
        "Acknowledgments",
        "References",
        "A Proofs",
        "A.1 Lemma",
        "B More Results",
        "NeurIPS Paper Checklist",
    )
    assert [part for _, part in found] == ["body"] * 5 + ["references"] + ["appendix"] * 3 + ["checklist"]
    assert [level for level, _ in found] == [1, 1, 2, 1, 1, 1, 1, 2, 1, 1]


@pytest.mark.parametrize("title", ["Appendix", "APPENDIX A", "Appendix A: Proofs", "Supplementary Material"])
def test_appendix_by_name(title: str) -> None:
    assert follow("1 Introduction", title)[-1][1] == "appendix"


def test_acknowledgments_after_references_are_body() -> None:
    assert follow("References", "Acknowledgements")[-1][1] == "body"


def test_a_first_word_of_one_letter_is_no_number() -> None:
    assert follow("1 Introduction", "A Method for Everything") == [(1, "body"), (1, "body")]


@pytest.mark.parametrize(
    "title", ["Abstract", "REFERENCES", "1 Introduction", "1. Introduction", "Related Work", "I. INTRODUCTION"]
)
def test_headings(title: str) -> None:
    assert Outline().is_heading(title)


@pytest.mark.parametrize(
    "text",
    [
        "We use Adam.",
        "12 0.0006 0.34",
        "7: update functions",
        "3. MV, assigning the majority vote;",
        "x = 3",
        "1 and 2 are the same",
        "5 layers",
        "",
        "1. A. Hyvärinen and P. Hoyer. A two-layer sparse coding",
    ],
)
def test_no_headings(text: str) -> None:
    assert not Outline().is_heading(text)


def test_numbers_must_follow() -> None:
    outline = Outline()
    outline.enter("4 Experiments")
    assert outline.is_heading("4.1 Data Sets")
    assert outline.is_heading("5 Conclusion")
    assert not outline.is_heading("1. Initialise the Weights")
    assert not outline.is_heading("9 Things to Do")


def test_list_items_are_none_once_headings_have_a_style() -> None:
    outline = Outline()
    outline.enter("1 Introduction", marked=True)
    assert not outline.is_heading("2. We Show That It Works")
    assert outline.is_heading("2. We Show That It Works", marked=True)


def test_entries_of_the_contents_are_no_headings() -> None:
    outline = Outline()
    outline.enter("Contents")
    for entry in (
        "1 Introduction 2",
        "2 Setup ..... 3",
        "Appendix. More results 6",
        "References 5",
        "A Proofs 14",
        "2.1 Data iv",
    ):
        assert not outline.is_heading(entry, marked=True), entry
    assert outline.is_heading("Abstract")
    outline.enter("Abstract")
    assert outline.is_heading("1 Introduction")
    assert not Outline().is_heading("1 Introduction . . . . . . . . 2")


@pytest.mark.parametrize(
    "titles",
    [
        ("S1 Training Details", "S1.1 Machines", "S2 Data and Code"),
        ("S.1 Training Details", "S.1.1 Machines", "S.2 Data and Code"),
        ("A1 Training Details", "A2 Data and Code"),
        ("A Training Details", "B Data and Code"),
        ("Supporting Information", "S1 Training Details"),
        ("Technical Appendix",),
    ],
)
def test_what_opens_the_appendix_after_the_references(titles: tuple[str, ...]) -> None:
    outline = Outline()
    for title in ("1 Introduction", "2 Results", "References"):
        outline.enter(title)
    for title in titles:
        assert outline.is_heading(title), title
        assert outline.enter(title)[1] == "appendix"


def test_letters_with_numbers_are_no_headings_elsewhere() -> None:
    outline = Outline()
    outline.enter("3 Results")
    assert not outline.is_heading("S1 Training Details")
    assert not outline.is_heading("A1 Is Larger Than Others")


@pytest.mark.parametrize(
    "title",
    [
        "ACL 2023 Responsible NLP Checklist",
        "Responsible NLP Research Checklist",
        "NeurIPS Paper Checklist",
        "Checklist",
        "Reproducibility Checklist",
        "ICML Paper Checklist",
        "AAAI Reproducibility Checklist for Authors",
    ],
)
def test_checklists_to_their_end(title: str) -> None:
    items = [
        "A For every submission:",
        "B Did you use or create scientific artifacts?",
        "C Did you run computational experiments?",
        "D Did you use human annotators?",
    ]
    assert [part for _, part in follow("1 Introduction", "References", "A Proofs", title, *items)][3:] == [
        "checklist"
    ] * 5
    assert [part for _, part in follow("1 Introduction", "References", title, "A Proofs")][2:] == [
        "checklist",
        "appendix",
    ]
    assert follow("1 Introduction", "References", title, *items, "Appendix A: Proofs")[-1][1] == "appendix"


def test_the_questions_of_a_checklist_without_its_title() -> None:
    outline = Outline()
    for title in ("1 Introduction", "References", "A Proofs", "B More"):
        outline.enter(title)
    assert outline.is_heading("A For every submission:")
    assert outline.enter("A For every submission:")[1] == "checklist"
    assert outline.enter("B Did you use or create scientific artifacts?")[1] == "checklist"


@pytest.mark.parametrize(
    "title", ["References", "Bibliography", "Literature", "Literaturverzeichnis", "Références", "Referencias"]
)
def test_references_by_name(title: str) -> None:
    assert Outline().is_heading(title)
    assert follow("1 Introduction", title)[-1][1] == "references"
