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

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from arlearn.errors import ArlearnError
from arlearn.programs.builder import Builder, Ref, compare_rule, constant_rule, select_rule
from arlearn.programs.steps import Program, Step

STATES = "ABCDEFGIJKLMNOPQRSTUVWXYZ"  # H is the halting state
SYMBOLS = "0123456789"
HALT, NOTHING, GAP = "H", "-", "---"
LARGEST = 200_000_000  # weights
CAME = {-1: "<", 0: "=", 1: ">"}  # the mark of a head that has moved so


@dataclass(frozen=True)
class Sizes:
    """The most states and symbols of the machines that a universal program runs, and the cells of its tape."""

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
        rules = self.states * self.symbols
        about = (rules + 15) * (2 * len(self.rules) + rules) ** 2
        if about > LARGEST:
            raise ArlearnError(
                f"{self.states} states and {self.symbols} symbols need about {about / 1e6:,.0f} million weights, more"
                f" than {LARGEST / 1e6:,.0f}; ask for fewer"
            )

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
        self.first_cells = [word for word in words if not is_headed(word) or (word[0] == "=" and len(word) == 2)]


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
        "still", kinds.cell, kinds.symbol, lambda w: None if is_headed(w) else f"symbol {symbol_in(w)}"
    )
    writes = build.word_table(
        "writes", kinds.found, kinds.symbol, lambda w: f"symbol {w[2] if w[2:].strip('-') else 0}"
    )
    seen = build.word_table("seen_left", kinds.cell, kinds.seen, _seen_after)
    headed = build.number_table("headed", kinds.cell, lambda word: int(is_headed(word)))
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


def is_headed(word: str) -> bool:
    """Whether the head stands in the cell that is written so."""
    return word[0] in "<=>"


def symbol_in(word: str) -> str:
    """The symbol in the cell that is written so."""
    return word.lstrip("<=>")[0]


def _seen_after(word: str) -> str:
    """The symbol under the head, if it stands in this cell or was seen before it."""
    if is_headed(word):
        return f"seen {symbol_in(word)}"
    return f"seen {word.partition('~')[2] or NOTHING}"
