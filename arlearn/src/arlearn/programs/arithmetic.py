"""Multiplication and addition as programs: what one does on paper, one token a step.

Multiplication of two numbers of N digits takes 2N² + 2N + 1 generated tokens. ``12 x 34`` (the right chain; in the
program, a0 is the lowest digit of the first number):

    1 2 x 3 4 =                            prompt: both numbers and the signs
    2*4 s8   1*4 s4                        row of 4: joined digits, then  s = (last digit of the product) + carry
    2*3 s10  1*3 s4                        row of 3: the same, plus the row above shifted by one
    s0                                     what is carried out of the last column
    0 4 0 8                                the product, highest digit first

A sum token s<n> is (last digit of the product) + (first digit of the product before) + (carry of the sum before) +
(last digit of the sum above), at most 29: digits and carries are read off earlier tokens by tables, never written out.
The product is therefore right if every step is, and ``identities`` proves that by algebra for all numbers at once.
"""

from __future__ import annotations

from arlearn.errors import ArlearnError
from arlearn.programs.builder import Builder, Kind, Reading, Ref
from arlearn.programs.steps import Program, Term

LARGEST_SUM = 29  # 9 + 8 + 2 + 9, and in a row's last column 9 + 8 + 2 + (8 + 2)


def multiplication(digits: int) -> Program:
    """The product of two numbers of ``digits`` digits. Raises ArlearnError if digits is not positive."""
    _check(digits)
    build = Builder(f"multiplication-{digits}")
    digit, sign = build.numbers("digit", range(10)), build.words("sign", ("x", "="))
    pair = build.pairs("pair", digit, digit)
    number = build.numbers("sum", range(LARGEST_SUM + 1), "s{}")
    product_ones = build.number_table("product_ones", pair, lambda word: _product(word) % 10)
    product_tens = build.number_table("product_tens", pair, lambda word: _product(word) // 10)
    ones, tens, last = _sum_tables(build, number, digit)
    a, b = _prompt(build, digit, sign, "x", digits)

    above: list[Ref] = []  # the sums of the row above
    carried: list[Term] = []  # what that row carries out of its last column
    answer: list[Ref] = []
    for j in range(digits):
        row: list[Ref] = []
        joined: Ref | None = None
        for i in range(digits):
            terms: list[Term] = [] if joined is None else [product_tens(joined), tens(row[-1])]
            joined = build.join(f"p{i}_{j}", pair, a[i], b[j])
            terms = [product_ones(joined), *terms]
            if above:
                terms += [ones(above[i + 1])] if i + 1 < digits else carried
            row.append(build.add(f"s{i}_{j}", number, *terms))
        assert joined is not None
        above, carried = row, [product_tens(joined), tens(row[-1])]
        answer.append(row[0])
    answer += above[1:]
    highest = build.add("top", number, *carried)
    places = [*answer, highest]
    for k in reversed(range(2 * digits)):
        build.output(build.lookup(f"d{k}", digit, last, places[k]))
    return build.program({"kind": "numbers", "operation": "x", "digits": digits})


def addition(digits: int) -> Program:
    """The sum of two numbers of ``digits`` digits. Raises ArlearnError if digits is not positive.

    ``95 + 17``: prompt ``9 5 + 1 7 =``; then ``s12 s11`` (columns with their carries, lowest first), then ``1 1 2``.
    """
    _check(digits)
    build = Builder(f"addition-{digits}")
    digit, sign = build.numbers("digit", range(10)), build.words("sign", ("+", "="))
    number = build.numbers("sum", range(20), "s{}")
    ones, tens, last = _sum_tables(build, number, digit)
    del ones
    a, b = _prompt(build, digit, sign, "+", digits)
    columns: list[Ref] = []
    for i in range(digits):
        columns.append(build.add(f"s{i}", number, a[i], b[i], *([tens(columns[-1])] if columns else [])))
    build.output(build.add(f"d{digits}", digit, tens(columns[-1])))
    for i in reversed(range(digits)):
        build.output(build.lookup(f"d{i}", digit, last, columns[i]))
    return build.program({"kind": "numbers", "operation": "+", "digits": digits})


def _check(digits: int) -> None:
    if not 1 <= digits <= 99:
        raise ArlearnError(f"digits must be 1 to 99, not {digits}")


def _product(word: str) -> int:
    first, _, second = word.partition("*")
    return int(first) * int(second)


def _sum_tables(build: Builder, number: Kind, digit: Kind) -> tuple[Reading, Reading, Reading]:
    """Last digit and carry of a sum as numbers, and its last digit as a token."""
    return (
        build.number_table("ones", number, lambda word: int(word[1:]) % 10),
        build.number_table("tens", number, lambda word: int(word[1:]) // 10),
        build.word_table("digit_of", number, digit, lambda word: str(int(word[1:]) % 10)),
    )


def _prompt(build: Builder, digit: Kind, sign: Kind, operation: str, digits: int) -> tuple[list[Ref], list[Ref]]:
    """The slots of ``a x b =``, highest digits first; each number's digits are returned lowest first."""
    a = [build.slot(f"a{i}", digit) for i in reversed(range(digits))][::-1]
    build.slot("operation", sign, (operation,))
    b = [build.slot(f"b{i}", digit) for i in reversed(range(digits))][::-1]
    build.slot("equals", sign, ("=",))
    return a, b
