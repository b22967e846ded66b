"""Other people's tables of labels by a mapping, labelled sentences against quotes, and labelling sentences."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.validation.annotator import Item, SentenceLabels, annotate_sentences
from openbook.corpus.validation.evidence import proves, read_gold, validate_evidence
from openbook.corpus.validation.label_tables import read_label_table, read_mapping
from openbook.errors import OpenbookError
from openbook.evidence.letters import letters_of
from openbook.papers.reading import read_text
from openbook.record.files import write_record
from openbook.record.model import Answer, Evidence, PaperInfo, Record, Run, Scores
from openbook.variables import SCORED

EXAMPLES = Path(__file__).parents[4] / "docs" / "examples"


def test_the_example_per_paper() -> None:
    table = read_label_table(
        EXAMPLES / "labels_per_paper.csv", "labels", read_mapping(EXAMPLES / "labels_per_paper.toml")
    )
    assert table.ids == ["shelves", "rivers", "queues"]
    assert table.values["open_source_code"].tolist() == [1, 0, 0]
    assert table.values["open_datasets"].tolist() == [1, 0, 1]
    assert table.values["hardware_specification"].tolist() == [1, 0, -1]
    assert not table.odd


def test_the_example_per_paragraph() -> None:
    table = read_label_table(
        EXAMPLES / "labels_per_paragraph.csv", "labels", read_mapping(EXAMPLES / "labels_per_paragraph.toml")
    )
    assert table.ids == ["10.1/shelves", "10.1/rivers"]
    assert table.values["open_source_code"].tolist() == [1, 0]
    assert table.values["open_datasets"].tolist() == [0, 1]
    assert table.values["experiment_setup"].tolist() == [1, 0]


def test_a_word_that_nothing_maps_is_reported(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("id,c\na,perhaps\nb,yes\n")
    (tmp_path / "m.toml").write_text('id = "id"\n[columns]\nopen_source_code = "c"\n')
    table = read_label_table(tmp_path / "l.csv", "labels", read_mapping(tmp_path / "m.toml"))
    assert table.values["open_source_code"].tolist() == [-1, 1]
    assert "perhaps" in table.odd[0]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "id must name"),
        ('id = "x"\n', r"\[columns\] must name"),
        ('id = "x"\nunits = 1\n[columns]\nopen_source_code = "c"\n', "unknown key 'units'"),
        ('id = "x"\n[columns]\ncode = "c"\n', "code: no such variable"),
        ('id = "x"\nunit = "page"\n[columns]\nopen_source_code = "c"\n', "unit must be"),
        ("id = [", "cannot be read as TOML"),
    ],
)
def test_a_broken_mapping_is_named(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(OpenbookError, match=wrong):
        read_mapping(tmp_path / "m.toml")


def test_an_absent_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("id,c\na,yes\n")
    (tmp_path / "m.toml").write_text('id = "id"\n[columns]\nopen_source_code = "d"\n')
    with pytest.raises(OpenbookError, match="lacks the column d"):
        read_label_table(tmp_path / "l.csv", "labels", read_mapping(tmp_path / "m.toml"))


def _record(name: str, quotes: dict[str, list[str]]) -> Record:
    answers = {
        variable: Answer(
            result="yes" if quotes.get(variable) else "no",
            evidence=[Evidence(quote=quote, match="exact") for quote in quotes.get(variable, [])],
        )
        for variable in SCORED
    }
    answers["research_type"] = Answer(result="experimental")
    answers["affiliation"] = Answer(result="unknown")
    return Record(
        paper=PaperInfo(id=name),
        answers=answers,
        scores=Scores(documentation=0, reproducibility=0.0),
        run=Run(assessor="x"),
    )


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Path, Path]:
    """Records of three papers, and what their sentences prove."""
    folder = tmp_path / "records"
    folder.mkdir()
    good, bad = (
        "Our code is available at https://github.com/quill/whisper.",
        "We use the code of others for the baseline.",
    )
    write_record(_record("a", {"open_source_code": [good]}), folder / "a.json")
    write_record(_record("b", {"open_source_code": [bad, good]}), folder / "b.json")
    write_record(_record("c", {}), folder / "c.json")
    gold = tmp_path / "gold.csv"
    with gold.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["paper", "sentence", "open_source_code"])
        writer.writerows([[paper, text, int(text == good)] for paper in "abc" for text in (good, bad)])
    return folder, gold


def test_quotes_are_judged_by_labelled_sentences(judged: tuple[Path, Path]) -> None:
    found = validate_evidence(*judged)["variables"]["open_source_code"]
    assert (found["yes"], found["first"], found["any"], found["provable"], found["missed"]) == (2, 1, 2, 3, 1)
    assert found["first_quote_proves"] == 0.5
    assert found["share_missed"] == pytest.approx(1 / 3)
    done = CliRunner().invoke(app, ["validate", "--records", str(judged[0]), "--gold", str(judged[1]), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["papers"] == 3
    shown = CliRunner().invoke(app, ["validate", str(judged[0]), "--gold", str(judged[1])])
    assert "a sentence proves it" in shown.stdout
    assert "…" not in shown.stdout, "80 columns suffice"


def test_a_quote_is_the_sentence_that_it_is_most_of(judged: tuple[Path, Path]) -> None:
    labels = read_gold(judged[1])["a"]
    assert proves("Our code is available at https://github.com/quill/", "open_source_code", labels) is True
    assert proves("Our code", "open_source_code", labels) is None
    assert proves("Something else that nobody has read.", "open_source_code", labels) is None
    assert letters_of("Our code is available at https://github.com/quill/whisper.") in labels


def test_gold_of_other_papers_is_an_error(judged: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("paper,sentence,pseudocode\nz,Algorithm 1 Sort,1\n")
    with pytest.raises(OpenbookError, match="no paper of"):
        validate_evidence(judged[0], other)
    other.write_text("paper,words\nz,a\n")
    with pytest.raises(OpenbookError, match="not a table of labelled sentences"):
        validate_evidence(judged[0], other)


def test_sentences_are_labelled_and_gone_on_with(tmp_path: Path) -> None:
    text = "On Shelves\n\nAbstract\n\nWe order shelves.\n\n1. Experiments\n\n" + " ".join(
        f"We report the error on the test set of shelf {number} after training with {number} books."
        for number in range(8)
    )
    items = [Item("shelves", lambda: read_text(text, "shelves"))]
    said: list[str] = []
    keys = iter("ynuxq")
    out = tmp_path / "s.csv"
    given = annotate_sentences(items, SentenceLabels.open(out), ["dataset_splits"], lambda _: next(keys), said.append)
    assert given == 3
    rows = list(csv.DictReader(out.open()))
    assert [row["dataset_splits"] for row in rows] == ["1", "0", ""]
    assert [row["sure"] for row in rows] == ["1", "1", "0"]
    assert all(row["before"] or row["after"] for row in rows)
    assert any("is not one of the keys" in line for line in said)
    again = annotate_sentences(items, SentenceLabels.open(out), ["dataset_splits"], lambda _: "q", said.append)
    assert again == 0
    assert len(SentenceLabels.open(out).rows) == 3
