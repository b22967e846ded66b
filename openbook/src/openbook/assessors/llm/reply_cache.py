"""Replies by question: for the length of a run, or in a ledger for good and for every process that shares it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Generic, Literal, TypeVar

from openbook.assessors.llm.client import CallFailed
from openbook.ledger.reply_cache import CachedReply, Question, ReplyCache

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds for which questions are collected before one transaction claims them all.
COLLECT: Final = 0.003
#: Seconds between looks at a question that another process is asking, and between renewals of our claims.
LOOK_AGAIN: Final = 0.5
RENEW: Final = 30.0


class MemoryReplyCache:
    """Keeps replies for the length of one run."""

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

    The database is used from one thread of its own, so that waiting for it delays no reply. A question that another
    process is asking is looked at again until it is answered or its claim lapses.
    """

    def __init__(self, store: ReplyCache) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._claims = _Collector(self._thread, self._claim, seconds=COLLECT)
        self._finished = _Collector(self._thread, self._finish)  # at once: a reply holds up the next question
        self._released = _Collector(self._thread, self._release)
        self._asking: set[str] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, question: Question) -> CachedReply | None:
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        while True:
            state = await self._claims.submit(question)
            if isinstance(state, CachedReply):
                return state
            if state == "batched":
                raise CallFailed("this question waits in a batch; --batch collects it", retryable=False)
            if state == "ours" and question.key not in self._asking:
                self._asking.add(question.key)
                return None
            await asyncio.sleep(LOOK_AGAIN)

    async def put(self, reply: CachedReply) -> None:
        await self._finished.submit(reply)
        self._asking.discard(reply.key)

    def give_up(self, key: str) -> None:
        self._asking.discard(key)
        self._released.submit(key)

    async def close(self) -> None:
        for collector in (self._finished, self._released, self._claims):
            await collector.close()
        if self._renewing:
            self._renewing.cancel()
        self._thread.shutdown(wait=True)

    def _claim(self, questions: Sequence[Question]) -> list[CachedReply | Literal["batched", "ours", "elsewhere"]]:
        claims = self._store.claim(questions)
        ours, batched = set(claims.ours), set(claims.batched)
        return [
            claims.answered.get(key) or ("batched" if key in batched else "ours" if key in ours else "elsewhere")
            for key, _, _ in questions
        ]

    def _finish(self, replies: Sequence[CachedReply]) -> list[None]:
        self._store.finish(replies)
        return [None] * len(replies)

    def _release(self, keys: Sequence[str]) -> list[None]:
        with suppress(Exception):  # a claim that cannot be released lapses with this process
            self._store.release(keys)
        return [None] * len(keys)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            with suppress(Exception):  # the next renewal comes well before the claims lapse
                await asyncio.get_running_loop().run_in_executor(self._thread, self._store.renew)


class _Collector(Generic[Item, Result]):
    """Collects what is submitted within some seconds, and does the work for all of it at once in a thread."""

    def __init__(
        self, thread: ThreadPoolExecutor, work: Callable[[Sequence[Item]], list[Result]], seconds: float = 0.0
    ) -> None:
        self._thread = thread
        self._work = work
        self._seconds = seconds
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """The result for an item, once the work was done."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return future

    async def close(self) -> None:
        """Wait until all work is done."""
        while self._task and not self._task.done():
            await self._task

    async def _run(self) -> None:
        while self._waiting:
            if self._seconds:
                await asyncio.sleep(self._seconds)
            collected, self._waiting = self._waiting, []
            loop = asyncio.get_running_loop()
            try:
                results = await loop.run_in_executor(self._thread, self._work, [item for item, _ in collected])
            except Exception as error:
                for _, future in collected:
                    if not future.done():
                        future.set_exception(error)
                        future.exception()  # marks it as seen: if nobody waits any more, asyncio need not report it
                continue
            for (_, future), result in zip(collected, results, strict=True):
                if not future.done():  # otherwise its caller was cancelled
                    future.set_result(result)
