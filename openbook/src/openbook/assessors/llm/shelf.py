"""Replies kept in a ledger, for good and for every process that shares it, in few transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from openbook.assessors.llm.asking import Kept, Shelf
from openbook.assessors.llm.provider import CallFailed

T = TypeVar("T")


class BookReply(Protocol):
    """A kept reply, as the ledger's book of calls gives it."""

    @property
    def response(self) -> str: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def cost(self) -> float: ...


class BookClaims(Protocol):
    """How a set of questions stands."""

    @property
    def ours(self) -> list[str]: ...
    @property
    def answered(self) -> Mapping[str, BookReply]: ...
    @property
    def batched(self) -> list[str]: ...


class Book(Protocol):
    """The ledger's book of calls, as far as it is used here (``openbook.ledger.ReplyCache`` is one)."""

    def claim(self, questions: Sequence[tuple[str, str, str | None]]) -> BookClaims: ...
    def finish(self, replies: Iterable[tuple[str, str, int, int, float, float]]) -> None: ...
    def release(self, keys: Iterable[str]) -> None: ...
    def renew(self) -> None: ...


class LedgerShelf(Shelf):
    """A shelf over a book of calls.

    Questions that arrive in the same moment are claimed in one transaction, and replies kept in one; the database is
    used from one thread of its own, so that waiting for it delays no reply. A question that another process is asking
    is looked at again until it is answered or its claim lapses.
    """

    #: Seconds for which claims are gathered before a transaction.
    GATHER = 0.003
    #: Seconds between looks at a question that another process is asking, and between renewals of our claims.
    LOOK = 0.5
    RENEW = 30.0

    def __init__(self, book: Book) -> None:
        self._book = book
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._wanted: dict[str, tuple[tuple[str, str, str | None], list[asyncio.Future[Kept | None]]]] = {}
        self._replies: list[tuple[tuple[str, str, int, int, float, float], asyncio.Future[None]]] = []
        self._dropped: list[str] = []
        self._asking: set[str] = set()
        self._flushing: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, key: str, model: str, paper: str | None) -> Kept | None:
        while True:
            future: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
            self._wanted.setdefault(key, ((key, model, paper), []))[1].append(future)
            self._soon()
            try:
                return await future
            except _Elsewhere:
                await asyncio.sleep(self.LOOK)

    async def put(self, key: str, kept: Kept, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        row = (key, kept.text, kept.input_tokens, kept.output_tokens, kept.cost, seconds)
        self._replies.append((row, future))
        self._soon()
        await asyncio.shield(future)
        self._asking.discard(key)

    def give_up(self, key: str) -> None:
        self._asking.discard(key)
        self._dropped.append(key)
        self._soon()

    async def close(self) -> None:
        while self._flushing and not self._flushing.done():
            await self._flushing
        if self._renewing:
            self._renewing.cancel()
        self._thread.shutdown(wait=True)

    def _soon(self) -> None:
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush())
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(self._keep_alive())

    async def _flush(self) -> None:
        while self._wanted or self._replies or self._dropped:
            if not self._replies:  # a reply holds up the next question: it is not kept waiting
                await asyncio.sleep(self.GATHER)
            replies, self._replies = self._replies, []
            wanted, self._wanted = self._wanted, {}
            dropped, self._dropped = self._dropped, []
            if replies:
                try:
                    await self._do(partial(self._book.finish, [row for row, _ in replies]))
                except Exception as error:
                    for _, done in replies:
                        _fail(done, error)
                else:
                    for _, done in replies:
                        if not done.done():
                            done.set_result(None)
            if dropped:
                await self._do(partial(self._book.release, dropped))
            if wanted:
                await self._claim(wanted)

    async def _claim(
        self, wanted: dict[str, tuple[tuple[str, str, str | None], list[asyncio.Future[Kept | None]]]]
    ) -> None:
        try:
            claims = await self._do(partial(self._book.claim, [row for row, _ in wanted.values()]))
        except Exception as error:
            for _, waiting in wanted.values():
                for future in waiting:
                    _fail(future, error)
            return
        ours, batched = set(claims.ours), set(claims.batched)
        for key, (_, waiting) in wanted.items():
            for number, future in enumerate(waiting):
                if future.done():
                    continue
                if key in claims.answered:
                    reply = claims.answered[key]
                    future.set_result(
                        Kept(reply.response, reply.input_tokens, reply.output_tokens, reply.cost, fresh=False)
                    )
                elif key in batched:
                    _fail(future, CallFailed("this question waits in a batch; --batch collects it", passing=False))
                elif key in ours and number == 0 and key not in self._asking:
                    self._asking.add(key)
                    future.set_result(None)
                else:
                    future.set_exception(_Elsewhere())

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self.RENEW)
            await self._do(self._book.renew)

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Elsewhere(Exception):
    """The question is being asked by somebody else."""


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # seen: whoever waited may be gone, and asyncio need not report it on top
