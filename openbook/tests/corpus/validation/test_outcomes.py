"""How well documentation predicts reproduction: known rates, null results said as such, and tables that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.validation.outcomes import PaperOutcome, read_outcomes, replication_study, validate_outcomes
from openbook.errors import OpenbookError


def test_the_built_in_replication_study() -> None:
    found = validate_outcomes(replication_study())
    assert (found["papers"], found["reproduced"]) == (22, 11)
    rates = found["classes"]
    assert rates["code and data"]["reproduced"] == 6
    assert rates["code and data"]["rate"] == pytest.approx(6.5 / 8)
    assert rates["data only"]["rate"] == pytest.approx(5.5 / 16)
    assert rates["data only"]["interval"][0] < 5 / 15 < rates["data only"]["interval"][1]
    assert found["fixed"]["log_loss"] == pytest.approx(
        -(6 * np.log(0.86) + np.log(0.14) + 5 * np.log(0.33) + 10 * np.log(0.67)) / 22
    )


def made(n: int, effect: float, seed: int = 0) -> list[PaperOutcome]:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 8, n)
    chances = 1 / (1 + np.exp(-effect * (scores - 3.5)))
    return [
        PaperOutcome(str(i), "data only", int(score), bool(random.random() < chance))
        for i, (score, chance) in enumerate(zip(scores, chances, strict=True))
    ]


def test_an_effect_is_found_and_its_absence_is_a_null_result() -> None:
    strong = validate_outcomes(made(120, 1.2))["by_score"]
    assert strong["predicts"]
    assert strong["interval"][0] < 1.2 < strong["interval"][1] + 0.6
    null = validate_outcomes(made(120, 0.0))["by_score"]
    assert not null["predicts"]
    assert null["interval"][0] < 0 < null["interval"][1]


def test_tables_of_others(tmp_path: Path) -> None:
    table = tmp_path / "o.csv"
    table.write_text("id,code,data,documentation,reproduced\na,yes,yes,6,yes\nb,no,yes,3,no\nc,no,no,1,no\n")
    assert [one.kind for one in read_outcomes(table, None)] == ["code and data", "data only", "neither"]
    done = CliRunner().invoke(app, ["validate", "--outcomes", str(table), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["papers"] == 3
    done = CliRunner().invoke(app, ["validate", "--outcomes", "example"])
    assert "6 of 7" in done.output
    assert CliRunner().invoke(app, ["validate"]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,reproduced\na,yes\n", "columns id, reproduced, code, data"),
        ("id,code,data,reproduced\n", "needs rows"),
        ("id,code,data,reproduced\na,yes,maybe,no\n", "line 2: data is 'maybe'"),
    ],
)
def test_what_is_no_table_of_outcomes(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "o.csv").write_text(text)
    with pytest.raises(OpenbookError, match=said):
        read_outcomes(tmp_path / "o.csv", None)
