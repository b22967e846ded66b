"""Asking many questions at once: cached in a ledger, limited in rate and money, retried where that makes sense."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from openbook.assessors.llm.fitting import tokens_in
from openbook.assessors.llm.prices import Budget
from openbook.assessors.llm.provider import CallFailed, Completion, Provider
from openbook.assessors.llm.settings import LlmSettings

#: The longest wait between two attempts, in seconds.
LONGEST_WAIT = 60.0

#: How many replies may wait to be kept beside the calls that are under way, as a share of those.
SPARE = 0.25


@dataclass(frozen=True, slots=True)
class Kept:
    """An answered call: the reply's text, what it used and cost, and whether it was asked now or long ago."""

    text: str
    input_tokens: int
    output_tokens: int
    cost: float
    fresh: bool


@dataclass(slots=True)
class Tally:
    """What has been asked so far: for progress, and for the run's account."""

    calls: int = 0
    cached: int = 0
    failed: int = 0
    retried: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    watchers: list[Callable[[Tally], None]] = field(default_factory=list)

    def tell(self) -> None:
        for watcher in self.watchers:
            watcher(self)


def call_key(settings: LlmSettings, messages: list[dict[str, str]], schema: dict[str, Any], nonce: list[Any]) -> str:
    """64 hex digits that name a question: the same question to the same model has the same key for ever."""
    asked = [
        settings.provider, settings.name, settings.base_url if settings.provider == "openai" else None,
        settings.temperature, settings.max_output_tokens, messages, schema, nonce,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def most_unkept(concurrency: int) -> int:
    """The most replies that a process that is killed loses: those of the calls under way, and those being kept."""
    return concurrency + math.ceil(SPARE * concurrency)


class Asks(Protocol):
    """Whoever gets questions answered for a run."""

    tally: Tally

    async def ask(
        self, messages: list[dict[str, str]], schema: dict[str, Any], *, paper: str | None, nonce: list[Any]
    ) -> Kept:
        """The reply to one question. Raises OpenbookError."""
        ...

    async def close(self) -> None: ...


class Asker:
    """Asks questions under the settings' limits. One per run; use it inside one event loop."""

    def __init__(self, provider: Provider, settings: LlmSettings, budget: Budget, shelf: Shelf) -> None:
        from aiolimiter import AsyncLimiter

        self._provider = provider
        self._settings = settings
        self._budget = budget
        self._shelf = shelf
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._unkept = asyncio.Semaphore(most_unkept(settings.concurrency))
        self._requests = AsyncLimiter(settings.requests_per_minute, 60) if settings.requests_per_minute else None
        self._tokens = AsyncLimiter(settings.tokens_per_minute, 60) if settings.tokens_per_minute else None
        self.tally = Tally()

    async def ask(
        self, messages: list[dict[str, str]], schema: dict[str, Any], *, paper: str | None, nonce: list[Any]
    ) -> Kept:
        """The reply to one question, from the shelf where it was ever answered. Raises CallFailed, BudgetReached."""
        key = call_key(self._settings, messages, schema, nonce)
        before = await self._shelf.take(key, self._settings.model, paper)
        if before is not None:
            self.tally.cached += 1
            self.tally.tell()
            return before
        asked = False
        try:
            # A slot is free for the next question as soon as the reply is there, but only so many replies may wait to
            # be kept: a process that is killed loses those and the calls under way, never more.
            async with self._unkept:
                async with self._slots:
                    start = time.perf_counter()
                    completion, cost = await self._attempts(messages, schema, key)
                    seconds = time.perf_counter() - start
                asked = True
                kept = Kept(completion.text, completion.input_tokens, completion.output_tokens, cost, fresh=True)
                await self._shelf.put(key, kept, seconds)
        except BaseException:
            if not asked:
                self.tally.failed += 1
                self._shelf.give_up(key)
            raise
        self.tally.calls += 1
        self.tally.input_tokens += completion.input_tokens
        self.tally.output_tokens += completion.output_tokens
        self.tally.cost += cost
        self.tally.tell()
        return kept

    async def close(self) -> None:
        """Let go of the provider and the shelf."""
        await self._shelf.close()
        await self._provider.close()

    async def _attempts(
        self, messages: list[dict[str, str]], schema: dict[str, Any], key: str
    ) -> tuple[Completion, float]:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, CallFailed) and error.passing),
            stop=stop_after_attempt(self._settings.retries + 1),
            wait=_patience,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    self.tally.retried += 1
                    self.tally.tell()
                return await self._once(messages, schema, key)
        raise AssertionError("tenacity ends with a result or an error")

    async def _once(self, messages: list[dict[str, str]], schema: dict[str, Any], key: str) -> tuple[Completion, float]:
        size = sum(tokens_in(message["content"]) for message in messages)
        if self._requests:
            await self._requests.acquire()
        if self._tokens:
            await self._tokens.acquire(min(size, self._tokens.max_rate))
        reserved = self._budget.reserve(size, self._settings.max_output_tokens)
        cost = charged = 0.0
        try:
            completion = await self._provider.complete(messages, schema, key)
            cost = charged = self._budget.price.of(
                completion.input_tokens or size, completion.output_tokens or tokens_in(completion.text)
            )
        except CallFailed as error:
            charged = reserved if error.lost else 0.0
            raise
        finally:
            self._budget.settle(reserved, charged)
        return completion, cost


def _patience(state: Any) -> float:
    """Exponential with full jitter, or what the server asked for, with a little jitter on top."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception()
    if isinstance(error, CallFailed) and error.wait is not None:
        import random

        return min(error.wait, LONGEST_WAIT) + random.uniform(0, 0.5)
    return float(wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)(state))


class Shelf:
    """Where replies are kept. This one keeps them for the length of one run; ``LedgerShelf`` for good."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    async def take(self, key: str, model: str, paper: str | None) -> Kept | None:
        """The reply to a question, or None: then it is ours to ask, and ``put`` or ``give_up`` must follow."""
        kept = self._kept.get(key)
        return None if kept is None else Kept(kept.text, kept.input_tokens, kept.output_tokens, kept.cost, fresh=False)

    async def put(self, key: str, kept: Kept, seconds: float) -> None:
        self._kept[key] = kept

    def give_up(self, key: str) -> None:
        """The question came to nothing."""

    async def close(self) -> None:
        """Let go of whatever is held."""
