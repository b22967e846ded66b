"""The language: prompt slots, then steps, each of which writes one token that is linear in the tokens it refers to.

A program may end in a loop: steps that are run again and again until one of them writes a halting word. One round is a
*pass*. A step of the loop may read earlier steps of its own pass, any step of the pass before (``before.NAME``), and
everything that stands before the loop.

Malach (ICML 2024), section 2, shows that a linear auto-regressive predictor computes any linear threshold circuit, one
gate a token, and hence whatever a Turing machine computes in bounded time. The steps here are what such a predictor
can do in one token; all of them come down to "the scores of the next token are a sum of one term for each token
referred to, and the right token has the highest":

- ``join x y``: the token that stands for the pair. score(i, j) = [x = i] + [y = j].
- ``lookup table(x)``, ``copy x``, ``constant w``: score(w) = [table(x) = w].
- ``add f(x) + g(y) + 3``: the token of that number. score(s) = 2 s total - s², whose maximum is at s = total.
- ``compare 2*x - y >= 1``: one of two tokens. score(true) = 2 (total - threshold) + 1, score(false) = 0.
- ``select f(x) else g(y) else z``: the first of these that has an entry. score(w) = 4 [f(x) = w] + 2 [g(y) = w] + [z = w].
- ``parts RULE | RULE``: a token that joins others, each part by a rule of its own. Their scores are added.

A step is written ``NAME : ALPHABET = RULE``, for instance ``s1 : sum = add ones(p1) + tens(p0) + carry(s0)``.

A loop is laid out so that every step reads at a fixed distance (``lay_out``).

A block of a periodic map reads at one distance, the same in every pass. So the compiler adds two kinds of copies:

- *copies*: a token from before the loop is farther away in every pass. Where a step of the loop reads it, each pass
  begins with a copy ``keep.NAME`` of it, made from the copy of the pass before.
- *pass 0*: in the first pass, ``before.NAME`` reads where a pass before would stand. Copies ``first.NAME`` of the
  initial values are written there, unless the prompt happens to have them in these places already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True)
class Option:
    """``table(ref)``, or the token of ``ref`` itself where ``table`` is None."""

    ref: str
    table: str | None = None

    def __str__(self) -> str:
        return self.ref if self.table is None else f"{self.table}({self.ref})"


@dataclass(frozen=True)
class Select:
    """The first of the options that has an entry: tables other than the last may have gaps."""

    name: str
    alphabet: str
    options: tuple[Option, ...]

    def rule(self) -> str:
        return f"select {' else '.join(map(str, self.options))}"


@dataclass(frozen=True)
class Parts:
    """The token of ``alphabet`` each of whose parts is written by a rule of its own.

    ``rules`` are steps without a name, in the order of the alphabet's parts; their alphabets are those parts, whatever
    they say themselves. None of them is a Join or Parts.
    """

    name: str
    alphabet: str
    rules: tuple[Step, ...]

    def rule(self) -> str:
        return f"parts {' | '.join(rule.rule() for rule in self.rules)}"


Step = Join | Lookup | Constant | Add | Compare | Select | Parts

BEFORE = "before."  # ``before.x`` is the token that step x wrote in the pass before


@dataclass(frozen=True)
class Loop:
    """Steps that are run pass after pass until a halting word is written.

    Attributes:
        steps: of one pass, in the order of their tokens.
        initial: step -> the slot or step before the loop that stands for ``before.step`` in the first pass.
        halt: words that end the run, when a step of the loop writes one.
    """

    steps: tuple[Step, ...]
    initial: Mapping[str, str]
    halt: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """Prompt slots, steps, and perhaps a loop, in the order of their tokens.

    Attributes:
        outputs: names of the slots or steps whose tokens are the answer, most significant first. Of a loop's steps the
            last tokens count.
        interface: JSON-ready description of how people write inputs and read answers (``prompts``).
    """

    name: str
    alphabets: tuple[Alphabet, ...]
    tables: tuple[Table, ...]
    slots: tuple[Slot, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    interface: Mapping[str, Any] = field(default_factory=lambda: {"kind": "tokens"})
    loop: Loop | None = None

    @property
    def length(self) -> int:
        """Tokens before the loop; of a program without one, tokens in all."""
        return len(self.slots) + len(self.steps)

    @property
    def body(self) -> tuple[Step, ...]:
        """The steps of the loop; none without one."""
        return () if self.loop is None else self.loop.steps


def references(step: Step) -> tuple[str, ...]:
    """Names a step refers to, each once, in the order it mentions them."""
    if isinstance(step, Join):
        names = step.refs
    elif isinstance(step, Lookup):
        names = (step.ref,)
    elif isinstance(step, Constant):
        names = ()
    elif isinstance(step, Select):
        names = tuple(option.ref for option in step.options)
    elif isinstance(step, Parts):
        names = tuple(name for rule in step.rules for name in references(rule))
    else:
        names = tuple(term.ref for term in step.terms)
    return tuple(dict.fromkeys(names))


def renamed(step: Step, names: Mapping[str, str]) -> Step:
    """The step with other references: ``names`` says old -> new, what it leaves out stays."""
    if isinstance(step, Join):
        return replace(step, refs=tuple(names.get(ref, ref) for ref in step.refs))
    if isinstance(step, Lookup):
        return replace(step, ref=names.get(step.ref, step.ref))
    if isinstance(step, Constant):
        return step
    if isinstance(step, Select):
        return replace(step, options=tuple(replace(o, ref=names.get(o.ref, o.ref)) for o in step.options))
    if isinstance(step, Parts):
        return replace(step, rules=tuple(renamed(rule, names) for rule in step.rules))
    return replace(step, terms=tuple(replace(term, ref=names.get(term.ref, term.ref)) for term in step.terms))


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


KEEP, FIRST = "keep.", "first."  # how the names of the added steps begin
FILLER = "filler"  # the alphabet of the tokens of pass 0 that nobody reads


def lay_out(program: Program) -> Program:
    """The program with these copies added; itself if it needs none. The program must be free of faults.

    In the result every step of the loop reads steps of its pass or of the pass before only, and wherever it reads
    ``before.NAME``, the token a period before the first NAME is NAME's initial value.
    """
    if program.loop is None:
        return program
    program = _with_copies(program)
    assert program.loop is not None
    body, initial = program.loop.steps, program.loop.initial
    carried = carried_phases(program)
    items = [item.name for item in (*program.slots, *program.steps)]
    begin = len(items) - len(body)
    if all(begin + i >= 0 and items[begin + i] == initial[body[i].name] for i in carried):
        return program
    kinds = {item.name: item.alphabet for item in (*program.slots, *program.steps)}
    word = next(word for word in ("." * n for n in range(1, 99)) if not _has(program, word))
    first: list[Step] = []
    for i in range(min(carried), len(body)):
        name = body[i].name
        if i in carried:
            first.append(Lookup(FIRST + name, kinds[initial[name]], initial[name]))
        else:
            first.append(Constant(FIRST + name, FILLER, word))
    alphabets = program.alphabets
    if any(isinstance(step, Constant) for step in first):
        alphabets = (*alphabets, Alphabet(FILLER, (word,)))
    copied = {body[i].name: FIRST + body[i].name for i in carried}
    loop = replace(program.loop, initial={**initial, **copied})
    return replace(program, alphabets=alphabets, steps=(*program.steps, *first), loop=loop)


def carried_phases(program: Program) -> list[int]:
    """Which steps of the loop, by their place in it, are read from the pass before; ascending."""
    read = {ref for step in program.body for ref in references(step) if ref.startswith(BEFORE)}
    return [i for i, step in enumerate(program.body) if BEFORE + step.name in read]


def _with_copies(program: Program) -> Program:
    assert program.loop is not None
    kinds = {item.name: item.alphabet for item in (*program.slots, *program.steps)}
    outside = list(dict.fromkeys(ref for step in program.loop.steps for ref in references(step) if ref in kinds))
    if not outside:
        return program
    copies = [Lookup(KEEP + name, kinds[name], BEFORE + KEEP + name) for name in outside]
    names = {name: KEEP + name for name in outside}
    loop = replace(
        program.loop,
        steps=(*copies, *(renamed(step, names) for step in program.loop.steps)),
        initial={**program.loop.initial, **{KEEP + name: name for name in outside}},
    )
    return replace(program, loop=loop)


def _has(program: Program, word: str) -> bool:
    return any(word in alphabet.words for alphabet in program.alphabets)
