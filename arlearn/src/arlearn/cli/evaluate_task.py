"""What ``arlearn evaluate`` does for a model that answers questions: arithmetic, parity, compiled programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlearn.errors import ArlearnError

if TYPE_CHECKING:
    from torch import Tensor

    from arlearn.predictors.base import Predictor
    from arlearn.tasks.base import SequenceTask

_SHOWN = 20  # bad lines of a file that are spelled out


def evaluate_task(
    directory: Path,
    predictor: Predictor,
    card: dict[str, Any],
    *,
    as_json: bool,
    count: int,
    hard: bool,
    pairs: Path | None,
    allow_training_pairs: bool,
    seed: int,
) -> None:
    """Ask the model questions, and print how many it answers right.

    Questions are held-out ones, drawn with ``seed``, or all of them where there are no more than ``count``; or those of
    the file ``pairs``. Raises ArlearnError if the card's task is none that has answers, if the questions cannot be
    used, or if the model does not fit its task.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from arlearn.evaluation.exact_match import exact_match
    from arlearn.tasks import load_task
    from arlearn.tasks.base import SequenceTask

    task = load_task(card["task"]["kind"], card["task"].get("configuration") or {})
    if not isinstance(task, SequenceTask):
        raise ArlearnError(f"{directory} was made for a {task.kind} task, which has no questions to answer")
    if pairs is not None and hard:
        raise ArlearnError("--hard says which questions to draw, --pairs which to ask: give one of them")
    if pairs is not None:
        inputs, drawn = read_pairs(pairs, task, allow_training_pairs), "given"
    else:
        inputs, drawn = choose_questions(task, count, hard, seed)
    predictor.eval()
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    from rich.console import Console

    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        work = bar.add_task("asking", total=len(inputs))
        result = exact_match(predictor, task, inputs, progress=lambda done: bar.advance(work, done))
    summary = result.summary() | {
        "questions": drawn,
        "distinct": len({tuple(row) for row in inputs.tolist()}),
        "task": task.kind,
        "configuration": task.description(),
        "parameters": predictor.parameter_count(),
        "frozen": predictor.frozen(),
        "training_seconds": card.get("seconds"),
        "model": str(directory),
    }
    if as_json:
        print(json.dumps(summary))
        return
    low, high = result.interval
    print(f"{directory}: {predictor.kind} predictor, {predictor.parameter_count():,} weights, given not learned: "
          f"{', '.join(predictor.frozen()) or 'none'}")  # fmt: skip
    print(f"  {result.count:,} {drawn} questions, {result.wrong:,} wrong: exact match {100 * result.exact_match:.4f} % "
          f"[{100 * low:.4f}, {100 * high:.4f}], single places {100 * result.digit_accuracy:.4f} %")  # fmt: skip
    print(f"  {result.generated_tokens} generated tokens a question, {summary['products_per_second']:,.0f} questions/s")
    for question, answer, expected in result.failures[:5]:
        print(f"  wrong: {question} -> {answer}, right is {expected}")


def choose_questions(task: SequenceTask, count: int, hard: bool, seed: int) -> tuple[Tensor, str]:
    """Held-out inputs of a task, and what they are called; a task without a split has only one side.

    Raises ArlearnError for hard questions where the task has none.
    """
    everything = None if hard else task.everything("held-out")
    if everything is not None and len(everything) == 0:
        raise ArlearnError(f"the split leaves no held-out questions for {task.description()}")
    if everything is not None and len(everything) <= count:
        return everything, "held-out (all there are)"
    return task.draw(count, (seed, 1), "held-out", hard), "hard held-out" if hard else "held-out"


def read_pairs(path: Path, task: SequenceTask, allow_training: bool = False) -> Tensor:
    """The questions in a file, one a line; blank lines and lines from # on do not count.

    Raises ArlearnError if the file cannot be read or holds none, and for every line at once that is no question of
    this task or, unless ``allow_training``, belongs to the training split.
    """
    import torch

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArlearnError(f"cannot read the pairs in {path}: {error}") from error
    numbers, rows, bad = [], [], []
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        try:
            rows.append(task.parse_prompt(text))
            numbers.append(number)
        except ArlearnError as error:
            bad.append(f"line {number}: {error}")
    if bad:
        more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise ArlearnError(f"{path} has {len(bad)} bad line(s): {'; '.join(bad[:_SHOWN])}{more}")
    if not rows:
        raise ArlearnError(f"{path} holds no questions; write one `a b` a line")
    inputs = torch.cat(rows)
    training = task.is_training(inputs).tolist()
    found = [number for number, is_training in zip(numbers, training, strict=True) if is_training]
    if found and not allow_training:
        shown = ", ".join(str(number) for number in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise ArlearnError(
            f"{len(found)} of {len(rows)} questions in {path} belong to the training split (lines {shown}); "
            "remove them, or give --allow-training-pairs"
        )
    if found:
        print(f"{len(found)} of {len(rows)} questions belong to the training split", file=sys.stderr)
    return inputs
