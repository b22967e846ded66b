"""What formats of arithmetic are made of: columns of tokens, written for many sequences at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.tasks.alphabet import Alphabet, Column, Sort, digits

Digits = Int[Tensor, "count digits"]  # least significant first
GUARD = 4  # numbers at each end of a format's range that never occur, see alphabet.numbers


@dataclass(frozen=True)
class Format:
    """One way to write a calculation out.

    Attributes:
        alphabet: its tokens.
        prompt: how many columns are given.
        columns: the whole sequence, from the digits of both numbers, least significant first.
        answer: positions of the answer's digits, most significant first.
    """

    alphabet: Alphabet
    prompt: int
    columns: Callable[[Digits, Digits], list[Column]]
    answer: list[int]


class Writer:
    """Collects columns, and remembers where the answer's digits went."""

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self.places: dict[int, int] = {}

    def write(self, sort: str, values: Tensor) -> Tensor:
        self.columns.append(Column(sort, values))
        return values

    def answer(self, place: int, values: Tensor) -> None:
        """The answer's digit at 10**place."""
        self.places[place] = len(self.columns)
        self.write("digit", values)


def digits_of(values: Int[Tensor, " count"], width: int) -> Digits:
    """The lowest ``width`` decimal digits of whole numbers, least significant first, (count, width)."""
    return torch.stack([values // 10**place % 10 for place in range(width)], dim=1)


def plain_format(n: int, sorts: Sequence[Sort], body: Callable[[Writer, Digits, Digits], None]) -> Format:
    """Given are the digits of both numbers, most significant first; ``body`` writes all that follows."""

    def write(a: Digits, b: Digits) -> Writer:
        writer = Writer()
        for number in (a, b):
            for place in reversed(range(n)):
                writer.write("digit", number[:, place])
        body(writer, a, b)
        return writer

    sample = torch.zeros((1, n), dtype=torch.int64)
    places = write(sample, sample).places
    return Format(
        Alphabet([digits(), *sorts]),
        2 * n,
        lambda a, b: write(a, b).columns,
        [places[place] for place in sorted(places, reverse=True)],
    )


def joined(name: str, mark: str, first: int, second: int) -> Sort:
    """Tokens that join a value below ``first`` and one below ``second``."""
    return Sort(name, tuple(f"{i}{mark}{j}" for i in range(first) for j in range(second)), "pair", second)
