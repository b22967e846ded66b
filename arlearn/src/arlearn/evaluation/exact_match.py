"""Exact match: does a predictor, left to itself, write the right answer?"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from arlearn.decoding.generate import generate
from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.tasks.base import SequenceTask

SMALL = 2_000_000  # weights


@dataclass(frozen=True)
class ExactMatch:
    """How often the whole answer was right, and how often each of its places was.

    Attributes:
        count: prompts answered.
        wrong: those with any token of the answer wrong.
        digit_accuracy: share of the answers' tokens that were right, over all places.
        places: the same for each place, most significant first.
        seconds: time spent generating.
        generated_tokens: tokens written for each prompt.
        failures: the first wrong ones: inputs, the answer given, the right one.
    """

    count: int
    wrong: int
    digit_accuracy: float
    places: list[float]
    seconds: float
    generated_tokens: int
    failures: list[tuple[list[int], str, str]] = field(default_factory=list)

    @property
    def exact_match(self) -> float:
        return 1 - self.wrong / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the exact match."""
        return wilson(self.count - self.wrong, self.count)

    def summary(self) -> dict[str, Any]:
        """JSON-ready figures."""
        return {
            "exact_match": self.exact_match,
            "wrong": self.wrong,
            "count": self.count,
            "interval": list(self.interval),
            "digit_accuracy": self.digit_accuracy,
            "place_accuracy": self.places,
            "products_per_second": self.count / self.seconds if self.seconds > 0 else math.inf,
            "seconds": self.seconds,
            "generated_tokens": self.generated_tokens,
            "failures": [
                {"inputs": inputs, "answer": answer, "expected": expected} for inputs, answer, expected in self.failures
            ],
        }


def wilson(successes: int, count: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion, 95 % by default (Wilson 1927). Raises ArlearnError for count < 1."""
    if count < 1 or not 0 <= successes <= count:
        raise ArlearnError(f"there is no interval for {successes} successes in {count} trials")
    share, extra = successes / count, z * z / count
    middle = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * math.sqrt(share * (1 - share) / count + extra / (4 * count))
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    return low, 1.0 if successes == count else min(1.0, middle + half)


@contextmanager
def _few_threads(predictor: Predictor) -> Iterator[None]:
    """One thread for a small predictor: its products take microseconds, so that on a busy machine two threads would
    mostly wait for one another (measured: 18 times slower)."""
    before = torch.get_num_threads()
    if predictor.parameter_count() < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_out(
    predictor: Predictor, task: SequenceTask, inputs: Int[Tensor, "count arity"]
) -> Int[Tensor, "count length"]:
    """Prompt and what the predictor greedily makes of it, each token from its own earlier ones, (count, length)."""
    prompts = task.encode_prompts(inputs)
    with _few_threads(predictor):
        made = generate(predictor, prompts, task.generated, stop=task.stop)
    return torch.cat([prompts, made.cpu()], dim=1)


def exact_match(
    predictor: Predictor,
    task: SequenceTask,
    inputs: Int[Tensor, "count arity"],
    *,
    batch_size: int = 2048,
    kept_failures: int = 10,
    progress: Callable[[int], None] | None = None,
) -> ExactMatch:
    """Let the predictor answer these prompts, free-running and greedy, and compare with the right answers.

    ``progress`` hears how many more prompts are done. Raises ArlearnError if there are none, or if predictor and task
    do not fit together.
    """
    if len(inputs) == 0:
        raise ArlearnError("there is nothing to evaluate: no inputs")
    if predictor.vocabulary != task.vocabulary:
        raise ArlearnError(
            f"the predictor knows {predictor.vocabulary} tokens, the task {task.vocabulary}; they do not fit together"
        )
    right_places = torch.zeros(len(task.answer_positions), dtype=torch.float64)
    wrong, seconds = 0, 0.0
    failures: list[tuple[list[int], str, str]] = []
    for start in range(0, len(inputs), batch_size):
        part = inputs[start : start + batch_size]
        started = time.perf_counter()
        tokens = write_out(predictor, task, part)
        seconds += time.perf_counter() - started
        expected = task.expected(part)
        right: Bool[Tensor, "part places"] = task.answer(tokens) == expected
        right_places += right.sum(0)
        bad = (~right.all(dim=1)).nonzero()[:, 0].tolist()
        wrong += len(bad)
        for row in bad[: kept_failures - len(failures)]:
            failures.append(
                (
                    part[row].tolist(),
                    task.final_answer(tokens[row]),
                    task.final_answer(task.encode(part[row : row + 1])[0]),
                )
            )
        if progress is not None:
            progress(len(part))
    places = (right_places / len(inputs)).tolist()
    return ExactMatch(len(inputs), wrong, sum(places) / len(places), places, seconds, task.generated, failures)
