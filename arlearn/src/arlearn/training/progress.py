"""What a run records, and what it shows while it goes on.

``metrics.csv`` has a row for each update, ``loss.png`` shows it, and ``evaluations.csv`` has measurements on held-out text or
questions. Progress goes to stderr: in a terminal it is a bar, elsewhere a line every few seconds. The curves can also go to
TensorBoard or Weights & Biases. Those trackers are accelerate's; nothing reads them back, and a run is the same without them.
"""

from __future__ import annotations

import csv
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from arlearn.errors import ArlearnError
from arlearn.files import replacing, write_atomically
from arlearn.predictors.base import Predictor
from arlearn.tasks.base import SequenceTask, Task
from arlearn.tasks.text import TextTask
from arlearn.tasks.text_files import TextFile, tokenise
from arlearn.text import percent
from arlearn.tokens.bytepair import BytePair
from arlearn.training.recipe import Recipe
from arlearn.training.settings import TrainingSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Update:
    """One row.

    Attributes:
        step: number of the update, from 1.
        loss: mean cross-entropy in nats of the update's batch, before the update.
        learning_rate: with which it was made.
        gradient_norm: before clipping; 0 where nothing is clipped.
        progress: share of the run that was done before it.
        tokens: targets learned from so far.
        seconds: since the run began, stops left out.
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    progress: float
    tokens: int
    seconds: float


NAMES = [field.name for field in fields(Update)]


class MetricsFile:
    """``metrics.csv``, written row by row: a killed run loses at most the row it was writing."""

    def __init__(self, path: Path, keep: int) -> None:
        """Open ``path`` for the updates after ``keep``; rows of later ones are removed, the others stay as they are.

        Raises ArlearnError if that fails.
        """
        self.path = path
        try:
            kept = [line for line, update in _lines(path) if update.step <= keep]
            write_atomically(path, "".join([",".join(NAMES) + "\n", *kept]))
            self._opened = path.open("a", encoding="utf-8", newline="")
        except OSError as error:
            raise ArlearnError(f"cannot write {path}: {error.strerror or error}") from error
        self._writer = csv.writer(self._opened, lineterminator="\n")

    def write(self, update: Update) -> None:
        """Append a row. Raises ArlearnError if the disk is full."""
        try:
            self._writer.writerow(astuple(update))
            self._opened.flush()
        except OSError as error:
            raise ArlearnError(
                f"cannot write {self.path}: {error.strerror or error}; make room, then continue with --resume"
            ) from error

    def close(self) -> None:
        try:
            self._opened.close()
        except OSError as error:
            raise ArlearnError(f"cannot write {self.path}: {error.strerror or error}") from error


def read_metrics(path: Path) -> list[Update]:
    """The rows of a ``metrics.csv``, in order, up to the first that is damaged; none if there is no file."""
    return [update for _, update in _lines(path)]


def _lines(path: Path) -> list[tuple[str, Update]]:
    if not path.is_file():
        return []
    found: list[tuple[str, Update]] = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    for line in lines[1:]:
        values = line.strip().split(",")
        try:
            step, loss, learning_rate, norm, progress, tokens, seconds = values
            update = Update(
                int(step), float(loss), float(learning_rate), float(norm), float(progress), int(tokens), float(seconds)
            )
        except ValueError:
            break
        if not line.endswith("\n") or (found and update.step != found[-1][1].step + 1):
            break
        found.append((line, update))
    return found


def draw_loss(updates: list[Update], path: Path, title: str) -> None:
    """The loss curve as PNG. Raises ArlearnError if it cannot be written."""
    figure = loss_figure(updates, title)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=150, format="png")


def loss_figure(updates: list[Update], title: str) -> Figure:
    """The loss of every update, and its running mean."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = np.array([update.step for update in updates])
    losses = np.array([update.loss for update in updates])
    axes.plot(steps, losses, color="0.8", linewidth=0.6, label="each update")
    width = max(1, len(losses) // 50)
    if width > 1:
        sums = np.cumsum(np.concatenate([[0.0], losses]))
        axes.plot(steps[width - 1 :], (sums[width:] - sums[:-width]) / width, label=f"mean of {width} updates")
    axes.set(xlabel="update", ylabel="loss (nats per token)", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


Measure = Callable[[Predictor], dict[str, float]]
# Held-out questions are drawn with a seed of their own, so that every run is measured on the same ones.
HELD_OUT_SEED = 20_240_721


def build_measure(task: Task, settings: TrainingSettings, vocabulary: BytePair | None) -> Measure | None:
    """What to measure every ``evaluate_every`` updates; None for nothing. Raises ArlearnError if it cannot be done."""
    if not settings.evaluate_every:
        return None
    if isinstance(task, TextTask) and vocabulary is not None:
        from arlearn.evaluation.perplexity import at_context

        text = tokenise(TextFile.at(settings.evaluate_data), vocabulary)
        layout = task.layout
        return lambda predictor: {"bits_per_byte": at_context(predictor, text, layout).bits_per_byte}
    if isinstance(task, SequenceTask):
        from arlearn.evaluation.exact_match import exact_match

        questions, answered = task.draw(settings.evaluate_count, HELD_OUT_SEED, "held-out"), task

        def measure(predictor: Predictor) -> dict[str, float]:
            result = exact_match(predictor, answered, questions)
            return {"exact_match": 1 - result.wrong / result.count, "digit_accuracy": result.digit_accuracy}

        return measure
    raise ArlearnError(f"there is nothing to measure on a {task.kind} task; set evaluate_every=0")


class Measurements:
    """``evaluations.csv``: update, name, value."""

    def __init__(self, path: Path, keep: int) -> None:
        """Rows of updates after ``keep`` are removed."""
        self.path, self.rows = path, [row for row in _read(path) if row[0] <= keep]

    def add(self, step: int, values: dict[str, float]) -> None:
        """Raises ArlearnError if the file cannot be written."""
        self.rows += [(step, name, value) for name, value in values.items()]
        with replacing(self.path) as beside, beside.open("w", newline="", encoding="utf-8") as opened:
            csv.writer(opened, lineterminator="\n").writerows([("step", "name", "value"), *self.rows])

    @property
    def last(self) -> dict[str, float]:
        """The newest value of each name."""
        return {name: value for _, name, value in self.rows}


def _read(path: Path) -> list[tuple[int, str, float]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as opened:
        try:
            return [(int(step), name, float(value)) for step, name, value in list(csv.reader(opened))[1:]]
        except ValueError:
            return []


EVERY = 15.0  # seconds between lines if there is no terminal


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
            self._reporter.note(f"{self._title}: {percent(share)}{', ' if detail else ''}{detail}{left}")


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
                    f"{tracker.name} cannot write: {error.strerror or error}; make room, then continue with --resume"
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
