"""What a program means: each step as whole-number arithmetic on tokens, a direct interpreter, which tokens can occur.

Inside one alphabet a token is its index. Every step is a ``Rule``: each token referred to contributes a whole number,
the numbers are added, and the total names the token. Nothing here knows about weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arlearn.programs.steps import Add, Alphabet, Compare, Constant, Join, Lookup, Program, Step, Table, references

GAP = -1  # the index where a table or a sum has no token
MANY = 1_000_000  # totals of one step that are listed before a range stands for them


@dataclass(frozen=True)
class Rule:
    """``token = the one named by constant + sum of readings[k][index of refs[k]]``.

    Attributes:
        refs: the distinct names referred to.
        readings: for each, a number for every token of its alphabet.
        defined: for each, whether its tables have an entry for the token.
        named: total -> index of the token; None where ``threshold`` decides.
        threshold: tokens 0 and 1 stand for totals below and from it.
        shape: equal for steps that mean the same but for the names they refer to.
    """

    refs: tuple[str, ...]
    readings: tuple[np.ndarray, ...]
    defined: tuple[np.ndarray, ...]
    constant: int
    named: Mapping[int, int] | None
    threshold: int = 0
    shape: tuple[object, ...] = ()

    def token(self, total: np.ndarray) -> np.ndarray:
        """The index of the token for each total; GAP where there is none."""
        if self.named is None:
            return (total >= self.threshold).astype(np.int64)
        if not self.named:
            return np.full(total.shape, GAP, dtype=np.int64)
        values = np.array(sorted(self.named), dtype=np.int64)
        tokens = np.array([self.named[int(value)] for value in values], dtype=np.int64)
        place = np.searchsorted(values, total).clip(max=len(values) - 1)
        return np.asarray(np.where(values[place] == total, tokens[place], GAP))


class Meaning:
    """A program's names resolved: positions, alphabets, tokens and rules.

    Where a name is used twice the first use counts; ``checking`` reports the second.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.alphabets: dict[str, Alphabet] = {a.name: a for a in reversed(program.alphabets)}
        self.tables: dict[str, Table] = {table.name: table for table in reversed(program.tables)}
        self.position: dict[str, int] = {}
        self.alphabet_of: dict[str, str] = {}
        for place, item in enumerate((*program.slots, *program.steps)):
            self.position.setdefault(item.name, place)
            self.alphabet_of.setdefault(item.name, item.alphabet)
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
        """For each position, the first token of its alphabet: token = this + index."""
        items = (*self.program.slots, *self.program.steps)
        return np.array([self.begins[item.alphabet] for item in items], dtype=np.int64)

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

    def shape(self, step: Step) -> tuple[object, ...]:
        """What the step means, apart from the names it refers to; these must exist."""
        local = {ref: f"#{i}:{self.alphabet_of[ref]}" for i, ref in enumerate(references(step))}
        return _shape(step, local)

    def rule(self, step: Step) -> Rule:
        """What the step computes. Its names must exist and fit (``checking`` says whether they do).

        Steps of one shape share their arrays.
        """
        shape = self.shape(step)
        if shape not in self._rules:
            self._rules[shape] = self._new_rule(step)
        same = self._rules[shape]
        return Rule(references(step), same.readings, same.defined, same.constant, same.named, same.threshold, shape)

    def _new_rule(self, step: Step) -> Rule:
        alphabet = self.alphabets[step.alphabet]
        refs = references(step)
        size = {ref: len(self.alphabets[self.alphabet_of[ref]].words) for ref in refs}
        readings = {ref: np.zeros(size[ref], dtype=np.int64) for ref in refs}
        defined = {ref: np.ones(size[ref], dtype=bool) for ref in refs}
        constant, threshold = 0, 0
        named: Mapping[int, int] | None = {i: i for i in range(len(alphabet.words))}
        if isinstance(step, Join):
            stride = 1
            for ref in reversed(step.refs):
                readings[ref] += stride * np.arange(size[ref])
                stride *= size[ref]
        elif isinstance(step, Lookup):
            if step.table is None:
                readings[step.ref] = np.arange(size[step.ref])
            else:
                readings[step.ref], defined[step.ref] = self.reading(self.alphabet_of[step.ref], step.table)
        elif isinstance(step, Constant):
            constant = self.index[step.alphabet][step.word]
        else:
            for term in step.terms:
                numbers, has = self.reading(self.alphabet_of[term.ref], term.table)
                readings[term.ref] = readings[term.ref] + term.weight * numbers
                defined[term.ref] = defined[term.ref] & has
            if isinstance(step, Add):
                constant = step.constant
                named = {value: i for i, value in reversed(list(enumerate(alphabet.values or ())))}
            else:
                named, threshold = None, step.threshold
        return Rule(
            refs,
            tuple(readings[ref] for ref in refs),
            tuple(defined[ref] for ref in refs),
            constant,
            named,
            threshold,
        )

    @cached_property
    def rules(self) -> list[Rule]:
        """The rule of every step."""
        return [self.rule(step) for step in self.program.steps]

    def run(self, prompt: np.ndarray) -> np.ndarray:
        """Interpret the program directly: (count, slots) indices -> (count, length) indices.

        Raises ValueError, naming the step, if a table or a sum has no token for what it meets.
        """
        slots = len(self.program.slots)
        out = np.empty((len(prompt), self.program.length), dtype=np.int64)
        out[:, :slots] = prompt
        for place, (step, rule) in enumerate(zip(self.program.steps, self.rules, strict=True), slots):
            total = np.full(len(prompt), rule.constant, dtype=np.int64)
            for ref, numbers, defined in zip(rule.refs, rule.readings, rule.defined, strict=True):
                seen = out[:, self.position[ref]]
                if not defined[seen].all():
                    raise ValueError(f"step {step.name}: its table has no entry for a token that {ref} took")
                total += numbers[seen]
            out[:, place] = rule.token(total)
            if (out[:, place] == GAP).any():
                raise ValueError(f"step {step.name}: {step.alphabet} has no token for a total that was reached")
        return out

    def tokens(self, indices: np.ndarray) -> np.ndarray:
        """Indices inside alphabets -> tokens of the vocabulary, (count, up to length)."""
        return np.asarray(indices + self.first_tokens[: indices.shape[1]])


def totals(rule: Rule, reach: Sequence[np.ndarray]) -> np.ndarray:
    """Every total that tokens in these sets (indices, one array for each ref) can give, ascending.

    Where the readings are too many to combine one by one, all whole numbers from the least to the greatest total.
    """
    found = np.array([rule.constant], dtype=np.int64)
    steps = [np.unique(numbers[seen]) for numbers, seen in zip(rule.readings, reach, strict=True)]
    for numbers in steps:
        if len(found) * len(numbers) > MANY:
            low = rule.constant + sum(int(each.min()) for each in steps)
            high = rule.constant + sum(int(each.max()) for each in steps)
            return np.arange(low, high + 1) if high - low <= MANY else np.array([low, high])
        found = np.unique(found[:, None] + numbers)
    return found


def _shape(step: Step, local: Mapping[str, str]) -> tuple[object, ...]:
    if isinstance(step, Join):
        return ("join", step.alphabet, *(local[ref] for ref in step.refs))
    if isinstance(step, Lookup):
        return ("lookup", step.alphabet, step.table, local[step.ref])
    if isinstance(step, Constant):
        return ("constant", step.alphabet, step.word)
    terms = tuple((local[term.ref], term.table, term.weight) for term in step.terms)
    if isinstance(step, Compare):
        return ("compare", step.alphabet, step.threshold, terms)
    return ("add", step.alphabet, step.constant, terms)
