"""Adding two n-digit numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch

from arlearn.tasks.formats import GUARD, Digits, Format, Sort, Writer, joined, numbers, plain_format
from arlearn.tasks.number_pairs import PairTask


def _write_linear(w: Writer, a: Digits, b: Digits) -> None:
    total = torch.zeros_like(a[:, 0])
    for place in range(a.shape[1]):
        total = w.write("number", a[:, place] + b[:, place] + total // 10)
        w.answer(place, total % 10)
    w.answer(a.shape[1], total // 10)


def _write_joins(w: Writer, a: Digits, b: Digits) -> None:
    carry = torch.zeros_like(a[:, 0])
    for place in range(a.shape[1]):
        w.write("both", 10 * a[:, place] + b[:, place])
        total = a[:, place] + b[:, place]
        w.write("total", 2 * total + carry)
        w.answer(place, (total + carry) % 10)
        carry = (total + carry) // 10
    w.answer(a.shape[1], carry)


def _write_nothing(w: Writer, a: Digits, b: Digits) -> None:
    powers = 10 ** torch.arange(a.shape[1])
    total = (a * powers).sum(1) + (b * powers).sum(1)
    for place in range(a.shape[1] + 1):
        w.answer(place, total // 10**place % 10)


_WRITERS: dict[str, tuple[Callable[[Writer, Digits, Digits], None], tuple[Sort, ...]]] = {
    "direct": (_write_nothing, ()),
    "linear": (_write_linear, (numbers(19, GUARD),)),
    "joins": (_write_joins, (joined("both", "&", 10, 10), joined("total", "+", 19, 2))),
}


class AdditionTask(PairTask):
    """a + b: the prompt is the digits of both, the answer's digits come least significant first.

    In the format ``linear`` each column's total (two digits and the carry, itself a lookup of the total before) is one
    number token, and the digit it leaves follows it. 57 + 68 = 125, token by token:

    >>> task = AdditionTask(2, "linear")
    >>> import torch
    >>> " ".join(task.render(task.encode(torch.tensor([[57, 68]]))[0]))
    '5 7 6 8 s15 5 s12 2 1'

    ``joins`` adds nothing: the two digits are joined, then their sum and the carry, and the digit is a lookup.

    >>> task = AdditionTask(2, "joins")
    >>> " ".join(task.render(task.encode(torch.tensor([[57, 68]]))[0]))
    '5 7 6 8 7&8 15+0 5 5&6 11+1 2 1'
    """

    kind = "addition"
    sign = "+"
    formats = {  # noqa: RUF012
        "direct": "the digits of the sum, no chain of thought",
        "linear": "each column's total as one number, then its digit",
        "joins": "two joins for each column, then its digit",
    }

    @staticmethod
    def _format(name: str, digits: int) -> Format:
        write, sorts = _WRITERS[name]
        return plain_format(digits, sorts, write)
