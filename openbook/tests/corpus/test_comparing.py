"""Two records side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.comparing import compare, compare_records
from openbook.errors import OpenbookError
from openbook.record.files import write_record
from openbook.record.model import Answer, Evidence, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED


def record(id_: str = "p", **quotes: str) -> Record:
    answers = {name: Answer(result="yes" if name in quotes else "no", confidence=0.9) for name in SCORED}
    for name, quote in quotes.items():
        answers[name].evidence = [Evidence(quote=quote, match="exact")]
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="academia")}
    return Record(
        paper=PaperInfo(id=id_, title="T"), answers=answers, scores=score_answers(answers), run=Run(assessor="t")
    )


OLD = record(pseudocode="Algorithm 1: Sorting.", experiment_setup="The rate is 0.1.", open_datasets="We use MNIST.")
NEW = record(
    pseudocode="Algorithm 1:  Sorting!",
    open_source_code="Code: https://a.example.",
    open_datasets="We use CIFAR-10 instead.",
)


def test_answers_scores_and_quotes_that_changed() -> None:
    found = compare_records(OLD, NEW)
    assert [(one.variable, one.before, one.after) for one in found.changes] == [
        ("open_source_code", "no", "yes"),
        ("experiment_setup", "yes", "no"),
    ]
    assert found.changes[0].gained == ("Code: https://a.example.",)
    assert found.changes[1].lost == ("The rate is 0.1.",)
    assert [one.variable for one in found.quotes_only] == ["open_datasets"], "a quote with small changes is the same"
    assert found.documentation == (3, 3)


def test_a_record_equals_itself() -> None:
    found = compare_records(OLD, OLD)
    assert found.changes == found.quotes_only == ()


def test_folders_are_compared_by_id(tmp_path: Path) -> None:
    for folder, records in (("a", [OLD, record("q")]), ("b", [NEW, record("r")])):
        for one in records:
            write_record(one, tmp_path / folder / f"{one.paper.id}.json")
    compared, gone, new = compare(tmp_path / "a", tmp_path / "b")
    assert ([one.id for one in compared], gone, new) == (["p"], ["q"], ["r"])
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["only_before"] == ["q"]
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a/p.json"), str(tmp_path / "b/p.json")])
    assert "Open source code: no 90 % → yes 90 %" in done.output


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    write_record(OLD, tmp_path / "a" / "p.json")
    write_record(record("q"), tmp_path / "b" / "q.json")
    with pytest.raises(OpenbookError, match="two records, or two folders"):
        compare(tmp_path / "a", tmp_path / "b" / "q.json")
    with pytest.raises(OpenbookError, match="nothing to compare"):
        compare(tmp_path / "a", tmp_path / "b")
