"""All faults of a program at once: names that do not exist, parts that do not fit, tables with gaps, endless loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from arlearn.programs.combinations import extremes, totals
from arlearn.programs.fitting import RuleChecker, some
from arlearn.programs.semantics import GAP, Semantics
from arlearn.programs.steps import (
    BEFORE,
    Alphabet,
    Program,
    ProgramError,
    Step,
    lay_out,
    references,
)
from arlearn.programs.text import NAME


def check(program: Program, context: int | None = None) -> Semantics:
    """The semantics of the program, laid out (``lay_out``). Raises ProgramError listing every fault; see ``faults``."""
    checker = Checker(program, context)
    if checker.faults:
        raise ProgramError(f"program {program.name!r}", checker.faults)
    return checker.semantics if program.loop is None else Semantics(lay_out(program))


def faults(program: Program, context: int | None = None) -> list[str]:
    """Everything wrong with the program, in the order it is written; empty if it can be compiled.

    ``context``: the longest input allowed, in tokens; None for no limit.
    """
    return Checker(program, context).faults


class Checker:
    """Walks through a program.

    Attributes:
        faults: everything wrong with it.
        semantics: of the program as it was given.
        reach: name -> indices that the slot or step can write, in any pass; ``before.NAME`` -> those it can have written
            in the pass before, or the initial ones.
        readable: the same without halting words, after which nothing is read.

    The tokens a step refers to are treated as independent, so these sets hold at least every token that can occur. In
    a loop they are the least fixpoint over passes: what holds for them holds in every pass.
    """

    def __init__(self, program: Program, context: int | None = None) -> None:
        self.program = program
        self.semantics = Semantics(program)
        self.faults: list[str] = []
        self.reach: dict[str, np.ndarray] = {}
        self.readable: dict[str, np.ndarray] = {}
        self._fitting: set[tuple[object, ...]] = set()  # shapes of steps that have been found to fit
        self._writing: dict[tuple[object, ...], np.ndarray] = {}  # what steps of a shape write, by what they read
        self._sets: dict[bytes, np.ndarray] = {}  # equal sets of tokens are one array
        self._alphabets()
        self._tables()
        self._names()
        self._slots()
        slots = len(program.slots)
        for row, step in enumerate(program.steps, slots):
            self._step(step, row)
        self._loop()
        self._outputs()
        if context is not None and program.loop is None and program.length - 1 > context:
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
        items = self.semantics.items
        self._twice("the name", (item.name for item in items))
        named = (*self.program.alphabets, *self.program.tables, *items)
        bad = sorted({item.name for item in named if not NAME.fullmatch(item.name)})
        if bad:
            self._fault(f"names are letters, digits, '_' and '.', starting with a letter; not {', '.join(bad)}")
        reserved = [item.name for item in items if item.name.startswith(BEFORE)]
        if reserved:
            self._fault(f"names that begin with {BEFORE!r} are reserved for the pass before; not {', '.join(reserved)}")

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
            self._joined(alphabet)

    def _joined(self, alphabet: Alphabet) -> None:
        missing = [part for part in alphabet.parts if part not in self.semantics.alphabets]
        if missing:
            self._fault(f"alphabet {alphabet.name} joins {', '.join(missing)}, which is not an alphabet")
        elif alphabet.parts:
            size = int(np.prod([len(self.semantics.alphabets[part].words) for part in alphabet.parts]))
            if size != len(alphabet.words):
                self._fault(f"alphabet {alphabet.name} has {len(alphabet.words)} tokens, its parts make {size}")

    def _tables(self) -> None:
        self._twice("table", (table.name for table in self.program.tables))
        for table in self.program.tables:
            wrong = [name for name in (table.source, table.target) if name and name not in self.semantics.alphabets]
            if wrong:
                self._fault(f"table {table.name}: {', '.join(wrong)} is not an alphabet")
                continue
            stray = [word for word in table.entries if word not in self.semantics.index[table.source]]
            if stray:
                self._fault(f"table {table.name} has entries for {some(stray)}, not tokens of {table.source}")
            if table.target is not None:
                target = self.semantics.index[table.target]
                stray = sorted({str(word) for word in table.entries.values() if word not in target})
                if stray:
                    self._fault(f"table {table.name} gives {some(stray)}, not tokens of {table.target}")

    def _slots(self) -> None:
        if not self.program.slots:
            self._fault("the prompt is empty: a predictor needs at least one token to start from")
        for place, slot in enumerate(self.program.slots):
            index = self.semantics.index.get(slot.alphabet)
            if index is None:
                self._fault(f"slot {slot.name}: {slot.alphabet} is not an alphabet")
                continue
            stray = [word for word in slot.only or () if word not in index]
            if stray:
                self._fault(f"slot {slot.name}: {some(stray)} are not tokens of {slot.alphabet}")
            elif slot.only is not None and not slot.only:
                self._fault(f"slot {slot.name} allows no token")
            else:
                self._reaches(slot.name, np.unique(self.semantics.allowed(place)))

    def _outputs(self) -> None:
        if not self.program.outputs:
            self._fault("the program has no outputs")
        undefined = [name for name in self.program.outputs if name not in self.semantics.position]
        if undefined:
            self._fault(f"the outputs {', '.join(undefined)} are not defined")

    def _reaches(self, name: str, indices: np.ndarray) -> None:
        one = self._one(indices)
        self.reach.setdefault(name, one)
        self.readable.setdefault(name, one)

    def _step(self, step: Step, row: int) -> None:
        """Check one step before the loop, and note which tokens it can write (all, if it has faults)."""
        if self._refers(step, row) and all(ref in self.readable for ref in references(step)):
            written, found = self._written(step)
            self.faults.extend(found)
            if not found:
                self._reaches(step.name, written)
        if step.alphabet in self.semantics.alphabets:
            self._reaches(step.name, self._all(step.alphabet))

    def _refers(self, step: Step, row: int) -> bool:
        """Whether the step's references exist where it may read them, and its rule fits; reports what does not."""
        before = len(self.faults)
        if step.alphabet not in self.semantics.alphabets:
            self._fault(f"step {step.name}: {step.alphabet} is not an alphabet")
        for ref in references(step):
            where = self.semantics.position.get(ref.removeprefix(BEFORE))
            if where is None:
                self._fault(f"step {step.name} refers to {ref}, which is not defined")
            elif ref.startswith(BEFORE):
                self._refers_back(step, row, ref.removeprefix(BEFORE), where)
            elif where >= row:
                after = "itself" if where == row else f"{ref}, which comes after it"
                inside = row >= self.semantics.start
                self._fault(
                    f"step {step.name} refers to {after}"
                    + (f"; {BEFORE}{ref} would be its token in the pass before" if inside else "")
                )
        known = all(self.semantics.alphabet_of.get(ref) in self.semantics.alphabets for ref in references(step))
        if len(self.faults) == before and known:
            shape = self.semantics.shape(step)
            if shape not in self._fitting:
                RuleChecker(self.semantics, self.faults).check(step)
            if len(self.faults) == before:
                self._fitting.add(shape)
        return len(self.faults) == before and known

    def _refers_back(self, step: Step, row: int, name: str, where: int) -> None:
        """A reference to ``before.name``."""
        start = self.semantics.start
        loop = self.program.loop
        if row < start or loop is None:
            self._fault(f"step {step.name} refers to {BEFORE}{name}, but stands in no loop: there is no pass before")
        elif where < start:
            self._fault(f"step {step.name} refers to {BEFORE}{name}, but {name} stands before the loop; read {name}")
        elif name not in loop.initial:
            self._fault(
                f"step {step.name} refers to {BEFORE}{name}, which does not exist in the first pass: name a slot or step"
                f" before the loop that stands for it there (initial: {name} = ...)"
            )

    def _loop(self) -> None:
        """The loop: its references and rules, then what its steps can write, as a fixpoint over passes."""
        loop = self.program.loop
        if loop is None:
            return
        if not loop.steps:
            self._fault("the loop has no steps")
        names = {item.name for item in (*self.program.slots, *self.program.steps)}
        inside = {step.name: step.alphabet for step in loop.steps}
        for name, initial in loop.initial.items():
            if name not in inside:
                self._fault(f"the loop gives an initial token for {name}, which is not one of its steps")
            elif initial not in names:
                self._fault(
                    f"the loop's initial token for {name} is {initial}, which is no slot or step before the loop"
                )
            elif self.semantics.alphabet_of[initial] != inside[name]:
                kind = self.semantics.alphabet_of[initial]
                self._fault(
                    f"the loop's initial token for {name} is {initial}, of {kind}, but {name} is of {inside[name]}"
                )
        words = set(self.semantics.words)
        stray = [word for word in loop.halt if word not in words]
        if stray:
            self._fault(f"the loop's halting words {some(stray)} are in no alphabet")
        if not loop.halt:
            self._fault("the program has no end: the loop names no word at which it halts (halt)")
        before = len(self.faults)
        fit = [self._refers(step, row) for row, step in enumerate(loop.steps, self.semantics.start)]
        if all(fit) and len(self.faults) == before and not stray:
            self._fixpoint()

    def _fixpoint(self) -> None:
        loop = self.program.loop
        assert loop is not None
        nothing = self._one(np.zeros(0, dtype=np.int64))
        for step in loop.steps:
            self.reach[step.name] = self.readable[step.name] = nothing
            initial = self.readable.get(loop.initial.get(step.name, ""), nothing)
            self.reach[BEFORE + step.name] = self.readable[BEFORE + step.name] = initial
        changed = True
        while changed:
            changed = False
            for step in loop.steps:
                written, _ = self._written(step)
                found = self._one(np.union1d(self.reach[step.name], written))
                if found is not self.reach[step.name]:
                    changed = True
                    self.reach[step.name] = found
                    first = self.semantics.begins[step.alphabet]
                    kept = [int(i) for i in found if int(i) + first not in self.semantics.halting]
                    self.readable[step.name] = self._one(np.array(kept, dtype=np.int64))
            for step in loop.steps:
                key = BEFORE + step.name
                self.reach[key] = self.readable[key] = self._one(
                    np.union1d(self.readable[key], self.readable[step.name])
                )
        for step in loop.steps:
            self.faults.extend(self._written(step)[1])
        if not any(len(self.readable[step.name]) < len(self.reach[step.name]) for step in loop.steps):
            self._fault(
                f"the program has no end: no step of the loop can write a halting word ({some(loop.halt) or 'none'})"
            )
        for step in self.program.steps:
            tokens = self.reach[step.name] + self.semantics.begins[step.alphabet]
            halting = [self.semantics.words[int(token)] for token in tokens if int(token) in self.semantics.halting]
            if halting:
                self._fault(f"step {step.name} stands before the loop but can write a halting word: {some(halting)}")

    def _all(self, alphabet: str) -> np.ndarray:
        return self._one(np.arange(len(self.semantics.alphabets[alphabet].words)))

    def _one(self, indices: np.ndarray) -> np.ndarray:
        return self._sets.setdefault(indices.tobytes(), indices)

    def _written(self, step: Step) -> tuple[np.ndarray, list[str]]:
        """The tokens that the step can write, as far as the tokens it refers to tell one by one; what is wrong there."""
        refs = references(step)
        key = (self.semantics.shape(step), *(id(self.readable[ref]) for ref in refs))
        if key not in self._writing:
            written, found = self._enumerated(step)
            if found:
                return written, found
            self._writing[key] = self._one(written)
        return self._writing[key], []

    def _enumerated(self, step: Step) -> tuple[np.ndarray, list[str]]:
        try:
            rule = self.semantics.rule(step)
        except ValueError as error:
            return self._all(step.alphabet), [f"step {step.name}: {error}"]
        sets = [self.readable[ref] for ref in rule.refs]
        if not all(len(each) for each in sets):
            return np.zeros(0, dtype=np.int64), []  # not reached
        for ref, defined, seen in zip(rule.refs, rule.defined, sets, strict=True):
            words = self.semantics.alphabets[self.semantics.alphabet_of[ref]].words
            gaps = [words[i] for i in seen if not defined[i]]
            if gaps:
                return self._all(step.alphabet), [
                    f"step {step.name}: its table has a gap: no entry for {some(gaps)}, which {ref} can be"
                ]
        reached = extremes(rule, sets) if rule.compares else totals(rule, sets)
        tokens = rule.token(reached)
        outside = reached[tokens == GAP]
        if not len(outside):
            return np.unique(tokens), []
        if rule.parts is not None:
            why = "for some tokens it reads, none of its options has an entry, or a part has no token for its number"
        else:
            why = f"the number is out of range: {some(outside.tolist())} can occur, {step.alphabet} has no token for it"
        return np.unique(tokens[tokens != GAP]), [f"step {step.name}: {why}"]
