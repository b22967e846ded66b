"""The model assessor against a server that behaves, and one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.cached_client import LedgerReplyCache, MemoryReplyCache
from openbook.assessors.llm.settings import Budget, BudgetReached, LlmSettings, Price
from openbook.benchmarks.stub_model import Sent, Stub, answers, completion
from openbook.errors import OpenbookError
from openbook.evidence.checking import check_answers
from openbook.ledger import Ledger
from openbook.papers.paper import Paper
from openbook.papers.reading import read_text
from openbook.variables import SCORED, VARIABLES

pytest.importorskip("any_llm", reason="the extra openbook[llm] is not installed")

TEXT = """A Study of Small Things

Ada One, University of Somewhere

Abstract
We study small things and measure how they behave when nobody looks at them for a while.

1 Introduction
Small things are everywhere, and yet they are rarely written about in any depth by anyone.

2 Experiments
All models were trained on a single NVIDIA A100 with 40 GB of memory for about six hours in total.
We split the data into 80% for training, 10% for validation and 10% for testing, with seed 7.

3 Conclusion
Small things deserve more attention than they get, and we hope that this study helps them a little.
"""
LONGEST = max(TEXT.splitlines(), key=len)


def paper(text: str = TEXT) -> Paper:
    return read_text(text, source="small.txt")


def settings(stub: Stub, **changed: Any) -> LlmSettings:
    return LlmSettings(**{"model": "stub", "base_url": stub.url, "retries": 2, "timeout": 20.0} | changed)


def behaving(*sent: Callable[[dict[str, Any]], Sent]) -> Callable[[int, dict[str, Any]], Sent]:
    """Each reply in its turn; the last one for ever."""
    return lambda number, body: sent[min(number, len(sent) - 1)](body)


def good(body: dict[str, Any]) -> Sent:
    return 200, {}, completion(answers(body))


def quoting(quote: str, result: str = "yes") -> Callable[[dict[str, Any]], Sent]:
    def reply(body: dict[str, Any]) -> Sent:
        said = answers(body, result)
        for answer in said.values():
            answer["quotes"] = [quote]
        return 200, {}, completion(said)

    return reply


def test_a_yes_carries_its_place_in_the_paper() -> None:
    with Stub() as stub:
        assessor = LlmAssessor(settings(stub))
        read = paper()
        given = check_answers(read, assessor.assess(read))
    assert list(given) == list(VARIABLES)
    for name in SCORED:
        assert given[name].result == "yes"
        item = given[name].evidence[0]
        assert item.match == "exact"
        assert read.text[item.start : item.end] == item.quote
    usage = assessor.take_usage()
    assert (usage.input_tokens, usage.output_tokens) == (1000, 200)
    assert stub.seen == 1


def test_a_named_provider_is_asked_through_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stub(behave=behaving(lambda body: (429, {"Retry-After": "0"}, b"{}"), good), keep_bodies=True) as stub:
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
        assessor = LlmAssessor(settings(stub, model="openai/stub", base_url=None))
        given = assessor.assess(paper())
    assert given["pseudocode"].result == "yes"
    assert (stub.seen, assessor.counts.retried) == (2, 1)
    assert stub.bodies[0]["model"] == "stub"
    assert stub.keys[0] == stub.keys[1] != ""


@pytest.mark.parametrize(("direct", "through"), [("", True), ("127.0.0.1", False)])
def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, direct: str, through: bool) -> None:
    with Stub() as server, Stub() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", direct)
        LlmAssessor(LlmSettings(model="stub", base_url=server.url)).assess(paper())
        assert (server.seen, proxy.seen) == (int(not through), int(through))


def test_one_call_for_each_variable() -> None:
    with Stub() as stub:
        given = LlmAssessor(settings(stub, per="variable")).assess(paper())
    assert stub.seen == 9
    assert all(given[name].result == "yes" for name in SCORED)


def test_when_one_variable_fails_the_others_replies_are_kept(tmp_path: Path) -> None:
    def behave(number: int, body: dict[str, Any]) -> Sent:
        asked = body["response_format"]["json_schema"]["schema"]["properties"]
        return (200, {}, completion("no JSON")) if "pseudocode" in asked else good(body)

    with Stub(behave=behave) as stub, Ledger.open(str(tmp_path / "l.db")) as ledger:
        for _ in range(2):
            assessor = LlmAssessor(
                settings(stub, per="variable", concurrency=2), cache=lambda: LedgerReplyCache(ledger.reply_cache())
            )
            with pytest.raises(OpenbookError, match="cannot be used after 3 attempts"):
                assessor.assess(paper())
    assert stub.seen == 8 + 3


def test_an_absent_quote_gets_one_repair_and_then_is_unverified() -> None:
    with Stub(behave=behaving(quoting("This sentence stands nowhere in the paper at all."))) as stub:
        read = paper()
        given = check_answers(read, LlmAssessor(settings(stub)).assess(read))
    assert stub.seen == 2
    for name in SCORED:
        assert given[name].result == "unverified"
        assert [item.match for item in given[name].evidence] == ["absent"]


def test_a_repaired_quote_counts() -> None:
    with Stub(
        behave=behaving(quoting("Nowhere in the paper does this stand, not even near."), quoting(LONGEST))
    ) as stub:
        read = paper()
        given = check_answers(read, LlmAssessor(settings(stub)).assess(read))
    assert stub.seen == 2
    assert all(given[name].result == "yes" for name in SCORED)


def test_a_repair_may_take_the_yes_back() -> None:
    with Stub(behave=behaving(quoting("Not here, not there, not anywhere in it."), quoting("", "no"))) as stub:
        read = paper()
        given = check_answers(read, LlmAssessor(settings(stub)).assess(read))
    assert all(given[name].result == "no" for name in SCORED)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(lambda body: (429, {"Retry-After": "0"}, b'{"error": {"message": "slow down"}}'), id="429"),
        pytest.param(lambda body: (503, {}, b"<html>busy</html>"), id="503"),
        pytest.param(lambda body: (200, {}, b"\x00\xff not json at all"), id="garbage"),
        pytest.param(lambda body: (200, {}, b"{}"), id="empty object"),
        pytest.param(
            lambda body: (200, {"X-Announced-Length": "5000"}, completion(answers(body))[:300]), id="half a response"
        ),
    ],
)
def test_trouble_that_passes_is_waited_out(trouble: Callable[[dict[str, Any]], Sent]) -> None:
    with Stub(behave=behaving(trouble, good)) as stub:
        assessor = LlmAssessor(settings(stub))
        given = assessor.assess(paper())
    assert given["pseudocode"].result == "yes"
    assert stub.seen == 2
    assert assessor.counts.retried == 1


def test_a_server_that_hangs_is_left_after_the_timeout() -> None:
    with Stub(behave=behaving(lambda body: None, good)) as stub:
        given = LlmAssessor(settings(stub, timeout=1.0)).assess(paper())
    assert given["pseudocode"].result == "yes"


@pytest.mark.parametrize("text", ["I cannot do that.", '{"pseudocode": "yes"}', '{"pseudocode": {"result": "maybe"}}'])
def test_a_reply_of_another_shape_is_asked_again(text: str) -> None:
    with Stub(behave=behaving(lambda body: (200, {}, completion(text)), good)) as stub:
        assert LlmAssessor(settings(stub)).assess(paper())["pseudocode"].result == "yes"
    assert stub.seen == 2


def test_a_model_that_never_replies_in_shape_fails_clearly() -> None:
    with (
        Stub(behave=behaving(lambda body: (200, {}, completion("no JSON, ever")))) as stub,
        pytest.raises(OpenbookError, match="cannot be used after 3 attempts"),
    ):
        LlmAssessor(settings(stub)).assess(paper())
    assert stub.seen == 3


def test_a_refused_request_is_not_repeated() -> None:
    with (
        Stub(behave=behaving(lambda body: (401, {}, b'{"error": {"message": "wrong key"}}'))) as stub,
        pytest.raises(OpenbookError, match="HTTP 401"),
    ):
        LlmAssessor(settings(stub)).assess(paper())
    assert stub.seen == 1


def test_a_failing_paper_does_not_take_the_others_with_it() -> None:
    def behave(number: int, body: dict[str, Any]) -> Sent:
        return (400, {}, b'{"error": {"message": "no"}}') if "Third" in str(body["messages"]) else good(body)

    with Stub(behave=behave) as stub:
        papers = [paper(TEXT.replace("Small things are", word)) for word in ("First", "Second", "Third", "Fourth")]
        given = list(LlmAssessor(settings(stub)).assess_many(papers))
    assert [isinstance(item, OpenbookError) for item in given] == [False, False, True, False]


def test_many_papers_are_under_way_at_once_and_no_more_than_allowed() -> None:
    with Stub(latency=0.05) as stub:
        papers = [paper(TEXT + f"\nA last sentence, number {number}, ends this paper.\n") for number in range(30)]
        given = list(LlmAssessor(settings(stub, concurrency=6)).assess_many(papers))
    assert len(given) == 30
    assert stub.busiest == 6


def test_votes_agree_or_do_not() -> None:
    def behave(number: int, body: dict[str, Any]) -> Sent:
        return 200, {}, completion(answers(body, "no" if number == 0 else "yes"))

    with Stub(behave=behave) as stub:
        given = LlmAssessor(settings(stub, votes=3, temperature=0.7)).assess(paper())
    assert stub.seen == 3
    assert given["pseudocode"].result == "yes"
    split, unanimous = given["pseudocode"].confidence, given["affiliation"].confidence
    assert split is not None
    assert unanimous is not None
    assert split < unanimous


def test_the_budget_is_never_passed() -> None:
    price = {"input_price": 1000.0, "output_price": 1000.0}  # a completion of the stub costs $1.20
    with Stub() as stub:
        papers = [paper(TEXT + f"\nNumber {number} of this series of papers ends here.\n") for number in range(12)]
        assessor = LlmAssessor(settings(stub, budget=15.0, concurrency=4, **price))
        given = list(assessor.assess_many(papers))
    done = [item for item in given if not isinstance(item, OpenbookError)]
    assert 1 <= len(done) < 12
    assert any(isinstance(item, BudgetReached) for item in given)
    assert assessor.counts.cost == pytest.approx(1.2 * len(done))
    assert assessor.counts.cost <= 15.0
    assert stub.seen == len(done)


def test_a_reply_that_went_astray_may_have_been_paid_for() -> None:
    price = {"input_price": 0.0, "output_price": 1000.0}  # at most $3 for a reply, of which the stub's take 20 cents
    cut = behaving(lambda body: (200, {"X-Announced-Length": "5000"}, completion(answers(body))[:300]), good)
    with Stub(behave=cut) as stub:
        assessor = LlmAssessor(settings(stub, budget=5.0, **price))
        with pytest.raises(BudgetReached):
            assessor.assess(paper())
    assert stub.seen == 1
    assert assessor.spent == pytest.approx(3.0)


def test_a_budget_holds_what_is_under_way() -> None:
    budget = Budget(1.0, Price(0.001, 0.0))
    first = budget.reserve(600, 0)
    with pytest.raises(BudgetReached):
        budget.reserve(500, 0)
    budget.settle(first, 0.1)
    budget.reserve(500, 0)


def test_a_budget_without_a_price_is_refused() -> None:
    with pytest.raises(OpenbookError, match="--input-price"):
        LlmAssessor(LlmSettings(model="x", base_url="http://203.0.113.1/v1", budget=1.0), questions=lambda: None)  # type: ignore[arg-type,return-value]


def test_nothing_is_asked_twice_with_a_ledger(tmp_path: Path) -> None:
    papers = [paper(TEXT + f"\nThis is the ending of paper number {number} of ten.\n") for number in range(10)]
    with Stub() as stub, Ledger.open(str(tmp_path / "l.db")) as ledger:
        first = list(
            LlmAssessor(settings(stub), cache=lambda: LedgerReplyCache(ledger.reply_cache())).assess_many(papers)
        )
        assert stub.seen == 10
        again = LlmAssessor(settings(stub), cache=lambda: LedgerReplyCache(ledger.reply_cache()))
        assert list(again.assess_many(papers)) == first
        assert stub.seen == 10
        assert (again.counts.calls, again.counts.cached) == (0, 10)
        other = LlmAssessor(
            settings(stub, max_output_tokens=2000), cache=lambda: LedgerReplyCache(ledger.reply_cache())
        )
        other.assess(papers[0])
        assert stub.seen == 11


def test_the_same_paper_twice_at_once_is_asked_once(tmp_path: Path) -> None:
    with Stub(latency=0.2) as stub, Ledger.open(str(tmp_path / "l.db")) as ledger:
        assessor = LlmAssessor(settings(stub), cache=lambda: LedgerReplyCache(ledger.reply_cache()))
        first, second = assessor.assess_many([paper(), paper()])
    assert first == second
    assert stub.seen == 1


def test_what_failed_may_be_asked_again(tmp_path: Path) -> None:
    trouble = behaving(lambda body: (400, {}, b'{"error": {"message": "no"}}'), good)
    with Stub(behave=trouble) as stub, Ledger.open(str(tmp_path / "l.db")) as ledger:
        assessor = LlmAssessor(settings(stub), cache=lambda: LedgerReplyCache(ledger.reply_cache()))
        with pytest.raises(OpenbookError):
            assessor.assess(paper())
        assert assessor.assess(paper())["pseudocode"].result == "yes"


def test_an_estimate_before_a_cent_is_spent() -> None:
    with Stub() as stub:
        assessor = LlmAssessor(settings(stub, input_price=1.0, output_price=2.0, votes=2, temperature=1.0))
        estimate = assessor.estimate([paper(), paper()])
    assert (estimate.papers, estimate.calls) == (2, 4)
    assert estimate.cost == pytest.approx((estimate.input_tokens + 2 * estimate.output_tokens) / 1e6)
    assert stub.seen == 0


def test_the_default_cache_forgets() -> None:
    with Stub() as stub:
        for _ in range(2):
            LlmAssessor(settings(stub), cache=MemoryReplyCache).assess(paper())
    assert stub.seen == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"base_url": None}, "names no provider"),
        ({"base_url": "ftp://x"}, "must begin with http"),
        ({"votes": 0}, "votes must be at least 1"),
        ({"votes": 3, "temperature": 0}, "set --temperature above 0"),
        ({"max_output_tokens": 100_000}, "leaves too little"),
        ({"budget": -1.0, "timeout": 0.0}, r"timeout must be.*; budget must not"),
    ],
)
def test_invalid_settings_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(OpenbookError, match=said):
        LlmSettings(**{"model": "stub", "base_url": "http://127.0.0.1:1/v1"} | changed)
