"""Whether a step's rule, its alphabet and the tables it reads belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Add, Alphabet, Compare, Constant, Join, Lookup, Parts, Select, Step, references


class RuleChecker:
    """Adds what does not fit to ``faults``. The step's alphabet and references must exist."""

    def __init__(self, semantics: Semantics, faults: list[str]) -> None:
        self.semantics, self.faults = semantics, faults

    def check(self, step: Step) -> None:
        """Whether the rule, its alphabet and its tables belong together."""
        alphabet = self.semantics.alphabets[step.alphabet]
        kinds = {ref: self.semantics.alphabet_of[ref] for ref in references(step)}
        if isinstance(step, Join):
            given = tuple(kinds[ref] for ref in step.refs)
            if given != alphabet.parts:
                made = f"joins {' and '.join(alphabet.parts)}" if alphabet.parts else "joins nothing"
                self.faults.append(
                    f"step {step.name} joins {' and '.join(given)}, but the alphabet {alphabet.name} {made}"
                )
        elif isinstance(step, Parts):
            self._fits_parts(step, alphabet)
        elif isinstance(step, Select):
            for option in step.options:
                self._fits_lookup(step, Lookup(step.name, step.alphabet, option.ref, option.table), kinds[option.ref])
            if not step.options:
                self.faults.append(f"step {step.name} selects from nothing")
        elif isinstance(step, Lookup):
            self._fits_lookup(step, step, kinds[step.ref])
        elif isinstance(step, Constant):
            if step.word not in self.semantics.index[step.alphabet]:
                self.faults.append(f"step {step.name}: {step.word!r} is not a token of {step.alphabet}")
        else:
            self._fits_sum(step, alphabet, kinds)

    def _fits_parts(self, step: Parts, alphabet: Alphabet) -> None:
        if len(step.rules) != len(alphabet.parts):
            self.faults.append(
                f"step {step.name} has {len(step.rules)} rules, but the alphabet {alphabet.name} has"
                f" {len(alphabet.parts)} parts"
            )
            return
        for number, (part, rule) in enumerate(self.semantics.part_rules(step), 1):
            if isinstance(rule, Join | Parts):
                self.faults.append(f"step {step.name}, part {number}: a part cannot be a join or have parts of its own")
                continue
            before = len(self.faults)
            self.check(rule)
            self.faults[before:] = [
                fault.replace("step ", f"step {step.name}, part {number} ({part})", 1) for fault in self.faults[before:]
            ]

    def _fits_sum(self, step: Add | Compare, alphabet: Alphabet, kinds: dict[str, str]) -> None:
        for term in step.terms:
            self._fits_term(step, term.ref, term.table, kinds[term.ref])
        if isinstance(step, Compare) and len(alphabet.words) != 2:
            self.faults.append(
                f"step {step.name} compares, but {alphabet.name} has {len(alphabet.words)} tokens, not two"
            )
        if isinstance(step, Add) and alphabet.values is None:
            self.faults.append(f"step {step.name} adds, but the tokens of {alphabet.name} stand for no numbers")
        elif isinstance(step, Add):
            twice = [value for value, count in Counter(alphabet.values).items() if count > 1]
            if twice:
                self.faults.append(
                    f"step {step.name} adds, but several tokens of {alphabet.name} stand for {some(twice)}"
                )

    def _fits_lookup(self, step: Step, option: Lookup, kind: str) -> None:
        if option.table is None:
            if kind != step.alphabet:
                self.faults.append(
                    f"step {step.name} copies a token of {kind}, but its own alphabet is {step.alphabet}"
                )
            return
        table = self.semantics.tables.get(option.table)
        if table is None:
            self.faults.append(f"step {step.name}: {option.table} is not a table")
        elif table.source != kind:
            self.faults.append(f"step {step.name}: table {table.name} is for {table.source}, {option.ref} is of {kind}")
        elif table.target != step.alphabet:
            gives = table.target or "numbers"
            self.faults.append(f"step {step.name}: table {table.name} gives {gives}, the step writes {step.alphabet}")

    def _fits_term(self, step: Step, ref: str, name: str | None, kind: str) -> None:
        if name is None:
            if self.semantics.alphabets[kind].values is None:
                self.faults.append(f"step {step.name}: the tokens of {kind} ({ref}) stand for no numbers; name a table")
            return
        table = self.semantics.tables.get(name)
        if table is None:
            self.faults.append(f"step {step.name}: {name} is not a table")
        elif table.source != kind:
            self.faults.append(f"step {step.name}: table {name} is for {table.source}, {ref} is of {kind}")
        elif table.target is not None:
            self.faults.append(f"step {step.name}: table {name} gives tokens of {table.target}, a sum needs numbers")


def some(items: Iterable[object], most: int = 5) -> str:
    """The first few, separated by commas, and how many more there are."""
    listed = [str(item) for item in items]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
