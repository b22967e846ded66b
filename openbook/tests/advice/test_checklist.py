"""Checklists: drafts rest on located sentences, and a printed checklist is held against the paper's text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.advice.checklist import draft, form_of, printed_checklist, verify
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.papers.reading import read_text
from openbook.record.model import Answer, Evidence, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED
from openbook.variables.definitions import VENUES, checklist

BODY = """Sorting Shells by Sound

Ada Example

1 Introduction

Shells make sounds, and we sort them by these sounds with a small network that we train for the purpose.

2 Experiments

We train on 800 shells and test on 200 shells, drawn at random. Error bars show one standard deviation over five seeds.
The learning rate is 0.01 and the batch size is 32. A training run took 3 hours.

3 Limitations

Our method was tried on one beach only, and shells of other beaches may sound in another way.

References

Miller, B. Shells of the world. Journal of Stones, 2001.
"""
NEW = """
NeurIPS Paper Checklist

1. Claims
Question: Do the claims match?
Answer: [Yes]
Justification: See Section 2.
Guidelines: The answer [NA] means that there are no claims.

2. Limitations
Question: Are they discussed?
Answer: [Yes]
Justification: Section 3.

3. Theory assumptions and proofs
Question: Are there proofs?
Answer: [NA]
Justification: There is no theory.

4. Experimental result reproducibility
Question: Is all disclosed?
Answer: [Yes]
Justification: Section 2 has 3. Then some.

5. Open access to data and code
Question: Is there code?
Answer: [Yes]
Justification: We will release all.

6. Experimental setting
Question: Are details given?
Answer: [No]
Justification: For want of space.

7. Statistics
Question: Are there error bars?
Answer: [TODO]
Justification: [TODO]
"""
OLD = """
Checklist

1. For all authors...
(a) Do the main claims reflect the contributions? [Yes] See Section 2.
(b) Did you describe the limitations? [Yes]
2. If you are including theoretical results...
(a) Did you state the assumptions? [N/A]
(b) Did you include proofs? [N/A]
3. If you ran experiments...
(a) Did you include the code? [Yes] The link is https://github.com/example/shells.
(b) Did you specify the details? [Yes] Section 2.
"""


def record(**answers: tuple[str, float, str]) -> Record:
    """Answers as (result, confidence, quote); the others are a sure no."""
    made = {name: Answer(result="no", confidence=0.95) for name in SCORED}
    for name, (result, confidence, quote) in answers.items():
        evidence = [Evidence(quote=quote, match="exact")] if quote else []
        made[name] = Answer(result=result, confidence=confidence, evidence=evidence)
    made |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}
    return Record(paper=PaperInfo(id="p"), answers=made, scores=score_answers(made), run=Run(assessor="t"))


SETUP = ("yes", 0.95, "The learning rate is 0.01 and the batch size is 32.")
SPLITS = ("yes", 0.95, "We train on 800 shells and test on 200 shells, drawn at random.")


@pytest.mark.parametrize("venue", VENUES)
def test_every_reply_rests_on_the_paper(venue: str) -> None:
    paper = read_text(BODY)
    found = record(experiment_setup=SETUP, dataset_splits=SPLITS)
    items = draft(paper, found, venue)
    assert [item.number for item in items] == [number for number, _ in checklist(venue).items]
    for item in items:
        assert (item.reply == "yes") <= bool(item.passages), item
        assert (item.reply == "no") <= bool(item.advice), item
        assert all(passage.quote in " ".join(paper.text.split()) for passage in item.passages)


@pytest.mark.parametrize("venue", VENUES)
def test_no_form_asks_the_same_question_twice(venue: str) -> None:
    asked = [topic.asks for _, topic in checklist(venue).items]
    assert len(set(asked)) == len(asked)


def test_the_icml_form_asks_for_four_things_about_shared_code() -> None:
    released = (
        "Our code is available at https://github.com/ada/shells. The trained weights are available there as well."
    )
    paper = read_text(BODY.replace("A training run took 3 hours.", f"A training run took 3 hours. {released}"))
    code = ("yes", 0.95, released.partition(" The")[0])
    found = {item.number: item for item in draft(paper, record(open_source_code=code), "icml")}
    assert (found["4.2"].reply, found["4.2"].passages[0].quote) == ("yes", code[2])
    assert {found[number].reply for number in ("4.3", "4.4", "4.5")} == {"for the author"}
    assert "trained weights" in found["4.4"].passages[0].quote


def test_a_draft_of_the_neurips_form() -> None:
    items = {
        item.number: item
        for item in draft(read_text(BODY), record(experiment_setup=SETUP, dataset_splits=SPLITS), "neurips")
    }
    assert {number: item.reply for number, item in items.items() if item.reply != "for the author"} == {
        **{
            "2": "yes",
            "3": "not applicable",
            "4": "no",
            "5": "no",
            "6": "yes",
            "7": "yes",
            "8": "no",
            "10": "no",
            "12": "no",
        },
    }
    assert items["2"].passages[0].section == "3 Limitations"
    assert items["6"].passages[0].quote == SETUP[2]


def test_a_theory_paper_needs_no_experiments() -> None:
    theory = record()
    theory.answers["research_type"] = Answer(result="theoretical")
    paper = read_text(BODY.replace("2 Experiments", "2 Theory\n\nTheorem 1. Shells sound.\n\nProof. They do."))
    replies = {item.number: item.reply for item in draft(paper, theory, "neurips")}
    assert replies["3"] == "yes"
    assert {replies[number] for number in ("4", "5", "6", "7", "8")} == {"not applicable"}


def test_the_newer_printed_form_is_read_and_held_against_the_text() -> None:
    paper = read_text(BODY + NEW)
    entries = printed_checklist(paper)
    assert [(entry.number, entry.reply) for entry in entries] == [
        *(("1", "yes"), ("2", "yes"), ("3", "not applicable"), ("4", "yes"), ("5", "yes"), ("6", "no"), ("7", "todo")),
    ]
    assert entries[0].justification == "See Section 2."
    assert form_of(entries) == "neurips"
    doubts = {
        doubt.number: doubt.kind for doubt in verify(paper, record(experiment_setup=SETUP, dataset_splits=SPLITS))
    }
    assert {number: kind for number, kind in doubts.items() if kind != "missing"} == {
        **{"4": "unsupported", "5": "unsupported", "6": "contradicted", "7": "unanswered"},
    }
    assert {number for number, kind in doubts.items() if kind == "missing"} == {str(n) for n in range(8, 17)}


def test_the_older_printed_form_and_a_link_in_the_justification() -> None:
    paper = read_text(BODY + OLD)
    entries = printed_checklist(paper)
    assert [entry.number for entry in entries] == ["1a", "1b", "2a", "2b", "3a", "3b"]
    assert form_of(entries) == "neurips-2021"
    found = record(experiment_setup=SETUP, dataset_splits=SPLITS, open_datasets=("yes", 0.9, "We use ShellNet."))
    assert [doubt.number for doubt in verify(paper, found) if doubt.kind != "missing"] == []


def test_an_unsure_record_contradicts_nobody() -> None:
    unsure = record(experiment_setup=SETUP, dataset_splits=("yes", 0.6, "We split."))
    unsure.answers["open_source_code"].confidence = unsure.answers["open_datasets"].confidence = 0.6
    kinds = {doubt.number: doubt.kind for doubt in verify(read_text(BODY + NEW), unsure) if doubt.kind != "missing"}
    assert kinds == {"7": "unanswered"}


def test_wrong_input_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="no checklist found"):
        printed_checklist(read_text(BODY))
    with pytest.raises(OpenbookError, match="has no numbered items"):
        printed_checklist(read_text(BODY + "\nNeurIPS Paper Checklist\n\n1. Claims\nQuestion: Do the"))
    with pytest.raises(OpenbookError, match="could not be read"):
        draft(Paper("", "x", "pdf", "0", problem="encrypted"), record(), "neurips")


def test_the_command_writes_each_form(tmp_path: Path) -> None:
    runner = CliRunner()
    path = tmp_path / "paper.txt"
    path.write_text(BODY + OLD)
    done = runner.invoke(app, ["checklist", str(path), "--venue", "neurips"])
    assert done.exit_code == 0, done.output
    assert "DRAFT" in done.output
    latex = runner.invoke(app, ["checklist", str(path), "--venue", "aaai", "--format", "latex"]).output
    assert latex.count("\\item[") == len(checklist("aaai").items)
    assert "\\answerTODO{}" in latex
    found = json.loads(runner.invoke(app, ["checklist", str(path), "--venue", "acl", "--json"]).output)
    assert found["draft"] is True
    done = runner.invoke(app, ["checklist", str(path), "--verify", "--json"])
    assert done.exit_code in (0, 4)
    assert json.loads(done.output)["venue"] == "neurips-2021"
    assert runner.invoke(app, ["checklist", str(path), "--venue", "nowhere"]).exit_code == 2
