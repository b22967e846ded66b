"""A Turing machine as a program with a loop: each pass writes the next row of its tape, whatever the time it takes.

A row is a token that says whether the row before has halted, then one token for each cell: a symbol, or ``state:symbol``
where the head stands.

    row 0        _   right:1   1         _
    pass 1    |  _   1         right:1   _       the head has moved to the right
    pass 2    |  _   1         1         right:_

A cell's state is that of a head which comes from the left, or else from the right, or else stays; its symbol depends on
the cell above alone. Only the tape is bounded. ``turing_unrolled`` has the older form, which bounds the time as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs.builder import Builder, select_rule
from arlearn.programs.prompts import LISTED, Interface
from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Program
from arlearn.programs.turing import OFF, Machine, Run, from_mapping, simulate

TRIED = 20_000  # inputs that are simulated to find the bounds on time and tape
LIMIT = 100_000  # steps of one such simulation
LONGEST = 250_000  # tokens of a run that are worth writing out


@dataclass(frozen=True)
class Bounds:
    """How long and how wide a run may be, and which inputs it is for.

    Attributes:
        steps: rows to write; None for a loop, which writes as many as the run takes.
        cells: width of the tape.
        start: the cell with the input's first symbol and, at first, the head.
        tape: the only input, or None for every input of up to ``length`` symbols.
        length: longest input.
    """

    steps: int | None
    cells: int
    start: int
    tape: str | None
    length: int


def find_bounds(
    machine: Machine,
    tape: str | None = None,
    length: int = 8,
    steps: int | None = None,
    cells: int | None = None,
    looped: bool = False,
) -> Bounds:
    """Bounds within which every input halts, found by simulation, unless ``steps`` and ``cells`` are given.

    ``tape``: the only input; None for every input of up to ``length`` symbols, if the machine takes inputs at all.
    ``looped``: without a bound on time. Raises ArlearnError if the inputs are too many to simulate, one does not halt,
    or the bounds are invalid.
    """
    missing = "--tape" if looped else "--max-steps and --tape"
    if not machine.input and tape is None:
        tape = ""
    if tape is not None:
        stray = sorted(set(tape) - set(machine.symbols))
        if stray:
            raise ArlearnError(f"the input {tape!r} has symbols that {machine.name} does not know: {' '.join(stray)}")
        length = len(tape)
    for what, number, least in (("length", length, 0), ("max-steps", steps, 1), ("tape", cells, 1)):
        if number is not None and number < least:
            raise ArlearnError(f"{what} must be at least {least}, not {number}")
    count = 1 if tape is not None else sum(len(machine.input) ** n for n in range(length + 1))
    if count > TRIED:
        if cells is None or (steps is None and not looped):
            raise ArlearnError(f"{count} inputs of up to {length} symbols are too many to simulate; give {missing}")
        return _checked(Bounds(steps, cells, (cells - length) // 2, tape, length))
    runs = []
    for each in inputs_of(machine, tape, length):
        runs.append(simulate(machine, each, steps or LIMIT))
        if not runs[-1].halted and steps is None and (cells is None or not looped):
            give = "--tape to say how wide the tape is" if looped else "--max-steps to write out that much of its run"
            raise ArlearnError(f"{machine.name} does not halt within {LIMIT} steps on the input {each!r}; give {give}")
    left, right = min(run.cells[0] for run in runs), max(*(run.cells[1] for run in runs), length - 1, 0)
    needed = right - left + 1
    longest = max(1, *(run.steps for run in runs))
    time = None if looped else steps or longest
    return _checked(Bounds(time, cells or needed, _start(left, needed, cells), tape, length))


def inputs_of(machine: Machine, tape: str | None, length: int) -> list[str]:
    """The tapes a compiled machine is for, shortest first."""
    if tape is not None:
        return [tape]
    return ["".join(each) for n in range(length + 1) for each in product(machine.input, repeat=n)]


def looped_program(machine: Machine, bounds: Bounds) -> Program:
    """The program that writes out row after row of ``bounds.cells`` cells until the machine halts or leaves the tape."""
    build = Builder(f"turing-{machine.name}")
    states = ("", *machine.states, OFF)
    symbol = build.words("symbol", [f"symbol {each}" for each in machine.symbols])
    state = build.words("state", [f"state {each or '-'}" for each in states])
    words = {(q, s): f"{q}:{s}" if q else s for q in states for s in machine.symbols}
    of = {word: pair for pair, word in words.items()}
    cell = build.joined("cell", list(words.values()), state, symbol)
    bar = "|" if "|" not in machine.symbols else "||"
    flag = build.words("flag", [bar, "end"])

    def action(word: str) -> tuple[str, int, str] | None:
        """What the machine does in this cell: symbol written, move, state; None without a head that goes on."""
        q, s = of[word]
        return None if q in ("", OFF) or machine.halted(q, s) else machine.rules[q, s]

    def after(word: str) -> str:
        done = action(word)
        return f"symbol {of[word][1] if done is None else done[0]}"

    def moving(word: str, direction: int) -> str | None:
        done = action(word)
        return f"state {done[2]}" if done is not None and done[1] == direction else None

    def staying(word: str, edges: str) -> str:
        done = action(word)
        if done is None:
            return f"state {of[word][0] or '-'}"
        if ("L" in edges and done[1] < 0) or ("R" in edges and done[1] > 0):
            return f"state {OFF}"
        return f"state {done[2] if done[1] == 0 else '-'}"

    row = [
        build.slot(f"tape.c{c}", cell, [words[q, s] for s, q in first])
        for c, first in enumerate(first_row(machine, bounds))
    ]
    build.loop(halt=["end"])
    written = build.word_table("written", cell, symbol, after)
    right = build.word_table("right", cell, state, lambda word: moving(word, 1))
    left = build.word_table("left", cell, state, lambda word: moving(word, -1))
    stopped = build.number_table("stopped", cell, lambda word: int(bool(of[word][0]) and action(word) is None))
    stay = {
        edges: build.word_table(f"stay{edges}", cell, state, lambda word, edges=edges: staying(word, edges))  # type: ignore[misc]
        for edges in dict.fromkeys(edges_of(c, bounds.cells) for c in range(bounds.cells))
    }
    old = [build.before(f"c{c}", slot) for c, slot in enumerate(row)]
    build.compare("end", flag, *(stopped(each) for each in old), at_least=1)
    for c, own in enumerate(old):
        comes = [right(old[c - 1])] if c > 0 else []
        comes += [left(old[c + 1])] if c + 1 < bounds.cells else []
        head = select_rule(*comes, stay[edges_of(c, bounds.cells)](own))
        build.output(build.parts(f"c{c}", cell, head, select_rule(written(own))))
    return build.program(interface_entry(machine, bounds))


def interface_entry(machine: Machine, bounds: Bounds) -> dict[str, Any]:
    """How ``TapeInterface`` is described in a program."""
    return {
        "kind": "tape",
        "machine": machine.as_json(),
        "steps": bounds.steps,
        "cells": bounds.cells,
        "start": bounds.start,
        "tape": bounds.tape,
        "length": bounds.length,
    }


def first_row(machine: Machine, bounds: Bounds) -> list[list[tuple[str, str]]]:
    """For each cell of the prompt, what it may hold: (symbol, state), "" for no head."""
    row = []
    for c in range(bounds.cells):
        place = c - bounds.start
        if bounds.tape is not None:
            symbols = [bounds.tape[place] if 0 <= place < len(bounds.tape) else machine.blank]
        else:
            symbols = [machine.blank, *(machine.input if 0 <= place < bounds.length else "")]
        row.append([(symbol, machine.start if place == 0 else "") for symbol in symbols])
    return row


def edges_of(cell: int, cells: int) -> str:
    """On which edges of the tape the cell lies: "", "L", "R" or "LR"."""
    return ("L" if cell == 0 else "") + ("R" if cell == cells - 1 else "")


class TapeInterface(Interface):
    """A machine's input tape; the answer says how the run ended. Inputs: for each cell, the number of its symbol."""

    kind = "tape"
    partial = True

    def __init__(self, semantics: Semantics, configuration: Mapping[str, Any]) -> None:
        self.semantics = semantics
        self.machine = from_mapping(configuration["machine"])
        tape = configuration["tape"]
        self.bounds = Bounds(
            None if configuration["steps"] is None else int(configuration["steps"]),
            int(configuration["cells"]),
            int(configuration["start"]),
            None if tape is None else str(tape),
            int(configuration["length"]),
        )
        self.arity = self.bounds.cells
        self.default = self.bounds.tape
        index = semantics.index["cell"]
        plain = [index.get(symbol, -1) for symbol in self.machine.symbols]
        headed = [index.get(f"{self.machine.start}:{symbol}", -1) for symbol in self.machine.symbols]
        self._plain, self._headed, self._index = np.array(plain), np.array(headed), index

    def prompt(self, inputs: np.ndarray) -> np.ndarray:
        cells = self._plain[inputs]
        cells[:, self.bounds.start] = self._headed[inputs[:, self.bounds.start]]
        return np.asarray(cells)

    def parse(self, text: str) -> list[int]:
        tape, fixed = "".join(text.split()), self.bounds.tape
        if fixed is not None and tape not in ("", fixed):
            raise ArlearnError(f"this machine was compiled for the input {fixed!r} alone, not for {tape!r}")
        if fixed is None and (len(tape) > self.bounds.length or set(tape) - set(self.machine.input)):
            raise ArlearnError(
                f"{tape!r} is not a tape of up to {self.bounds.length} symbols from {' '.join(self.machine.input)}"
            )
        return self._cells(tape if fixed is None else fixed)

    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        if self.bounds.tape is not None:
            return np.tile(np.array(self._cells(self.bounds.tape)), (count, 1))
        lengths = random.integers(0, self.bounds.length + 1, count)
        drawn = random.integers(0, len(self.machine.input), (count, self.bounds.length))
        letters = self.machine.input
        tapes = ["".join(letters[i] for i in row[:n]) for row, n in zip(drawn, lengths, strict=True)]
        return np.array([self._cells(tape) for tape in tapes], dtype=np.int64).reshape(count, self.arity)

    def everything(self) -> np.ndarray | None:
        length, letters = self.bounds.length, len(self.machine.input)
        if self.bounds.tape is None and sum(letters**n for n in range(length + 1)) > LISTED:
            return None
        return np.array([self._cells(tape) for tape in inputs_of(self.machine, self.bounds.tape, length)])

    def expected(self, inputs: np.ndarray) -> np.ndarray:
        """The last row, by direct simulation of each distinct input."""
        distinct, inverse = np.unique(inputs, axis=0, return_inverse=True)
        rows = [[self._index[word] for word in self.rows(each)[-1]] for each in distinct.tolist()]
        return np.array(rows, dtype=np.int64)[inverse.reshape(-1)]

    def rows(self, cells: Sequence[int]) -> list[list[str]]:
        """The words of every row of a direct simulation within the bounds, the prompt's row first."""
        start, wide = self.bounds.start, self.bounds.cells
        tape = {i - start: self.machine.symbols[code] for i, code in enumerate(cells)}
        run = _within(self.machine, tape, self.bounds)
        found = []
        for t in range((run.steps if self.bounds.steps is None else self.bounds.steps) + 1):
            moment = run.history[min(t, run.steps)]
            row = [moment.tape.get(c - start, self.machine.blank) for c in range(wide)]
            off, column = not 0 <= moment.head + start < wide, min(max(moment.head + start, 0), wide - 1)
            row[column] = f"{OFF if off else moment.state}:{row[column]}"
            found.append(row)
        return found

    def answer(self, words: Sequence[str]) -> str:
        wide, period = self.bounds.cells, self.semantics.period
        rows = [list(words[i : i + wide]) for i in range(0, len(words), period or wide)]
        rows = [row for row in rows if len(row) == wide] if period else rows
        for t, row in enumerate(rows):
            heads = [word.split(":", 1) for word in row if ":" in word]
            if len(heads) != 1:
                return f"no run: {len(heads)} heads after {t} steps"
            state, symbol = heads[0]
            if state == OFF:
                return f"ran off the tape: {t} steps, {_ones(row)} ones"
            if self.machine.halted(state, symbol):
                return f"halted: {t} steps, {_ones(row)} ones{self._report(row, state)}"
        return f"not halted: {len(rows) - 1} steps, {_ones(rows[-1])} ones"

    def _report(self, row: Sequence[str], state: str) -> str:
        if self.machine.report == "tape":
            return f", tape {''.join(word[-1] for word in row).strip(self.machine.blank) or 'blank'}"
        return f", {state}" if self.machine.report == "state" else ""

    def _cells(self, tape: str) -> list[int]:
        cells = [self.machine.symbols.index(self.machine.blank)] * self.bounds.cells
        for i, symbol in enumerate(tape):
            cells[self.bounds.start + i] = self.machine.symbols.index(symbol)
        return cells


def _within(machine: Machine, tape: Mapping[int, str], bounds: Bounds) -> Run:
    """A run that ends early where the head leaves the bounded tape."""
    low, high = -bounds.start, bounds.cells - bounds.start
    written = "".join(tape[i] for i in range(high))
    left = "".join(tape[i] for i in range(low, 0))
    if left.strip(machine.blank):
        raise ArlearnError("an input must start at the head, with blanks to its left")
    run = simulate(machine, written, bounds.steps or LIMIT)
    for t, (head, _) in enumerate(run.moments):
        if not low <= head < high:
            return run.shortened(t)
    return run


def _start(left: int, needed: int, cells: int | None) -> int:
    """Where the input begins: as far from the left edge as its runs need, spare cells shared between both ends."""
    return min(max(-left + ((cells - needed) // 2 if cells else 0), 0), (cells or needed) - 1)


def _checked(bounds: Bounds) -> Bounds:
    if bounds.start < 0 or bounds.start + bounds.length > bounds.cells:
        raise ArlearnError(f"a tape of {bounds.cells} cells has no room for an input of {bounds.length} symbols")
    if bounds.steps is not None and bounds.steps * bounds.cells > LONGEST:
        raise ArlearnError(
            f"{bounds.steps} steps on {bounds.cells} cells are {bounds.steps * bounds.cells} tokens, more than {LONGEST};"
            " give smaller --max-steps or --tape"
        )
    return bounds


def _ones(row: Sequence[str]) -> int:
    return sum(word[-1] == "1" for word in row)
