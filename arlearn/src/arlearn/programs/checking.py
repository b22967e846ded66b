"""All the faults of a program at once: what refers to nothing, does not fit, has gaps, or is too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from arlearn.programs.meaning import GAP, Meaning, totals
from arlearn.programs.steps import (
    Add,
    Alphabet,
    Compare,
    Constant,
    Join,
    Lookup,
    Program,
    ProgramError,
    Step,
    references,
)
from arlearn.programs.text import NAME


def check(program: Program, context: int | None = None) -> Meaning:
    """The program's meaning. Raises ProgramError listing every fault; see ``faults``."""
    checker = Checker(program, context)
    if checker.faults:
        raise ProgramError(f"program {program.name!r}", checker.faults)
    return checker.meaning


def faults(program: Program, context: int | None = None) -> list[str]:
    """Everything wrong with the program, in the order it is written; empty if it can be compiled.

    ``context``: the longest input allowed, in tokens; None for no limit.
    """
    return Checker(program, context).faults


class Checker:
    """Walks through a program once. Attributes: ``faults``, ``meaning``, ``reach`` (name -> indices that can occur).

    ``reach`` treats the tokens a step refers to as independent, so it holds at least every token that can occur.
    """

    def __init__(self, program: Program, context: int | None = None) -> None:
        self.program = program
        self.meaning = Meaning(program)
        self.faults: list[str] = []
        self.reach: dict[str, np.ndarray] = {}
        self._fitting: set[tuple[object, ...]] = set()  # shapes of steps that have been found to fit
        self._writing: dict[tuple[object, ...], np.ndarray] = {}  # what steps of a shape write, by what they read
        self._sets: dict[bytes, np.ndarray] = {}  # equal sets of tokens are one array
        self._alphabets()
        self._tables()
        self._names()
        self._slots()
        slots = len(program.slots)
        for place, step in enumerate(program.steps, slots):
            self._step(step, place)
        self._outputs()
        if context is not None and program.length - 1 > context:
            self._fault(
                f"the context overflows: {slots} prompt and {len(program.steps)} generated tokens"
                f" need a context of {program.length - 1}, the limit is {context}"
            )

    def _fault(self, fault: str) -> None:
        self.faults.append(fault)

    def _twice(self, what: str, names: Iterable[str]) -> None:
        for name, count in Counter(names).items():
            if count > 1:
                self._fault(f"{what} {name!r} is defined {count} times")

    def _names(self) -> None:
        items = (*self.program.slots, *self.program.steps)
        self._twice("the name", (item.name for item in items))
        named = (*self.program.alphabets, *self.program.tables, *items)
        bad = sorted({item.name for item in named if not NAME.fullmatch(item.name)})
        if bad:
            self._fault(f"names are letters, digits, '_' and '.', starting with a letter; not {', '.join(bad)}")

    def _alphabets(self) -> None:
        self._twice("alphabet", (alphabet.name for alphabet in self.program.alphabets))
        where: dict[str, str] = {}
        for alphabet in self.program.alphabets:
            words = Counter(alphabet.words)
            if not words:
                self._fault(f"alphabet {alphabet.name} is empty")
            for word in [word for word, count in words.items() if count > 1][:5]:
                pairs = " (the join is ambiguous: it does not tell its parts)" if alphabet.parts else ""
                self._fault(f"alphabet {alphabet.name} has the token {word!r} twice{pairs}")
            for word in [word for word in words if word in where][:5]:
                self._fault(f"the token {word!r} stands in alphabet {where[word]} and in {alphabet.name}")
            where.update(dict.fromkeys(words, alphabet.name))
            if alphabet.values is not None and len(alphabet.values) != len(alphabet.words):
                self._fault(
                    f"alphabet {alphabet.name} has {len(alphabet.words)} tokens and {len(alphabet.values)} values"
                )
            self._parts(alphabet)

    def _parts(self, alphabet: Alphabet) -> None:
        missing = [part for part in alphabet.parts if part not in self.meaning.alphabets]
        if missing:
            self._fault(f"alphabet {alphabet.name} joins {', '.join(missing)}, which is not an alphabet")
        elif alphabet.parts:
            size = int(np.prod([len(self.meaning.alphabets[part].words) for part in alphabet.parts]))
            if size != len(alphabet.words):
                self._fault(f"alphabet {alphabet.name} has {len(alphabet.words)} tokens, its parts make {size}")

    def _tables(self) -> None:
        self._twice("table", (table.name for table in self.program.tables))
        for table in self.program.tables:
            wrong = [name for name in (table.source, table.target) if name and name not in self.meaning.alphabets]
            if wrong:
                self._fault(f"table {table.name}: {', '.join(wrong)} is not an alphabet")
                continue
            stray = [word for word in table.entries if word not in self.meaning.index[table.source]]
            if stray:
                self._fault(f"table {table.name} has entries for {_some(stray)}, not tokens of {table.source}")
            if table.target is not None:
                target = self.meaning.index[table.target]
                stray = sorted({str(word) for word in table.entries.values() if word not in target})
                if stray:
                    self._fault(f"table {table.name} gives {_some(stray)}, not tokens of {table.target}")

    def _slots(self) -> None:
        if not self.program.slots:
            self._fault("the prompt is empty: a predictor needs at least one token to start from")
        for place, slot in enumerate(self.program.slots):
            index = self.meaning.index.get(slot.alphabet)
            if index is None:
                self._fault(f"slot {slot.name}: {slot.alphabet} is not an alphabet")
                continue
            stray = [word for word in slot.only or () if word not in index]
            if stray:
                self._fault(f"slot {slot.name}: {_some(stray)} are not tokens of {slot.alphabet}")
            elif slot.only is not None and not slot.only:
                self._fault(f"slot {slot.name} allows no token")
            else:
                self.reach.setdefault(slot.name, self._one(np.unique(self.meaning.allowed(place))))

    def _outputs(self) -> None:
        if not self.program.outputs:
            self._fault("the program has no outputs")
        undefined = [name for name in self.program.outputs if name not in self.meaning.position]
        if undefined:
            self._fault(f"the outputs {', '.join(undefined)} are not defined")

    def _step(self, step: Step, place: int) -> None:
        """Check one step, and note which tokens it can write (all of its alphabet, if it has faults)."""
        before = len(self.faults)
        if step.alphabet not in self.meaning.alphabets:
            self._fault(f"step {step.name}: {step.alphabet} is not an alphabet")
        refs = references(step)
        for ref in refs:
            where = self.meaning.position.get(ref)
            if where is None:
                self._fault(f"step {step.name} refers to {ref}, which is not defined")
            elif where >= place:
                self._fault(
                    f"step {step.name} refers to {'itself' if where == place else f'{ref}, which comes after it'}"
                )
        if len(self.faults) == before and all(ref in self.reach for ref in refs):
            shape = self.meaning.shape(step)
            if shape not in self._fitting:
                self._fits(step)
            if len(self.faults) == before:
                self._fitting.add(shape)
                key = (shape, *(id(self.reach[ref]) for ref in refs))
                if key not in self._writing:
                    written = self._one(self._written(step))
                    if len(self.faults) == before:
                        self._writing[key] = written
                self.reach.setdefault(step.name, self._writing.get(key, self._all(step.alphabet)))
        if step.alphabet in self.meaning.alphabets:
            self.reach.setdefault(step.name, self._all(step.alphabet))

    def _all(self, alphabet: str) -> np.ndarray:
        return self._one(np.arange(len(self.meaning.alphabets[alphabet].words)))

    def _one(self, indices: np.ndarray) -> np.ndarray:
        return self._sets.setdefault(indices.tobytes(), indices)

    def _fits(self, step: Step) -> None:
        """Whether the rule, its alphabet and its tables belong together."""
        alphabet = self.meaning.alphabets[step.alphabet]
        kinds = {ref: self.meaning.alphabet_of[ref] for ref in references(step)}
        if isinstance(step, Join):
            given = tuple(kinds[ref] for ref in step.refs)
            if given != alphabet.parts:
                made = f"joins {' and '.join(alphabet.parts)}" if alphabet.parts else "joins nothing"
                self._fault(f"step {step.name} joins {' and '.join(given)}, but the alphabet {alphabet.name} {made}")
        elif isinstance(step, Lookup):
            self._fits_lookup(step, kinds[step.ref])
        elif isinstance(step, Constant):
            if step.word not in self.meaning.index[step.alphabet]:
                self._fault(f"step {step.name}: {step.word!r} is not a token of {step.alphabet}")
        else:
            for term in step.terms:
                self._fits_term(step, term.ref, term.table, kinds[term.ref])
            if isinstance(step, Compare) and len(alphabet.words) != 2:
                self._fault(f"step {step.name} compares, but {alphabet.name} has {len(alphabet.words)} tokens, not two")
            if isinstance(step, Add) and alphabet.values is None:
                self._fault(f"step {step.name} adds, but the tokens of {alphabet.name} stand for no numbers")
            elif isinstance(step, Add):
                twice = [value for value, count in Counter(alphabet.values).items() if count > 1]
                if twice:
                    self._fault(
                        f"step {step.name} adds, but several tokens of {alphabet.name} stand for {_some(twice)}"
                    )

    def _fits_lookup(self, step: Lookup, kind: str) -> None:
        if step.table is None:
            if kind != step.alphabet:
                self._fault(f"step {step.name} copies a token of {kind}, but its own alphabet is {step.alphabet}")
            return
        table = self.meaning.tables.get(step.table)
        if table is None:
            self._fault(f"step {step.name}: {step.table} is not a table")
        elif table.source != kind:
            self._fault(f"step {step.name}: table {table.name} is for {table.source}, {step.ref} is of {kind}")
        elif table.target != step.alphabet:
            gives = table.target or "numbers"
            self._fault(f"step {step.name}: table {table.name} gives {gives}, the step writes {step.alphabet}")

    def _fits_term(self, step: Step, ref: str, name: str | None, kind: str) -> None:
        if name is None:
            if self.meaning.alphabets[kind].values is None:
                self._fault(f"step {step.name}: the tokens of {kind} ({ref}) stand for no numbers; name a table")
            return
        table = self.meaning.tables.get(name)
        if table is None:
            self._fault(f"step {step.name}: {name} is not a table")
        elif table.source != kind:
            self._fault(f"step {step.name}: table {name} is for {table.source}, {ref} is of {kind}")
        elif table.target is not None:
            self._fault(f"step {step.name}: table {name} gives tokens of {table.target}, a sum needs numbers")

    def _written(self, step: Step) -> np.ndarray:
        """The tokens that the step can write, as far as the tokens it refers to tell one by one."""
        rule = self.meaning.rule(step)
        sets = [self.reach[ref] for ref in rule.refs]
        for ref, defined, seen in zip(rule.refs, rule.defined, sets, strict=True):
            words = self.meaning.alphabets[self.meaning.alphabet_of[ref]].words
            gaps = [words[i] for i in seen if not defined[i]]
            if gaps:
                self._fault(f"step {step.name}: its table has a gap: no entry for {_some(gaps)}, which {ref} can be")
                return self._all(step.alphabet)
        reached = totals(rule, sets)
        tokens = rule.token(reached)
        outside = reached[tokens == GAP]
        if len(outside):
            self._fault(
                f"step {step.name}: the number is out of range: {_some(outside.tolist())} can occur,"
                f" {step.alphabet} has no token for it"
            )
        return np.unique(tokens[tokens != GAP])


def _some(items: Iterable[object], most: int = 5) -> str:
    listed = [str(item) for item in items]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
