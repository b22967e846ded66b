"""A job being watched: server-sent events, one whenever it has come further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from openbook.web.server.house import House
from openbook.web.server.models import JobBody
from openbook.web.server.views import is_over, job_body

#: Seconds between looks at a job that another server works on, or that only moves up in the queue.
LOOK = 1.0


async def watch_job(house: House, id_: str, stopping: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """The job as it is, then each time it changes, until it is over or gone, or the server is stopping."""
    before: JobBody | None = None
    number = 0
    with house.board.watch(id_) as changed:
        while True:
            changed.clear()
            body = await run_in_threadpool(_body, house, id_)
            if body is None:
                return
            if body != before:
                number += 1
                yield ServerSentEvent(body.model_dump_json(), event="job", id=str(number))
                before = body
            if is_over(body) or stopping.is_set():
                return
            try:
                await asyncio.wait_for(changed.wait(), LOOK)
            except TimeoutError:
                continue


def _body(house: House, id_: str) -> JobBody | None:
    job = house.jobs.get(id_)
    return None if job is None else job_body(house, job)
