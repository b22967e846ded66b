"""The API: a paper goes in, is watched, its record comes out as the command line writes it, and is put right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from openbook.ledger.store import ALLOWED
from openbook.record.files import parse_record, record_schema
from openbook.variables import VARIABLES

V1 = "/api/v1"
Serve = Callable[..., AbstractContextManager[TestClient]]
Wait = Callable[..., dict[str, Any]]
Paper = Callable[..., bytes]


def send(client: TestClient, data: bytes, name: str = "p.txt", **fields: str) -> Any:
    return client.post(f"{V1}/papers", files={"file": (name, data)}, data=fields)


def test_from_upload_to_record(client: TestClient, wait: Wait, a_pdf: bytes, tmp_path: Path) -> None:
    sent = send(client, a_pdf, "My paper.pdf")
    assert sent.status_code == 202
    job = sent.json()
    assert sent.headers["location"] == f"{V1}/jobs/{job['id']}"
    assert (job["name"], job["bytes"], job["error"]) == ("My paper.pdf", len(a_pdf), None)
    job = wait(client, job)
    assert (job["state"], job["problem"]) == ("done", None)
    assert [(stage["name"], stage["state"]) for stage in job["stages"]] == [
        (name, "done") for name in ("read", "passages", "answers", "evidence", "record")
    ]
    assert "page" in job["stages"][0]["came"]
    text = client.get(job["record"]).text
    mine = parse_record(text, "the server's answer")
    assert mine.paper.id == f"My_paper__{mine.paper.sha256 and mine.paper.sha256[:8]}"
    # the command line reads the same bytes into the same record, apart from names and times
    (tmp_path / "My paper.pdf").write_bytes(a_pdf)
    command = [sys.executable, "-m", "openbook.cli", "assess", "My paper.pdf", "--out", "out"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    theirs = parse_record((tmp_path / "out" / "My paper.json").read_text(), "the command's")
    assert mine.answers == theirs.answers
    assert mine.scores == theirs.scores
    assert mine.paper.source == theirs.paper.source
    assert list(json.loads(text)) == list(json.loads((tmp_path / "out" / "My paper.json").read_text()))
    assert mine.run.model_dump(exclude={"seconds", "created"}) == theirs.run.model_dump(exclude={"seconds", "created"})


def test_events_tell_each_stage(client: TestClient, paper: Paper) -> None:
    job = send(client, paper(1)).json()
    told = []
    with client.stream("GET", f"{V1}/jobs/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
    assert told[-1]["state"] == "done"
    done = [sum(stage["state"] == "done" for stage in one["stages"]) for one in told]
    assert done == sorted(done)
    assert done[-1] == 5
    assert told == [one for number, one in enumerate(told) if number == 0 or one != told[number - 1]]


def test_the_same_paper_twice_is_one_record(client: TestClient, wait: Wait, paper: Paper) -> None:
    first = wait(client, send(client, paper(2), "one.txt").json())
    again = send(client, paper(2), "another name.txt")
    assert again.status_code == 200
    assert (again.json()["state"], again.json()["reused"]) == ("done", True)
    assert again.json()["record"] == first["record"]
    events = client.get(f"{first['record']}/history").json()["events"]
    assert [event["kind"] for event in events] == ["assessed"]
    assert client.get(again.headers["location"]).json() == again.json()


@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=utf-8", "application/octet-stream"])
def test_the_paper_may_be_the_whole_body(client: TestClient, wait: Wait, paper: Paper, kind: str) -> None:
    sent = client.post(f"{V1}/papers?name=a/b/c.txt", content=paper(3), headers={"Content-Type": kind})
    assert sent.json()["name"] == "c.txt"
    assert wait(client, sent.json())["problem"] is None


def test_a_correction_wins_and_is_appended(client: TestClient, wait: Wait, paper: Paper) -> None:
    job = wait(client, send(client, paper(4)).json())
    before = client.get(job["record"]).json()["answers"]["hardware_specification"]["result"]
    other = "no" if before == "yes" else "yes"
    wish = {
        "variable": "hardware_specification",
        "result": other,
        "who": "Ada",
        "why": "Page 2 says so.",
        "replaces": before,
    }
    made = client.post(f"{job['record']}/corrections", json=wish)
    assert made.status_code == 201
    answer = made.json()["answers"]["hardware_specification"]
    assert answer["result"] == other
    assert answer["correction"] == {"result": other, "replaced": before, "who": "Ada", "why": "Page 2 says so."} | {
        "when": answer["correction"]["when"]
    }
    stale = client.post(f"{job['record']}/corrections", json=wish)
    assert stale.status_code == 409
    del wish["replaces"]
    assert client.post(f"{job['record']}/corrections", json=wish | {"result": before}).status_code == 201
    events = client.get(f"{job['record']}/history").json()["events"]
    assert [event["what"].get("result") for event in events if event["kind"] == "corrected"] == [other, before]
    assert client.get(job["record"]).json()["answers"]["hardware_specification"]["result"] == before


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"result": "maybe"}, "body.result"),
        ({"result": "experimental"}, "body.result"),
        ({"variable": "weather"}, "body.variable"),
        ({"who": "  "}, "body.who"),
        ({"why": ""}, "body.why"),
        ({"who": "a\x00b"}, "body.who"),
        ({"extra": "1"}, "body.extra"),
    ],
)
def test_a_senseless_correction_is_refused(
    client: TestClient, wait: Wait, paper: Paper, changed: dict[str, str], where: str
) -> None:
    job = wait(client, send(client, paper(4)).json())
    wish = {"variable": "pseudocode", "result": "yes", "who": "Ada", "why": "So."} | changed
    refused = client.post(f"{job['record']}/corrections", json=wish)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [fault["where"] for fault in refused.json()["errors"]] == [where]


def test_the_list_and_its_search(client: TestClient, wait: Wait) -> None:
    for number in range(3):
        title = f"Zebras number{number} of the Savannah"
        text = f"# {title}\n\n" + "We study how the zebras of the plain are seen by models with two layers. " * 20
        wait(client, send(client, text.encode(), f"z{number}.md").json())
    found = client.get(f"{V1}/records", params={"q": "zebras SAVANNAH", "limit": 2}).json()
    assert found["total"] == 3
    assert [one["title"] for one in found["records"]] == [f"Zebras number{n} of the Savannah" for n in (2, 1)]
    rest = client.get(f"{V1}/records", params={"q": "zebras", "limit": 2, "offset": 2}).json()
    assert [one["title"] for one in rest["records"]] == ["Zebras number0 of the Savannah"]
    assert client.get(f"{V1}/records", params={"q": "100%"}).json()["total"] == 0


def test_a_record_is_found_by_id_and_by_digits(client: TestClient, wait: Wait, paper: Paper) -> None:
    job = wait(client, send(client, paper(5), "found.txt").json())
    record = client.get(job["record"]).json()
    for name in (record["paper"]["id"], record["paper"]["sha256"][:8]):
        assert client.get(f"{V1}/records/{name}").json() == record
    for name in ("nothing", "00000000", "%00", "../ledger.db", "..%2F..%2Fetc"):
        missing = client.get(f"{V1}/records/{name}")
        assert missing.status_code in (404, 422), name
        assert missing.headers["content-type"] == "application/problem+json"


def test_a_re_read_is_the_same_answer_or_says_what_is_missing(client: TestClient, wait: Wait, paper: Paper) -> None:
    job = wait(client, send(client, paper(6)).json())
    again = client.post(f"{job['record']}/readings", json={"assessor": "linear"})
    assert (again.status_code, again.json()["reused"]) == (200, True)
    assert client.post(f"{job['record']}/readings", json={"assessor": "oracle"}).status_code == 422
    assert client.post(f"{V1}/records/nothing/readings", json={"assessor": "linear"}).status_code == 404


def test_uploads_are_deleted(serve: Serve, wait: Wait, paper: Paper, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with serve(tmp_path, spool=spool, keep_minutes=0) as client:
        assert spool.stat().st_mode & 0o777 == 0o700
        job = wait(client, send(client, paper(7)).json())
        assert sorted(path.name for path in spool.iterdir()) == ["id", "lock", "secret"]
        assert client.get(job["record"]).status_code == 200


def test_a_waiting_upload_can_be_given_up(serve: Serve, wait: Wait, paper: Paper, tmp_path: Path) -> None:
    with serve(tmp_path, spool=tmp_path / "spool") as client:
        jobs = [send(client, paper(100 + number, pages=8)).json() for number in range(6)]
        gone = client.delete(f"{V1}/jobs/{jobs[-1]['id']}")
        assert gone.status_code == 204
        assert client.get(f"{V1}/jobs/{jobs[-1]['id']}").json()["error"] == "cancelled"
        assert wait(client, jobs[0])["state"] == "done"
        assert client.delete(f"{V1}/jobs/{jobs[0]['id']}").status_code == 409


def test_a_full_queue_says_when_to_come_back(serve: Serve, paper: Paper, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with serve(tmp_path, spool=spool, queue=1) as client:
        answers = [send(client, paper(200 + number, pages=8)) for number in range(6)]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert refused[0].headers["retry-after"] == "30"
        accepted = {answer.json()["id"] for answer in answers if answer.status_code == 202}
        assert len(accepted) + len(refused) == 6
        assert len([path for path in spool.iterdir() if path.suffix]) == len(accepted)


def test_about(client: TestClient) -> None:
    health = client.get(f"{V1}/health").json()
    assert (health["status"], health["token_needed"]) == ("ok", False)
    assert [offer["name"] for offer in health["assessors"]] == ["linear"]
    assert client.get(f"{V1}/schema").json() == record_schema()
    described = client.get("/api")
    assert described.status_code == 200
    assert all(path in described.text for path in client.get(f"{V1}/openapi.json").json()["paths"])
    variables = client.get(f"{V1}/variables").json()
    assert {one["name"]: tuple(one["corrections"]) for one in variables} == {name: ALLOWED[name] for name in VARIABLES}


def test_a_ledger_that_goes_away(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openbook.ledger import LedgerError
    from openbook.ledger.jobs import JobQueue

    def away(self: JobQueue, *_: object, **__: object) -> None:
        raise LedgerError("ledger x: the server has gone away")

    spool = tmp_path / "spool"
    with serve(tmp_path, spool=spool) as client:
        monkeypatch.setattr(JobQueue, "add", away)
        monkeypatch.setattr(JobQueue, "counts", away)
        refused = send(client, b"some text of a paper")
        assert refused.status_code == 503
        assert refused.json()["title"] == "Ledger away"
        assert client.get(f"{V1}/health").status_code == 503
        assert sorted(path.name for path in spool.iterdir()) == ["id", "lock", "secret"]


def test_another_assessor_reads_it_again(
    serve: Serve, wait: Wait, paper: Paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("any_llm", reason="the libraries for models are not installed (extra: llm)")
    from openbook.assessors.llm.settings import LlmSettings
    from openbook.benchmarks.stub_model import Stub

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Stub() as stub, serve(tmp_path, llm=LlmSettings(model="m", base_url=stub.url)) as client:
        first = wait(client, send(client, paper(8)).json())
        assert "Another assessor" in client.get(first["page"]).text
        sent = client.post(f"{first['record']}/readings", json={"assessor": "llm"})
        assert sent.status_code == 202
        again = wait(client, sent.json())
        assert (again["state"], again["record"]) == ("done", first["record"])
        assert client.get(first["record"]).json()["run"]["assessor"] == "llm"
        events = client.get(f"{first['record']}/history").json()["events"]
        assert [event["what"]["assessor"] for event in events] == ["linear", "llm"]
        asked = stub.answered
        repeated = client.post(f"{first['record']}/readings", json={"assessor": "llm"})
        assert (repeated.status_code, repeated.json()["reused"], stub.answered) == (200, True, asked)
