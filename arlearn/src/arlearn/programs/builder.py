"""Writing a program in Python.

    build = Builder("difference")
    digit = build.numbers("digit", range(10))
    number = build.numbers("number", range(-9, 10), "n{}")
    x, y = build.slot("x", digit), build.slot("y", digit)
    build.output(build.add("d", number, x, -y))
    program = build.program()          # raises ProgramError with every fault at once

A loop begins with ``build.loop`` and holds all later steps. ``build.before`` is a step's token in the pass before; it may
be asked for before the step is written. This counts x down:

    build = Builder("countdown")
    digit = build.numbers("digit", range(10))
    flag = build.words("flag", ("go", "stop"))
    down = build.word_table("down", digit, digit, lambda word: str(max(int(word) - 1, 0)))
    x = build.slot("x", digit)
    build.loop(halt=["stop"])
    left = build.lookup("left", digit, down, build.before("left", x))  # in the first pass, x stands for it
    build.compare("end", flag, -left, at_least=0)                      # writes "stop" when nothing is left
    build.output(left)

"t if c else e" takes two steps, as a sum of one term a token cannot decide it at once:

    both = build.join("both", pair, c, t)                  # pair joins the alphabets of c and t
    build.select("chosen", kind, taken(both), e)           # taken: a table with entries only where c holds

Handles (``Kind``, ``Ref``, ``Reading``) only carry names: a program is data, and is checked as a whole at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from arlearn.programs.checking import check
from arlearn.programs.steps import (
    BEFORE,
    Add,
    Alphabet,
    Compare,
    Constant,
    Join,
    Lookup,
    Loop,
    Option,
    Parts,
    Program,
    Select,
    Slot,
    Step,
    Table,
    Term,
)


@dataclass(frozen=True)
class Kind:
    """A handle on an alphabet."""

    alphabet: Alphabet

    @property
    def name(self) -> str:
        return self.alphabet.name

    @property
    def words(self) -> tuple[str, ...]:
        return self.alphabet.words


@dataclass(frozen=True)
class Ref:
    """A handle on a slot or a step."""

    name: str

    def __mul__(self, factor: int) -> Term:
        return Term(self.name, None, factor)

    __rmul__ = __mul__

    def __neg__(self) -> Term:
        return self * -1


@dataclass(frozen=True)
class Reading:
    """A handle on a table; called with a slot or a step, the term that a sum or a ``select`` takes."""

    name: str

    def __call__(self, ref: Ref) -> Term:
        return Term(ref.name, self.name)


class Builder:
    """Collects the parts of a program, in the order of its tokens."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alphabets: list[Alphabet] = []
        self.tables: list[Table] = []
        self.slots: list[Slot] = []
        self.steps: list[Step] = []  # those before the loop
        self.outputs: list[str] = []
        self._body: list[Step] | None = None
        self._initial: dict[str, str] = {}
        self._halt: list[str] = []

    def words(self, name: str, words: Iterable[str]) -> Kind:
        """Tokens that stand for themselves."""
        return self._kind(Alphabet(name, tuple(words)))

    def numbers(self, name: str, values: Iterable[int], written: str = "{}") -> Kind:
        """Tokens that stand for numbers."""
        values = tuple(values)
        return self._kind(Alphabet(name, tuple(written.format(value) for value in values), values))

    def pairs(self, name: str, *parts: Kind, between: str = "*") -> Kind:
        """Tokens that stand for two or more tokens together."""
        words = tuple(between.join(each) for each in product(*(part.words for part in parts)))
        return self._kind(Alphabet(name, words, None, tuple(part.name for part in parts)))

    def joined(self, name: str, words: Iterable[str], *parts: Kind) -> Kind:
        """The same with words of their own, in row-major order of the parts."""
        return self._kind(Alphabet(name, tuple(words), None, tuple(part.name for part in parts)))

    def coded(self, name: str, words: Mapping[str, int]) -> Kind:
        """Tokens with a number each, for sums that are not about numbers."""
        return self._kind(Alphabet(name, tuple(words), tuple(words.values())))

    def number_table(self, name: str, source: Kind, function: Callable[[str], int | None]) -> Reading:
        """A number for every word of ``source`` for which the function gives one."""
        return self._table(name, source, None, function)

    def word_table(self, name: str, source: Kind, target: Kind, function: Callable[[str], str | None]) -> Reading:
        """A word of ``target`` for every word of ``source`` for which the function gives one."""
        return self._table(name, source, target, function)

    def slot(self, name: str, kind: Kind, only: Iterable[str] | None = None) -> Ref:
        """The next token of the prompt."""
        self.slots.append(Slot(name, kind.name, None if only is None else tuple(only)))
        return Ref(name)

    def join(self, name: str, kind: Kind, *refs: Ref) -> Ref:
        return self._step(Join(name, kind.name, tuple(ref.name for ref in refs)))

    def lookup(self, name: str, kind: Kind, table: Reading, ref: Ref) -> Ref:
        return self._step(Lookup(name, kind.name, ref.name, table.name))

    def copy(self, name: str, kind: Kind, ref: Ref) -> Ref:
        return self._step(Lookup(name, kind.name, ref.name))

    def constant(self, name: str, kind: Kind, word: str) -> Ref:
        return self._step(Constant(name, kind.name, word))

    def add(self, name: str, kind: Kind, *terms: Term | Ref, constant: int = 0) -> Ref:
        return self._step(replace(sum_rule(*terms, constant=constant), name=name, alphabet=kind.name))

    def compare(self, name: str, kind: Kind, *terms: Term | Ref, at_least: int) -> Ref:
        return self._step(replace(compare_rule(*terms, at_least=at_least), name=name, alphabet=kind.name))

    def select(self, name: str, kind: Kind, *options: Term | Ref) -> Ref:
        """The first option, ``table(ref)`` or ``ref``, that has an entry."""
        return self._step(replace(select_rule(*options), name=name, alphabet=kind.name))

    def parts(self, name: str, kind: Kind, *rules: Step) -> Ref:
        """A token that joins others, each part by a rule of its own (``select_rule``, ``sum_rule``, ...)."""
        return self._step(Parts(name, kind.name, rules))

    def loop(self, halt: Iterable[str]) -> None:
        """All later steps are the loop's; it ends when one of them writes one of these words."""
        if self._body is not None:
            raise ValueError(f"program {self.name!r} already has a loop; a program can have only one, at its end")
        self._body, self._halt = [], list(halt)

    def before(self, step: str, initial: Ref) -> Ref:
        """What the loop's step of this name wrote in the pass before; in the first pass, ``initial``."""
        self._initial[step] = initial.name
        return Ref(BEFORE + step)

    def output(self, *refs: Ref) -> None:
        """These tokens are the answer, most significant first."""
        self.outputs.extend(ref.name for ref in refs)

    def program(self, interface: Mapping[str, Any] | None = None, context: int | None = None) -> Program:
        """The whole program. Raises ProgramError with all its faults if it has any."""
        program = Program(
            self.name,
            tuple(self.alphabets),
            tuple(self.tables),
            tuple(self.slots),
            tuple(self.steps),
            tuple(self.outputs),
            {"kind": "tokens"} if interface is None else dict(interface),
            None if self._body is None else Loop(tuple(self._body), dict(self._initial), tuple(self._halt)),
        )
        check(program, context)
        return program

    def _kind(self, alphabet: Alphabet) -> Kind:
        self.alphabets.append(alphabet)
        return Kind(alphabet)

    def _table(
        self, name: str, source: Kind, target: Kind | None, function: Callable[[str], str | int | None]
    ) -> Reading:
        found = {word: function(word) for word in source.words}
        entries = {word: entry for word, entry in found.items() if entry is not None}
        self.tables.append(Table(name, source.name, entries, None if target is None else target.name))
        return Reading(name)

    def _step(self, step: Step) -> Ref:
        (self.steps if self._body is None else self._body).append(step)
        return Ref(step.name)


def select_rule(*options: Term | Ref) -> Select:
    """The first option that has an entry, as a rule for a part (``Builder.parts``)."""
    return Select("", "", tuple(Option(term.ref, term.table) for term in _terms(options)))


def constant_rule(word: str) -> Constant:
    """Always the same token, as a rule for a part."""
    return Constant("", "", word)


def sum_rule(*terms: Term | Ref, constant: int = 0) -> Add:
    """A sum, as a rule for a part."""
    return Add("", "", _terms(terms), constant)


def compare_rule(*terms: Term | Ref, at_least: int) -> Compare:
    """A comparison, as a rule for a part."""
    return Compare("", "", _terms(terms), at_least)


def _terms(terms: Iterable[Term | Ref]) -> tuple[Term, ...]:
    return tuple(term if isinstance(term, Term) else Term(term.name) for term in terms)
