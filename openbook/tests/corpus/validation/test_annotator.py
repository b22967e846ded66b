"""The annotator: keys, going back, going on later, and a file that any validation can read."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.validation.annotator import Item, Labels, annotate
from openbook.corpus.validation.label_tables import read_label_table
from openbook.corpus.validation.questions import Candidates
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.papers.reading import read_text

TEXT = """A Paper on Sorting

Ann Author
University of Nowhere

Abstract
We study sorting with learned models.

1 Method
Algorithm 1 shows the steps. Our code is available at https://github.com/ann/sort.

2 Experiments
All runs used one NVIDIA A100 card. The learning rate was set to 0.1 and the batch size was 32.
""" + " ".join(
    f"Run {number} repeats the comparison with the baseline of the section before and reports its mean."
    for number in range(60)
)


def paper() -> Paper:
    return read_text(TEXT, "toy.txt")


def session(keys: str, labels: Labels, ids: tuple[str, ...] = ("a", "b")) -> tuple[int, str]:
    given = iter(keys)
    said: list[str] = []
    count = annotate([Item(id_, paper) for id_ in ids], labels, "ann", lambda prompt: next(given, ""), said.append)
    return count, "\n".join(said)


def test_passages_hold_the_telling_sentence() -> None:
    candidates = Candidates(paper())
    assert "NVIDIA A100" in candidates.passages("hardware_specification")[0].words
    assert any("github.com/ann/sort" in one.words for one in candidates.passages("open_source_code"))
    assert any("University of Nowhere" in one.words for one in candidates.passages("affiliation"))
    words = [one.words for one in candidates.passages("open_source_code")]
    assert len(words) == len(set(words))
    assert candidates.links("open_source_code") == ["https://github.com/ann/sort"]
    assert candidates.links("pseudocode") == []


def test_answers_are_saved_at_once_and_gone_on_with(tmp_path: Path) -> None:
    variables = ("pseudocode", "hardware_specification")
    labels = Labels.open(tmp_path / "l.csv", variables)
    count, said = session("yq", labels)
    assert count == 1
    assert "Algorithm 1 shows the steps" in said
    again = Labels.open(tmp_path / "l.csv", variables)
    assert again.missing("a") == ["hardware_specification"]
    count, _ = session("nyu", again)
    assert count == 3
    side = read_label_table(tmp_path / "l.csv", "labels")
    assert side.ids == ["a", "b"]
    assert side.values["pseudocode"].tolist() == [1, 1]
    assert side.values["hardware_specification"].tolist() == [0, -1]
    assert session("", Labels.open(tmp_path / "l.csv", variables))[1].startswith("2 of 2 papers are done")


def test_back_skip_more_and_wrong_keys(tmp_path: Path) -> None:
    labels = Labels.open(tmp_path / "l.csv", ("pseudocode", "experiment_setup"))
    count, said = session("xmybnys" + "b" + "y", labels)
    rows = labels.rows
    assert "'x' is not one of the keys" in said
    assert rows["a"]["pseudocode"] == "no"
    assert rows["a"]["experiment_setup"] == "yes"
    assert "b" not in rows or not rows["b"]["pseudocode"]
    assert count == 2


def test_back_crosses_papers(tmp_path: Path) -> None:
    labels = Labels.open(tmp_path / "l.csv", ("pseudocode",))
    count, _ = session("ybny", labels)
    assert (labels.rows["a"]["pseudocode"], labels.rows["b"]["pseudocode"], count) == ("no", "yes", 2)


def test_the_command_reads_lines_without_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "toy.txt").write_text(TEXT)
    out = tmp_path / "l.csv"
    arguments = ["label", str(tmp_path / "toy.txt"), "--out", str(out), "--variables", "pseudocode,affiliation"]
    result = CliRunner().invoke(app, arguments, input="y\na\n")
    assert result.exit_code == 0, result.output
    side = read_label_table(out, "labels")
    assert (side.ids, side.values["pseudocode"].tolist(), side.values["affiliation"].tolist()) == (["toy"], [1], [0])
    assert CliRunner().invoke(app, [*arguments[:-1], "nonsense"]).exit_code == 2


def test_a_file_that_is_no_labels_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OpenbookError, match="not a file of labels"):
        Labels.open(tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "a,b\n1,2\n"
