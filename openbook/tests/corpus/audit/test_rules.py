"""Each rule of the audit, on what it must find and what it must leave alone."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.audit.findings import (
    KINDS,
    AuditedAnswer,
    AuditedRecord,
    as_audited,
    audited_record,
    read_findings,
)
from openbook.corpus.audit.rules import audit
from openbook.errors import OpenbookError
from openbook.record.parquet import from_row, to_row
from openbook.variables import SCORED, VARIABLES


def row(id_: str = "a", **changed: Any) -> dict[str, Any]:
    """A record of the published index in which nothing is wrong."""
    one: dict[str, Any] = {"id": id_, "title": "T", "model": "gemini-2.5-flash", "input_tokens": 20_000}
    for variable in VARIABLES:
        one[variable] = 0
        one[f"{variable}_text"] = ""
    return one | changed


def found(tmp_path: Path, *rows: dict[str, Any], **options: Any) -> list[tuple[str, str, str | None]]:
    path = tmp_path / "records.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return [(one.kind, one.severity, one.variable) for one in audit(path, **options)]


def test_a_clean_record_has_no_findings(tmp_path: Path) -> None:
    fine = dict.fromkeys(SCORED, 1) | {
        "open_source_code_text": "Our code is available at https://github.com/ann/AsyncDiff.",
        "hardware_specification_text": "All models were trained on one NVIDIA A100.",
    }
    assert found(tmp_path, row(**fine)) == []


def test_ghosts(tmp_path: Path) -> None:
    ghost = row(input_tokens=6420, pseudocode=1, pseudocode_text="Algorithm 1", open_source_code=1)
    assert found(tmp_path, ghost) == [("ghost", "high", None)], "and nothing else is said of a ghost"
    said = row(input_tokens=6600, pseudocode_text="The provided text only contains the paper title.")
    assert found(tmp_path, said) == [("ghost", "medium", "pseudocode")]
    assert found(tmp_path, row(input_tokens=6600)) == []
    other = row(input_tokens=500, model="another")
    assert found(tmp_path, other) == [], "the size of another run's prompt is not known"
    assert found(tmp_path, other, prompt_tokens=450) == [("ghost", "high", None)]
    assert found(tmp_path, ghost, row("b"), kinds=["ghost"]) == [("ghost", "high", None)]


@pytest.mark.parametrize(
    "words",
    [
        "Our code will be made publicly available.",
        "The code will be released upon acceptance.",
        "We plan to release the code.",
        "We will open-source our implementation once the paper is accepted.",
    ],
)
def test_promised_code(tmp_path: Path, words: str) -> None:
    assert found(tmp_path, row(open_source_code=1, open_source_code_text=words)) == [
        ("promised_code", "high", "open_source_code")
    ]
    assert found(tmp_path, row(open_source_code=0, open_source_code_text=words)) == []


@pytest.mark.parametrize(
    "words",
    [
        "Code will be available at https://github.com/ann/code.",
        "The code is in the supplementary material and will be released upon acceptance.",
        "We provide our code; a demo will be released later.",
        "Code is publicly available.",
    ],
)
def test_code_that_is_there(tmp_path: Path, words: str) -> None:
    assert found(tmp_path, row(open_source_code=1, open_source_code_text=words)) == []


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        ("Code: https://github.com/czg1225/Async Diff.", "medium"),
        ("Code: https://github.com/Model TC/FCPTS.", "medium"),
        ("Code: https://github.com/ nini0919/SemiRES.", "medium"),
        ("Code: https://github. com/a/b", "medium"),
        ("Code: https: //github.com/a/b", "low"),
        ("See https://github.com/amirbar/Sto P for code.", "medium"),
    ],
)
def test_damaged_urls(tmp_path: Path, words: str, severity: str) -> None:
    record = row(open_source_code=1, open_source_code_text=words)
    assert found(tmp_path, record, kinds=["damaged_url"]) == [("damaged_url", severity, "open_source_code")]


@pytest.mark.parametrize(
    "words",
    [
        "Our code is at https://github.com/ann/code The",
        "https://github.com/ann/code and https://github.com/ann/data",
        "Code is available at https://github.com/ann/AsyncDiff. Our method is new.",
        "https://github.com/ann/ and others",
    ],
)
def test_whole_urls(tmp_path: Path, words: str) -> None:
    assert found(tmp_path, row(open_source_code=1, open_source_code_text=words), kinds=["damaged_url"]) == []


def test_checklists(tmp_path: Path) -> None:
    asked = "Did you specify all the training details (e.g., data splits)? [Yes] See Section 4."
    assert found(tmp_path, row(dataset_splits=1, dataset_splits_text=asked)) == [
        ("checklist", "medium", "dataset_splits")
    ]
    more = asked + " " + "The data were split at random into ten parts of which one is for testing. " * 3
    assert found(tmp_path, row(dataset_splits=1, dataset_splits_text=more)) == [("checklist", "low", "dataset_splits")]
    assert found(tmp_path, row(dataset_splits=0, dataset_splits_text=asked)) == []
    cited = row(open_datasets=1, open_datasets_text="We use MNIST [12] and CIFAR [3].")
    assert found(tmp_path, cited) == []


def test_not_a_quote(tmp_path: Path) -> None:
    own = "The paper provides detailed settings, including batch sizes and learning rates."
    assert found(tmp_path, row(experiment_setup=1, experiment_setup_text=own)) == [
        ("not_a_quote", "medium", "experiment_setup")
    ]
    around = "The paper states: 'The learning rate was set to 0.1 in all runs', which is specific."
    assert found(tmp_path, row(experiment_setup=1, experiment_setup_text=around)) == [
        ("not_a_quote", "low", "experiment_setup")
    ]
    for quote in ("The authors thank NVIDIA for a Titan X.", "The appendix details the steps to reproduce our setup."):
        assert found(tmp_path, row(experiment_setup=1, experiment_setup_text=quote)) == []


def test_contradictions(tmp_path: Path) -> None:
    theory = row(research_type=1, hardware_specification=1, hardware_specification_text="One A100.")
    assert found(tmp_path, theory) == [("contradiction", "medium", "hardware_specification")]
    assert found(tmp_path, row(research_type=1, pseudocode=1, pseudocode_text="Algorithm 1 X")) == []
    denied = row(open_datasets=1, open_datasets_text="The paper does not provide any data set.")
    assert ("contradiction", "high", "open_datasets") in found(tmp_path, denied)
    declined = row(open_source_code=1, open_source_code_text="Did you include the code? [No] It is proprietary.")
    assert ("contradiction", "high", "open_source_code") in found(tmp_path, declined)
    overlooked = row(open_source_code=0, open_source_code_text="Our code is available at https://github.com/ann/code.")
    assert found(tmp_path, overlooked) == [("contradiction", "medium", "open_source_code")]


def test_quotes_are_looked_for_in_the_papers(tmp_path: Path) -> None:
    shelf = tmp_path / "papers"
    shelf.mkdir()
    sentences = [
        f"Experiment {number} compares the method with a baseline on the data set of the previous section and reports means."
        for number in range(60)
    ]
    body = "A Paper\n\nAbstract\nWe study sorting.\n\n1 Introduction\n" + " ".join(sentences)
    (shelf / "a.txt").write_text(body + " All runs used one NVIDIA A100 card with 40 GB of memory.")
    there = row(
        hardware_specification=1, hardware_specification_text="All runs used one NVIDIA A100 card with 40 GB of memory."
    )
    assert found(tmp_path, there, papers=shelf) == []
    invented = row(
        hardware_specification=1, hardware_specification_text="We trained on eight TPU v4 pods for three weeks."
    )
    assert found(tmp_path, invented, papers=shelf) == [("quote_absent", "high", "hardware_specification")]
    assert found(tmp_path, invented) == [], "without the paper nothing is known"
    unverified = row(pseudocode=0, pseudocode_result="unverified", pseudocode_text="Algorithm 9")
    assert found(tmp_path, unverified) == [("quote_absent", "medium", "pseudocode")]


def test_the_command_and_its_findings_read_back(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    pq.write_table(pa.Table.from_pylist([row(input_tokens=6420), row("b")]), path)
    result = CliRunner().invoke(app, ["audit", str(path), "--json", "--out", str(tmp_path / "f.json")])
    report = json.loads(result.stdout)
    assert report["papers"] == 2
    assert report["counts"]["ghost"] == 1
    assert {"id", "kind", "severity", "evidence"} <= set(report["findings"][0])
    assert [one.id for one in read_findings(tmp_path / "f.json")] == ["a"]
    assert CliRunner().invoke(app, ["audit", str(path), "--kinds", "nonsense"]).exit_code == 2


def test_bad_input_is_said(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="no file"):
        list(audit(tmp_path / "none.parquet"))
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    with pytest.raises(OpenbookError, match="not a table of records"):
        list(audit(tmp_path / "x.parquet"))
    (tmp_path / "f.json").write_text("{}")
    with pytest.raises(OpenbookError, match="does not hold findings"):
        read_findings(tmp_path / "f.json")
    with pytest.raises(OpenbookError, match="--papers"):
        list(audit(tmp_path / "x.parquet", papers=tmp_path / "none"))


def own(result: int, quote: str) -> dict[str, Any]:
    """A record that openbook itself wrote, of which only the answer about code is given."""
    answers: dict[str, Any] = {f"{variable}_evidence": "[]" for variable in VARIABLES}
    answers |= {"assessor": "linear", "model": None, "open_source_code": result}
    answers["open_source_code_text"] = "Yes: supported by the quoted sentences." if result else "No."
    if result:
        answers["open_source_code_evidence"] = json.dumps([{"quote": quote, "match": "exact"}])
    else:
        answers["open_source_code_near_miss"] = json.dumps({"quote": quote, "page": 1, "kind": "other"})
    return row(**answers)


@pytest.mark.parametrize(
    ("result", "quote", "kinds"),
    [
        (
            1,
            "[Yes] Our source code is publicly available at https://github.com/ example/rivers.",
            ["damaged_url", "checklist"],
        ),
        (1, "Our code is available at https://github.com/example/rivers.", []),
        (1, "Our implementation is in the supplementary material.", []),
        (1, "The source code of our method is public.", ["no_own_link"]),
        (1, "The code of the baseline was provided by its authors at https://a.example/code.", ["work_of_others"]),
        (1, "Our code will be released upon acceptance.", ["promised_code", "no_own_link"]),
        (0, "We release our code at https://github.com/example/rivers.", ["link_beside_no"]),
        (0, "We use the package of Sample et al. from https://github.com/sample/pack.", []),
        (0, "The code is not available.", []),
    ],
)
def test_records_of_our_own_are_audited_by_their_quotes(
    tmp_path: Path, result: int, quote: str, kinds: list[str]
) -> None:
    assert [kind for kind, _, _ in found(tmp_path, own(result, quote))] == kinds


@pytest.mark.parametrize("given", [row(pseudocode=1, pseudocode_text="Algorithm 1"), own(1, "See [1]."), own(0, "No.")])
def test_a_record_and_its_row_are_the_same_to_the_rules(given: dict[str, Any]) -> None:
    record = from_row(given)
    audited = as_audited(record)
    assert audited == audited_record(to_row(record), list(VARIABLES))
    assert audited.published == (record.run.model is not None)


def test_every_kind_has_a_meaning() -> None:
    assert list(KINDS) == [
        *("ghost", "promised_code", "damaged_url", "checklist", "not_a_quote", "quote_absent", "contradiction"),
        *("no_own_link", "link_beside_no", "work_of_others"),
    ]
    assert AuditedRecord("a", "", {"pseudocode": AuditedAnswer(1, "x")}, None, False).answers["pseudocode"].quotes == ()


@pytest.mark.data
def test_ghosts_of_the_published_index(index_data: Path) -> None:
    ghosts = list(audit(index_data / "records.parquet", kinds=["ghost"]))
    assert sum(one.severity == "high" for one in ghosts) == 46
