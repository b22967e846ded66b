"""What people see of a record: quotes in context and advice without the file, corrections, times, and damaged uploads."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.testclient import TestClient

from openbook.advice.advising import by_place
from openbook.papers.reading import read_text
from openbook.record.model import Record
from openbook.web.server.excerpts import MOST, excerpts_of, open_advice, quotes_in, read_excerpts

V1 = "/api/v1"
Serve = Callable[..., AbstractContextManager[TestClient]]
Wait = Callable[..., dict[str, Any]]

PAPER = """# Sorting Kettles by Their Whistle

Ada One, University of Somewhere

## Abstract

We sort kettles by the sound of their whistle and compare three methods on a public data set.

## 1 Introduction

Kettles are everywhere, and yet nobody has sorted them by sound before. Related methods sort cups.

## 2 Experiments

All models were trained on a single NVIDIA A100 with 40 GB of memory for about six hours.
We split the data into 80% for training, 10% for validation and 10% for testing, with seed 7.
The learning rate is 0.001 and the batch size is 64, and training takes 20 epochs.

## 3 Conclusion

The loudest kettle was found in every trial, and the quietest one in most of the trials.
"""
SPLIT = "We split the data into 80% for training, 10% for validation and 10% for testing, with seed 7."


def upload(client: TestClient, wait: Wait, text: str | bytes = PAPER, name: str = "kettles.md") -> dict[str, Any]:
    sent = client.post(f"{V1}/papers", files={"file": (name, text.encode() if isinstance(text, str) else text)})
    assert sent.status_code in (200, 202), sent.text
    return wait(client, sent.json())


def page_of(client: TestClient, job: dict[str, Any]) -> LexborHTMLParser:
    return LexborHTMLParser(client.get(job["page"]).text)


def test_a_deleted_file_leaves_quotes_in_context_and_advice(serve: Serve, wait: Wait, tmp_path: Path) -> None:
    with serve(tmp_path, keep_minutes=0, spool=tmp_path / "spool") as client:
        job = upload(client, wait)
        assert not [path for path in (tmp_path / "spool").iterdir() if path.suffix == ".md"]
        record = Record.model_validate_json(client.get(job["record"]).text)
        tree = page_of(client, job)
    hardware = tree.css_first("article#hardware_specification")
    assert hardware.css_first("mark").text().startswith("All models were trained on a single NVIDIA A100")
    assert "We split the data" in "".join(node.text() for node in hardware.css(".context")), "the words around it"
    paper = read_text(PAPER, source="kettles.md")
    expected = read_excerpts(excerpts_of(paper, record))
    assert expected is not None
    titles = {item.title for _, items in by_place(open_advice(record, expected)) for item in items}
    assert len(titles) == sum(record.answers[name].result == "no" for name in titles_of(record))
    advice = tree.css_first("#advice").text()
    assert titles
    assert all(title in advice for title in titles)


def test_a_look_at_the_papers_code_is_on_its_page(serve: Serve, tmp_path: Path) -> None:
    from openbook.ledger import Ledger
    from openbook.record.model import Answer, CodeFinding, CodeReport, PaperInfo, Run, score_answers
    from openbook.variables import VARIABLES

    answers = {name: Answer(result="no") for name in VARIABLES}
    answers |= {"research_type": Answer(result="unknown"), "affiliation": Answer(result="unknown")}
    finding = CodeFinding(kind="secret", severity="high", file="<img src=x>.py", line=3, message="A key.")
    code = CodeReport(source="javascript:alert(1)", licence="MIT", covers={"data": True}, findings=[finding])
    record = Record(
        paper=PaperInfo(id="kettles"), answers=answers, scores=score_answers(answers), run=Run(assessor="t"), code=code
    )
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.put(record)
    with serve(tmp_path) as client:
        tree = LexborHTMLParser(client.get("/papers/id:kettles").text)
    section = tree.css_first("section.code")
    assert not section.css("img, a"), "nothing of a repository is markup or an unsafe link"
    assert "<img src=x>.py:3" in section.text()
    assert "licence: MIT" in section.text()


def titles_of(record: Record) -> list[str]:
    return [name for name, answer in record.answers.items() if answer.result in ("yes", "no")]


def test_what_a_hostile_process_sends_is_not_kept() -> None:
    assert read_excerpts({"contexts": {"1:2": {"where": "", "before": "", "marked": "x" * MOST, "after": ""}}}) is None
    for sent in ([], None, "text", {"contexts": 1}, {"advice": [{"variable": "pseudocode"}]}, {"more": 1}):
        assert read_excerpts(sent) is None


def test_a_correction_is_the_response_and_its_quotes_the_evidence(serve: Serve, wait: Wait, tmp_path: Path) -> None:
    with serve(tmp_path) as client:
        job = upload(client, wait)
        wish = {"variable": "pseudocode", "result": "yes", "who": "Ada", "why": f"It says so: “{SPLIT}”"}
        answer = client.post(f"{job['record']}/corrections", json=wish).json()["answers"]["pseudocode"]
        assert (answer["result"], answer["response"], answer["confidence"]) == ("yes", wish["why"], None)
        evidence = answer["evidence"]
        assert [(item["quote"], item["match"], item["part"]) for item in evidence] == [(SPLIT, "exact", "body")]
        assert PAPER.count(SPLIT) == 1
        tree = page_of(client, job)
        row = next(row for row in tree.css("table.stack tr") if "Pseudocode" in row.text())
        assert f"It says so: “{SPLIT}”" in row.text()
        assert row.text().count(SPLIT) == 1, "the reason is shown once"
        assert re.search(r"Corrected from no by Ada, \d{1,2} \w{3} \d{4}, \d\d:\d\d", row.text())
        article = tree.css_first("article#pseudocode")
        assert article.css_first("mark").text() == SPLIT
        assert "NVIDIA A100" in "".join(node.text() for node in article.css(".context"))
        back = {"variable": "pseudocode", "result": "no", "who": "Bob", "why": "There is none."}
        answer = client.post(f"{job['record']}/corrections", json=back).json()["answers"]["pseudocode"]
        assert (answer["response"], answer["evidence"]) == ("There is none.", [])


def test_a_confirmed_answer_keeps_its_evidence(serve: Serve, wait: Wait, tmp_path: Path) -> None:
    with serve(tmp_path, keep_minutes=0) as client:
        job = upload(client, wait)
        before = client.get(job["record"]).json()["answers"]["hardware_specification"]
        assert before["result"] == "yes"
        wish = {"variable": "hardware_specification", "result": "yes", "who": "Ada", "why": "I looked: it is there."}
        after = client.post(f"{job['record']}/corrections", json=wish).json()["answers"]["hardware_specification"]
        assert after["evidence"] == before["evidence"]
        assert after["response"] == "I looked: it is there."
        wrong = wish | {"result": "no", "why": f"“{SPLIT}” is not about hardware."}
        after = client.post(f"{job['record']}/corrections", json=wrong).json()["answers"]["hardware_specification"]
        assert (after["result"], after["evidence"]) == ("no", []), "the file is deleted: nothing can be looked up"


def test_quotes_in_a_reason() -> None:
    paper = read_text(PAPER, source="kettles.md")
    assert [item.quote for item in quotes_in(f'Page 2: "{SPLIT}" and so on.', paper)] == [SPLIT]
    assert [item.quote for item in quotes_in(SPLIT, paper)] == [SPLIT]
    assert quotes_in("The appendix says so, on page 2.", paper) == []
    assert quotes_in("“kettles”", paper) == [], "too short to be a quote"


def test_links_say_change_and_times_are_short(client: TestClient, wait: Wait) -> None:
    job = upload(client, wait, PAPER.replace("loudest", "oldest"))
    wish = {"variable": "pseudocode", "result": "yes", "who": "Ada", "why": "So it is."}
    assert client.post(f"{job['record']}/corrections", json=wish).status_code == 201
    tree = page_of(client, job)
    links = [node.text() for node in tree.css("a.correct")]
    assert len(links) == 9
    assert all(text.startswith("Change ") for text in links)
    for address in (job["page"], f"{job['page']}/history", "/", "/papers", f"{job['page']}/correct/pseudocode"):
        seen = LexborHTMLParser(client.get(address).text).css_first("main").text()
        assert not re.search(r"\d{4}-\d\d-\d\dT|\+00:00|\d\d:\d\d:\d\d", seen), address
    assert re.search(r"\d{1,2} \w{3} \d{4}, \d\d:\d\d", LexborHTMLParser(client.get("/papers").text).text())


def test_jobs_end_with_their_scores_and_the_newest_records(client: TestClient, wait: Wait) -> None:
    jobs = [upload(client, wait, PAPER.replace("loudest", word)) for word in ("first", "second")]
    for job in jobs:
        record = client.get(job["record"]).json()
        scores = record["scores"]
        assert (job["documentation"], job["reproducibility"]) == (scores["documentation"], scores["reproducibility"])
        assert job["documentation"] is not None
    listed = client.get("/newest")
    assert listed.status_code == 200
    assert "<html" not in listed.text
    assert [job["page"] in listed.text for job in jobs] == [True, True]


@pytest.mark.parametrize("content", [b"%PDF-1.7\nnothing that is a page", b"%PDF-1.4\n" + bytes(range(256)) * 40])
def test_a_damaged_upload_gets_a_plain_page(client: TestClient, wait: Wait, content: bytes) -> None:
    job = upload(client, wait, content, "broken.pdf")
    assert job["problem"]
    assert (job["documentation"], job["reproducibility"]) == (None, None)
    tree = page_of(client, job)
    text = tree.css_first("main").text()
    assert "Not read." in text
    assert job["problem"] in text
    assert "no answers and no scores" in text
    assert not tree.css(".score, .scores, table, .badge, .evidence")
    assert "Documentation Score" not in text
    assert "Read another paper" in text
