"""Batches against a stub of OpenAI's files and batches: the same records as direct calls, whatever goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from openbook.assess import pipeline
from openbook.assess.batch import BatchOutcome, BatchSettings, assess_batch, assess_in_rounds
from openbook.assess.papers_list import Locator, name_sources
from openbook.assessors.llm import batch_job
from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.batch_api import BatchApi, request_line
from openbook.assessors.llm.batch_job import BatchAssessor, BatchCounts, BatchRound, BatchRunner
from openbook.assessors.llm.budget import batch_price_source, price_of
from openbook.assessors.llm.client import CallFailed
from openbook.assessors.llm.reply_cache import LedgerReplyCache
from openbook.assessors.llm.settings import LlmSettings
from openbook.benchmarks.stub_model import PAPER, Sent, Stub, answers, completion
from openbook.errors import OpenbookError
from openbook.ledger import Ledger, Question
from openbook.papers.paper import Paper
from openbook.papers.reading import read_paper
from openbook.record.model import Record

pytest.importorskip("any_llm", reason="the extra openbook[llm] is not installed")

PRICES = {"input_price": 100.0, "output_price": 1000.0}  # a reply of the stub costs $0.30, in a batch $0.15


class Bench:
    """Some papers, a stub server with batches, a ledger; ``batched`` runs a command's work in this process."""

    def __init__(self, folder: Path, stub: Stub, server: Any, count: int = 4) -> None:
        self.folder, self.stub, self.server = folder, stub, server
        self.url = f"sqlite:///{folder / 'l.db'}"
        (folder / "in").mkdir()
        self.files = [folder / "in" / f"paper_{number}.txt" for number in range(count)]
        for number, path in enumerate(self.files):
            path.write_text(PAPER.format(name=f"Number {number}"))
        self.told: list[str] = []

    def settings(self, **changed: Any) -> LlmSettings:
        return LlmSettings(
            **{"model": "stub", "base_url": self.stub.url, "retries": 2, "timeout": 20.0, **PRICES} | changed
        )

    def batched(
        self, out: str, *, wait: bool = True, limits: dict[str, int] | None = None, **changed: Any
    ) -> tuple[BatchOutcome, BatchCounts]:
        settings = self.settings(**changed)
        with Ledger.open(self.url) as ledger:
            api = BatchApi(settings, sleep=lambda seconds: None)
            assessor = BatchAssessor(settings, ledger.batch_jobs(), **(limits or {}))
            runner = BatchRunner(
                assessor, ledger.batch_jobs(), api, poll=0.001, tell=self.told.append, sleep=lambda seconds: None
            )
            outcome = assess_in_rounds(
                self._named(out),
                assessor,
                runner,
                self.folder / out,
                BatchSettings(jobs=1),
                locate=Locator(),
                wait=wait,
                keep=ledger.keep,
            )
            api.close()
        return outcome, runner.counts

    def direct(self, out: str, ledger: str = "direct.db", **changed: Any) -> BatchOutcome:
        with Ledger.open(f"sqlite:///{self.folder / ledger}") as kept:
            assessor = LlmAssessor(self.settings(**changed), cache=lambda: LedgerReplyCache(kept.reply_cache()))
            return assess_batch(self._named(out), assessor, self.folder / out, BatchSettings(jobs=1), locate=Locator())

    def _named(self, out: str) -> list[Any]:
        return name_sources([str(path) for path in self.files], self.folder / out)

    def records(self, out: str) -> list[Record]:
        return [Record.model_validate_json(path.read_text()) for path in sorted((self.folder / out).glob("*.json"))]

    def sql(self, statement: str) -> list[Any]:
        with Ledger.open(self.url) as ledger, ledger.engine.begin() as connection:
            return list(connection.execute(text(statement)))

    def same_as_direct(self, out: str, **changed: Any) -> None:
        """The records are those of direct calls, but for half the cost."""
        self.direct("direct", **changed)
        one, other = self.records(out), self.records("direct")
        assert len(one) == len(other) == len(self.files)
        for mine, theirs in zip(one, other, strict=True):
            assert (mine.paper, mine.answers, mine.scores) == (theirs.paper, theirs.answers, theirs.scores)
            free = {"cost": 0.0, "seconds": 0.0, "created": None}
            assert mine.run.model_copy(update=free) == theirs.run.model_copy(update=free)
            assert mine.run.cost == pytest.approx(theirs.run.cost / 2)
            assert mine.run.cost > 0


class Reading:
    """Reads papers in this process: starting another for each run is most of the time here, and shows nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def start(self) -> None: ...

    def close(self) -> None: ...

    def read(self, path: Path) -> Paper:
        return read_paper(path)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_stub: Callable[[Stub], Any]) -> Any:
    monkeypatch.setattr(pipeline, "ReaderPool", Reading)
    with Stub() as stub:
        yield Bench(tmp_path, stub, batch_stub(stub))


def error(status: int, message: str, **headers: str) -> Sent:
    return status, dict(headers), json.dumps({"error": {"message": message}}).encode()


def test_records_are_those_of_direct_calls_at_half_the_cost(bench: Bench) -> None:
    outcome, account = bench.batched("a")
    assert (outcome.assessed, outcome.failures, outcome.waiting, outcome.stopped) == (4, [], [], None)
    assert (account.submitted, account.questions, account.collected) == (1, 4, 4)
    assert account.cost == outcome.cost == pytest.approx(4 * 0.15)
    assert bench.stub.seen == 0, "nothing was asked directly"
    again, account = bench.batched("b")
    assert (again.assessed, account.submitted, len(bench.server.batches)) == (4, 0, 1)
    bench.same_as_direct("a")
    bench.direct("c", ledger="l.db")
    assert bench.stub.seen == 4, "a direct run on the same ledger asks nothing that a batch answered"
    assert bench.server.batches[0]["metadata"]["openbook"] == bench.sql("SELECT id FROM batches")[0][0]


def test_votes_and_one_call_a_variable_go_into_batches_too(bench: Bench) -> None:
    more: dict[str, Any] = {"votes": 2, "temperature": 0.7, "per": "variable"}
    _, account = bench.batched("a", **more)
    assert (account.submitted, account.questions) == (1, 4 * 2 * 9)
    bench.same_as_direct("a", **more)


def test_an_absent_quote_is_repaired_in_a_second_round(bench: Bench) -> None:
    def behave(number: int, body: dict[str, Any]) -> Sent:
        said = answers(body)
        if "Look again" not in body["messages"][-1]["content"]:
            said["pseudocode"]["quotes"] = said["hardware_specification"]["quotes"] = [
                "It stands nowhere in the paper."
            ]
        else:
            said["pseudocode"]["quotes"] = ["Nor does this."]
        return 200, {}, completion(said)

    bench.stub.behave = behave
    _, account = bench.batched("a")
    assert (account.submitted, account.questions) == (2, 8)
    assert bench.records("a")[0].answers["pseudocode"].result == "unverified"
    assert bench.records("a")[0].answers["hardware_specification"].result == "yes"
    bench.same_as_direct("a")


def test_submit_and_leave_then_collect(bench: Bench) -> None:
    outcome, account = bench.batched("a", wait=False)
    assert (outcome.assessed, len(outcome.waiting), outcome.stopped, account.submitted) == (0, 4, None, 1)
    waiting, account = bench.batched("a", wait=False)
    assert (len(waiting.waiting), account.submitted) == (4, 0), "what is under way is not submitted again"
    direct = bench.direct("a", ledger="l.db")  # neither pays for it a second time, nor waits for hours
    assert ["--batch collects it" in failure.reason for failure in direct.failures] == [True] * 4
    assert bench.stub.seen == 0
    collected, account = bench.batched("a")
    assert (collected.assessed, account.submitted, account.collected) == (4, 0, 4)
    assert len(bench.server.batches) == 1
    bench.same_as_direct("a")


def test_failed_requests_fail_their_papers_and_are_asked_again(bench: Bench) -> None:
    def behave(number: int, body: dict[str, Any]) -> Sent:
        return error(400, "too odd") if number == 1 else (200, {}, completion(answers(body)))

    bench.stub.behave = behave
    outcome, account = bench.batched("a")
    assert (outcome.assessed, account.collected, account.failed) == (3, 3, 1)
    assert [failure.reason for failure in outcome.failures] == ["batch batch_0: HTTP 400: too odd"]
    outcome, account = bench.batched("a")
    assert (outcome.assessed, outcome.kept, account.questions) == (1, 3, 1)
    bench.stub.behave = None
    bench.same_as_direct("a")


@pytest.mark.parametrize(
    ("fate", "kept", "said"),
    [
        ("expired", 2, "not executed in time"),
        ("cancelled", 2, "not executed in time"),
        ("failed", 0, "failed: the queue is full"),
        ("garbage", 0, "3 lines of its files cannot be read"),
    ],
)
def test_a_batch_that_comes_to_a_bad_end_keeps_what_was_done(bench: Bench, fate: str, kept: int, said: str) -> None:
    bench.server.fates = [fate]
    outcome, account = bench.batched("a")
    assert (outcome.assessed, account.collected, len(outcome.failures)) == (kept, kept, 4 - kept)
    assert all(said in failure.reason for failure in outcome.failures)
    outcome, account = bench.batched("a")
    assert (outcome.assessed, outcome.kept, account.questions) == (4 - kept, kept, 4 - kept)
    assert len(bench.server.asked) == 4 + (4 - kept)
    bench.same_as_direct("a")


def test_trouble_at_submission_is_waited_out(bench: Bench) -> None:
    bench.server.uploads = [
        error(429, "slow down", **{"retry-after-ms": "1"}),
        error(500, "oh", **{"retry-after-ms": "1"}),
    ]
    bench.server.creations = [error(429, "slow down"), error(500, "oh")]
    outcome, _ = bench.batched("a")
    assert (outcome.assessed, len(bench.server.batches)) == (4, 1)


def test_a_batch_that_was_made_although_the_reply_said_500_is_found(bench: Bench) -> None:
    bench.server.creations, bench.server.late = [error(500, "oh")], True
    outcome, _ = bench.batched("a")
    assert (outcome.assessed, len(bench.server.batches)) == (4, 1)


@pytest.mark.parametrize("where", ["uploads", "creations"])
def test_a_refused_submission_stops_with_the_reason_and_frees_the_questions(bench: Bench, where: str) -> None:
    setattr(bench.server, where, [error(401, "wrong key")])
    outcome, account = bench.batched("a")
    assert (outcome.assessed, len(outcome.waiting), account.submitted) == (0, 4, 0)
    assert "HTTP 401: wrong key" in str(outcome.stopped)
    assert bench.sql("SELECT count(*) FROM calls") == [(0,)]
    assert bench.batched("a")[0].assessed == 4


def test_a_server_that_stays_down_while_a_batch_is_begun(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether there is a batch: the next run looks, and submits when the list has none for long enough."""
    monkeypatch.setattr(batch_job, "BELIEVED_AFTER", 0.0)
    bench.server.creations = [error(503, "down")] * 3
    outcome, _ = bench.batched("a")
    assert "HTTP 503: down" in str(outcome.stopped)
    assert bench.sql("SELECT state, file FROM batches") == [("submitting", "file-0")]
    outcome, _ = bench.batched("a")
    assert (outcome.assessed, len(bench.server.batches)) == (4, 1)
    assert sorted(bench.sql("SELECT state FROM batches")) == [("done",), ("dropped",)]


def test_large_rounds_are_split(bench: Bench) -> None:
    outcome, account = bench.batched("a", limits={"most_requests": 3})
    assert (outcome.assessed, account.submitted) == (4, 2)
    assert sorted(len(made["lines"]) for made in bench.server.batches) == [1, 3]
    one = len(request_line(bench.settings(), "k" * 64, bench.server.bodies[0]["messages"], {}))
    with (
        Ledger.open(bench.url) as ledger,
        BatchRound(bench.settings(), ledger.batch_jobs(), {}, most_bytes=2 * one) as made,
    ):
        for number in range(5):
            made.add(Question(f"{number:064}", "m"), b"x" * (one - 1) + b"\n", 1)
        assert [len(file.questions) for file in made.files] == [2, 2, 1]
        made.files[0].keep_only({f"{1:064}"})
        assert made.files[0].path.stat().st_size == one


def test_the_budget_stops_before_anything_is_submitted(bench: Bench) -> None:
    outcome, account = bench.batched("a", budget=5.0)  # a question costs at most $1.50 for its reply alone
    assert "was not submitted" in str(outcome.stopped)
    assert (len(outcome.waiting), account.submitted, bench.server.files) == (4, 0, {})
    assert bench.batched("a", budget=50.0)[0].assessed == 4


def test_the_budget_counts_repairs(bench: Bench) -> None:
    def behave(number: int, body: dict[str, Any]) -> Sent:
        said = answers(body)
        said["pseudocode"]["quotes"] = ["It stands nowhere in the paper."]
        return 200, {}, completion(said)

    bench.stub.behave = behave
    outcome, account = bench.batched("a", budget=6.1, input_price=0.0)  # a round costs at most $6, the first did $0.40
    assert "spent or under way $0.4000" in str(outcome.stopped)
    assert (account.submitted, account.collected, len(outcome.waiting)) == (1, 4, 4)


def test_a_batch_that_the_server_does_not_know_says_how_to_drop_it(bench: Bench) -> None:
    bench.batched("a", wait=False)
    lost = bench.server.batches.pop()
    outcome, _ = bench.batched("a")
    assert f"--drop-batch {lost['id']}" in str(outcome.stopped)
    with Ledger.open(bench.url) as ledger:
        book = ledger.batch_jobs()
        found = book.get(lost["id"])
        assert found is not None
        assert book.drop(found.id, "by hand") is not None
        assert book.drop(found.id, "by hand") is None
    assert bench.batched("a")[0].assessed == 4


def test_prices_and_bodies_of_a_named_model() -> None:
    settings = LlmSettings(model="openai/gpt-4o-mini")
    direct, half = price_of(settings), price_of(settings, batch=True)
    assert direct is not None
    assert half is not None
    assert half.of(1000, 1000) == pytest.approx(direct.of(1000, 1000) / 2)
    assert batch_price_source(settings) == "genai-prices, batch price"
    assert batch_price_source(LlmSettings(model="openai/gpt-4o-mini", input_price=1.0)) == "half of the prices given"
    body = json.loads(request_line(settings, "k", [{"role": "user", "content": "\ud800"}], {}))["body"]
    assert (body["model"], body["max_completion_tokens"], "max_tokens" in body) == ("gpt-4o-mini", 3000, False)


def test_other_protocols_and_missing_keys_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(OpenbookError, match="OpenAI's protocol so far, which 'anthropic' does not"):
        BatchApi(LlmSettings(model="anthropic/claude"))
    with pytest.raises(OpenbookError, match="OPENAI_API_KEY"):
        BatchApi(LlmSettings(model="openai/gpt-4o-mini"))
    nobody = BatchApi(LlmSettings(model="x", base_url="http://127.0.0.1:1/v1", retries=0))
    with pytest.raises(CallFailed, match="cannot be looked at"):
        nobody.status("batch_0")


# --- as people run it


def command(bench: Bench, out: str, *more: object) -> list[str]:
    given = (
        "assess",
        *bench.files,
        "--assessor",
        "llm",
        "--model",
        "stub",
        "--base-url",
        bench.stub.url,
        "--out",
        bench.folder / out,
        "--batch",
        "--ledger",
        bench.url,
        "--jobs",
        1,
        "--json",
        *more,
    )
    return [sys.executable, "-m", "openbook.cli", *map(str, given)]


def run(bench: Bench, *more: object, code: int = 0) -> tuple[dict[str, Any], str]:
    done = subprocess.run(command(bench, "a", *more), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else {}, done.stderr


@pytest.mark.parametrize("moment", ["created", "uploaded"])
def test_killed_in_the_middle_of_a_submission(bench: Bench, moment: str) -> None:
    """Killed when the provider has the batch but nobody noted its name, and when it has no more than the file."""
    holder: list[subprocess.Popen[str]] = []
    ready: list[bool] = []

    def kill() -> None:
        if not ready:
            ready.append(True)
            os.kill(holder[0].pid, signal.SIGKILL)

    setattr(bench.server, moment, kill)
    holder.append(
        subprocess.Popen(command(bench, "a"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    )
    assert holder[0].wait(240) == -signal.SIGKILL
    assert bench.sql("SELECT state, provider_id FROM batches") == [("submitting", None)]
    outcome, account = bench.batched("a")
    assert (outcome.assessed, account.collected, account.submitted) == (4, 4, int(moment == "uploaded"))
    assert len(bench.server.batches) == 1
    assert len(bench.server.asked) == 4, "no question was submitted twice"
    bench.same_as_direct("a")


def test_interrupted_while_it_waits_and_run_again(bench: Bench) -> None:
    bench.server.looks = 10**9
    # Whoever started the tests may have told them to ignore Ctrl-C, as shells do with what runs in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command(bench, "a", "--poll", 0.05), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    said = ""
    while "finalizing" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "the same command goes on" in rest
    assert "Traceback" not in rest
    bench.server.looks = 0
    report, told = run(bench)
    assert (report["assessed"], report["waiting"], report["batch"]["submitted"]) == (4, 0, 0)
    assert report["batch"]["cost"] == 0.0, "a server on this machine costs nothing"
    assert "4 answers collected" in told
    assert len(bench.server.batches) == 1


def test_two_processes_on_one_ledger_submit_each_question_once(bench: Bench) -> None:
    bench.server.looks = 6
    both = [
        subprocess.Popen(command(bench, out, "--poll", 0.2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for out in ("a", "b")
    ]
    for process in both:
        out, told = process.communicate(timeout=240)
        assert process.returncode == 0, told
        assert json.loads(out)["assessed"] == 4
    assert len(bench.server.asked) == len(set(bench.server.asked)) == 4
    assert [record.answers for record in bench.records("a")] == [record.answers for record in bench.records("b")]


def test_no_wait_and_dry_run_say_what_comes_next(bench: Bench) -> None:
    report, told = run(bench, "--no-wait")
    assert "the same command collects them" in told
    assert (report["waiting"], report["failed"], report["batch"]["under_way"]) == (4, 0, ["batch_0"])
    dry, _ = run(bench, "--dry-run", "--input-price", 1, "--output-price", 2)
    assert dry["cost"] == pytest.approx((dry["input_tokens"] + 2 * dry["output_tokens"]) / 2e6)
    assert dry["price"] == "half of the prices given"
    assert len(bench.server.batches) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--batch",), "--assessor llm"),
        (("--assessor", "llm", "--model", "openai/x", "--batch"), "name one with --ledger"),
        (("--assessor", "llm", "--model", "openai/x", "--no-wait"), "go with --batch"),
        (("--assessor", "llm", "--model", "openai/x", "--batch", "--engine", "ray"), "--engine local"),
        (("--assessor", "llm", "--model", "openai/x", "--batch", "--ledger", "l.db", "--poll", "0"), "more than 0"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    from typer.testing import CliRunner

    from openbook.cli import app

    done = CliRunner().invoke(app, ["assess", "p.txt", *arguments], env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
