"""What people see of a run while it goes on: progress on stderr, and the curves in TensorBoard or Weights & Biases.

In a terminal the progress is a bar, elsewhere a line every few seconds. The trackers are accelerate's. They get what
``metrics.csv`` and ``evaluations.csv`` get, and nothing reads them back: a run is the same without them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from arlearn.errors import ArlearnError
from arlearn.files import write_atomically
from arlearn.training.metrics import Update
from arlearn.training.recipe import Recipe

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


# what they leave in the directory of a run
DIRECTORIES = ("tensorboard", "wandb")


class Trackers:
    """Those a recipe asks for; for most recipes there are none. Only the first process's write anything."""

    def __init__(self, recipe: Recipe, out: Path, step: int) -> None:
        """``step``: the update after which the run goes on; what was tracked of later ones is withdrawn.

        Raises ArlearnError if one cannot be started.
        """
        self._trackers: list[Any] = []
        for name in recipe.training.track:
            tracker = _tensorboard(out, step) if name == "tensorboard" else _wandb(recipe, out)
            try:
                tracker.start()
                if step == 0:
                    tracker.store_init_configuration(_flat(recipe))
            except Exception as error:  # whatever a service and its client may raise
                hint = "; set WANDB_MODE=offline to go without the service" if name == "wandb" else ""
                raise ArlearnError(f"{name} cannot be started: {' '.join(str(error).split())}{hint}") from error
            self._trackers.append(tracker)

    def update(self, update: Update, speed: float) -> None:
        """``speed`` in targets a second."""
        values = {
            "training/loss": update.loss,
            "training/learning_rate": update.learning_rate,
            "training/gradient_norm": update.gradient_norm,
            "training/tokens": update.tokens,
            "training/tokens_per_second": speed,
        }
        self._log(values, update.step)

    def measured(self, step: int, values: dict[str, float]) -> None:
        self._log({f"evaluation/{name}": value for name, value in values.items()}, step)

    def _log(self, values: dict[str, float], step: int) -> None:
        for tracker in self._trackers:
            try:
                tracker.log(values, step=step)
            except OSError as error:
                raise ArlearnError(
                    f"{tracker.name} cannot write: {error.strerror or error}; make room and go on with --resume"
                ) from error

    def end(self) -> None:
        for tracker in self._trackers:
            tracker.finish()


def _tensorboard(out: Path, step: int) -> Any:
    from accelerate.tracking import TensorBoardTracker

    return TensorBoardTracker("tensorboard", out, purge_step=step + 1)


def _wandb(recipe: Recipe, out: Path) -> Any:
    from accelerate.tracking import WandBTracker

    # kept, so that a run that goes on after a kill is one run there too
    kept = out / "wandb" / "run-id"
    if not kept.is_file():
        write_atomically(kept, secrets.token_hex(8))
    identity = kept.read_text(encoding="utf-8").strip()
    return WandBTracker("arlearn", name=f"{recipe.name}: {out.name}", id=identity, resume="allow", dir=str(out))


def _flat(recipe: Recipe) -> dict[str, Any]:
    """section.key -> value, of the kinds that every tracker takes."""
    tables = {key: table for key, table in recipe.to_mapping().items() if isinstance(table, dict)}
    return {
        f"{section}.{key}": value if isinstance(value, bool | int | float | str) else str(value)
        for section, table in tables.items()
        for key, value in table.items()
    }
