"""What a program's steps mean: whole-number arithmetic on tokens, with a direct interpreter.

Inside one alphabet a token is its index. Every step is a ``Rule``: each token referred to contributes a whole number,
the numbers are added, and the total names the token. Nothing here knows about weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from arlearn.programs.steps import (
    BEFORE,
    Add,
    Alphabet,
    Compare,
    Constant,
    Join,
    Lookup,
    Option,
    Parts,
    Program,
    Select,
    Step,
    Table,
    references,
)

GAP = -1  # the index where a table or a sum has no token


@dataclass(frozen=True)
class Digits:
    """How one part of a token stands in a total: as digits of the mixed radix that ``Semantics`` chooses.

    Attributes:
        size: tokens of the part's alphabet.
        digits: (stride, radix, least number) of each; a ``select`` has one for each option, other rules have one.
        named: number -> index for a sum; None if the number is the index.
        threshold: for a comparison, else None.
        chosen: the rule is a ``select``: the first digit that is not 0 names the token.
    """

    size: int
    digits: tuple[tuple[int, int, int], ...]
    named: Mapping[int, int] | None = None
    threshold: int | None = None
    chosen: bool = False

    def index(self, total: np.ndarray) -> np.ndarray:
        """The part's index in each total; GAP if it has none."""
        numbers = [total // stride % radix + least for stride, radix, least in self.digits]
        if self.chosen:
            found = np.full(total.shape, GAP, dtype=np.int64)
            for number in reversed(numbers):
                found = np.where(number > 0, number - 1, found)
            return found
        if self.threshold is not None:
            return np.asarray(numbers[0] >= self.threshold).astype(np.int64)
        return _look_up(numbers[0], self.named) if self.named is not None else numbers[0]


@dataclass(frozen=True)
class Rule:
    """``token = the one named by constant + sum of readings[k][index of refs[k]]``.

    Attributes:
        refs: the distinct names referred to.
        readings: for each, a number for every token of its alphabet.
        defined: for each, whether its tables have an entry for the token.
        named: total -> index of the token; None if ``threshold`` or ``parts`` decide.
        threshold: tokens 0 and 1 stand for totals below and from it.
        parts: for ``select`` and ``parts``: how the total is taken apart; None for all other rules.
        shape: equal for steps that mean the same but for the names they refer to.
    """

    refs: tuple[str, ...]
    readings: tuple[np.ndarray, ...]
    defined: tuple[np.ndarray, ...]
    constant: int
    named: Mapping[int, int] | None
    threshold: int = 0
    parts: tuple[Digits, ...] | None = None
    shape: tuple[object, ...] = ()

    @property
    def compares(self) -> bool:
        """Whether the step is a single comparison."""
        return self.named is None and self.parts is None

    def token(self, total: np.ndarray) -> np.ndarray:
        """The index of the token for each total; GAP if there is none."""
        if self.parts is not None:
            index, missing = np.zeros(total.shape, dtype=np.int64), np.zeros(total.shape, dtype=bool)
            for part in self.parts:
                found = part.index(total)
                missing |= found == GAP
                index = index * part.size + found
            return np.where(missing, GAP, index)
        if self.named is None:
            return (total >= self.threshold).astype(np.int64)
        return _look_up(total, self.named)


def _look_up(total: np.ndarray, named: Mapping[int, int]) -> np.ndarray:
    if not named:
        return np.full(total.shape, GAP, dtype=np.int64)
    values = np.array(sorted(named), dtype=np.int64)
    tokens = np.array([named[int(value)] for value in values], dtype=np.int64)
    place = np.searchsorted(values, total).clip(max=len(values) - 1)
    return np.asarray(np.where(values[place] == total, tokens[place], GAP))


class Semantics:
    """A program's names resolved: rows, alphabets, tokens and rules.

    A *row* is a place of the program: the slots, the steps, then the steps of the loop, numbered from 0. Token p of a
    sequence has row p, or, in the loop, the row of its phase (``row_of``). Where a name is used twice the first use
    counts; ``checking`` reports the second.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.alphabets: dict[str, Alphabet] = {a.name: a for a in reversed(program.alphabets)}
        self.tables: dict[str, Table] = {table.name: table for table in reversed(program.tables)}
        self.items = (*program.slots, *program.steps, *program.body)
        self.start, self.period = program.length, len(program.body)
        self.position: dict[str, int] = {}
        self.alphabet_of: dict[str, str] = {}
        for row, item in enumerate(self.items):
            self.position.setdefault(item.name, row)
            self.alphabet_of.setdefault(item.name, item.alphabet)
        for step in program.body:
            self.alphabet_of.setdefault(BEFORE + step.name, step.alphabet)
        self._rules: dict[tuple[object, ...], Rule] = {}
        self.index = {name: {word: i for i, word in enumerate(a.words)} for name, a in self.alphabets.items()}

    @cached_property
    def words(self) -> list[str]:
        """The vocabulary: every alphabet's words, one alphabet after the other."""
        return [word for alphabet in self.program.alphabets for word in alphabet.words]

    @cached_property
    def begins(self) -> dict[str, int]:
        """The first token of each alphabet."""
        begins, begin = {}, 0
        for alphabet in self.program.alphabets:
            begins[alphabet.name] = begin
            begin += len(alphabet.words)
        return begins

    @cached_property
    def first_tokens(self) -> np.ndarray:
        """For each row, the first token of its alphabet: token = this + index."""
        return np.array([self.begins[item.alphabet] for item in self.items], dtype=np.int64)

    @cached_property
    def halting(self) -> frozenset[int]:
        """The tokens that end a run."""
        halt = () if self.program.loop is None else self.program.loop.halt
        where = {word: i for i, word in enumerate(self.words)}
        return frozenset(where[word] for word in halt if word in where)

    @cached_property
    def generated_steps(self) -> tuple[Step, ...]:
        """The steps of all rows from the first generated one on."""
        return (*self.program.steps, *self.program.body)

    @cached_property
    def rules(self) -> list[Rule]:
        """The rule of every generated row."""
        return [self.rule(step) for step in self.generated_steps]

    def row_of(self, position: int) -> int:
        """The row of the token at this position of a sequence."""
        return (
            position if position < self.start or not self.period else self.start + (position - self.start) % self.period
        )

    def last(self, name: str, length: int) -> int | None:
        """Where the last token of this slot or step stands in a sequence of this length; None if it is not there."""
        row = self.position[name]
        if row >= self.start and length > row:
            return row + (length - 1 - row) // self.period * self.period
        return row if row < length else None

    def back(self, row: int, ref: str) -> int:
        """How many tokens before the one in this row ``ref`` stands. The program must be laid out (``lay_out``)."""
        if ref.startswith(BEFORE):
            return row - self.position[ref.removeprefix(BEFORE)] + self.period
        return row - self.position[ref]

    def allowed(self, slot: int) -> np.ndarray:
        """The indices of the tokens that may stand in this prompt slot."""
        found = self.program.slots[slot]
        index = self.index[found.alphabet]
        return np.array([index[word] for word in (found.only or self.alphabets[found.alphabet].words)], dtype=np.int64)

    def reading(self, name: str, table: str | None) -> tuple[np.ndarray, np.ndarray]:
        """What a table (or the alphabet's own values) gives for each token of an alphabet, and whether it does.

        Numbers where the table gives numbers, indices where it gives words.
        """
        alphabet = self.alphabets[name]
        if table is None:
            values: Sequence[int] = alphabet.values or ()
            return np.array(values, dtype=np.int64), np.ones(len(alphabet.words), dtype=bool)
        entries, target = self.tables[table].entries, self.tables[table].target
        numbers = np.zeros(len(alphabet.words), dtype=np.int64)
        defined = np.zeros(len(alphabet.words), dtype=bool)
        for i, word in enumerate(alphabet.words):
            if word in entries:
                entry = entries[word]
                numbers[i] = int(entry) if target is None else self.index[target].get(str(entry), GAP)
                defined[i] = target is None or numbers[i] != GAP
        return numbers, defined

    def looked_up(self, option: Option | Lookup) -> tuple[np.ndarray, np.ndarray]:
        """For each token of the option's reference: the index that a table, or a copy, gives; whether it gives one."""
        source = self.alphabet_of[option.ref]
        if option.table is None:
            size = len(self.alphabets[source].words)
            return np.arange(size), np.ones(size, dtype=bool)
        return self.reading(source, option.table)

    def part_rules(self, step: Step) -> list[tuple[str, Step]]:
        """(alphabet, rule) for each part that the step writes by itself: joins and ``parts`` have several."""
        parts = self.alphabets[step.alphabet].parts
        if isinstance(step, Join):
            return [(part, Lookup("", part, ref)) for part, ref in zip(parts, step.refs, strict=True)]
        if isinstance(step, Parts):
            return [(part, replace(rule, alphabet=part)) for part, rule in zip(parts, step.rules, strict=True)]
        return [(step.alphabet, step)]

    def shape(self, step: Step) -> tuple[object, ...]:
        """What the step means, apart from the names it refers to; these must exist."""
        local = {ref: f"#{i}:{self.alphabet_of[ref]}" for i, ref in enumerate(references(step))}
        return _shape(step, local)

    def rule(self, step: Step) -> Rule:
        """What the step computes. Its names must exist and fit (``checking`` says whether they do).

        Steps of one shape share their arrays. Raises ValueError if the step combines too many tokens for 52 bits.
        """
        shape = self.shape(step)
        if shape not in self._rules:
            self._rules[shape] = self._new_rule(step)
        return replace(self._rules[shape], refs=references(step), shape=shape)

    def _new_rule(self, step: Step) -> Rule:
        refs = references(step)
        size = {ref: len(self.alphabets[self.alphabet_of[ref]].words) for ref in refs}
        readings = {ref: np.zeros(size[ref], dtype=np.int64) for ref in refs}
        defined = {ref: np.ones(size[ref], dtype=bool) for ref in refs}
        if isinstance(step, Select | Parts):
            constant, parts = self._coded(step, readings, defined)
            return Rule(refs, tuple(readings.values()), tuple(defined.values()), constant, None, 0, parts)
        constant, threshold = 0, 0
        named: Mapping[int, int] | None = {i: i for i in range(len(self.alphabets[step.alphabet].words))}
        if isinstance(step, Join):
            stride = 1
            for ref in reversed(step.refs):
                readings[ref] += stride * np.arange(size[ref])
                stride *= size[ref]
        else:
            constant, named, threshold = self._simple(step, readings, defined, 1)
        return Rule(refs, tuple(readings.values()), tuple(defined.values()), constant, named, threshold)

    def _simple(
        self, step: Step, readings: dict[str, np.ndarray], defined: dict[str, np.ndarray], stride: int
    ) -> tuple[int, Mapping[int, int] | None, int]:
        """Add what a lookup, constant, sum or comparison reads, times ``stride``; constant, names and threshold."""
        words = range(len(self.alphabets[step.alphabet].words))
        identity = {i: i for i in words}
        if isinstance(step, Constant):
            return self.index[step.alphabet][step.word], identity, 0
        if isinstance(step, Lookup):
            numbers, has = self.looked_up(step)
            readings[step.ref] = readings[step.ref] + stride * np.where(has, numbers, 0)
            defined[step.ref] = defined[step.ref] & has
            return 0, identity, 0
        assert isinstance(step, Add | Compare)
        for term in step.terms:
            numbers, has = self.reading(self.alphabet_of[term.ref], term.table)
            readings[term.ref] = readings[term.ref] + stride * term.weight * numbers
            defined[term.ref] = defined[term.ref] & has
        if isinstance(step, Compare):
            return 0, None, step.threshold
        values = self.alphabets[step.alphabet].values or ()
        return step.constant, {value: i for i, value in reversed(list(enumerate(values)))}, 0

    def _coded(
        self, step: Step, readings: dict[str, np.ndarray], defined: dict[str, np.ndarray]
    ) -> tuple[int, tuple[Digits, ...]]:
        """Readings and constant of a ``select`` or ``parts`` step, and how its totals are taken apart."""
        stride, constant, parts = 1, 0, []
        for alphabet, rule in self.part_rules(step):
            size = len(self.alphabets[alphabet].words)
            digits = []
            if isinstance(rule, Select):
                for option in rule.options:
                    numbers, has = self.looked_up(option)
                    readings[option.ref] = readings[option.ref] + stride * np.where(has, numbers + 1, 0)
                    digits.append((stride, size + 1, 0))
                    stride *= size + 1
                parts.append(Digits(size, tuple(digits), chosen=True))
            else:
                low, high = self._range(rule)
                start, named, threshold = self._simple(rule, readings, defined, stride)
                constant += stride * (start - low)
                digits.append((stride, high - low + 1, low))
                stride *= high - low + 1
                compared = threshold if isinstance(rule, Compare) else None
                parts.append(Digits(size, tuple(digits), named, compared))
            if stride > 2**52:
                raise ValueError("it combines more tokens than 52 bits can tell apart")
        return constant, tuple(parts)

    def _range(self, rule: Step) -> tuple[int, int]:
        """The least and the greatest number of a rule that is no ``select``, whatever tokens it reads."""
        refs = references(rule)
        readings = {ref: np.zeros(len(self.alphabets[self.alphabet_of[ref]].words), dtype=np.int64) for ref in refs}
        defined = {ref: np.ones(len(numbers), dtype=bool) for ref, numbers in readings.items()}
        constant, _, _ = self._simple(rule, readings, defined, 1)
        ends = [sum(int(end(each)) for each in readings.values()) for end in (np.min, np.max)]
        return constant + ends[0], constant + ends[1]

    def run(self, prompt: np.ndarray, most: int | None = None) -> np.ndarray:
        """Interpret the program directly: (count, slots) indices -> (count, length) indices.

        The program must be laid out. With a loop, a row ends with its halting word and the places after it hold GAP;
        ``most`` limits the tokens that are generated. Raises ValueError, naming the step, if a table or a sum has no
        token for what it meets.
        """
        slots, generated = len(self.program.slots), len(self.program.steps) if not self.period else math.inf
        generated = min(generated, math.inf if most is None else most)
        columns = list(np.asarray(prompt, dtype=np.int64).T)
        alive = np.arange(len(prompt))
        while len(columns) < slots + generated and len(alive):
            row = self.row_of(len(columns))
            step, rule = self.generated_steps[row - slots], self.rules[row - slots]
            total = np.full(len(alive), rule.constant, dtype=np.int64)
            for ref, numbers, defined in zip(rule.refs, rule.readings, rule.defined, strict=True):
                seen = columns[len(columns) - self.back(row, ref)][alive]
                if not defined[seen].all():
                    raise ValueError(f"step {step.name}: its table has no entry for a token that {ref} took")
                total += numbers[seen]
            found = rule.token(total)
            if (found == GAP).any():
                raise ValueError(f"step {step.name}: {step.alphabet} has no token for a total that was reached")
            column = np.full(len(prompt), GAP, dtype=np.int64)
            column[alive] = found
            columns.append(column)
            if self.period and row >= self.start:
                alive = alive[~np.isin(found + self.first_tokens[row], list(self.halting))]
        return np.stack(columns, axis=1)

    def tokens(self, indices: np.ndarray) -> np.ndarray:
        """Indices inside alphabets -> tokens of the vocabulary, (count, length); GAP stays GAP."""
        rows = [self.row_of(position) for position in range(indices.shape[1])]
        return np.asarray(np.where(indices == GAP, GAP, indices + self.first_tokens[rows]))


def _shape(step: Step, local: Mapping[str, str]) -> tuple[object, ...]:
    if isinstance(step, Join):
        return ("join", step.alphabet, *(local[ref] for ref in step.refs))
    if isinstance(step, Lookup):
        return ("lookup", step.alphabet, step.table, local[step.ref])
    if isinstance(step, Constant):
        return ("constant", step.alphabet, step.word)
    if isinstance(step, Select):
        return ("select", step.alphabet, *((local[option.ref], option.table) for option in step.options))
    if isinstance(step, Parts):
        return ("parts", step.alphabet, *(_shape(rule, local) for rule in step.rules))
    terms = tuple((local[term.ref], term.table, term.weight) for term in step.terms)
    if isinstance(step, Compare):
        return ("compare", step.alphabet, step.threshold, terms)
    return ("add", step.alphabet, step.constant, terms)
