"""The assessor that asks a language model. Nothing in a reply is believed that the paper does not show."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

import openbook
from openbook.assessors.agreement import combine
from openbook.assessors.base import Usage
from openbook.assessors.llm import prompt_template
from openbook.assessors.llm.cached_client import CachedClient, CallCounts, MemoryReplyCache, QuestionClient
from openbook.assessors.llm.client import CallFailed, Messages, make_client
from openbook.assessors.llm.prompt_template import CHARACTERS_PER_TOKEN, fit, results, tokens_in
from openbook.assessors.llm.settings import Budget, LlmSettings, price_of, require_extra
from openbook.errors import OpenbookError
from openbook.evidence.checking import speaks_to_the_assessor
from openbook.evidence.locating import Finder, is_proven
from openbook.files import sha256
from openbook.papers.paper import Paper
from openbook.record.model import Answer, Evidence
from openbook.variables import SCORED, VARIABLES

#: How often a question is asked whose reply cannot be read, before the paper fails.
READABLE_ATTEMPTS: Final = 3
#: A paper's text must have at least this many tokens of the context.
LEAST_ROOM: Final = 500


class ModelAnswer(BaseModel):
    """A model's answer to one variable, as its reply gives it."""

    model_config = ConfigDict(extra="ignore")

    result: str
    quotes: list[str] = []
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would use at most, before it starts. ``cost`` in US dollars, None if no price is known."""

    papers: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None


class LlmAssessor:
    """Asks a model for all nine variables of a paper, or for one at a time, and has it repair absent quotes once.

    ``cache`` makes the cache of replies for a run: a ledger's, or the run's memory. ``on_progress`` is called with the counts
    after every answered call. ``questions`` makes what answers the questions of a run, where the model is not called
    directly. Raises OpenbookError if the model, its key or its price is missing, before any paper is read.
    """

    def __init__(
        self,
        settings: LlmSettings,
        *,
        cache: Callable[[], MemoryReplyCache] = MemoryReplyCache,
        on_progress: Callable[[CallCounts], None] = lambda counts: None,
        questions: Callable[[], QuestionClient] | None = None,
    ) -> None:
        require_extra()
        self.settings = settings
        self.counts = CallCounts()
        self._usage = Usage()
        self._price = price_of(settings)
        self._budget = Budget(settings.budget, self._price)
        if not questions:
            make_client(settings)  # a wrong model or a missing key is reported now
        self._questions = questions or (
            lambda: CachedClient(make_client(settings), settings, self._budget, cache(), self.counts, on_progress)
        )

    @property
    def name(self) -> str:
        return "llm"

    @property
    def model(self) -> str:
        return self.settings.model

    @property
    def version(self) -> str:
        return f"{openbook.__version__}+prompts.{prompt_template.VERSION}"

    @property
    def parameters(self) -> dict[str, Any]:
        return self.settings.parameters()

    @property
    def prompt_hash(self) -> str:
        return prompt_template.prompt_hash()

    @property
    def spent(self) -> float:
        """US dollars that the calls of this assessor cost, including those whose replies were lost on the way."""
        return self._budget.spent

    def assess(self, paper: Paper) -> dict[str, Answer]:
        """The answers for one paper. Raises OpenbookError if the model gave none that can be used."""
        for answers in self.assess_many([paper]):
            if isinstance(answers, OpenbookError):
                raise answers
            return answers
        raise AssertionError("one paper gives one set of answers")

    def assess_many(self, papers: Iterable[Paper]) -> Iterator[dict[str, Answer] | OpenbookError]:
        """The answers of each paper, in order, with many papers under way at once; an error where a paper failed.

        At an early end calls under way are finished, as far as their replies are of use to another run.
        """
        from anyio.from_thread import start_blocking_portal

        window = 2 * self.settings.concurrency
        waiting: deque[Future[tuple[dict[str, Answer], Usage]]] = deque()
        with start_blocking_portal() as portal:  # an event loop in a thread: the caller is not async
            client = portal.call(self._questions)
            try:
                for paper in papers:
                    waiting.append(portal.start_task_soon(self._assess, client, paper))
                    while waiting and (len(waiting) >= window or waiting[0].done()):
                        yield self._result(waiting.popleft())
                while waiting:
                    yield self._result(waiting.popleft())
            finally:
                portal.call(client.stop)
                for future in waiting:
                    future.cancel()
                portal.call(client.close)

    def take_usage(self) -> Usage:
        """What the answers given last used and cost, whenever their calls were made."""
        usage, self._usage = self._usage, Usage()
        return usage

    def estimate(self, papers: Iterable[Paper]) -> Estimate:
        """What asking about these papers would use at most, with an empty cache and no repairs."""
        calls = inputs = count = 0
        for paper in papers:
            count += 1
            for names in self._groups():
                characters = prompt_template.overhead(names) + len(fit(paper, self._room(names)))
                calls += self.settings.votes
                inputs += self.settings.votes * tokens_in("x" * characters)
        outputs = calls * self.settings.max_output_tokens
        return Estimate(count, calls, inputs, outputs, self._price.of(inputs, outputs) if self._price else None)

    def _result(self, future: Future[tuple[dict[str, Answer], Usage]]) -> dict[str, Answer] | OpenbookError:
        try:
            answers, self._usage = future.result()
        except OpenbookError as error:
            self._usage = Usage()
            return error
        return answers

    def _groups(self) -> list[tuple[str, ...]]:
        """The variables that are asked about together."""
        return [VARIABLES] if self.settings.per == "paper" else [(name,) for name in VARIABLES]

    def _room(self, names: tuple[str, ...]) -> int:
        """How many tokens are left for the paper's text."""
        overhead = int(prompt_template.overhead(names) / CHARACTERS_PER_TOKEN) + 1
        room = self.settings.context_tokens - self.settings.max_output_tokens - overhead
        if room < LEAST_ROOM:
            raise OpenbookError(
                f"a context of {self.settings.context_tokens} tokens leaves {max(room, 0)} for the paper (questions "
                f"{overhead}, reply {self.settings.max_output_tokens}); raise --context-tokens, lower "
                "--max-output-tokens, or ask --per variable"
            )
        return room

    async def _assess(self, client: QuestionClient, paper: Paper) -> tuple[dict[str, Answer], Usage]:
        """Every vote on every group of variables, at once."""
        asked = _PaperQuestions(client, paper, bounded=self.settings.base_url is not None)
        groups, votes = self._groups(), range(self.settings.votes)
        texts = {names: fit(paper, self._room(names)) for names in groups}
        replies = await _all([asked.answers(texts[names], names, vote) for vote in votes for names in groups])
        by_vote: list[dict[str, Answer]] = []
        for vote in votes:
            given: dict[str, ModelAnswer] = {}
            for reply in replies[vote * len(groups) : (vote + 1) * len(groups)]:
                given |= reply
            by_vote.append({name: to_answer(asked.finder, name, given[name]) for name in VARIABLES})
        return combine(by_vote), asked.usage


class _PaperQuestions:
    """The questions about one paper, and what their replies used."""

    def __init__(self, client: QuestionClient, paper: Paper, *, bounded: bool) -> None:
        self.finder = Finder.of(paper)
        self.usage = Usage()
        self._client = client
        self._paper = paper.sha256
        self._text_hash = sha256(paper.text)
        self._bounded = bounded

    async def answers(self, text: str, names: tuple[str, ...], vote: int) -> Mapping[str, ModelAnswer]:
        """One vote on one group of variables, with its absent quotes repaired once."""
        messages = prompt_template.question(text, self._text_hash, names)
        given = await self._readable(messages, names, ["question", vote])
        absent = unproven(self.finder, given)
        if absent:
            messages = prompt_template.repair(text, self._text_hash, absent)
            try:
                given |= await self._readable(messages, tuple(absent), ["repair", vote])
            except CallFailed as error:
                if error.retryable:  # the server is gone: no record is better than half a one
                    raise
        return given

    async def _readable(self, messages: Messages, names: tuple[str, ...], nonce: list[Any]) -> dict[str, ModelAnswer]:
        """Ask until the reply is of the schema, a few times."""
        schema = prompt_template.schema(names, bounded=self._bounded)
        reason = ""
        for attempt in range(READABLE_ATTEMPTS):
            again = [attempt] if attempt else []
            reply = await self._client.ask(messages, schema, paper=self._paper, nonce=[*nonce, *again])
            self.usage.input_tokens += reply.input_tokens
            self.usage.output_tokens += reply.output_tokens
            self.usage.cost += reply.cost
            try:
                return read_reply(reply.response, names)
            except ValueError as error:
                reason = str(error)
        raise CallFailed(
            f"the model's reply cannot be used after {READABLE_ATTEMPTS} attempts: {reason}", retryable=False
        )


async def _all(jobs: list[Coroutine[Any, Any, Mapping[str, ModelAnswer]]]) -> list[Mapping[str, ModelAnswer]]:
    """The results of all jobs, or the first error, once none of them is under way any more.

    After an error the others are waited for, since their replies are paid for and will be kept. Only where the server
    is gone are they cancelled.
    """

    async def settled(job: Coroutine[Any, Any, Mapping[str, ModelAnswer]]) -> Mapping[str, ModelAnswer] | OpenbookError:
        try:
            return await job
        except OpenbookError as error:
            if isinstance(error, CallFailed) and error.retryable:
                raise
            return error

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(settled(job)) for job in jobs]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    results: list[Mapping[str, ModelAnswer]] = []
    for task in tasks:
        result = task.result()
        if isinstance(result, OpenbookError):
            raise result
        results.append(result)
    return results


def read_reply(text: str, names: Sequence[str]) -> dict[str, ModelAnswer]:
    """The reply's answers by variable. Raises ValueError, saying why, where it is not of the schema."""
    reply = _parse_json(text)
    if not isinstance(reply, dict):
        raise ValueError("the reply is not a JSON object")
    answers: dict[str, ModelAnswer] = {}
    for name in names:
        try:
            answer = ModelAnswer.model_validate(reply.get(name))
        except ValidationError as error:
            raise ValueError(f"the reply's {name} is not of the schema") from error
        answer.result = answer.result.strip().lower()
        if answer.result not in results(name):
            raise ValueError(f"the reply answers {answer.result[:40]!r} to {name}")
        answers[name] = answer
    return answers


def unproven(finder: Finder, answers: Mapping[str, ModelAnswer]) -> dict[str, list[str]]:
    """The variables that were answered yes without a quote from the paper, with the quotes that were given."""
    return {
        name: answer.quotes
        for name, answer in answers.items()
        if name in SCORED and answer.result == "yes" and not is_proven(_located(finder, answer))
    }


def to_answer(finder: Finder, name: str, given: ModelAnswer) -> Answer:
    """One variable's answer. A yes is ``unverified`` where none of its quotes is in the paper."""
    result, evidence = given.result, _located(finder, given)
    if name in SCORED and result == "yes" and not evidence:
        result = "unverified"
        evidence = [Evidence(quote=quote, match="absent") for quote in given.quotes if _is_quote(quote)]
    return Answer(result=result, confidence=None, response=given.reason, evidence=evidence)


def _located(finder: Finder, answer: ModelAnswer) -> list[Evidence]:
    """The answer's quotes with their places in the paper, without those that speak to the assessor."""
    quotes = dict.fromkeys(quote.strip() for quote in answer.quotes if _is_quote(quote))
    return [evidence for quote in quotes for evidence in finder.evidence(quote)]


def _is_quote(text: str) -> bool:
    return bool(text.strip()) and not speaks_to_the_assessor(text)


def _parse_json(text: str) -> Any:
    """The JSON value in a reply, inside a code fence or not. Raises ValueError if there is none."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.strip("`").removeprefix("json").strip()
    try:
        return json.loads(stripped)
    except json.JSONDecodeError:
        start, end = stripped.find("{"), stripped.rfind("}")
        if start < 0 or end <= start:
            raise
        return json.loads(stripped[start : end + 1])
