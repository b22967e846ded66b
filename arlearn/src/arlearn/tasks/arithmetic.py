"""Adding and multiplying two n-digit numbers: from the bare answer to a chain of thought where each token is easy.

A format is a vocabulary and a function from the two factors to the columns of the sequence. All but the paper's have
one prompt, the digits of both factors, and differ in how much of the work each token does.

In multiplication, write a = a_{n-1}..a_0, b likewise, and go through the rows i (digits of b) and in each through the columns j (digits
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

from arlearn.tasks.formats import (
    GUARD,
    Column,
    DigitRows,
    Format,
    TokenAlphabet,
    TokenType,
    Writer,
    digits,
    joined,
    numbers,
    pairs,
    plain_format,
    signs,
)
from arlearn.tasks.number_pairs import PairTask


@dataclass(frozen=True)
class _Style:
    """How the steps of long multiplication are written.

    ``total(writer, i, j, low, above, high, carry)`` writes what makes s_ij and returns it; ``carry_out(writer, last,
    high, carry)`` writes what is carried out of a row, whose sum the digit after it is.
    """

    total: Callable[[Writer, int, int, Tensor, Tensor, Tensor, Tensor], Tensor]
    carry_out: Callable[[Writer, bool, Tensor, Tensor], None]
    types: tuple[TokenType, ...]

    def write(self, w: Writer, a: DigitRows, b: DigitRows) -> None:
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
    "spelled": _Style(
        _spelled_total, _spelled_carry, (*_JOINED, TokenType("value", tuple(f"={n}" for n in range(28))))
    ),
}


def _largest_column(n: int) -> int:
    """The largest column total in schoolbook multiplication by columns."""
    largest = carry = 0
    for place in range(2 * n - 1):
        total = 81 * (min(place, 2 * n - 2 - place) + 1) + carry
        largest, carry = max(largest, total), total // 10
    return largest


def _write_columns(w: Writer, a: DigitRows, b: DigitRows) -> None:
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


def _write_nothing(w: Writer, a: DigitRows, b: DigitRows) -> None:
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
    return plain_format(n, list(style.types), style.write)


# name -> what each token does; shortest first.
LINEAR_FORMATS: dict[str, str] = {
    "direct": "the product's digits, no chain of thought",
    "columns": "each product of two digits as a pair, each column's total as one number",
    "linear": "each product as a pair, then all that is added to it as one number",
    "terms": "as linear, but a number for every two terms",
    "joins": "as terms, but a pair instead of a number: nothing is ever added, only joined and looked up",
    "spelled": "as joins, and every lookup is written before it is used",
}


def paper_format(n: int) -> Format:
    """The paper's chain of thought for factors of n digits: 307 tokens for 4 digits, 11 given and 296 generated.

    Malach (ICML 2024), experiment 2, as far as it is described: both factors are expanded into digit x power of ten,
    all partial products are listed with joined ``ixj`` tokens, and the sequence ends in the product, most significant
    digit first. The order of the parts and their separators are ours, chosen so that 4 digits give exactly 307 tokens;
    unlike the public reference code, all numbers of n digits occur, and every number in the sum has room for 2n
    digits. With n digits the parts are

        prompt       <s> a x b =                                                         2n + 3
        expansion    ( d x 10^k + ... ) x ( d x 10^k + ... ) =                           8n + 4
        pairs        ixj 10^k + ... =              every pair of digits, largest first   3n^2
        products     d d 10^k + ... ; ... ;        their values, a line for each row     4n^2 + n
        sums         = d d ... d                   the running total after each product  n^2 (2n + 1)

    and the last running total is the product.
    """
    powers = TokenType("power", tuple(f"10^{k}" for k in range(2 * n - 1)))
    alphabet = TokenAlphabet([digits(), *signs("<s>", "x", "=", "+", "(", ")", ";"), powers, pairs()])

    def columns(a: DigitRows, b: DigitRows) -> list[Column]:
        zero = torch.zeros_like(a[:, 0])
        places = list(reversed(range(n)))
        written: list[Column] = []

        def sign(word: str) -> None:
            written.append(Column(word, zero))

        def value(kind: str, values: Tensor | int) -> None:
            written.append(Column(kind, zero + values))

        sign("<s>")
        for number, end in ((a, "x"), (b, "=")):
            for k in places:
                value("digit", number[:, k])
            sign(end)
        for number, end in ((a, "x"), (b, "=")):
            sign("(")
            for k in places:
                value("digit", number[:, k])
                sign("x")
                value("power", k)
                sign("+" if k else ")")
            sign(end)
        for i in places:
            for j in places:
                value("pair", 10 * a[:, i] + b[:, j])
                value("power", i + j)
                sign("+" if i or j else "=")
        for i in places:
            for j in places:
                value("digit", a[:, i] * b[:, j] // 10)
                value("digit", a[:, i] * b[:, j] % 10)
                value("power", i + j)
                sign("+")
            sign(";")
        total = zero
        for i in places:
            for j in places:
                total = total + a[:, i] * b[:, j] * 10 ** (i + j)
                sign("=")
                for k in reversed(range(2 * n)):
                    value("digit", total // 10**k % 10)
        return written

    sample = torch.zeros((1, n), dtype=torch.int64)
    length = len(columns(sample, sample))
    return Format(alphabet, 2 * n + 3, columns, list(range(length - 2 * n, length)))


class MultiplicationTask(PairTask):
    """a x b, written out in one of ``formats``.

    In the format ``linear`` (the module has the rule) the prompt is the digits of both factors. Each
    product of two digits is a pair token, followed by the number that stands in its column once it is added; the
    answer's digits come as soon as they are known, least significant first, and before the top one the last carry.
    47 x 86 = 4042, token by token:

    >>> import torch
    >>> task = MultiplicationTask(2, "linear")
    >>> " ".join(task.render(task.encode(torch.tensor([[47, 86]]))[0]))
    '4 7 8 6 7*6 s2 2 4*6 s8 7*8 s14 4 4*8 s10 0 s4 4'

    The same in the paper's format (see ``paper_format``), ending in the product:

    >>> task = MultiplicationTask(2, "paper")
    >>> words = task.render(task.encode(torch.tensor([[47, 86]]))[0])
    >>> for first, last in ((0, 27), (27, 39), (39, 57), (57, 77)):
    ...     print(" ".join(words[first:last]))
    <s> 4 7 x 8 6 = ( 4 x 10^1 + 7 x 10^0 ) x ( 8 x 10^1 + 6 x 10^0 ) =
    4*8 10^2 + 4*6 10^1 + 7*8 10^1 + 7*6 10^0 =
    3 2 10^2 + 2 4 10^1 + ; 5 6 10^1 + 4 2 10^0 + ;
    = 3 2 0 0 = 3 4 4 0 = 4 0 0 0 = 4 0 4 2

    4 digits make 307 tokens of it, 296 of them generated:

    >>> task = MultiplicationTask(4, "paper")
    >>> task.length, task.generated
    (307, 296)
    """

    kind = "multiplication"
    sign = "x"
    formats = {**LINEAR_FORMATS, "paper": "the paper's: 307 tokens for 4 digits"}  # noqa: RUF012

    @staticmethod
    def _format(name: str, digits: int) -> Format:
        return paper_format(digits) if name == "paper" else linear_format(name, digits)


def _write_linear(w: Writer, a: DigitRows, b: DigitRows) -> None:
    total = torch.zeros_like(a[:, 0])
    for place in range(a.shape[1]):
        total = w.write("number", a[:, place] + b[:, place] + total // 10)
        w.answer(place, total % 10)
    w.answer(a.shape[1], total // 10)


def _write_joins(w: Writer, a: DigitRows, b: DigitRows) -> None:
    carry = torch.zeros_like(a[:, 0])
    for place in range(a.shape[1]):
        w.write("both", 10 * a[:, place] + b[:, place])
        total = a[:, place] + b[:, place]
        w.write("total", 2 * total + carry)
        w.answer(place, (total + carry) % 10)
        carry = (total + carry) // 10
    w.answer(a.shape[1], carry)


def _write_total(w: Writer, a: DigitRows, b: DigitRows) -> None:
    powers = 10 ** torch.arange(a.shape[1])
    total = (a * powers).sum(1) + (b * powers).sum(1)
    for place in range(a.shape[1] + 1):
        w.answer(place, total // 10**place % 10)


_WRITERS: dict[str, tuple[Callable[[Writer, DigitRows, DigitRows], None], tuple[TokenType, ...]]] = {
    "direct": (_write_total, ()),
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
        write, types = _WRITERS[name]
        return plain_format(digits, types, write)
