"""What arithmetic on two n-digit numbers has in common, whatever the operation and the format."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.tasks.base import SequenceTask, Split, check_keys
from arlearn.tasks.formats import Format, digits_of
from arlearn.tasks.pairs import Pairs
from arlearn.tasks.structured import structured_predictor


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
