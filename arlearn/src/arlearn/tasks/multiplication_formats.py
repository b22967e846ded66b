"""Ways to write a multiplication out, token by token: from the bare product to a chain where each token is easy.

A format is a vocabulary and a function from the two factors to the columns of the sequence. All but the paper's
(``paper_format.py``) have one prompt, the digits of both factors, and differ in how much of the work each token does.

Write a = a_{n-1}..a_0, b likewise, and go through the rows i (digits of b) and in each through the columns j (digits
of a), as in long multiplication by hand. With the pair p_ij = a_j * b_i, the sum to be written at (i, j) is

    s_ij = (p_ij mod 10) + (s_{i-1,j+1} mod 10) + (p_{i,j-1} div 10) + (s_{i,j-1} div 10)        0 <= s_ij <= 27

that is: what this product adds, what stands in this column so far, and two carries; each term is a lookup of one
earlier token. In the last column of a row, what stands there is the carry out of the row above, itself two lookups,
except that the carry out of the last row is written as a token before the top digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from arlearn.tasks.alphabet import Sort, numbers, pairs
from arlearn.tasks.formats import GUARD, Digits, Format, Writer, joined, plain_format


@dataclass(frozen=True)
class _Style:
    """How the steps of long multiplication are written.

    ``total(writer, i, j, low, above, high, carry)`` writes what makes s_ij and returns it; ``carry_out(writer, last,
    high, carry)`` writes what is carried out of a row, whose sum the digit after it is.
    """

    total: Callable[[Writer, int, int, Tensor, Tensor, Tensor, Tensor], Tensor]
    carry_out: Callable[[Writer, bool, Tensor, Tensor], None]
    sorts: tuple[Sort, ...]

    def write(self, w: Writer, a: Digits, b: Digits) -> None:
        """Long multiplication row by row."""
        n, zero = a.shape[1], torch.zeros_like(a[:, 0])
        above = [zero] * (n + 1)  # what stands in this row's columns, from place i - 1 on
        for i in range(n):
            high, carry, row = zero, zero, []
            for j in range(n):
                product = a[:, j] * b[:, i]
                w.write("pair", 10 * a[:, j] + b[:, i])
                s = self.total(w, i, j, product % 10, above[j + 1], high, carry)
                high, carry = product // 10, s // 10
                row.append(s % 10)
                if j == 0:
                    w.answer(i, row[0])
            above = [*row, high + carry]
            if i < n - 1:
                self.carry_out(w, False, high, carry)
        for j in range(1, n):
            w.answer(n - 1 + j, above[j])
        self.carry_out(w, True, high, carry)
        w.answer(2 * n - 1, above[n])


def _linear_total(w: Writer, i: int, j: int, low: Tensor, above: Tensor, high: Tensor, carry: Tensor) -> Tensor:
    return w.write("number", low + above + high + carry)


def _linear_carry(w: Writer, last: bool, high: Tensor, carry: Tensor) -> None:
    if last:
        w.write("number", high + carry)


def _terms_total(w: Writer, i: int, j: int, low: Tensor, above: Tensor, high: Tensor, carry: Tensor) -> Tensor:
    if j:
        low = low + w.write("number", high + carry)
        if i:
            w.write("number", low)
    return w.write("number", low + above)


def _terms_carry(w: Writer, last: bool, high: Tensor, carry: Tensor) -> None:
    w.write("number", high + carry)


def _joins_total(w: Writer, i: int, j: int, low: Tensor, above: Tensor, high: Tensor, carry: Tensor) -> Tensor:
    if j:
        w.write("carries", 3 * high + carry)
        w.write("sum", 10 * low + high + carry)
    w.write("total", 10 * (low + high + carry) + above)
    return low + high + carry + above


def _joins_carry(w: Writer, last: bool, high: Tensor, carry: Tensor) -> None:
    w.write("carries", 3 * high + carry)


def _spelled_total(w: Writer, i: int, j: int, low: Tensor, above: Tensor, high: Tensor, carry: Tensor) -> Tensor:
    w.write("value", low)
    if j:
        w.write("value", high)
        w.write("value", carry)
        w.write("carries", 3 * high + carry)
        w.write("value", high + carry)
        w.write("sum", 10 * low + high + carry)
    w.write("value", low + high + carry)
    w.write("value", above)
    w.write("total", 10 * (low + high + carry) + above)
    return w.write("value", low + high + carry + above)


def _spelled_carry(w: Writer, last: bool, high: Tensor, carry: Tensor) -> None:
    w.write("value", high)
    w.write("value", carry)
    w.write("carries", 3 * high + carry)


_JOINED = (pairs(), joined("carries", "&", 9, 3), joined("sum", "+", 10, 10), joined("total", "++", 19, 10))
_STYLES: dict[str, _Style] = {
    "linear": _Style(_linear_total, _linear_carry, (pairs(), numbers(27, GUARD))),
    "terms": _Style(_terms_total, _terms_carry, (pairs(), numbers(27, GUARD))),
    "joins": _Style(_joins_total, _joins_carry, _JOINED),
    "spelled": _Style(_spelled_total, _spelled_carry, (*_JOINED, Sort("value", tuple(f"={n}" for n in range(28))))),
}


def _largest_column(n: int) -> int:
    """The largest column total in schoolbook multiplication by columns."""
    largest = carry = 0
    for place in range(2 * n - 1):
        total = 81 * (min(place, 2 * n - 2 - place) + 1) + carry
        largest, carry = max(largest, total), total // 10
    return largest


def _write_columns(w: Writer, a: Digits, b: Digits) -> None:
    n = a.shape[1]
    total = torch.zeros_like(a[:, 0])
    for place in range(2 * n - 1):
        total = total // 10
        for i in range(max(0, place - n + 1), min(place, n - 1) + 1):
            w.write("pair", 10 * a[:, place - i] + b[:, i])
            total = total + a[:, place - i] * b[:, i]
        w.write("number", total)
        w.answer(place, total % 10)
    w.answer(2 * n - 1, total // 10)


def _write_nothing(w: Writer, a: Digits, b: Digits) -> None:
    powers = 10 ** torch.arange(a.shape[1])
    product = (a * powers).sum(1) * (b * powers).sum(1)
    for place in range(2 * a.shape[1]):
        w.answer(place, product // 10**place % 10)


def linear_format(name: str, n: int) -> Format:
    """The format of this name, for factors of n digits: one of LINEAR_FORMATS."""
    if name == "direct":
        return plain_format(n, [], _write_nothing)
    if name == "columns":
        return plain_format(n, [pairs(), numbers(_largest_column(n), GUARD)], _write_columns)
    style = _STYLES[name]
    return plain_format(n, list(style.sorts), style.write)


# name -> what each token does; shortest first.
LINEAR_FORMATS: dict[str, str] = {
    "direct": "the product's digits, no chain of thought",
    "columns": "each product of two digits as a pair, each column's total as one number",
    "linear": "each product as a pair, then all that is added to it as one number",
    "terms": "as linear, but a number for every two terms",
    "joins": "as terms, but a pair instead of a number: nothing is ever added, only joined and looked up",
    "spelled": "as joins, and every lookup is written before it is used",
}
