"""One sentence decides: every sentence of ``claims.toml`` and every borderline example, in an otherwise silent paper."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from openbook.assessors.linear.answers import readable
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.linear.named_tools import hardware_models, software_versions
from openbook.assessors.linear.weight_files import LONGEST
from openbook.papers.paper import Paper
from openbook.variables import SCORED
from openbook.variables.definitions import definitions

TABLE = tomllib.loads((Path(__file__).parent / "claims.toml").read_text(encoding="utf-8"))
YES = [(variable, text) for variable in SCORED for text in TABLE[variable]["yes"]]
NO = [
    (variable, group["near"], text) for variable in SCORED for group in TABLE[variable]["no"] for text in group["texts"]
]
BORDERLINE = [
    (variable, example.answer, example.text) for variable in SCORED for example in definitions()[variable].borderline
]


@pytest.fixture(scope="module")
def linear() -> LinearAssessor:
    return LinearAssessor()


def holding(fill: Callable[..., Paper], variable: str, text: str) -> Paper:
    """A paper that holds this sentence, as a paragraph where such things stand."""
    if variable == "pseudocode":
        return fill(method=f"{text}\n\nThe rest is as before.")
    return fill(experiments=text if text.endswith(".") else f"\n\n{text}\n\n")


def test_the_table_is_large_enough() -> None:
    assert len(YES) + len(NO) > 150


@pytest.mark.parametrize(("variable", "text"), YES)
def test_a_sentence_that_proves_is_a_yes_and_its_quote(
    linear: LinearAssessor, filled_frame: Callable[..., Paper], variable: str, text: str
) -> None:
    answer = linear.assess(holding(filled_frame, variable, text))[variable]
    assert answer.result == "yes", (answer.response, text)
    assert " ".join(answer.evidence[0].quote.split()) == text
    assert answer.confidence is not None
    assert answer.confidence >= 0.5


@pytest.mark.parametrize(("variable", "near", "text"), NO)
def test_a_sentence_that_falls_short_is_a_no_that_names_it(
    linear: LinearAssessor, filled_frame: Callable[..., Paper], variable: str, near: str, text: str
) -> None:
    answer = linear.assess(holding(filled_frame, variable, text))[variable]
    assert answer.result == "no", (answer.response, text)
    if near:
        assert answer.near_miss is not None
        assert answer.near_miss.kind == near
        assert " ".join(answer.near_miss.quote.split()) == text


@pytest.mark.parametrize(("variable", "expected", "text"), BORDERLINE)
def test_borderline_examples(
    linear: LinearAssessor, filled_frame: Callable[..., Paper], variable: str, expected: str, text: str
) -> None:
    assert linear.assess(holding(filled_frame, variable, text))[variable].result == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We used MATLAB R2014a and Python 3.8.10.", ["MATLAB R2014a", "Python 3.8.10"]),
        ("Gurobi 392.5 ± 1.3 10.53 -1784.7 1.0 6.74 295.7 7.9 6.63 212.1 1.8 9.97 1767.8 7.62 303.3", []),
        ("with a gap of 0.5 and r 2.5", []),
        ("the reconstruction error of R 2.5 2.5", []),
        ("the Julia programming language1 (version 0.4.2)", ["Julia programming language1 (version 0.4.2"]),
        ("C++11 and HalfCheetah-v2", []),
    ],
)
def test_software_versions(text: str, expected: list[str]) -> None:
    assert software_versions(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We train on 8 H100s for 12 hours.", ["H100s"]),
        ("Let v100 be a vector.", []),
        ("a cluster with many GPUs", []),
    ],
)
def test_hardware_models(text: str, expected: list[str]) -> None:
    assert hardware_models(text) == expected


def test_a_long_quote_is_cut_to_whole_clauses_around_what_proves_it() -> None:
    text = (
        "We describe many things here. " * 30 + "All runs used an NVIDIA V100 GPU. " + "And there is more to say. " * 30
    )
    start, end = readable(text, "NVIDIA V100")
    assert end - start <= LONGEST
    assert "NVIDIA V100 GPU." in text[start:end]
    assert text[start:end].startswith(("We", "All"))
    assert text[start:end].endswith(".")
    assert readable("short", "") == (0, 5)
