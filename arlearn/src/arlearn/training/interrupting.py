"""Stopping a run between two updates, so that nothing is lost."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

SAME_SIGNAL = 0.5


@contextlib.contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that a run stops between two updates; a second Ctrl-C stops at once.

    A launcher of several processes hands the signal on that they have had from the terminal, so one that follows
    within ``SAME_SIGNAL`` seconds is no second.
    """
    asked = threading.Event()
    heard = 0.0
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if not asked.is_set():
            heard = time.monotonic()
        elif time.monotonic() - heard > SAME_SIGNAL:
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
