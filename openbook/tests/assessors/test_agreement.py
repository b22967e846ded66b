"""Votes: the majority answers, ties are decided with caution, and agreement gives the measured confidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.assessors.agreement import combine, confidence, measure
from openbook.cli import app
from openbook.record.model import Answer, Evidence
from openbook.variables import VARIABLES


def voting(*results: str) -> list[dict[str, Answer]]:
    quote = Evidence(quote="A sentence.", start=3, end=14, match="exact")
    return [{"pseudocode": Answer(result=result, evidence=[quote] * (result == "yes"))} for result in results]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (("yes", "yes", "no"), "yes"),
        (("yes", "no", "no"), "no"),
        (("yes", "no"), "no"),
        (("yes", "unverified"), "unverified"),
        (("yes", "yes", "no", "no"), "no"),
    ],
)
def test_the_majority_answers(results: tuple[str, ...], expected: str) -> None:
    combined = combine(voting(*results), ["pseudocode"])["pseudocode"]
    assert combined.result == expected
    assert len(combined.evidence) == (expected == "yes")


def test_more_agreement_is_more_sure() -> None:
    assert confidence(1, 1) is None
    sure = [confidence(agreeing, 5) for agreeing in (3, 4, 5)]
    assert sure == sorted(sure, key=lambda value: value or 0)
    assert confidence(10, 10) == confidence(5, 5)
    between = confidence(9, 10)
    assert between is not None
    assert (confidence(4, 5) or 0) < between < (confidence(5, 5) or 0)


def test_measuring_on_runs_made_up() -> None:
    runs = [{("a", "pseudocode"): 1, ("b", "pseudocode"): code} for code in (1, 1, 0)]
    table = measure(runs, {("a", "pseudocode"): 1, ("b", "pseudocode"): 0})["votes"]
    assert table["3"] == {"2": {"accuracy": 0.0, "count": 1}, "3": {"accuracy": 1.0, "count": 1}}
    assert table["2"]["1"] == {"accuracy": 0.5, "count": 4}


@pytest.mark.data
def test_the_kept_table_is_the_measured_one(index_data: Path) -> None:
    import json
    from importlib.resources import files

    said = CliRunner().invoke(
        app,
        [
            "bench",
            "agreement",
            "--runs",
            str(index_data / "prompt_opt_runs.parquet"),
            "--labels",
            str(index_data / "gundersen2018.parquet"),
            "--json",
        ],
    )
    assert said.exit_code == 0, said.output
    kept = json.loads(files("openbook.assessors").joinpath("agreement.json").read_text(encoding="utf-8"))
    measured = json.loads(said.stdout)
    assert measured["votes"] == kept["votes"]
    assert measured["answers"] == 400 * len(VARIABLES)
    # the published figures: unanimous over five runs, and not
    five = measured["votes"]["5"]
    assert f"{five['5']['accuracy']:.3f}" == "0.938"
    split = [five["3"], five["4"]]
    right = sum(row["accuracy"] * row["count"] for row in split) / sum(row["count"] for row in split)
    assert f"{right:.3f}" == "0.595"
