"""Processor time, and the most memory that this process and its children held together, by looking every tenth of a second."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from types import TracebackType

import psutil


def processor_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Peak:
    """A context manager; ``megabytes`` is the peak since it was entered (resident, 1 MB = 10^6 bytes; pages that
    processes share count once for each)."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while True:
            total = 0
            with suppress(psutil.Error):
                for process in [own, *own.children(recursive=True)]:
                    with suppress(psutil.Error):
                        total += process.memory_info().rss
            self.megabytes = max(self.megabytes, round(total / 1e6, 1))
            if self._stop.wait(0.1):
                return
