"""Counterfactuals: a yes without its sentences is no, a no with its draft is yes, and both are found by assessing again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from openbook.advice.counterfactuals import find_counterfactuals, proven_advice, with_passage, without_sentences
from openbook.assess.pipeline import assess_paper
from openbook.assessors.base import sentence_evidence
from openbook.assessors.linear.weight_files import SHIPPED
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.papers.reading import read_text
from openbook.record.files import read_record, write_record
from openbook.record.model import Answer
from openbook.variables import SCORED

TEXT = """Sorting Pebbles by Colour

Ada Example

1 Introduction

Pebbles are sorted by hand in many places of the world. We study how a machine may do it as well.

2 Experiments

Every pebble was weighed once. {proofs} The rest of the pebbles was left on the beach for other people.

3 Conclusion

Pebbles can be sorted by a machine. We hope that this is of use to many people who sort pebbles.
"""
PROOFS = (
    "The first run used a granite machine.",
    "The second run used a granite machine too.",
    "At last the third run used that granite machine.",
    "Nobody saw the granite again.",
)


class Granite:
    """Yes to hardware where a sentence names granite (``enough`` of them), no to all else. It counts what it is asked."""

    name = "granite"
    model: str | None = None
    version = "1"
    prompt_hash: str | None = None

    def __init__(self, enough: int = 1) -> None:
        self.enough = enough
        self.asked: list[str] = []

    @property
    def parameters(self) -> dict[str, Any]:
        return {"enough": self.enough}

    @property
    def recipe(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}:Granite", {"enough": self.enough}

    def assess(self, paper: Paper) -> dict[str, Answer]:
        self.asked.append(paper.text)
        answers = {variable: Answer(result="no", confidence=0.9) for variable in SCORED}
        found = [item for item in paper.sentences if "granite" in paper.words(item) or "A100" in paper.words(item)]
        if len(found) >= self.enough:
            evidence = [sentence_evidence(paper, item) for item in found[:1]]
            answers["hardware_specification"] = Answer(result="yes", confidence=0.8, evidence=evidence)
        return answers | {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}


def paper_with(count: int) -> Paper:
    return read_text(TEXT.format(proofs=" ".join(PROOFS[:count])))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_yes_rests_on_each_sentence_that_proves_it(count: int) -> None:
    paper, assessor = paper_with(count), Granite()
    (found,) = find_counterfactuals(assess_paper(paper, assessor), paper, assessor, ["hardware_specification"])
    assert [item.text for item in found.rests_on] == list(PROOFS[:count])
    assert found.smallest is (count <= 3)
    assert found.confidence == 0.8
    assert found.chance_without == pytest.approx(0.1)
    without = [text for text in assessor.asked if not any(proof in text for proof in PROOFS)]
    assert without, "the paper was assessed without those sentences"
    assert all("Every pebble was weighed once." in text and "left on the beach" in text for text in without)


def test_the_fewest_are_found_where_the_best_evidence_is_not_needed() -> None:
    """Three of four have to be there: any two of them are enough to turn it, whichever is quoted first."""
    paper, assessor = paper_with(4), Granite(enough=3)
    (found,) = find_counterfactuals(assess_paper(paper, assessor), paper, assessor, ["hardware_specification"])
    assert len(found.rests_on) == 2
    assert found.smallest


def test_a_no_is_turned_by_its_draft_and_other_drafts_are_not_shown() -> None:
    paper, assessor = paper_with(0), Granite()
    record = assess_paper(paper, assessor)
    advice = {item.variable: item for item in proven_advice(record, paper, assessor)}
    assert advice["hardware_specification"].draft
    assert advice["hardware_specification"].chance_with == 0.8
    assert not advice["open_source_code"].draft, "this assessor never says yes to code"
    found = {item.variable: item for item in find_counterfactuals(record, paper, assessor)}
    draft = found["hardware_specification"].filled
    assert draft is not None
    assert "[" not in draft
    assert any(f"{found['hardware_specification'].after} {draft}" in " ".join(text.split()) for text in assessor.asked)
    assert found["open_source_code"].draft is None


def test_spans_fit_the_changed_text() -> None:
    paper = paper_with(3)
    gone = [place for place, item in enumerate(paper.sentences) if "second run" in paper.words(item)]
    shorter = without_sentences(paper, gone)
    words = [paper.words(item) for place, item in enumerate(paper.sentences) if place not in gone]
    assert [shorter.words(item) for item in shorter.sentences] == words
    assert [shorter.text[one.start :][: len(one.title)] for one in shorter.sections] == [
        paper.text[one.start :][: len(one.title)] for one in paper.sections
    ]
    at = next(item for item in paper.sentences if "weighed once" in paper.words(item))
    longer = with_passage(paper, "One sentence. And one more.", at.end)
    after = [longer.words(item) for item in longer.sentences]
    place = after.index("Every pebble was weighed once.")
    assert after[place + 1 : place + 3] == ["One sentence.", "And one more."]
    assert [words for words in after if words not in ("One sentence.", "And one more.")] == [
        paper.words(item) for item in paper.sentences
    ]
    assert longer.sections[-1].end == len(longer.text)


def test_what_cannot_be_explained_is_said() -> None:
    paper, assessor = paper_with(1), Granite()
    record = assess_paper(paper, assessor)
    with pytest.raises(OpenbookError, match="not the assessor at hand"):
        find_counterfactuals(record, paper, Granite(enough=2))
    with pytest.raises(OpenbookError, match="nothing to explain"):
        find_counterfactuals(record, Paper("", "t", "pdf", "0", problem="encrypted"), assessor)

    class Asking:
        name, model, version, prompt_hash, parameters = "llm", None, "1", None, {}

        def assess(self, paper: Paper) -> dict[str, Answer]:
            raise AssertionError("no model is asked")

    with pytest.raises(OpenbookError, match="would ask a model each time; use the linear assessor"):
        find_counterfactuals(record, paper, Asking())  # type: ignore[arg-type]


REAL = TEXT.format(
    proofs="All models were trained on 8 NVIDIA A100 GPUs with 80 GB of memory. We implemented everything in Python 3.11 "
    "with PyTorch 2.1.0. Our code is available at https://github.com/ada/pebbles under the MIT licence."
)
linear = pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of the linear assessor are not built")


@linear
def test_the_offline_assessor_is_explained_from_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "pebbles.txt"
    source.write_text(REAL, encoding="utf-8")
    run = CliRunner().invoke(app, ["explain", str(source), "--json"])
    assert run.exit_code == 0, run.output
    found = {item["variable"]: item for item in json.loads(run.stdout)["certificates"]}
    hardware = found["hardware_specification"]
    assert hardware["result"] == "yes"
    assert any("A100" in ground["text"] for ground in hardware["rests_on"])
    assert hardware["chance_without"] < 0.5 < hardware["confidence"]
    splits = found["dataset_splits"]
    assert splits["result"] == "no"
    assert splits["filled"]
    assert splits["chance_with"] >= 0.5


@linear
def test_the_number_is_saved_and_shown(tmp_path: Path) -> None:
    source = tmp_path / "pebbles.txt"
    source.write_text(REAL, encoding="utf-8")
    from openbook import assess

    write_record(assess(source), tmp_path / "r.json")
    run = CliRunner().invoke(
        app, ["explain", str(tmp_path / "r.json"), "--save", "--variable", "hardware_specification"]
    )
    assert run.exit_code == 0, run.output
    assert "rests on" in run.stdout
    count = read_record(tmp_path / "r.json").answers["hardware_specification"].rests_on
    assert count is not None
    assert count >= 1
    page = tmp_path / "page.html"
    assert CliRunner().invoke(app, ["show", str(tmp_path / "r.json"), "--html", str(page)]).exit_code == 0
    assert "rests on" in page.read_text(encoding="utf-8")


def test_wrong_use_is_said(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["explain", "x.pdf", "--variable", "colour"]).exit_code == 2
    run = CliRunner().invoke(app, ["explain", str(tmp_path / "x.pdf"), "--save"])
    assert isinstance(run.exception, OpenbookError)
