"""A study begun from a paper or from a rubric: every entry points into its source, and what is empty is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from openbook.assess.pipeline import assess_paper
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.papers.reading import read_bytes, read_text
from openbook.papers.tables import read_tables
from openbook.studies import load_study
from openbook.studies.scaffold import read_rubric, scaffold, write_scaffold

TEXT = """River Levels from Rain Gauges

Ada Example
University of Example

Abstract

We study how far a small network can look ahead on rivers. Our network reduces the mean error by 31 % on eight rivers.

1 Introduction

Floods cost lives, and a warning of a few hours can save many of them, as Sample et al. (2019) have shown for one river.

2 Experiments

We use the RiverBase data set, which is public at https://example.org/riverbase for everyone who asks about rivers.
The learning rate is 0.01 and the batch size is 32 in all of the runs. Table 2 shows that our network outperforms the
linear model on all eight rivers, with an error of 4.1 against 6.0 centimetres. The filter runs in linear time.

3 Conclusion

We hope that it should be of use where no other warning of any kind exists today in any of the countries.

References

Sample, B. Rivers. Journal of Stones, 2019.
"""


def test_every_entry_points_into_the_paper(tmp_path: Path) -> None:
    paper = read_text(TEXT)
    content = scaffold(paper, assess_paper(paper, LinearAssessor()), "rivers")
    sentences = [claim["sentence"] for claim in content["claims"]]
    assert any("reduces the mean error by 31 %" in one for one in sentences)
    assert any("outperforms the linear model" in one for one in sentences)
    assert not any("Sample et al." in one or "We hope" in one for one in sentences)
    for entry in [*content["claims"], *content["found"]["setup"], *content["found"]["datasets"]]:
        start, end = entry["span"]
        assert " ".join(paper.text[start:end].split()) == entry["sentence"]
    first = next(claim for claim in content["claims"] if "31 %" in claim["sentence"])
    assert (first["numbers"], first["direction"], first["command"]) == (["31 %"], "at_most", "")
    second = next(claim for claim in content["claims"] if "Table 2" in claim["sentence"])
    assert (second["numbers"], second["points_to"]) == (["4.1", "6.0"], ["Table 2"])
    assert "no seeds" in content["found"]["missing"]
    path = write_scaffold(content, tmp_path / "rivers")
    study = load_study(path.parent)
    assert len(study.unfinished()) >= len(content["claims"])
    with pytest.raises(OpenbookError, match="exists already"):
        write_scaffold(content, tmp_path / "rivers")


def test_the_commands(tmp_path: Path) -> None:
    runner = CliRunner()
    source = tmp_path / "rivers.txt"
    source.write_text(TEXT)
    done = runner.invoke(app, ["study", "new", str(source), "--out", str(tmp_path / "studies" / "rivers"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["claims"] >= 2
    done = runner.invoke(app, ["study", "check", "rivers", "--studies", str(tmp_path / "studies")])
    assert done.exit_code == 4
    assert "claim-1: no command" in done.output
    done = runner.invoke(app, ["study", "run", "rivers", "--studies", str(tmp_path / "studies"), "--json"])
    assert {claim["reason"] for claim in json.loads(done.output)["claims"].values()} == {"it has no command yet"}
    done = runner.invoke(app, ["study", "new", str(source), "--out", str(tmp_path / "Bad Name")])
    assert "is invalid" in str(done.exception)


TREE: dict[str, Any] = {
    "id": "root",
    "requirements": "Everything",
    "weight": 1,
    "sub_tasks": [
        {"id": "a", "requirements": "The method", "weight": 3, "sub_tasks": []},
        {
            "id": "b",
            "requirements": "The results",
            "weight": 1,
            "sub_tasks": [
                {
                    "id": "b1",
                    "requirements": "Table 1 holds",
                    "weight": 1,
                    "sub_tasks": [],
                    "task_category": "Result Match",
                },
                {"id": "b2", "requirements": "Table 2 holds", "weight": 1, "sub_tasks": []},
            ],
        },
    ],
}


def rubric(folder: Path, tree: Any) -> Path:
    path = folder / "rubric.json"
    path.write_text(json.dumps(tree))
    return path


def test_a_rubric_becomes_weighted_claims(tmp_path: Path) -> None:
    claims = read_rubric(rubric(tmp_path, TREE))
    assert [(claim["id"], claim["weight"]) for claim in claims] == [("a", 0.75), ("b1", 0.125), ("b2", 0.125)]
    done = CliRunner().invoke(
        app, ["study", "import", "--rubric", str(tmp_path / "rubric.json"), "--out", str(tmp_path / "studies" / "x")]
    )
    assert done.exit_code == 0, done.output
    assert load_study(tmp_path / "studies" / "x").weighted_score() == 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda tree: tree["sub_tasks"][1]["sub_tasks"][0].pop("weight"),
            r"sub_tasks\[1\].sub_tasks\[0\] has no weight",
        ),
        (lambda tree: tree["sub_tasks"][0].update(weight=-1), r"sub_tasks\[0\] has no weight, a number of at least 0"),
        (lambda tree: tree["sub_tasks"][0].update(requirements=" "), r"sub_tasks\[0\] has no requirements"),
        (lambda tree: tree["sub_tasks"][1].update(sub_tasks={}), r"sub_tasks\[1\] has sub_tasks of type dict"),
        (lambda tree: tree.update(extra=1), "the root has the unknown key 'extra'"),
        (lambda tree: tree["sub_tasks"].append("x"), r"sub_tasks\[2\] has no weight"),
        (lambda tree: [task.update(weight=0) for task in tree["sub_tasks"]], "every weight is 0"),
    ],
)
def test_a_broken_tree_is_refused_with_its_path(tmp_path: Path, change: Any, said: str) -> None:
    tree = json.loads(json.dumps(TREE))
    change(tree)
    with pytest.raises(OpenbookError, match=said):
        read_rubric(rubric(tmp_path, tree))


def test_what_is_no_json_is_no_rubric(tmp_path: Path) -> None:
    (tmp_path / "rubric.json").write_text("{")
    with pytest.raises(OpenbookError, match="cannot be read as JSON"):
        read_rubric(tmp_path / "rubric.json")
    with pytest.raises(OpenbookError, match="does not exist"):
        read_rubric(tmp_path / "none.json")


def test_rows_of_a_table_of_numbers() -> None:
    typst = pytest.importorskip("typst")
    source = """#set page(width: 16cm, height: 14cm)
Some words stand before the table, and they are enough to make a paragraph of prose in this document of one page.
#figure(table(columns: 4, [Method], [Rivers], [Error], [Time], [linear], [8], [6.0], [1.2], [ours, small], [8], [4.1 ± 0.2], [3.4]),
caption: [Errors by method.], kind: table)
Some words stand after the table as well, and they are no rows of it, however many of them there may be on this page.
"""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.typ"
        path.write_text(source)
        data = typst.compile(str(path))
    (table,) = read_tables(read_bytes(data, source="a.pdf"))
    assert table.caption.startswith("Table 1")
    assert table.rows[0] == ("Method", "Rivers", "Error", "Time")
    assert table.rows[1] == ("linear", "8", "6.0", "1.2")
    assert table.rows[2] == ("ours, small", "8", "4.1 ± 0.2", "3.4")
