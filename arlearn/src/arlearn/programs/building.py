"""Writing a program in Python.

    build = Builder("difference")
    digit = build.numbers("digit", range(10))
    number = build.numbers("number", range(-9, 10), "n{}")
    x, y = build.slot("x", digit), build.slot("y", digit)
    build.output(build.add("d", number, x, -y))
    program = build.program()          # raises ProgramError with every fault at once

Handles (``Kind``, ``Ref``, ``Reading``) only carry names: a program is data, and is checked as a whole at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from arlearn.programs.checking import check
from arlearn.programs.steps import Add, Alphabet, Compare, Constant, Join, Lookup, Program, Slot, Step, Table, Term


@dataclass(frozen=True)
class Kind:
    """A handle on an alphabet."""

    alphabet: Alphabet

    @property
    def name(self) -> str:
        return self.alphabet.name


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
    """A handle on a table; called with a slot or a step, the term that a sum takes."""

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
        self.steps: list[Step] = []
        self.outputs: list[str] = []

    def words(self, name: str, words: Iterable[str]) -> Kind:
        """Tokens that stand for themselves."""
        return self._kind(Alphabet(name, tuple(words)))

    def numbers(self, name: str, values: Iterable[int], written: str = "{}") -> Kind:
        """Tokens that stand for numbers."""
        values = tuple(values)
        return self._kind(Alphabet(name, tuple(written.format(value) for value in values), values))

    def pairs(self, name: str, *parts: Kind, between: str = "*") -> Kind:
        """Tokens that stand for two or more tokens together."""
        words = tuple(between.join(each) for each in product(*(part.alphabet.words for part in parts)))
        return self._kind(Alphabet(name, words, None, tuple(part.name for part in parts)))

    def coded(self, name: str, words: Mapping[str, int]) -> Kind:
        """Tokens with a number each, for sums that are not about numbers."""
        return self._kind(Alphabet(name, tuple(words), tuple(words.values())))

    def number_table(self, name: str, source: Kind, function: Callable[[str], int]) -> Reading:
        """A number for every word of ``source``."""
        self.tables.append(Table(name, source.name, {word: function(word) for word in source.alphabet.words}))
        return Reading(name)

    def word_table(self, name: str, source: Kind, target: Kind, function: Callable[[str], str]) -> Reading:
        """A word of ``target`` for every word of ``source``."""
        entries: dict[str, str | int] = {word: function(word) for word in source.alphabet.words}
        self.tables.append(Table(name, source.name, entries, target.name))
        return Reading(name)

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
        return self._step(Add(name, kind.name, _terms(terms), constant))

    def compare(self, name: str, kind: Kind, *terms: Term | Ref, at_least: int) -> Ref:
        return self._step(Compare(name, kind.name, _terms(terms), at_least))

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
        )
        check(program, context)
        return program

    def _kind(self, alphabet: Alphabet) -> Kind:
        self.alphabets.append(alphabet)
        return Kind(alphabet)

    def _step(self, step: Step) -> Ref:
        self.steps.append(step)
        return Ref(step.name)


def _terms(terms: Iterable[Term | Ref]) -> tuple[Term, ...]:
    return tuple(term if isinstance(term, Term) else Term(term.name) for term in terms)
