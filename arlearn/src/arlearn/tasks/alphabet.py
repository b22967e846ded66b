"""The words of an arithmetic task: tokens of a few sorts, each with the form its scores may take.

A purely linear predictor scores every token with a linear function of the prefix, so what it can compute in one step
depends on the form of those scores. Three forms make the steps of arithmetic exact (docs/arithmetic.md):

- one-hot: each token has a score of its own. A *lookup* of one earlier token.
- pair: token (i, j) scores u_i + v_j; its maximum joins two earlier tokens. A *join*.
- number: token n scores n h - n² q / 2, with its maximum at the whole number nearest h / q. A *sum*.

``Alphabet.structure`` writes these forms as an output embedding, for predictors that are given them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

Form = Literal["one-hot", "pair", "number"]


@dataclass(frozen=True)
class Sort:
    """Tokens of one kind, standing for the values 0..size-1.

    Attributes:
        name: by which formats refer to it.
        words: how each value is written.
        form: what its scores are a function of.
        second: of a pair, how many second members there are; its value is ``second * i + j``.
        zero: which of the words stands for the value 0.
    """

    name: str
    words: tuple[str, ...]
    form: Form = "one-hot"
    second: int = 10
    zero: int = 0

    @property
    def width(self) -> int:
        """Numbers that the form needs of the predictor."""
        size = len(self.words)
        return {"one-hot": size, "pair": size // self.second + self.second, "number": 1}[self.form]


def digits() -> Sort:
    """0..9."""
    return Sort("digit", tuple(str(d) for d in range(10)))


def pairs() -> Sort:
    """Two digits joined in one token, written ``3*4``."""
    return Sort("pair", tuple(f"{i}*{j}" for i in range(10) for j in range(10)), "pair")


def numbers(largest: int, guard: int = 0) -> Sort:
    """Whole numbers 0..largest, one token each, written ``s27``.

    ``guard`` more at each end never occur. Without them nothing holds the scores of 0 and of the largest back: their
    likelihood grows the further h moves outwards, which bends the terms that every other sum is made of.
    """
    return Sort("number", tuple(f"s{n}" for n in range(-guard, largest + guard + 1)), "number", zero=guard)


def signs(*words: str) -> list[Sort]:
    """Tokens that stand for themselves."""
    return [Sort(word, (word,)) for word in words]


@dataclass(frozen=True)
class Column:
    """One position of many sequences: a sort, and which of its values each sequence has."""

    sort: str
    values: Int[Tensor, " count"]


class Alphabet:
    """Sorts laid end to end: token = where its sort begins + value."""

    def __init__(self, sorts: list[Sort]) -> None:
        self.sorts = {sort.name: sort for sort in sorts}
        self.words = [word for sort in sorts for word in sort.words]
        self.begins: dict[str, int] = {}
        self._zeros: dict[str, int] = {}
        begin = 0
        for sort in sorts:
            self.begins[sort.name] = begin
            self._zeros[sort.name] = begin + sort.zero
            begin += len(sort.words)

    def __len__(self) -> int:
        return len(self.words)

    def tokens(self, columns: list[Column]) -> Int[Tensor, "count length"]:
        """The sequences whose positions are these columns."""
        return torch.stack([self._zeros[column.sort] + column.values for column in columns], dim=1)

    def structure(self) -> Float[Tensor, "vocabulary outputs"]:
        """The output embedding that gives every sort its form, (vocabulary, sum of the sorts' widths); to go with
        ``curvature``."""
        rows = torch.zeros(len(self), sum(sort.width for sort in self.sorts.values()))
        column = 0
        for name, sort in self.sorts.items():
            begin, size = self.begins[name], len(sort.words)
            value = torch.arange(size)
            if sort.form == "one-hot":
                rows[begin + value, column + value] = 1.0
            elif sort.form == "pair":
                rows[begin + value, column + value // sort.second] = 1.0
                rows[begin + value, column + size // sort.second + value % sort.second] = 1.0
            else:
                rows[begin + value, column] = (value - sort.zero).float()
            column += sort.width
        return rows

    def curvature(self) -> Float[Tensor, " vocabulary"]:
        """The output bias that goes with ``structure``: -n^2/2 for numbers, 0 for all else."""
        bias = torch.zeros(len(self))
        for name, sort in self.sorts.items():
            if sort.form == "number":
                size = len(sort.words)
                bias[self.begins[name] : self.begins[name] + size] = (
                    -0.5 * (torch.arange(size) - sort.zero).float() ** 2
                )
        return bias
