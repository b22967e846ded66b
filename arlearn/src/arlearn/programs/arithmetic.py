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
The product is therefore right if every step is, and ``identity`` proves that by algebra for all numbers at once.

``proving`` shows that a predictor does what its program says. This shows that the program says multiplication. Every
token's value is written as a polynomial in the digits of the prompt and in carries:

- a sum token's value is the sum of its terms;
- two tables that split a value, low + 10 high = value (checked for every token of the alphabet), let ``low(x)`` be
  replaced by ``value(x) - 10 high(x)``, with ``high(x)`` an unknown of its own;
- a joined token's value is the product of its parts' values.

Put into ``sum over k of 10^k answer_k``, the unknowns must cancel and leave the product of the two numbers, except for
multiples of 10^(places of the answer): the answer's digits and the product both lie in 0 .. 10^places - 1, and two
numbers in that range that differ by such a multiple are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs.builder import Builder, Kind, Reading, Ref
from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Add, Join, Lookup, Program, Step, Term

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


Polynomial = Mapping[tuple[str, ...], int]  # monomial (unknowns, ascending) -> coefficient


def identity(program: Program) -> str | None:
    """Why the program's claim does not follow by algebra; None if it does.

    For programs with the ``numbers`` interface, whose slots are the digits a<i>, b<i> of the two numbers.
    """
    claim = program.interface
    if claim.get("kind") != "numbers":
        return "the program makes no claim about numbers"
    digits, outputs = int(claim["digits"]), program.outputs
    values = _Values(Semantics(program))
    try:
        answer = _total((10**k, values.of(name)) for k, name in enumerate(reversed(outputs)))
        first = _total((10**i, values.of(f"a{i}")) for i in range(digits))
        second = _total((10**i, values.of(f"b{i}")) for i in range(digits))
    except (KeyError, ValueError, IndexError) as error:
        return f"a value has no polynomial: {error}"
    product = claim["operation"] == "x"
    right = _polynomial_product(first, second) if product else _total([(1, first), (1, second)])
    places = 10 ** len(outputs)
    if (10**digits - 1) ** 2 >= places if product else 2 * (10**digits - 1) >= places:
        return f"the answer has only {len(outputs)} places"
    for name in (*outputs, *(f"{letter}{i}" for letter in "ab" for i in range(digits))):
        if not values.is_digit(name):
            return f"{name} is not a digit"
    left = {unknowns: c for unknowns, c in _total([(1, answer), (-1, right)]).items() if c % places}
    if left:
        unknowns, coefficient = next(iter(left.items()))
        return f"{len(left)} terms do not cancel, such as {coefficient} {' '.join(unknowns)}"
    return None


class _Values:
    """The polynomial of every token's value."""

    def __init__(self, semantics: Semantics) -> None:
        self.semantics = semantics
        self.steps: dict[str, Step] = {step.name: step for step in semantics.program.steps}
        self._known: dict[str, Polynomial] = {}
        self._splits: dict[tuple[str, bytes], str | None] = {}

    def of(self, name: str) -> Polynomial:
        if name not in self._known:
            step = self.steps.get(name)
            if isinstance(step, Add):
                terms = [(term.weight, self.reading(term.ref, term.table)) for term in step.terms]
                self._known[name] = _total([*terms, (step.constant, {(): 1})])
            elif isinstance(step, Join):
                result: Polynomial = {(): 1}
                for ref in step.refs:
                    result = _polynomial_product(result, self.of(ref))
                self._known[name] = result
            elif isinstance(step, Lookup):
                self._known[name] = self.of(step.ref) if step.table is None else self.reading(step.ref, step.table)
            elif step is None and name in self.semantics.position:
                self._known[name] = {(name,): 1}
            else:
                raise ValueError(name)
        return self._known[name]

    def reading(self, ref: str, table: str | None) -> Polynomial:
        """``table(ref)``: itself an unknown, unless another table makes it the low part of ref's value."""
        if table is None:
            return self.of(ref)
        alphabet = self.semantics.alphabet_of[ref]
        high = self._high(alphabet, self._numbers(alphabet, table))
        if high is None:
            return {(f"{table}({ref})",): 1}
        return _total([(1, self.of(ref)), (-10, {(f"{high}({ref})",): 1})])

    def is_digit(self, name: str) -> bool:
        return set(self.semantics.alphabets[self.semantics.alphabet_of[name]].values or (-1,)) <= set(range(10))

    def _numbers(self, alphabet: str, table: str) -> np.ndarray:
        """The number a table gives for each token, or the value of the token it gives."""
        numbers, defined = self.semantics.reading(alphabet, table)
        target = self.semantics.tables[table].target
        if not defined.all():
            raise ValueError(f"{table} has gaps")
        if target is None:
            return numbers
        values = np.array(self.semantics.alphabets[target].values or (), dtype=np.int64)
        return np.asarray(values[numbers])

    def _high(self, alphabet: str, low: np.ndarray) -> str | None:
        """A table that is (value - low) / 10 for every token of the alphabet."""
        key = (alphabet, low.tobytes())
        if key not in self._splits:
            value = self._alphabet_values(alphabet)
            tables = [t for t in self.semantics.program.tables if t.source == alphabet and t.target is None]
            self._splits[key] = None
            for table in tables if value is not None else ():
                if np.array_equal(low + 10 * self._numbers(alphabet, table.name), np.asarray(value)):
                    self._splits[key] = table.name
        return self._splits[key]

    def _alphabet_values(self, name: str) -> np.ndarray | None:
        """The value of each token: its own, or the product of its parts'."""
        alphabet = self.semantics.alphabets[name]
        if not alphabet.parts:
            return None if alphabet.values is None else np.array(alphabet.values, dtype=np.int64)
        result = np.ones(1, dtype=np.int64)
        for part in alphabet.parts:
            values = self._alphabet_values(part)
            if values is None:
                return None
            result = (result[:, None] * values).ravel()
        return result


def _total(terms: Iterable[tuple[int, Polynomial]]) -> dict[tuple[str, ...], int]:
    result: dict[tuple[str, ...], int] = {}
    for factor, polynomial in terms:
        for unknowns, coefficient in polynomial.items():
            result[unknowns] = result.get(unknowns, 0) + factor * coefficient
    return {unknowns: coefficient for unknowns, coefficient in result.items() if coefficient}


def _polynomial_product(first: Polynomial, second: Polynomial) -> dict[tuple[str, ...], int]:
    result: dict[tuple[str, ...], int] = {}
    for one, a in first.items():
        for other, b in second.items():
            unknowns = tuple(sorted(one + other))
            result[unknowns] = result.get(unknowns, 0) + a * b
    return result
