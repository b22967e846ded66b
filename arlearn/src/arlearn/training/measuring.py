"""Measurements while a run goes on: held-out text in bits per byte, held-out questions in right answers."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.tasks.base import SequenceTask, Task
from arlearn.tasks.stories import TextFile
from arlearn.tasks.text import TextTask
from arlearn.tasks.token_cache import tokenise
from arlearn.tokens.bytepair import BytePair
from arlearn.training.settings import TrainingSettings

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
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with beside.open("w", newline="", encoding="utf-8") as opened:
                csv.writer(opened, lineterminator="\n").writerows([("step", "name", "value"), *self.rows])
            os.replace(beside, self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise ArlearnError(f"cannot write {self.path}: {error.strerror or error}") from error

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
