"""The language: prompt slots, then steps, each of which writes one token that is linear in the tokens it refers to.

Malach (ICML 2024), section 2, shows that a linear auto-regressive predictor computes any linear threshold circuit, one
gate a token, and hence whatever a Turing machine computes in bounded time. The steps here are what such a predictor
can do in one token; all of them come down to "the scores of the next token are a sum of one term for each token
referred to, and the right token has the highest":

- ``join x y``: the token that stands for the pair. score(i, j) = [x = i] + [y = j].
- ``lookup table(x)``, ``copy x``, ``constant w``: score(w) = [table(x) = w].
- ``add f(x) + g(y) + 3``: the token of that number. score(s) = 2 s total - s², whose maximum is at s = total.
- ``compare 2*x - y >= 1``: one of two tokens. score(true) = 2 (total - threshold) + 1, score(false) = 0.

A step is written ``NAME : ALPHABET = RULE``, for instance ``s1 : sum = add ones(p1) + tens(p0) + carry(s0)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arlearn.errors import ArlearnError


class ProgramError(ArlearnError):
    """A program (or the text of one) that cannot be used; ``faults`` lists everything wrong with it."""

    def __init__(self, what: str, faults: list[str]) -> None:
        self.faults = faults
        listed = "; ".join(f"({number}) {fault}" for number, fault in enumerate(faults, 1))
        super().__init__(f"{what} has {len(faults)} fault{'s' if len(faults) != 1 else ''}: {listed}")


@dataclass(frozen=True)
class Alphabet:
    """Tokens of one kind.

    Attributes:
        name: by which slots, steps and tables refer to it.
        words: how each token is written; unique in the whole program.
        values: the number each token stands for, where it stands for one.
        parts: names of the alphabets whose tokens it joins; then ``words`` are in row-major order of the parts.
    """

    name: str
    words: tuple[str, ...]
    values: tuple[int, ...] | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A function of the tokens of one alphabet: to words of ``target``, or to numbers where ``target`` is None."""

    name: str
    source: str
    entries: Mapping[str, str | int]
    target: str | None = None


@dataclass(frozen=True)
class Slot:
    """A position of the prompt, and which tokens may stand there (``only``; None for the whole alphabet)."""

    name: str
    alphabet: str
    only: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Term:
    """``weight * table(ref)``, or ``weight * ref``'s own value where ``table`` is None."""

    ref: str
    table: str | None = None
    weight: int = 1

    def __str__(self) -> str:
        read = self.ref if self.table is None else f"{self.table}({self.ref})"
        return read if abs(self.weight) == 1 else f"{abs(self.weight)}*{read}"

    def __mul__(self, factor: int) -> Term:
        return Term(self.ref, self.table, self.weight * factor)

    __rmul__ = __mul__

    def __neg__(self) -> Term:
        return self * -1


@dataclass(frozen=True)
class Join:
    """The token of ``alphabet`` that stands for these tokens together."""

    name: str
    alphabet: str
    refs: tuple[str, ...]

    def rule(self) -> str:
        return f"join {' '.join(self.refs)}"


@dataclass(frozen=True)
class Lookup:
    """``table`` at one token; a copy of the token where ``table`` is None."""

    name: str
    alphabet: str
    ref: str
    table: str | None = None

    def rule(self) -> str:
        return f"copy {self.ref}" if self.table is None else f"lookup {self.table}({self.ref})"


@dataclass(frozen=True)
class Constant:
    """Always the same token."""

    name: str
    alphabet: str
    word: str

    def rule(self) -> str:
        return f"constant {self.word}"


@dataclass(frozen=True)
class Add:
    """The token whose value is the sum of the terms and the constant."""

    name: str
    alphabet: str
    terms: tuple[Term, ...]
    constant: int = 0

    def rule(self) -> str:
        return f"add {sum_text(self.terms, self.constant)}"


@dataclass(frozen=True)
class Compare:
    """The alphabet's second token where the sum of the terms reaches the threshold, else its first."""

    name: str
    alphabet: str
    terms: tuple[Term, ...]
    threshold: int

    def rule(self) -> str:
        return f"compare {sum_text(self.terms, 0)} >= {self.threshold}"


Step = Join | Lookup | Constant | Add | Compare


@dataclass(frozen=True)
class Program:
    """Prompt slots and steps, in the order of their tokens.

    Attributes:
        outputs: names of the slots or steps whose tokens are the answer, most significant first.
        interface: JSON-ready description of how people write inputs and read answers (``interfaces``).
    """

    name: str
    alphabets: tuple[Alphabet, ...]
    tables: tuple[Table, ...]
    slots: tuple[Slot, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    interface: Mapping[str, Any] = field(default_factory=lambda: {"kind": "tokens"})

    @property
    def length(self) -> int:
        """Tokens in all: prompt and generated."""
        return len(self.slots) + len(self.steps)


def references(step: Step) -> tuple[str, ...]:
    """Names a step refers to, each once, in the order it mentions them."""
    if isinstance(step, Join):
        names = step.refs
    elif isinstance(step, Lookup):
        names = (step.ref,)
    elif isinstance(step, Constant):
        names = ()
    else:
        names = tuple(term.ref for term in step.terms)
    return tuple(dict.fromkeys(names))


def written(step: Step) -> str:
    """The step as a line of text, which ``text.parse_step`` reads back."""
    return f"{step.name} : {step.alphabet} = {step.rule()}"


def sum_text(terms: tuple[Term, ...], constant: int) -> str:
    """``ones(p) + 2*q - 3``, which ``text.parse_sum`` reads back."""
    parts = [("-" if term.weight < 0 else "+", str(term)) for term in terms]
    if constant or not parts:
        parts.append(("-" if constant < 0 else "+", str(abs(constant))))
    sign, first = parts[0]
    return " ".join([f"-{first}" if sign == "-" else first, *(f"{sign} {part}" for sign, part in parts[1:])])
