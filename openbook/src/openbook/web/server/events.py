"""The progress of each job, for those who watch it. It is kept in memory: a job that is started again begins from nothing."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

#: What happens to a paper, in this order.
STAGES: Final = ("read", "passages", "answers", "evidence", "record")
#: Jobs whose stages are remembered.
REMEMBERED: Final = 2000


@dataclass(slots=True)
class JobProgress:
    """The stages of one job that are done, each with its result; the next one is under way."""

    done: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""


class JobEvents:
    """The progress of jobs. Workers write from their threads, watchers read in the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: OrderedDict[str, JobProgress] = OrderedDict()
        self._watchers: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self.watching = 0

    def begin(self, job: str) -> None:
        """A job is begun, or begun again."""
        with self._lock:
            self._progress[job] = JobProgress()
            self._progress.move_to_end(job)
            while len(self._progress) > REMEMBERED:
                self._progress.popitem(last=False)
        self.notify(job)

    def stage(self, job: str, name: str, result: str) -> None:
        """A stage is done, with this result in words."""
        with self._lock:
            progress = self._progress.setdefault(job, JobProgress())
            progress.done.append((name, result))
            progress.note = ""
        self.notify(job)

    def note(self, job: str, text: str) -> None:
        """What happens in the stage under way, in words."""
        with self._lock:
            self._progress.setdefault(job, JobProgress()).note = text
        self.notify(job)

    def progress(self, job: str) -> JobProgress | None:
        """A copy of a job's progress; None if nothing is known of it."""
        with self._lock:
            known = self._progress.get(job)
            return None if known is None else JobProgress(list(known.done), known.note)

    def notify(self, job: str) -> None:
        """Wake those who watch a job."""
        with self._lock:
            watchers = list(self._watchers.get(job, ()))
        for loop, changed in watchers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(changed.set)

    @contextmanager
    def watch(self, job: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job has come further; clear it before looking."""
        watcher = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._watchers.setdefault(job, set()).add(watcher)
            self.watching += 1
        try:
            yield watcher[1]
        finally:
            with self._lock:
                self.watching -= 1
                self._watchers[job].discard(watcher)
                if not self._watchers[job]:
                    del self._watchers[job]
