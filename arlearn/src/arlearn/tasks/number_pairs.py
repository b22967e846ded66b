"""Tasks on pairs of n-digit numbers: which pairs a model may learn from, how to draw them, and what such tasks share.

The split is a property of the pair, decided by a hash of it and a seed: three pairs in four are training pairs, in
every run, in every process, however many are drawn. By default (a, b) and (b, a) fall on the same side; the public
reference code splits ordered pairs, so that three quarters of its validation pairs have their mirror image in
training, and ``symmetric=False`` does as it does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.programs.prompts import HARD_DIGITS
from arlearn.tasks.base import SequenceTask, Split, check_keys, generator
from arlearn.tasks.formats import Format, digits_of, structured_predictor

_ENUMERABLE = 10_000  # ordered pairs of 2 digits: few enough to list every one


def _mixed(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): a well-mixed permutation of the 64-bit integers."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def in_training(first: Int[Tensor, " count"], second: Int[Tensor, " count"], seed: int) -> Bool[Tensor, " count"]:
    """Whether each pair (first, second) is one of the three in four for training, by a hash of both and the seed."""
    with np.errstate(over="ignore"):
        start = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)
        mixed = _mixed(_mixed(first.numpy().astype(np.uint64) + start) + second.numpy().astype(np.uint64))
    return torch.from_numpy(mixed % np.uint64(4) != 0)


@dataclass(frozen=True)
class Pairs:
    """All ordered pairs of numbers with exactly ``digits`` digits (0..9 where digits is 1), split by ``seed``."""

    digits: int
    seed: int = 0
    symmetric: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.digits <= 9:
            raise ArlearnError(f"digits must be 1 to 9, not {self.digits}")
        if self.seed < 0:
            raise ArlearnError(f"split_seed must be 0 or more, not {self.seed}")

    @property
    def smallest(self) -> int:
        return 10 ** (self.digits - 1) if self.digits > 1 else 0

    @property
    def largest(self) -> int:
        return int(10**self.digits) - 1

    def is_training(self, inputs: Int[Tensor, "count 2"]) -> Bool[Tensor, " count"]:
        """Whether each pair is one of the three in four to learn from."""
        first, second = inputs[:, 0], inputs[:, 1]
        if self.symmetric:
            first, second = torch.minimum(first, second), torch.maximum(first, second)
        return in_training(first, second, self.seed)

    def _keep(self, inputs: Tensor, split: Split) -> Tensor:
        if split == "all":
            return inputs
        training = self.is_training(inputs)
        return inputs[training if split == "training" else ~training]

    def everything(self, split: Split) -> Int[Tensor, "count 2"] | None:
        """Every pair on this side, in order; None if there are too many to list."""
        numbers = self.largest - self.smallest + 1
        if numbers**2 > _ENUMERABLE:
            return None
        one = torch.arange(self.smallest, self.largest + 1)
        return self._keep(torch.cartesian_prod(one, one), split)

    def numbers(self, count: int, rng: np.random.Generator, hard: float) -> np.ndarray:
        """Random numbers; each digit of a share ``hard`` of them comes from 0, 1, 7, 8, 9 nine times in ten."""
        uniform = rng.integers(self.smallest, self.largest + 1, count)
        if hard == 0:
            return uniform
        places = rng.integers(0, 10, (count, self.digits))
        places = np.where(rng.random(places.shape) < 0.9, rng.choice(HARD_DIGITS, places.shape), places)
        if self.digits > 1:
            places[:, 0] = np.where(places[:, 0] == 0, rng.choice((1, 7, 8, 9), count), places[:, 0])
        skewed = places @ (10 ** np.arange(self.digits - 1, -1, -1, dtype=np.int64))
        return np.asarray(np.where(rng.random(count) < hard, skewed, uniform))

    def draw(self, count: int, seed: int | Sequence[int], split: Split, hard: float = 0.0) -> Int[Tensor, "count 2"]:
        """Random pairs of one side, a share ``hard`` of them rich in 0, 1, 7, 8, 9; a function of its arguments."""
        rng = generator(seed)
        found = torch.empty((0, 2), dtype=torch.int64)
        while len(found) < count:  # a small set of pairs may lack one side altogether only for digits = 1, which has 55
            more = (count - len(found)) * (5 if split == "held-out" else 2) + 16
            both = np.stack([self.numbers(more, rng, hard), self.numbers(more, rng, hard)], axis=1)
            found = torch.cat([found, self._keep(torch.from_numpy(both.astype(np.int64)), split)])
        return found[:count]

    def parse(self, text: str, sign: str) -> Int[Tensor, "1 2"]:
        """``1234 x 5678`` (or ``1234 5678``). Raises ArlearnError if it is not a pair of numbers with this many digits."""
        parts = text.replace("×", " ").replace(sign, " ").replace("*", " ").replace("=", " ").split()
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ArlearnError(
                f"{text.strip()!r} is not two whole numbers, as in '{self.smallest} {sign} {self.largest}'"
            )
        for part in parts:
            if not (self.smallest <= int(part) <= self.largest) or len(part) != self.digits:
                raise ArlearnError(
                    f"{part} in {text.strip()!r} is not a number of {self.digits} digits"
                    f" ({self.smallest} to {self.largest}), which is what this model was trained on"
                )
        return torch.tensor([[int(part) for part in parts]])


class PairTask(SequenceTask):
    """A task on pairs of numbers with exactly ``digits`` digits.

    Configuration: ``digits``; ``format``, one of ``formats``; ``split_seed`` and ``symmetric``, see ``Pairs``;
    ``skew``, the share of training examples whose digits are mostly 0, 1, 7, 8, 9. Raises ArlearnError, naming every
    fault at once.
    """

    sign: ClassVar[str]
    formats: ClassVar[dict[str, str]]

    def __init__(
        self, digits: int, format: str, split_seed: int = 0, symmetric: bool = True, skew: float = 0.0
    ) -> None:
        faults = []
        if not _whole(digits, 1) or digits > 9:
            faults.append(f"digits must be a whole number from 1 to 9, not {digits!r}")
        if format not in self.formats:
            faults.append(f"format must be one of {', '.join(self.formats)}, not {format!r}")
        if not _whole(split_seed, 0):
            faults.append(f"split_seed must be a whole number from 0, not {split_seed!r}")
        if symmetric not in (True, False):
            faults.append(f"symmetric must be true or false, not {symmetric!r}")
        if not (_whole(skew, 0) or isinstance(skew, float)) or not 0 <= skew <= 1:
            faults.append(f"skew must be a share from 0 to 1, not {skew!r}")
        if faults:
            raise ArlearnError(f"the {self.kind} task is invalid: {'; '.join(faults)}")
        self.digits, self.format_name, self.skew = digits, format, float(skew)
        self.pairs = Pairs(digits, split_seed, symmetric)
        self.format = self._format(format, digits)
        self.words = self.format.alphabet.words
        self.vocabulary = len(self.words)
        self.prompt_length = self.format.prompt
        self.answer_positions = self.format.answer
        self.length = self.encode(torch.full((1, 2), self.pairs.largest)).shape[1]
        self.context = self.length - 1

    @staticmethod
    @abstractmethod
    def _format(name: str, digits: int) -> Format:
        """The format of this name."""

    def draw(
        self, count: int, seed: int | Sequence[int], split: Split = "held-out", hard: bool = False
    ) -> Int[Tensor, "count 2"]:
        return self.pairs.draw(count, seed, split, 1.0 if hard else 0.0)

    def training_inputs(self, index: int, size: int, seed: int) -> Int[Tensor, "size 2"]:
        return self.pairs.draw(size, (seed, index), "training", self.skew)

    def is_training(self, inputs: Int[Tensor, "count 2"]) -> Bool[Tensor, " count"]:
        return self.pairs.is_training(inputs)

    def everything(self, split: Split = "held-out") -> Int[Tensor, "count 2"] | None:
        return self.pairs.everything(split)

    def encode(self, inputs: Int[Tensor, "count 2"]) -> Int[Tensor, "count length"]:
        a, b = digits_of(inputs[:, 0], self.digits), digits_of(inputs[:, 1], self.digits)
        return self.format.alphabet.tokens(self.format.columns(a, b))

    def parse_prompt(self, text: str) -> Int[Tensor, "1 2"]:
        return self.pairs.parse(text, self.sign)

    def final_answer(self, tokens: Int[Tensor, " length"]) -> str:
        words = self.render(self.answer(tokens[None])[0])
        return "".join(words).lstrip("0") or "0"

    def predictor(self, configuration: dict[str, Any], seed: int) -> Predictor:
        return structured_predictor(self.format.alphabet, self.context, configuration)

    def configuration(self) -> dict[str, Any]:
        return {
            "digits": self.digits,
            "format": self.format_name,
            "split_seed": self.pairs.seed,
            "symmetric": self.pairs.symmetric,
            "skew": self.skew,
        }

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> Self:
        check_keys(cls.kind, configuration, {"digits", "format"}, {"split_seed", "symmetric", "skew"})
        return cls(**configuration)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
