"""Proof by algebra that a program on digits computes the product (or the sum) it claims, for all numbers at once.

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

from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Add, Join, Lookup, Program, Step

Polynomial = Mapping[tuple[str, ...], int]  # monomial (unknowns, ascending) -> coefficient


def identity(program: Program) -> str | None:
    """Why the program's claim does not follow by algebra; None where it does.

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
    right = _product(first, second) if product else _total([(1, first), (1, second)])
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
                    result = _product(result, self.of(ref))
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


def _product(first: Polynomial, second: Polynomial) -> dict[tuple[str, ...], int]:
    result: dict[tuple[str, ...], int] = {}
    for one, a in first.items():
        for other, b in second.items():
            unknowns = tuple(sorted(one + other))
            result[unknowns] = result.get(unknowns, 0) + a * b
    return result
