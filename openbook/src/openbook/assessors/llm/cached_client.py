"""Many questions at once: each answered from a cache, or asked within the limits of rate and money."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from openbook.assessors.base import StopAssessing
from openbook.assessors.llm.client import (
    CallFailed,
    Client,
    Completion,
    Messages,
    Schema,
    is_retryable,
    wait_before_retry,
)
from openbook.assessors.llm.prompt_template import tokens_in
from openbook.assessors.llm.settings import Budget, LlmSettings
from openbook.files import sha256
from openbook.ledger.reply_cache import CachedReply, Question, ReplyCache

T = TypeVar("T")

#: How many replies may wait to be kept, as a share of the calls that may be under way.
SPARE: Final = 0.25
#: Seconds that calls under way are given at an early end, so that their replies are kept.
FINISH: Final = 10.0
#: Seconds for which questions are collected before one transaction claims them all.
COLLECT: Final = 0.003
#: Seconds between looks at a question that another process is asking, and between renewals of our claims.
LOOK_AGAIN: Final = 0.5
RENEW: Final = 30.0


@dataclass(slots=True)
class CallCounts:
    """What a run asked so far, for its progress and its report. ``cost`` in US dollars."""

    calls: int = 0
    cached: int = 0
    failed: int = 0
    retried: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


class QuestionClient(Protocol):
    """Answers the questions of a run: ``CachedClient``, or ``BatchRound`` for batch jobs."""

    async def ask(self, messages: Messages, schema: Schema, *, paper: str | None, nonce: list[Any]) -> CachedReply:
        """The reply to one question. ``nonce`` tells apart questions of the same words. Raises OpenbookError."""
        ...

    async def stop(self) -> None:
        """Begin no more calls, and wait a while for those under way."""
        ...

    async def close(self) -> None: ...


def call_key(settings: LlmSettings, messages: Messages, schema: Schema, nonce: list[Any]) -> str:
    """64 hex digits that name a question: the same question to the same model has the same key for ever."""
    address = settings.base_url if settings.provider == "openai" else None
    model = [settings.provider, settings.name, address, settings.temperature, settings.max_output_tokens]
    return sha256(json.dumps([*model, messages, schema, nonce], sort_keys=True))


def size_of(messages: Messages) -> int:
    """About how many tokens these messages have."""
    return sum(tokens_in(message["content"]) for message in messages)


def most_unkept(concurrency: int) -> int:
    """The most replies that a killed process loses: those of the calls under way, and those about to be kept."""
    return concurrency + math.ceil(SPARE * concurrency)


class RateLimiter:
    """Holds calls back so that a provider's limits per minute are kept. None is no limit."""

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        from aiolimiter import AsyncLimiter

        self._requests = AsyncLimiter(requests_per_minute, 60) if requests_per_minute else None
        self._tokens = AsyncLimiter(tokens_per_minute, 60) if tokens_per_minute else None

    async def acquire(self, tokens: int) -> None:
        """Wait until a call of this many tokens may start."""
        if self._requests:
            await self._requests.acquire()
        if self._tokens:
            await self._tokens.acquire(min(tokens, self._tokens.max_rate))


class CachedClient:
    """Asks each question once, under the settings' limits. Make one for each run, inside its event loop.

    ``on_progress`` is called with the counts after each answered, cached or retried call.
    """

    def __init__(
        self,
        client: Client,
        settings: LlmSettings,
        budget: Budget,
        cache: MemoryReplyCache,
        counts: CallCounts,
        on_progress: Callable[[CallCounts], None] = lambda counts: None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._budget = budget
        self._cache = cache
        self._counts = counts
        self._on_progress = on_progress
        self._limiter = RateLimiter(settings.requests_per_minute, settings.tokens_per_minute)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._unkept = asyncio.Semaphore(most_unkept(settings.concurrency))
        self._under_way: set[asyncio.Task[Any]] = set()
        self._stopped = False

    async def ask(self, messages: Messages, schema: Schema, *, paper: str | None, nonce: list[Any]) -> CachedReply:
        """The reply to one question, from the cache if it was ever answered.

        Raises CallFailed, BudgetReached; StopAssessing after ``stop``.
        """
        key = call_key(self._settings, messages, schema, nonce)
        cached = await self._cache.take(Question(key, self._settings.model, paper))
        if cached is not None:
            self._counts.cached += 1
            self._on_progress(self._counts)
            return cached
        reply = None
        try:
            # A slot is free for the next question as soon as the reply has come, but only so many replies may wait to
            # be kept: a killed process loses those and the calls under way, never more.
            async with self._unkept:
                async with self._slots:
                    start = time.perf_counter()
                    completion, cost = await self._with_retries(messages, schema, key)
                    seconds = time.perf_counter() - start
                reply = CachedReply(
                    key, completion.text, completion.input_tokens, completion.output_tokens, cost, seconds
                )
                await self._cache.put(reply)
        finally:
            if reply is None:
                self._counts.failed += 1
                self._cache.give_up(key)
            self._under_way.discard(_this_task())
        self._counts.calls += 1
        self._counts.input_tokens += reply.input_tokens
        self._counts.output_tokens += reply.output_tokens
        self._counts.cost += cost
        self._on_progress(self._counts)
        return reply

    async def stop(self) -> None:
        """Begin no more calls; those under way have ``FINISH`` seconds, where their replies are kept for longer than the run."""
        self._stopped = True
        if self._cache.lasting and self._under_way:
            await asyncio.wait(self._under_way.copy(), timeout=FINISH)

    async def close(self) -> None:
        """Close the cache and the client."""
        await self._cache.close()
        await self._client.close()

    async def _with_retries(self, messages: Messages, schema: Schema, key: str) -> tuple[Completion, float]:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: is_retryable(error) and not self._stopped),
            stop=stop_after_attempt(self._settings.retries + 1),
            wait=wait_before_retry,
            before_sleep=self._count_retry,
            reraise=True,
        )
        return await retrying(self._once, messages, schema, key)

    def _count_retry(self, state: object) -> None:
        self._counts.retried += 1
        self._on_progress(self._counts)

    async def _once(self, messages: Messages, schema: Schema, key: str) -> tuple[Completion, float]:
        """One attempt, and its cost in US dollars. The most that it can cost is reserved before it starts."""
        size = size_of(messages)
        await self._limiter.acquire(size)
        if self._stopped:
            raise StopAssessing("the run was stopped")
        reserved = self._budget.reserve(size, self._settings.max_output_tokens)
        cost = 0.0
        self._under_way.add(_this_task())
        try:
            completion = await self._client.complete(messages, schema, key)
            cost = self._budget.price.of(
                completion.input_tokens or size, completion.output_tokens or tokens_in(completion.text)
            )
        except CallFailed as error:
            cost = reserved if error.charged else 0.0
            self._under_way.discard(_this_task())
            raise
        finally:
            self._budget.settle(reserved, cost)
        return completion, cost


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


class MemoryReplyCache:
    """Keeps replies for the length of one run."""

    #: Whether replies outlive the run.
    lasting = False

    def __init__(self) -> None:
        self._replies: dict[str, CachedReply] = {}

    async def take(self, question: Question) -> CachedReply | None:
        """The reply to a question. None: the caller must ask it, and call ``put`` or ``give_up`` afterwards."""
        return self._replies.get(question.key)

    async def put(self, reply: CachedReply) -> None:
        """Keep a reply. It is kept when this returns."""
        self._replies[reply.key] = reply

    def give_up(self, key: str) -> None:
        """Let others ask a question that was not answered."""

    async def close(self) -> None:
        """Write what is left and release what is held."""


class LedgerReplyCache(MemoryReplyCache):
    """Keeps replies in a ledger, in few transactions.

    Questions that arrive at the same moment are claimed in one transaction, and replies are kept in one. The database
    is used from one thread of its own, so that waiting for it delays no reply. A question that another process is
    asking is looked at again until it is answered or its claim lapses.
    """

    lasting = True

    def __init__(self, store: ReplyCache) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._wanted: list[tuple[Question, asyncio.Future[CachedReply | None]]] = []
        self._finished: list[tuple[CachedReply, asyncio.Future[None]]] = []
        self._released: list[str] = []
        self._asking: set[str] = set()
        self._writing: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, question: Question) -> CachedReply | None:
        while True:
            future: asyncio.Future[CachedReply | None] = asyncio.get_running_loop().create_future()
            self._wanted.append((question, future))
            self._start_writing()
            try:
                return await future
            except _AskedElsewhere:
                await asyncio.sleep(LOOK_AGAIN)

    async def put(self, reply: CachedReply) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finished.append((reply, future))
        self._start_writing()
        await future
        self._asking.discard(reply.key)

    def give_up(self, key: str) -> None:
        self._asking.discard(key)
        self._released.append(key)
        self._start_writing()

    async def close(self) -> None:
        while self._writing and not self._writing.done():
            await self._writing
        if self._renewing:
            self._renewing.cancel()
        self._thread.shutdown(wait=True)

    def _start_writing(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())

    async def _write(self) -> None:
        while self._wanted or self._finished or self._released:
            if not self._finished:  # a finished reply is written at once: it holds up the next question
                await asyncio.sleep(COLLECT)
            finished, self._finished = self._finished, []
            wanted, self._wanted = self._wanted, []
            released, self._released = self._released, []
            if finished:
                with _failing(finished):
                    await self._in_thread(self._store.finish, [reply for reply, _ in finished])
                    for _, future in finished:
                        if not future.done():
                            future.set_result(None)
            if released:
                with suppress(Exception):  # a claim that cannot be released lapses with this process
                    await self._in_thread(self._store.release, released)
            if wanted:
                with _failing(wanted):
                    await self._claim(wanted)

    async def _claim(self, wanted: Sequence[tuple[Question, asyncio.Future[CachedReply | None]]]) -> None:
        claims = await self._in_thread(self._store.claim, [question for question, _ in wanted])
        ours, batched = set(claims.ours), set(claims.batched)
        for question, future in wanted:
            key = question.key
            if future.done():  # its caller was cancelled
                continue
            if key in claims.answered:
                future.set_result(claims.answered[key])
            elif key in batched:
                _fail(future, CallFailed("this question waits in a batch; --batch collects it", retryable=False))
            elif key in ours and key not in self._asking:
                self._asking.add(key)
                future.set_result(None)
            else:
                _fail(future, _AskedElsewhere())

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            with suppress(Exception):  # the next renewal comes well before the claims lapse
                await self._in_thread(self._store.renew)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


class _AskedElsewhere(Exception):
    """Somebody else is asking the question."""


@contextmanager
def _failing(waiting: Sequence[tuple[Any, asyncio.Future[Any]]]) -> Iterator[None]:
    """What goes wrong with the database goes to those who wait for it."""
    try:
        yield
    except Exception as error:
        for _, future in waiting:
            _fail(future, error)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # marks it as seen: if nobody waits any more, asyncio need not report it
