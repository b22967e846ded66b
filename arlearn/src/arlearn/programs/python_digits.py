"""Arithmetic on numbers of decimal digits, as steps: what the body of a compiled Python function consists of.

A number is a row of digit tokens and a sign: ten's complement, so -3 in two digits is the sign - and 9 7. A *cell* is a
digit as some step's token tells it: a sum token ``s17`` tells the digit 7 and the carry 1, so no token is spent on
writing them out. A cell that is known beforehand is a plain int.

Every step is total: it has a token whatever it reads, for all steps of a pass are written whether they matter or not.
What stops a run (a number that grows too large, division by zero) is checked by steps that write a halting word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from arlearn.programs.steps import (
    BEFORE,
    Add,
    Alphabet,
    Compare,
    Constant,
    Lookup,
    Option,
    Parts,
    Select,
    Step,
    Table,
    Term,
    references,
)

BASE = 10
SMALL = 12  # divisors up to this take one token a digit
OVERFLOW, ZERO, INDEX = "overflow", "division-by-zero", "index-out-of-range"
CHECKS = {OVERFLOW: "fits", ZERO: "divides", INDEX: "inside"}  # halting word -> what is written otherwise

READS: dict[str, Callable[[int], int]] = {
    "value": lambda v: v,
    "ones": lambda v: v % BASE,
    "carry": lambda v: v // BASE,
    **{f"quotient{c}": lambda v, c=c: min(v // c, 9) for c in range(2, SMALL + 1)},  # type: ignore[misc]
    **{f"rest{c}": lambda v, c=c: v % c for c in range(2, SMALL + 1)},  # type: ignore[misc]
}


@dataclass(frozen=True)
class DigitCell:
    """``read`` (one of ``READS``) of the token that step ``ref`` writes, of alphabet ``kind``; ``low`` to ``high``."""

    ref: str
    kind: str
    read: str = "value"
    low: int = 0
    high: int = BASE - 1


Digit = DigitCell | int
Truth = DigitCell | bool


@dataclass(frozen=True)
class Number:
    """Digits, ones first, and a sign (1 for negative); the value lies in ``low`` to ``high`` wherever it matters."""

    digits: tuple[Digit, ...]
    sign: Digit
    low: int
    high: int


def check_name(word: str) -> str:
    """The alphabet of the steps that end a run with this word."""
    return "check." + word.replace("-", "_")


def width(low: int, high: int) -> int:
    """How many digits the numbers from ``low`` to ``high`` need."""
    return len(str(max(abs(low), abs(high))))


def constant(value: int) -> Number:
    """A number that is known beforehand."""
    n = width(value, value)
    return Number(tuple(value // BASE**j % BASE for j in range(n)), int(value < 0), value, value)


def narrowed(x: Number, low: int, high: int) -> Number:
    """The same number, known to lie in this range as well; digits and a sign that it cannot need are left out."""
    low, high = max(low, x.low), min(high, x.high)
    if low > high:  # nothing reaches this place
        return x
    return Number(x.digits[: width(low, high)], x.sign if low < 0 else 0, low, high)


class DigitWriter:
    """Collects the steps of one pass. Equal steps are written once."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high  # what numbers may be
        self.steps: list[Step] = []
        self.line = 0  # of the Python text; step names begin with it
        self._known: dict[Step, str] = {}
        self._tables: dict[str, tuple[str, str, str | None, Callable[[int], int | None]]] = {}
        self._spans: dict[str, tuple[int, int]] = {"sum": (0, 0), "column": (0, 0)}

    # Truth values

    def at_least(self, terms: Iterable[tuple[int, Digit]], threshold: int, kind: str = "flag") -> Truth:
        """Whether a weighted sum of cells reaches the threshold."""
        cells, known, low, high = gathered(terms)
        threshold -= known
        if low >= threshold and kind in ("flag", "sign"):
            return True
        if high < threshold:
            return False
        ref = self._step(Compare("", kind, tuple(self._term(cell, weight) for cell, weight in cells), threshold))
        return DigitCell(ref, kind, "value", 0, 1)

    def both(self, a: Truth, b: Truth) -> Truth:
        if isinstance(a, bool) or isinstance(b, bool):
            return (b if a else False) if isinstance(a, bool) else (a if b else False)
        return self.at_least([(1, a), (1, b)], 2)

    def either(self, *truths: Truth) -> Truth:
        cells = [each for each in dict.fromkeys(truths) if not isinstance(each, bool)]
        if any(each is True for each in truths):
            return True
        if len(cells) < 2:
            return cells[0] if cells else False
        return self.at_least([(1, cell) for cell in cells], 1)

    def without(self, a: Truth, b: Truth) -> Truth:
        """a and not b."""
        if isinstance(a, bool) or isinstance(b, bool):
            return self.both(a, self.negation(b))
        return self.at_least([(1, a), (-1, b)], 1)

    def negation(self, a: Truth) -> Truth:
        return (not a) if isinstance(a, bool) else self.at_least([(-1, a)], 0)

    def compared(self, x: Number, operator: str, y: Number) -> Truth:
        """``==``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``."""
        if operator in ("<", "<="):
            return self.compared(y, {"<": ">", "<=": ">="}[operator], x)
        if operator == "!=":
            return self.negation(self.compared(x, "==", y))
        if operator == "==":
            above, below = self.compared(x, ">=", y), self.compared(y, ">=", x)
            return self.both(above, below)
        least = 1 if operator == ">" else 0
        if x.low - y.high >= least or x.high - y.low < least:
            return x.low - y.high >= least
        return self.at_least([*weighed(x), *weighed(y, -1)], least)

    def nonzero(self, x: Number) -> Truth:
        return self.compared(x, "!=", constant(0)) if x.low < 0 else self.compared(x, ">", constant(0))

    def number(self, truth: Truth) -> Number:
        """1 for true, 0 for false."""
        return constant(int(truth)) if isinstance(truth, bool) else Number((truth,), 0, 0, 1)

    def check(self, word: str, terms: Iterable[tuple[int, Digit]], threshold: int, active: Truth) -> None:
        """Stop the run with this word if ``active`` and the weighted sum reaches the threshold."""
        terms = list(terms)
        if active is False:
            return
        if isinstance(active, DigitCell):
            most = max(gathered(terms)[3] + gathered(terms)[1] - threshold + 1, 1)
            terms, threshold = [*terms, (most, active)], threshold + most
        self.at_least(terms, threshold, check_name(word))

    def either_cell(self, truth: DigitCell, a: Digit, b: Digit, kind: str) -> Digit:
        """``a if truth else b`` in one token, or two where both are tokens."""
        if a == b:
            return a
        if isinstance(b, int):
            if isinstance(a, int):
                table = self._table("flag", f"{a}.{b}", kind, lambda v: a if v else b)
                return self._cell(Lookup("", kind, truth.ref, table), kind)
            default = self._table("flag", f"no.{b}", kind, lambda v: None if v else b)
            return self._cell(Select("", kind, (Option(truth.ref, default), self._option(a, kind))), kind)
        if isinstance(a, int):
            taken = self._table("flag", f"yes.{a}", kind, lambda v: a if v else None)
            return self._cell(Select("", kind, (Option(truth.ref, taken), self._option(b, kind))), kind)
        gated = f"gated.{kind}"
        first = Select("", "", (Option(truth.ref),))
        join = self._step(Parts("", gated, (first, Select("", "", (self._option(a, kind),)))))
        return self._cell(Select("", kind, (Option(join, f"taken.{kind}"), self._option(b, kind))), kind)

    def copied(self, name: str, digit: Digit, kind: str) -> None:
        """A step of this name that writes the digit as a token of its own, at the end of the pass."""
        if isinstance(digit, int):
            self.steps.append(Constant(name, kind, self._alphabet(kind).words[digit]))
            return
        option = self._option(digit, kind)
        self.steps.append(Lookup(name, kind, option.ref, option.table))

    def ended(self, name: str, truths: Sequence[DigitCell]) -> None:
        """A step of this name that ends the run where one of them holds."""
        self.steps.append(Compare(name, "end", tuple(self._term(each, 1) for each in truths), 1))

    # Cells and steps

    def _digit(self, kind: str, terms: Iterable[tuple[int, Digit]], always: bool = False) -> tuple[Digit, Digit]:
        """(ones, carry) of a sum; no step where it is a single digit."""
        cells, known, _, _ = gathered(terms)
        if len(cells) == 1 and not known and not always:
            cell, weight = cells[0]
            if weight == 1 and cell.low >= 0 and cell.high < BASE:
                return cell, 0
        found = self._sum(kind, terms)
        if isinstance(found, int):
            return found % BASE, found // BASE
        carry: Digit = DigitCell(found.ref, kind, "carry", found.low // BASE, found.high // BASE)
        if found.low >= 0 and found.high < BASE:
            carry = 0
        return DigitCell(found.ref, kind, "ones"), carry

    def _sum(self, kind: str, terms: Iterable[tuple[int, Digit]]) -> Digit:
        cells, known, low, high = gathered(terms)
        if not cells:
            return known
        low, high = low + known, high + known
        least, most = self._spans[kind]
        self._spans[kind] = (min(least, low), max(most, high))
        ref = self._step(Add("", kind, tuple(self._term(cell, weight) for cell, weight in cells), known))
        return DigitCell(ref, kind, "value", low, high)

    def _cell(self, step: Step, kind: str) -> DigitCell:
        return DigitCell(self._step(step), kind, "value", 0, 1 if kind != "digit" else BASE - 1)

    def _plain(self, x: Number, j: int) -> Digit:
        """Digit j of a number that may be shorter: 0, or 9 if it is negative."""
        if j < len(x.digits):
            return x.digits[j]
        if isinstance(x.sign, int):
            return (BASE - 1) * x.sign
        return self._cell(Lookup("", "digit", x.sign.ref, self.fill(x.sign.kind)), "digit")

    def fill(self, kind: str) -> str:
        """The table that gives the digits beyond the first ones of a number with this sign."""
        return self._table(kind, "fill", "digit", lambda v: (BASE - 1) * v)

    def _term(self, cell: DigitCell, weight: int) -> Term:
        if cell.read == "turned":
            return Term(cell.ref, "turned", weight)
        own = cell.read == "value" and cell.kind != "product"
        function = READS[cell.read]
        return Term(cell.ref, None if own else self._table(cell.kind, cell.read, None, function), weight)

    def _option(self, cell: DigitCell, kind: str) -> Option:
        """The cell as a token of ``kind``."""
        if cell.kind == kind and cell.read == "value":
            return Option(cell.ref)
        return Option(cell.ref, self._table(cell.kind, cell.read, kind, READS[cell.read]))

    def _table(self, kind: str, read: str, target: str | None, function: Callable[[int], int | None]) -> str:
        name = f"{kind}.{read}" + ("" if target is None else f".{target}")
        self._tables.setdefault(name, (kind, read, target, function))
        return name

    def _step(self, step: Step) -> str:
        if step not in self._known:
            self._known[step] = f"line{self.line}.{len(self._known)}"
            self.steps.append(replace(step, name=self._known[step]))
        return self._known[step]

    # The alphabets and tables that the steps use

    def alphabets(self, steps: Iterable[Step], more: Iterable[str]) -> tuple[Alphabet, ...]:
        """Those of the steps, and ``more``, with the alphabets they join."""
        used = {step.alphabet for step in steps} | set(more)
        if "product" in used:
            used.add("digit")
        for name in ("digit", "sign"):
            if f"gated.{name}" in used:
                used |= {name, "flag"}
        return tuple(self._alphabet(name) for name in sorted(used))

    def _alphabet(self, name: str) -> Alphabet:
        digits = [str(digit) for digit in range(BASE)]
        if name == "digit":
            return Alphabet(name, tuple(digits), tuple(range(BASE)))
        if name in ("flag", "sign"):
            return Alphabet(name, ("no", "yes") if name == "flag" else ("+", "-"), (0, 1))
        if name == "product":
            words = tuple(f"{a}*{b}" for a in digits for b in digits)
            return Alphabet(name, words, None, ("digit", "digit"))
        if name.startswith("gated."):
            part = name.removeprefix("gated.")
            marks = digits if part == "digit" else ["+", "-"]
            return Alphabet(
                name, tuple(f"{flag}:{mark}" for flag in ("no", "yes") for mark in marks), None, ("flag", part)
            )
        if name.startswith("check."):
            word = next(word for word in CHECKS if check_name(word) == name)
            return Alphabet(name, (CHECKS[word], word), (0, 1))
        if name == "end":
            return Alphabet(name, ("on", "returned"), (0, 1))
        low, high = self._spans[name]
        return Alphabet(name, tuple(f"{name[0]}{v}" for v in range(low, high + 1)), tuple(range(low, high + 1)))

    def tables(self, steps: Iterable[Step]) -> tuple[Table, ...]:
        """The tables that the steps read with."""
        steps = list(steps)
        used = {name for step in steps for name in _tables_of(step)}
        found = []
        for name in sorted(used):
            if name == "turned":
                entries = {f"{f}:{d}": -d if f == "yes" else d for f in ("no", "yes") for d in range(BASE)}
                found.append(Table(name, "gated.digit", entries))
            elif name.startswith("taken."):
                part = name.removeprefix("taken.")
                words = self._alphabet(part).words
                found.append(Table(name, f"gated.{part}", {f"yes:{word}": word for word in words}, part))
            else:
                kind, _, target, function = self._tables[name]
                found.append(self._made(name, kind, target, function))
        return tuple(found)

    def _made(self, name: str, kind: str, target: str | None, function: Callable[[int], int | None]) -> Table:
        alphabet = self._alphabet(kind)
        values = alphabet.values or tuple(a * b for a in range(BASE) for b in range(BASE))
        named = None if target is None else self._alphabet(target).words
        entries: dict[str, str | int] = {}
        for word, value in zip(alphabet.words, values, strict=True):
            entry = function(value)
            if entry is not None and (named is None or 0 <= entry < len(named)):
                entries[word] = entry if named is None else named[entry]
        return Table(name, kind, entries, target)


def needed(steps: Sequence[Step], roots: Iterable[str]) -> list[Step]:
    """The steps that those named depend on, in this pass or the ones before, and these."""
    by_name = {step.name: step for step in steps}
    waiting, found = list(roots), set()
    while waiting:
        name = waiting.pop().removeprefix(BEFORE)
        if name in by_name and name not in found:
            found.add(name)
            waiting.extend(references(by_name[name]))
    return [step for step in steps if step.name in found]


def _tables_of(step: Step) -> set[str]:
    if isinstance(step, Parts):
        return {name for rule in step.rules for name in _tables_of(rule)}
    if isinstance(step, Select):
        return {option.table for option in step.options if option.table is not None}
    if isinstance(step, Lookup):
        return set() if step.table is None else {step.table}
    if isinstance(step, Add | Compare):
        return {term.table for term in step.terms if term.table is not None}
    return set()


def gathered(terms: Iterable[tuple[int, Digit]]) -> tuple[list[tuple[DigitCell, int]], int, int, int]:
    """The cells with their weights, each once; the known rest; and the range of the cells' sum without it."""
    weights: dict[DigitCell, int] = {}
    known = 0
    for weight, digit in terms:
        if isinstance(digit, int):
            known += weight * int(digit)
        else:
            weights[digit] = weights.get(digit, 0) + weight
    cells = [(cell, weight) for cell, weight in weights.items() if weight]
    low = sum(min(weight * cell.low, weight * cell.high) for cell, weight in cells)
    high = sum(max(weight * cell.low, weight * cell.high) for cell, weight in cells)
    return cells, known, low, high


def weighed(x: Number, times: int = 1) -> list[tuple[int, Digit]]:
    """The number's value as a weighted sum of its cells."""
    terms = [(times * BASE**j, digit) for j, digit in enumerate(x.digits)]
    return [*terms, (-times * BASE ** len(x.digits), x.sign)]
