"""What a person sees of a long piece of work, on stderr: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY = 15.0  # seconds between lines where there is no terminal


class Reporter:
    """Notes and progress on one console.

    ``quiet`` keeps all of it back, for processes other than the first and for tests.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._quiet = quiet

    def note(self, text: str) -> None:
        """One line."""
        self.console.print(text, markup=False)

    @contextmanager
    def work(self, title: str) -> Iterator[Work]:
        """Progress of one piece of work, shown while the context lasts."""
        if self._quiet or not self.console.is_terminal:
            yield Work(self, title)
            return
        columns = [
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
        ]
        with Progress(*columns, console=self.console, refresh_per_second=4) as progress:
            yield Work(self, title, progress)


class Work:
    """One piece of work. ``show`` may be called often: what is seen changes a few times a second at most."""

    def __init__(self, reporter: Reporter, title: str, progress: Progress | None = None) -> None:
        self._reporter, self._title, self._progress = reporter, title, progress
        self._task = None if progress is None else progress.add_task(title, total=1.0, detail="")
        self._began = self._told = time.monotonic()

    def show(self, share: float, detail: str = "") -> None:
        """``share`` of the work is done, 0 to 1; ``detail`` is shown beside it."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=min(share, 1.0), detail=detail)
            return
        now = time.monotonic()
        if now - self._told >= EVERY:
            self._told = now
            left = f", {(now - self._began) * (1 - share) / share:.0f} s left" if 0 < share < 1 else ""
            self._reporter.note(f"{self._title}: {share:.0%}{', ' if detail else ''}{detail}{left}")
