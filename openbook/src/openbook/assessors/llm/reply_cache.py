"""Replies by question: for the length of a run, or in a ledger for ever and for every process that shares it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from openbook.assessors.llm.client import CallFailed
from openbook.ledger.reply_cache import CachedReply, Question, ReplyCache

T = TypeVar("T")

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

    Questions that arrive at the same moment are claimed in one transaction, and replies are kept in one. The database
    is used from one thread of its own, so that waiting for it delays no reply. A question that another process is
    asking is looked at again until it is answered or its claim lapses.
    """

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
                await self._finish(finished)
            if released:
                with suppress(Exception):  # a claim that cannot be released lapses with this process
                    await self._in_thread(self._store.release, released)
            if wanted:
                await self._claim(wanted)

    async def _finish(self, finished: Sequence[tuple[CachedReply, asyncio.Future[None]]]) -> None:
        try:
            await self._in_thread(self._store.finish, [reply for reply, _ in finished])
        except Exception as error:
            for _, future in finished:
                _fail(future, error)
            return
        for _, future in finished:
            if not future.done():
                future.set_result(None)

    async def _claim(self, wanted: Sequence[tuple[Question, asyncio.Future[CachedReply | None]]]) -> None:
        try:
            claims = await self._in_thread(self._store.claim, [question for question, _ in wanted])
        except Exception as error:
            for _, future in wanted:
                _fail(future, error)
            return
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


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # marks it as seen: if nobody waits any more, asyncio need not report it
