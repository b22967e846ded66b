"""A universal Turing machine: a program is a prompt.

The prompt holds a machine's table and a tape; the chain of thought is that machine's run. One pass writes one step of it,
for K states, S symbols and N cells in 2SK + N + 1 tokens:

    A0   1RB* ->1RB   1LB ->1RB   1LA ->1RB   0LC ->1RB ...   1  >0  0~0  0~0 ...
    head  rule found   rule found  ...                         cell cell ...

- *head*: the state, which the last ``found`` of the pass before says, and the symbol under the head, which the last cell
  of the pass before says.
- *rule*: each rule of the table is copied from the pass before, so that it stays at a fixed distance; ``*`` marks the one
  for this state and symbol.
- *found*: the rule that has been found so far; the last of them is what the machine does.
- *cell*: its symbol (what was there, or what is written if the head was there); whether the head is here now, having come
  from the right (``<``), stayed (``=``) or come from the left (``>``); and after ``~`` the symbol under a head further
  left, which is carried along to the end of the row.

The halting state is H. The run ends with a head token in state H, with one that has found no head on the tape (``A-``), or
with ``->---``, the rule of a table that has a gap there. Every step is a ``parts`` or ``select`` of at most five tokens,
and equal steps share their blocks, so the number of weights does not depend on the tape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs.builder import Builder, Ref, compare_rule, constant_rule, select_rule
from arlearn.programs.prompts import Interface
from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Program, Step
from arlearn.programs.turing import Machine, is_notation, parse, simulate

STATES = "ABCDEFGIJKLMNOPQRSTUVWXYZ"  # H is the halting state
SYMBOLS = "0123456789"
HALT, NOTHING, GAP = "H", "-", "---"
CAME = {-1: "<", 0: "=", 1: ">"}  # the mark of a head that has moved so
PLACED = 4_000  # steps that are simulated to place a tape


@dataclass(frozen=True)
class Sizes:
    """What machines a universal program runs: those with up to so many states, symbols and cells."""

    states: int
    symbols: int
    cells: int

    def check(self) -> None:
        """Raise ArlearnError, naming all that is wrong, unless a program of these sizes can be made."""
        wrong = [
            f"{name} must be {least} to {most}, not {size}"
            for name, size, least, most in (
                ("states", self.states, 1, len(STATES)),
                ("symbols", self.symbols, 2, len(SYMBOLS)),
                ("cells", self.cells, 1, 4096),
            )
            if not least <= size <= most
        ]
        if wrong:
            raise ArlearnError("; ".join(wrong))

    @property
    def heads(self) -> list[str]:
        """The head tokens for which the table has a rule, in the table's order."""
        return [state + symbol for state in STATES[: self.states] for symbol in SYMBOLS[: self.symbols]]

    @property
    def rules(self) -> list[str]:
        """Every rule a table can have."""
        states = STATES[: self.states] + HALT
        return ["".join(each) for each in product(SYMBOLS[: self.symbols], "LSR", states)] + [GAP]


def universal_program(sizes: Sizes) -> Program:
    """The program that runs every machine of these sizes. Raises ArlearnError if there is none."""
    sizes.check()
    build = Builder(f"universal-{sizes.states}-{sizes.symbols}-{sizes.cells}")
    kinds = _Kinds(build, sizes)
    rules, found = [], []
    for k, head in enumerate(sizes.heads):
        rules.append(build.slot(f"table.{head}", kinds.rule, sizes.rules))
        last = k == len(sizes.heads) - 1
        starts = [f"->0S{state}" for state in STATES[: sizes.states]]
        found.append(build.slot(f"none.{head}", kinds.found, starts if last else ["->"]))
    row = [build.slot(f"tape.c{c}", kinds.cell, kinds.first_cells) for c in range(sizes.cells)]
    build.loop(halt=kinds.halting)
    state = _head(build, kinds, sizes, build.before(f"found.{sizes.heads[-1]}", found[-1]), row[-1])
    action = _action(build, kinds, sizes, state, rules)
    _cells(build, kinds, action, row)
    build.output(state)
    return build.program({"kind": "universal", "states": sizes.states, "symbols": sizes.symbols, "cells": sizes.cells})


class _Kinds:
    """The alphabets, and the tables that steps read them with."""

    def __init__(self, build: Builder, sizes: Sizes) -> None:
        symbols, states = SYMBOLS[: sizes.symbols], STATES[: sizes.states] + HALT
        self.build, self.sizes = build, sizes
        self.symbol = build.words("symbol", [f"symbol {s}" for s in symbols])
        self.seen = build.words("seen", [f"seen {s}" for s in NOTHING + symbols])
        self.state = build.words("state", [f"state {s}" for s in states])
        self.flag = build.words("flag", ["no", "yes"])
        self.plain_rule = build.words("plain_rule", [f"rule {rule}" for rule in sizes.rules])
        self.head = build.joined("head", [s + x for s in states for x in NOTHING + symbols], self.state, self.seen)
        self.rule = build.joined(
            "rule", [rule + mark for rule in sizes.rules for mark in ("", "*")], self.plain_rule, self.flag
        )
        self.found = build.words("found", ["->", *(f"->{rule}" for rule in sizes.rules)])
        marks = [
            "".join(mark for mark, here in zip("<=>", each, strict=True) if here) for each in product((0, 1), repeat=3)
        ]
        words = [
            f"{mark}{symbol}" + ("" if seen == NOTHING else f"~{seen}")
            for symbol in symbols
            for seen in NOTHING + symbols
            for mark in marks
        ]
        self.cell = build.joined("cell", words, self.symbol, self.seen, self.flag, self.flag, self.flag)
        self.halting = [
            *(HALT + seen for seen in NOTHING + symbols),
            *(state + NOTHING for state in states if state != HALT),
            f"->{GAP}",
        ]
        self.first_cells = [word for word in words if not _headed(word) or (word[0] == "=" and len(word) == 2)]


def _head(build: Builder, kinds: _Kinds, sizes: Sizes, action: Ref, last_slot: Ref) -> Ref:
    """The state that the last action goes to, and the symbol that the last cell has seen."""
    goes = build.word_table("goes", kinds.found, kinds.state, _goes_to)
    seen = build.word_table("seen_so_far", kinds.cell, kinds.seen, _seen_after)
    last = build.before(f"c{sizes.cells - 1}", last_slot)
    return build.parts("head", kinds.head, select_rule(goes(action)), select_rule(seen(last)))


def _action(build: Builder, kinds: _Kinds, sizes: Sizes, head: Ref, slots: Sequence[Ref]) -> Ref:
    """The table once more, with the rule that applies marked, and what has been found so far."""
    same = build.word_table("same", kinds.rule, kinds.plain_rule, lambda word: f"rule {word.rstrip('*')}")
    marked = build.word_table("marked", kinds.rule, kinds.found, lambda w: f"->{w[:-1]}" if w.endswith("*") else None)
    action: Ref | None = None
    for name, slot in zip(sizes.heads, slots, strict=True):
        here = build.number_table(f"is.{name}", kinds.head, lambda word, name=name: int(word == name))  # type: ignore[misc]
        old = build.before(f"rule.{name}", slot)
        rule = build.parts(f"rule.{name}", kinds.rule, select_rule(same(old)), compare_rule(here(head), at_least=1))
        if action is None:
            nothing = build.word_table("nothing", kinds.rule, kinds.found, lambda word: "->")
            action = build.select(f"found.{name}", kinds.found, marked(rule), nothing(rule))
        else:
            action = build.select(f"found.{name}", kinds.found, marked(rule), action)
    assert action is not None
    return action


def _cells(build: Builder, kinds: _Kinds, action: Ref, slots: Sequence[Ref]) -> None:
    """The row after the action."""
    still = build.word_table(
        "still", kinds.cell, kinds.symbol, lambda w: None if _headed(w) else f"symbol {_symbol(w)}"
    )
    writes = build.word_table(
        "writes", kinds.found, kinds.symbol, lambda w: f"symbol {w[2] if w[2:].strip('-') else 0}"
    )
    seen = build.word_table("seen_left", kinds.cell, kinds.seen, _seen_after)
    headed = build.number_table("headed", kinds.cell, lambda word: int(_headed(word)))
    moves = {
        move: build.number_table(f"moves{'LSR'[move + 1]}", kinds.found, lambda w, m=move: int(w[3:4] == "LSR"[m + 1]))  # type: ignore[misc]
        for move in CAME
    }
    old = [build.before(f"c{c}", slot) for c, slot in enumerate(slots)]
    left: Ref | None = None
    for c in range(len(slots)):
        arrivals: list[Step] = []
        for move in CAME:
            come = c - move
            if 0 <= come < len(slots):
                arrivals.append(compare_rule(headed(old[come]), moves[move](action), at_least=2))
            else:
                arrivals.append(constant_rule("no"))
        looked: Step = constant_rule(f"seen {NOTHING}") if left is None else select_rule(seen(left))
        left = build.parts(f"c{c}", kinds.cell, select_rule(still(old[c]), writes(action)), looked, *arrivals)


def _goes_to(word: str) -> str | None:
    """The state after an action. Not to find any cannot happen, and would halt; after a gap nothing is read."""
    return None if word == f"->{GAP}" else f"state {word[4:] or HALT}"


def _headed(word: str) -> bool:
    return word[0] in "<=>"


def _symbol(word: str) -> str:
    return word.lstrip("<=>")[0]


def _seen_after(word: str) -> str:
    """The symbol under the head, if it stands in this cell or was seen before it."""
    if _headed(word):
        return f"seen {_symbol(word)}"
    return f"seen {word.partition('~')[2] or NOTHING}"


@dataclass(frozen=True)
class Ended:
    """What a run's tokens say.

    Attributes:
        why: "halted", "gap" (the table has no rule), "off" (the head left the tape), or "running".
        steps: how many were made.
        state: the last one.
        head: the head's cell after the last step; None off the tape.
        row: the symbols of the tape then.
    """

    why: str
    steps: int
    state: str
    head: int | None
    row: str


def read_run(words: Sequence[str], sizes: Sizes) -> Ended:
    """How far the run in these words, prompt included, has come."""
    table = 2 * len(sizes.heads)
    period = table + sizes.cells + 1
    passes, rest = divmod(len(words) - (period - 1), period)  # whole ones, after the prompt; tokens of the last
    row = words[passes * period + table :][: sizes.cells]
    last = words[-1]
    heads = [c for c, word in enumerate(row) if _headed(word)]
    state = words[passes * period + table - 1][-1]
    why = "running"
    if rest == 1 and last[0] == HALT:
        why = "halted"
    elif rest == 1 and last[1] == NOTHING:
        why = "off"
    elif last == f"->{GAP}":
        why = "gap"
    return Ended(why, passes, state, heads[0] if heads else None, "".join(map(_symbol, row)))


@dataclass(frozen=True)
class Prompted:
    """A machine and a tape as a universal prompt.

    Attributes:
        words: the prompt's tokens.
        symbols: the machine's own symbol for each of the model's.
        states: the machine's own state for each of the model's.
        start: the cell of the tape's first symbol, where the head begins.
    """

    machine: Machine
    words: tuple[str, ...]
    symbols: Mapping[str, str]
    states: Mapping[str, str]
    start: int

    def answer(self, ended: Ended) -> str:
        """How the run ended, in the machine's own names."""
        row = "".join(self.symbols[symbol] for symbol in ended.row)
        report = ""
        if self.machine.report == "tape":
            report = f", tape {row.strip(self.machine.blank) or 'blank'}"
        elif self.machine.report == "state":
            report = f", {self.states[ended.state]}"
        told = ended.why == "gap" and self.states[ended.state] in self.machine.halt
        return describe(replace(ended, why="halted") if told else ended, row, self.states[ended.state], report)


def describe(ended: Ended, row: str, state: str, report: str = "") -> str:
    """``halted: 107 steps, 13 ones`` and the like; ``row`` and ``state`` are what the answer calls them."""
    counted = f"{ended.steps} steps, {row.count('1')} ones"
    if ended.why == "off":
        return f"ran off the tape: {counted}"
    if ended.why == "running":
        return f"not halted: {counted}"
    if ended.why == "gap" and ended.head is not None:
        report += f"; the table has no rule for state {state} on symbol {row[ended.head]}"
    return f"halted: {counted}{report}"


def prompt_of(machine: Machine, tape: str, sizes: Sizes) -> Prompted:
    """The prompt that makes a universal program of these sizes run the machine on the tape.

    The blank becomes 0, every other symbol that is a digit keeps its name if it can, and the halting state becomes H (of
    several, the first; the others become states without rules, where the run ends as well). The tape is placed where
    most of the run's first 4,000 steps fit. Raises ArlearnError listing all that does not fit.
    """
    symbols = [symbol for symbol in machine.symbols if symbol != machine.blank]
    halting = [state for state in machine.states if state in machine.halt]
    states = [machine.start, *(s for s in machine.states if s != machine.start and s not in halting[:1])]
    if machine.start in halting[:1]:
        states = [machine.start, *(s for s in machine.states if s != machine.start)]
        halting = []
    wrong = []
    if len(states) > sizes.states:
        wrong.append(f"it has {len(states)} states, the model is for {sizes.states}")
    if len(symbols) + 1 > sizes.symbols:
        wrong.append(f"it has {len(symbols) + 1} symbols, the model is for {sizes.symbols}")
    if len(tape) > sizes.cells:
        wrong.append(f"the tape has {len(tape)} symbols, the model has {sizes.cells} cells")
    stray = sorted(set(tape) - set(machine.symbols))
    if stray:
        wrong.append(f"the tape has symbols that the machine does not know: {' '.join(stray)}")
    if wrong:
        raise ArlearnError(
            f"machine {machine.name!r} does not fit this model: {'; '.join(wrong)}"
            " (arlearn compile universal --states K --symbols S --cells N makes a larger one)"
        )
    free = [s for s in SYMBOLS[1 : sizes.symbols] if s not in symbols]
    symbol_of = {machine.blank: "0"}
    for symbol in symbols:
        symbol_of[symbol] = symbol if symbol in SYMBOLS[1 : sizes.symbols] else free.pop(0)
    state_of = dict(zip(states, STATES, strict=False)) | dict.fromkeys(halting[:1], HALT)
    table = {
        state_of[state] + symbol_of[symbol]: symbol_of[written] + "LSR"[move + 1] + state_of[after]
        for (state, symbol), (written, move, after) in machine.rules.items()
        if state not in machine.halt
    }
    start = _place(machine, tape, sizes.cells)
    words: list[str] = []
    for head in sizes.heads:
        words += [table.get(head, GAP), "->"]
    words[-1] = f"->0S{state_of[machine.start]}"
    under = symbol_of[tape[0] if tape else machine.blank]
    for c in range(sizes.cells):
        symbol = symbol_of[tape[c - start]] if 0 <= c - start < len(tape) else "0"
        words.append(f"={symbol}" if c == start else symbol if c < start else f"{symbol}~{under}")
    back = {written: symbol for symbol, written in symbol_of.items()}
    names = {written: state for state, written in state_of.items()}
    return Prompted(machine, tuple(words), back, names, start)


def _place(machine: Machine, tape: str, cells: int) -> int:
    """The cell for the tape's first symbol: where the longest beginning of the run fits."""
    for steps in (100, 1_000, PLACED):  # most runs end or leave a small tape early
        run = simulate(machine, tape, steps)
        low, high = 0, max(len(tape) - 1, 0)
        for head, _ in run.moments:
            if max(high, head) - min(low, head) >= cells:
                break
            low, high = min(low, head), max(high, head)
        else:
            if not run.halted:
                continue
        break
    return -low + (cells - (high - low + 1)) // 2


class UniversalInterface(Interface):
    """A machine in one line, and a tape; the answer says how its run ended. Inputs: the prompt's tokens, as indices."""

    kind = "universal"
    partial = True
    hint = "give a Turing machine with --machine NAME or --machine FILE, and its input with --tape"

    def __init__(self, semantics: Semantics, configuration: Mapping[str, Any]) -> None:
        self.semantics = semantics
        self.sizes = Sizes(*(int(configuration[name]) for name in ("states", "symbols", "cells")))
        self.arity = len(semantics.program.slots)

    def prompt(self, inputs: np.ndarray) -> np.ndarray:
        return inputs

    def parse(self, text: str) -> list[int]:
        """``1RB1LB_1LA1RH`` or ``1RB1LB_1LA1RH 1011``."""
        notation, _, tape = text.strip().partition(" ")
        if not is_notation(notation):
            raise ArlearnError(
                f"{text.strip()[:60]!r} is no machine: write one as 1RB1LB_1LA1RH, with a tape after a space if it has"
                " one, or give a file or an example's name with --machine"
            )
        return self.inputs(prompt_of(parse(notation, "machine"), tape.strip(), self.sizes))

    def inputs(self, prompted: Prompted) -> list[int]:
        """The prompt's tokens as indices."""
        slots = self.semantics.program.slots
        return [self.semantics.index[slot.alphabet][word] for slot, word in zip(slots, prompted.words, strict=True)]

    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        """Random tables and random tapes with the head in the middle."""
        return np.array(
            [self.inputs(prompt_of(random_machine(self.sizes, random), "", self.sizes)) for _ in range(count)]
        )

    def answer(self, words: Sequence[str]) -> str:
        ended = read_run(words, self.sizes)
        return describe(ended, ended.row, ended.state)


def random_machine(sizes: Sizes, random: np.random.Generator) -> Machine:
    """A machine of these sizes with random rules, of which about one in ten is missing and one in ten halts."""
    symbols, states = SYMBOLS[: sizes.symbols], STATES[: sizes.states]
    rules: dict[tuple[str, str], tuple[str, int, str]] = {}
    for state, symbol in product(states, symbols):
        draw = random.random()
        after = HALT if draw < 0.1 else states[random.integers(len(states))]
        if draw < 0.9:
            rules[state, symbol] = (symbols[random.integers(len(symbols))], int(random.integers(-1, 2)), after)
    return Machine("random", "A", "0", frozenset(HALT), tuple(symbols), (*states, HALT), rules)
