"""The progress bar of a command, on standard error where that is a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A bar with a description and a count. Outside a terminal it shows nothing and loads nothing.

    ``total``: how many there are; None while that is not known.
    """

    def __init__(self, description: str, total: int | None = None) -> None:
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(description, total=total)

    def advance(self, description: str) -> None:
        """One more is done."""
        if self._bar:
            self._bar.update(self._task, advance=1, description=description)

    def show(self, description: str, done: int, total: int | None = None) -> None:
        """Show that ``done`` of ``total`` are done."""
        if self._bar:
            self._bar.update(self._task, description=description, completed=done, total=total or None)

    def __enter__(self) -> ProgressBar:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()
