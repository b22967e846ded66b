"""Arithmetic on numbers of decimal digits, as steps.

- ``a + b``, ``a - b``: one token a digit, with the carry of the digit before.
- ``a >= b``: one token, a comparison of the two weighted sums of digits.
- ``a * b``: a token for each pair of digits, then one for each digit of the product.
- ``a // b`` and ``a % b``: long division. For each digit nine comparisons (b, 2b, ... fit), their number, the product of
  that and b, and the difference. Where b is a written number up to 12, one token a digit.

Every step is total: it has a token whatever it reads, for all steps of a pass are written whether they matter or not.
What stops a run (a number that grows too large, division by zero) is checked by steps that write a halting word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from arlearn.programs.python_digits import (
    BASE,
    OVERFLOW,
    SMALL,
    ZERO,
    Digit,
    DigitCell,
    DigitWriter,
    Number,
    Truth,
    constant,
    gathered,
    narrowed,
    weighed,
    width,
)
from arlearn.programs.steps import Add, Option, Parts, Select


class NumberWriter(DigitWriter):
    """Writes what numbers are computed with. ``active``: whether a fault of this place ends the run."""

    # Numbers

    def total(self, parts: Sequence[tuple[int, Number]], active: Truth) -> Number:
        """The sum of numbers, each times 1 or -1; stops the run if ``active`` and it is out of range."""
        low = sum(min(w * x.low, w * x.high) for w, x in parts)
        high = sum(max(w * x.low, w * x.high) for w, x in parts)
        low, high = self.bounded([each for w, x in parts for each in weighed(x, w)], low, high, active)
        digits: list[Digit] = []
        carry: Digit = 0
        for j in range(width(low, high)):
            terms = [(1, carry), *((w * factor, cell) for w, x in parts for factor, cell in _at(x, j))]
            ones, carry = self._digit("sum", terms)
            digits.append(ones)
        sign: Truth = False
        if low < 0:
            sign = self.at_least([each for w, x in parts for each in weighed(x, -w)], 1, "sign")
        return Number(tuple(digits), int(sign) if isinstance(sign, bool) else sign, low, high)

    def product(self, x: Number, y: Number, active: Truth) -> Number:
        if x.low < 0 or y.low < 0:
            size = self.product(self.absolute(x), self.absolute(y), active)
            negative = self._differ(x.sign, y.sign)
            corners = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
            return narrowed(self.signed(size, negative), max(min(corners), self.low), min(max(corners), self.high))
        high = x.high * y.high
        sums: dict[int, list[tuple[int, Digit]]] = {}
        for i, a in enumerate(x.digits):
            for j, b in enumerate(y.digits):
                sums.setdefault(i + j, []).append(self._times(a, b))
        digits: list[Digit] = []
        carry: Digit = 0
        for j in range(width(0, high)):
            ones, carry = self._digit("column", [(1, carry), *sums.get(j, [])])
            digits.append(ones)
        n = width(0, self.high)
        if high > self.high:
            self.check(OVERFLOW, [(1, digit) for digit in digits[n:]], 1, active)
        found = Number(tuple(digits[:n]), 0, x.low * y.low, min(high, BASE**n - 1))
        _, high = self.bounded(weighed(found), found.low, found.high, active)
        return narrowed(found, found.low, high)

    def divided(self, x: Number, y: Number, active: Truth) -> tuple[Number, Number]:
        """Quotient, rounded down, and rest, which has the sign of y. Stops the run if ``active`` and y is 0."""
        if y.low <= 0 <= y.high:
            if y.low < 0:
                self.check(ZERO, [(1, self.without(True, self.nonzero(y)))], 1, active)
            else:
                self.check(ZERO, weighed(y, -1), 0, active)
        if x.low >= 0 and y.low >= 0:
            return self._long_division(x, y)
        size = self.absolute(y)
        quotient, rest = self._long_division(self.absolute(x), size)
        differ = self._differ(x.sign, y.sign)
        inexact = self.both(differ, self.nonzero(rest))
        quotient = self.signed(self.total([(1, quotient), (1, self.number(inexact))], active), differ)
        turned = narrowed(self.total([(1, size), (-1, rest)], False), 0, size.high)
        rest = self.signed(self.chosen(inexact, turned, rest), self._truth(y.sign))
        return quotient, narrowed(rest, min(y.low + 1, 0), max(y.high - 1, 0))

    def absolute(self, x: Number) -> Number:
        if x.low >= 0:
            return x
        size = max(-x.low, x.high)
        whole = replace(x, low=-size, high=size)
        return replace(self._negated_where(whole, self._truth(x.sign)), sign=0, low=0, high=size)

    def signed(self, x: Number, negative: Truth) -> Number:
        """-x where ``negative``, else x; x is not below 0."""
        if negative is False:
            return x
        digits = self._negated_where(x, negative).digits
        some = sum(digit if isinstance(digit, int) else digit.high for digit in x.digits) + 1
        terms = [(1, digit) for digit in x.digits]
        sign = self.at_least([*terms, (some, negative if isinstance(negative, DigitCell) else 1)], some + 1, "sign")
        return Number(digits, int(sign) if isinstance(sign, bool) else sign, -x.high, 0 if negative is True else x.high)

    def chosen(self, truth: Truth, x: Number, y: Number) -> Number:
        """x where it is true, else y."""
        if isinstance(truth, bool):
            return x if truth else y
        low, high = min(x.low, y.low), max(x.high, y.high)
        digits = [
            self.either_cell(truth, self._plain(x, j), self._plain(y, j), "digit") for j in range(width(low, high))
        ]
        sign = self.either_cell(truth, x.sign, y.sign, "sign") if low < 0 else 0
        return Number(tuple(digits), sign, low, high)

    def bounded(self, terms: list[tuple[int, Digit]], low: int, high: int, active: Truth) -> tuple[int, int]:
        """Stop the run if ``active`` and the weighted sum is out of range; the range that is left of low to high."""
        if high > self.high:
            self.check(OVERFLOW, terms, self.high + 1, active)
        if low < self.low:
            self.check(OVERFLOW, [(-weight, cell) for weight, cell in terms], 1 - self.low, active)
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)

    # Inside

    def _long_division(self, x: Number, y: Number) -> tuple[Number, Number]:
        """Both at least 0. Where y is 0, some numbers."""
        if y.low == y.high == 1:
            return x, constant(0)
        quotients: list[Digit] = []
        if y.low == y.high and 2 <= y.low <= SMALL:
            c = y.low
            rest: Digit = 0
            for digit in reversed(x.digits):
                ref = self._sum("column", [(BASE, rest), (1, digit)])
                quotients.append(ref // c if isinstance(ref, int) else DigitCell(ref.ref, "column", f"quotient{c}"))
                rest = ref % c if isinstance(ref, int) else DigitCell(ref.ref, "column", f"rest{c}", 0, c - 1)
            found = self._numeral(rest, c - 1)
        else:
            found = constant(0)
            for digit in reversed(x.digits):
                found, each = self._fit(Number((digit, *found.digits), 0, 0, found.high * BASE + 9), y)
                quotients.append(each)
        high = x.high // max(y.low, 1)
        quotient = Number(tuple(reversed(quotients)), 0, x.low // max(y.high, 1), x.high)
        return narrowed(quotient, 0, high), narrowed(found, 0, min(x.high, max(y.high - 1, 0)))

    def _fit(self, t: Number, y: Number) -> tuple[Number, Digit]:
        """What is left of t when y is taken as often as it fits (up to nine times), and how often."""
        most = min(BASE - 1, t.high // max(y.low, 1))
        fits = [self.at_least([*weighed(t), *weighed(y, -k)], 0) for k in range(1, most + 1)]
        known = [each for each in fits if isinstance(each, DigitCell)]
        if len(known) == 1 and not any(each is True for each in fits):
            times: Digit = known[0]
        else:
            times = self._whole([(1, each if isinstance(each, DigitCell) else int(each)) for each in fits])
        n = width(0, min(t.high, max(y.high - 1, 0)))
        products = [self._times(times, y.digits[i]) if i < len(y.digits) else (0, 0) for i in range(n)]
        digits: list[Digit] = []
        carry: Digit = 0
        for i in range(n):
            terms = [(1, carry), (1, t.digits[i] if i < len(t.digits) else 0), (-products[i][0], products[i][1])]
            ones, carry = self._digit("sum", terms)
            digits.append(ones)
        return Number(tuple(digits), 0, 0, min(t.high, max(y.high - 1, 0))), times

    def _whole(self, terms: list[tuple[int, Digit]]) -> Digit:
        """A sum that is a digit."""
        cells, known, _, _ = gathered(terms)
        if not cells:
            return known
        return self._cell(Add("", "digit", tuple(self._term(c, w) for c, w in cells), known), "digit")

    def _numeral(self, rest: Digit, most: int) -> Number:
        """A cell that can be more than a digit, as a number."""
        if isinstance(rest, int) or most < BASE:
            return Number((rest,), 0, 0, most)
        ones, carry = self._digit("sum", [(1, rest), (1, 0)], always=True)
        return Number((ones, carry), 0, 0, most)

    def _negated_where(self, x: Number, negative: Truth) -> Number:
        """The digits of -x where ``negative``, of x elsewhere."""
        if isinstance(negative, bool):
            return self.total([(-1, x)], False) if negative else x
        digits: list[Digit] = []
        carry: Digit = 0
        for digit in x.digits:
            if isinstance(digit, int):
                terms: list[tuple[int, Digit]] = [(1, digit), (-2 * digit, negative)]
            else:
                first = Select("", "", (Option(negative.ref),))
                ref = self._step(Parts("", "gated.digit", (first, Select("", "", (self._option(digit, "digit"),)))))
                terms = [(1, DigitCell(ref, "gated.digit", "turned", -9, 9))]
            ones, carry = self._digit("sum", [(1, carry), *terms])
            digits.append(ones)
        return replace(x, digits=tuple(digits))

    def _differ(self, a: Digit, b: Digit) -> Truth:
        """Whether two signs differ."""
        if isinstance(a, int) or isinstance(b, int):
            known, other = (a, b) if isinstance(a, int) else (b, a)
            truth = self._truth(other)
            return self.negation(truth) if known else truth
        more = self.at_least([(1, a), (1, b)], 1)
        return self.without(more, self.at_least([(1, a), (1, b)], 2))

    def _truth(self, digit: Digit) -> Truth:
        if isinstance(digit, int):
            return bool(digit)
        return digit if digit.kind == "flag" else self.at_least([(1, digit)], 1)

    def _times(self, a: Digit, b: Digit) -> tuple[int, Digit]:
        """The product of two digits as (weight, cell)."""
        if isinstance(a, int) or isinstance(b, int):
            known, other = (a, b) if isinstance(a, int) else (int(b) if isinstance(b, int) else 0, a)
            return (known, other) if known and other else (0, 0)
        first, second = sorted((a, b), key=lambda cell: (cell.ref, cell.read))
        rules = tuple(Select("", "", (self._option(cell, "digit"),)) for cell in (first, second))
        return 1, DigitCell(self._step(Parts("", "product", rules)), "product", "value", 0, 81)


def _at(x: Number, j: int) -> list[tuple[int, Digit]]:
    """Digit j as a weighted cell; beyond its length, 9 where the number is negative."""
    return [(1, x.digits[j])] if j < len(x.digits) else [(BASE - 1, x.sign)]
