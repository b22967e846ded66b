"""The interface of every task: batches to learn from, and for tasks with one right answer, that answer.

A ``Task`` gives batches. A ``SequenceTask`` (arithmetic, parity, compiled programs) has sequences of one fixed length:
a prompt that encodes some inputs, then a chain of thought that ends in, or contains, the answer. Everything a trained
model generates is judged by the tokens at ``answer_positions``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from arlearn.errors import ArlearnError

if TYPE_CHECKING:
    from arlearn.predictors.base import Predictor

Split = Literal["training", "held-out", "all"]


@dataclass(frozen=True)
class Batch:
    """Sequences to learn from.

    Attributes:
        tokens: inputs and targets alike, as ``Predictor.loss`` takes them.
        counted: which tokens are targets that count; prompts and padding are not.
    """

    tokens: Int[Tensor, "batch length"]
    counted: Bool[Tensor, "batch length"]


class Task(ABC):
    """What a predictor is trained on.

    Attributes:
        kind: name under which recipes and cards record the class, and ``load_task`` finds it.
        vocabulary: number of tokens.
        context: the longest input a predictor needs, in tokens (a sequence's length less one).
    """

    kind: ClassVar[str]
    vocabulary: int
    context: int

    @abstractmethod
    def batch(self, index: int, size: int, seed: int) -> Batch:
        """The ``index``-th training batch: a pure function of its arguments, so that a run resumes anywhere."""

    def batches(self, size: int) -> int | None:
        """How many batches of this size make an epoch; None if they never end."""
        return None

    def token_counts(self) -> Int[Tensor, " vocabulary"] | None:
        """How often each token is a target in an epoch; None if that is not known."""
        return None

    def predictor(self, configuration: dict[str, Any], seed: int) -> Predictor | None:
        """The predictor that the task itself supplies for a recipe's ``[predictor]``, for instance one whose output
        layer knows the tokens' structure. None: the task has none, build a general one."""
        return None

    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """JSON-ready keyword arguments that rebuild this task with ``from_configuration``."""

    def description(self) -> dict[str, Any]:
        """What a report says of the task: its configuration, or a summary if that is long."""
        return self.configuration()

    @classmethod
    @abstractmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> Task:
        """The task that this describes. Raises ArlearnError if it is invalid."""


class SequenceTask(Task):
    """A task whose sequences all have one length and one right answer.

    *Inputs* are rows of whole numbers, (count, arity) int64: the two factors, the bits, a program's input tokens.

    Attributes:
        words: token -> how it is written.
        prompt_length: tokens that are given.
        length: tokens in all; ``length - prompt_length`` are generated.
        answer_positions: where in the sequence the answer's tokens stand, most significant first.
        stop: tokens that end a sequence early; none where all sequences have the full length.
    """

    words: list[str]
    prompt_length: int
    length: int
    answer_positions: list[int]
    stop: Sequence[int] = ()

    @property
    def default_prompt(self) -> str | None:
        """What stands for a prompt that is not given; None if one must be."""
        return None

    @property
    def generated(self) -> int:
        """Tokens a predictor writes for each prompt."""
        return self.length - self.prompt_length

    @abstractmethod
    def draw(
        self, count: int, seed: int | Sequence[int], split: Split = "held-out", hard: bool = False
    ) -> Int[Tensor, "count arity"]:
        """Random inputs of one side of the split, a pure function of the arguments.

        ``hard``: rich in the cases that uniform samples hardly show. Raises ArlearnError if the task has none.
        """

    def is_training(self, inputs: Int[Tensor, "count arity"]) -> Bool[Tensor, " count"]:
        """Which inputs belong to the training split. A task without a split has no training inputs."""
        return torch.zeros(len(inputs), dtype=torch.bool)

    def everything(self, split: Split = "held-out") -> Int[Tensor, "count arity"] | None:
        """All inputs of one side of the split, if they are few enough to list; else None."""
        return None

    @abstractmethod
    def encode(self, inputs: Int[Tensor, "count arity"]) -> Int[Tensor, "count length"]:
        """The full right sequences: prompt, chain of thought, answer."""

    def encode_prompts(self, inputs: Int[Tensor, "count arity"]) -> Int[Tensor, "count prompt"]:
        """The prompts alone."""
        return self.encode(inputs)[:, : self.prompt_length]

    def answer(self, tokens: Int[Tensor, "count length"]) -> Int[Tensor, "count places"]:
        """The answer's tokens in sequences, most significant first."""
        return tokens[:, self.answer_positions]

    def expected(self, inputs: Int[Tensor, "count arity"]) -> Int[Tensor, "count places"]:
        """The right answer's tokens, computed without a predictor."""
        return self.answer(self.encode(inputs))

    @abstractmethod
    def parse_prompt(self, text: str) -> Int[Tensor, "1 arity"]:
        """Inputs written by a person, such as ``1234 x 5678``. Raises ArlearnError if they are none."""

    def render(self, tokens: Int[Tensor, " length"] | Sequence[int]) -> list[str]:
        """Each token as it is written."""
        return [self.words[int(token)] for token in tokens]

    @abstractmethod
    def final_answer(self, tokens: Int[Tensor, " length"]) -> str:
        """The answer in one generated sequence (prompt included), as a person would write it."""

    def counted(self, size: int) -> Bool[Tensor, "size length"]:
        """The loss counts what is generated, not what is given."""
        return (torch.arange(self.length) >= self.prompt_length).expand(size, self.length)

    def training_inputs(self, index: int, size: int, seed: int) -> Int[Tensor, "size arity"]:
        """Inputs of the ``index``-th training batch; a task may skew them towards hard ones."""
        return self.draw(size, (seed, index), "training")

    def batch(self, index: int, size: int, seed: int) -> Batch:
        return Batch(self.encode(self.training_inputs(index, size, seed)), self.counted(size))


def generator(seed: int | Sequence[int]) -> np.random.Generator:
    """Random numbers that depend on nothing but the seed, a whole number >= 0 or several."""
    parts = [seed] if isinstance(seed, int) else list(seed)
    if any(part < 0 for part in parts):
        raise ArlearnError(f"a seed must be 0 or more, not {seed}")
    return np.random.default_rng(parts)


def check_keys(kind: str, configuration: Mapping[str, Any], needed: set[str], optional: set[str]) -> None:
    """Raise ArlearnError unless a task's configuration has exactly these keys."""
    known = needed | optional
    faults = [f"it has no {key}" for key in sorted(set(configuration) - known)]
    faults += [f"it needs {key}" for key in sorted(needed - set(configuration))]
    if faults:
        raise ArlearnError(f"the {kind} task is invalid: {'; '.join(faults)} (it takes {', '.join(sorted(known))})")
