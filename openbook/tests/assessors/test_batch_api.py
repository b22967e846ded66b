"""Batches against a stub of OpenAI's files and batches: the same records as direct calls, whatever goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from batch_bench import Bench, error

from openbook.assessors.llm import batch_job
from openbook.assessors.llm.batch_api import BatchApi, request_line
from openbook.assessors.llm.batch_job import BatchRound
from openbook.assessors.llm.client import CallFailed
from openbook.assessors.llm.settings import LlmSettings, batch_price_source, price_of
from openbook.benchmarks.stub_model import Sent, answers, completion
from openbook.errors import OpenbookError
from openbook.ledger import Ledger, Question

pytest.importorskip("any_llm", reason="the extra openbook[llm] is not installed")


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
    with pytest.raises(OpenbookError, match="OpenAI's protocol only, which 'anthropic' does not"):
        BatchApi(LlmSettings(model="anthropic/claude"))
    with pytest.raises(OpenbookError, match="OPENAI_API_KEY"):
        BatchApi(LlmSettings(model="openai/gpt-4o-mini"))
    nobody = BatchApi(LlmSettings(model="x", base_url="http://127.0.0.1:1/v1", retries=0))
    with pytest.raises(CallFailed, match="cannot be looked at"):
        nobody.status("batch_0")
