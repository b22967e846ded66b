"""A Turing machine with bounds on time and tape as a program: its run, one configuration after the other.

A configuration is a row of cells, one token each: a symbol, or ``state:symbol`` where the head stands. The next row's
cell is a sum of three readings, so each cell costs one token and no more:

    cell' = keep(cell) + right(cell to the left) + left(cell to the right)

``keep`` is the symbol that stays or is written there (and the state, if the head stays), ``right`` and ``left`` the
state of a head that moves in; a cell's code is (symbol) + (number of symbols) x (state, 0 for none). A run of ``steps``
steps on ``cells`` cells is steps x cells tokens. Malach (ICML 2024), section 2, reaches Turing machines through
threshold circuits; here the cells are themselves the gates.

Where the tokens are looked at one by one, two heads could meet in one cell. They never do, but the sum of their codes
is given a token (``?n:symbol``) all the same, so that the proof need not assume what it does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs.builder import Builder, Ref
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
        steps: rows to write.
        cells: width of the tape.
        start: the cell with the input's first symbol and, at first, the head.
        tape: the only input, or None for every input of up to ``length`` symbols.
        length: longest input.
    """

    steps: int
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
) -> Bounds:
    """Bounds within which every input halts, found by simulation, unless ``steps`` and ``cells`` are given.

    ``tape``: the only input; None for every input of up to ``length`` symbols, if the machine takes inputs at all.
    Raises ArlearnError if the inputs are too many to simulate, one does not halt, or the bounds make no sense.
    """
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
        if steps is None or cells is None:
            raise ArlearnError(
                f"{count} inputs of up to {length} symbols are too many to simulate; give --max-steps and --tape"
            )
        return _checked(Bounds(steps, cells, (cells - length) // 2, tape, length))
    runs = []
    for each in inputs_of(machine, tape, length):
        runs.append(simulate(machine, each, steps or LIMIT))
        if not runs[-1].halted and steps is None:
            raise ArlearnError(
                f"{machine.name} does not halt within {LIMIT} steps on the input {each!r};"
                " give --max-steps to write out that much of its run"
            )
    left, right = min(run.cells[0] for run in runs), max(*(run.cells[1] for run in runs), length - 1, 0)
    needed = right - left + 1
    longest = max(1, *(run.steps for run in runs))
    return _checked(Bounds(steps or longest, cells or needed, _start(left, needed, cells), tape, length))


def inputs_of(machine: Machine, tape: str | None, length: int) -> list[str]:
    """The tapes a compiled machine is for, shortest first."""
    if tape is not None:
        return [tape]
    return ["".join(each) for n in range(length + 1) for each in product(machine.input, repeat=n)]


def machine_program(machine: Machine, bounds: Bounds) -> Program:
    """The program that writes out ``bounds.steps`` rows of ``bounds.cells`` cells after the prompt's row."""
    codes = _Codes(machine)
    first = _first_row(machine, bounds, codes)
    rows = _reachable(first, bounds.steps, codes)
    used = sorted({int(code) for row in rows for cell in row for code in cell})
    build = Builder(f"turing-{machine.name}")
    kind = build.coded("cell", {codes.word(code): code for code in used})
    of = {codes.word(code): code for code in used}
    keep = {
        edges: build.number_table(f"keep{edges}", kind, lambda word, edges=edges: codes.keep(of[word], edges))  # type: ignore[misc]
        for edges in dict.fromkeys(_edges(c, bounds.cells) for c in range(bounds.cells))
    }
    right = build.number_table("right", kind, lambda word: codes.moving(of[word], 1))
    left = build.number_table("left", kind, lambda word: codes.moving(of[word], -1))
    row: list[Ref] = [
        build.slot(f"t0.c{c}", kind, [codes.word(int(code)) for code in cell]) for c, cell in enumerate(first)
    ]
    for t in range(1, bounds.steps + 1):
        after = []
        for c in range(bounds.cells):
            terms = [keep[_edges(c, bounds.cells)](row[c])]
            terms += [right(row[c - 1])] if c > 0 else []
            terms += [left(row[c + 1])] if c + 1 < bounds.cells else []
            after.append(build.add(f"t{t}.c{c}", kind, *terms))
        row = after
    build.output(*row)
    return build.program(
        {
            "kind": "tape",
            "machine": machine.as_json(),
            "steps": bounds.steps,
            "cells": bounds.cells,
            "start": bounds.start,
            "tape": bounds.tape,
            "length": bounds.length,
        }
    )


class TapeInterface(Interface):
    """A machine's input tape; the answer says how the run ended. Inputs: for each cell, the number of its symbol."""

    kind = "tape"

    def __init__(self, semantics: Semantics, configuration: Mapping[str, Any]) -> None:
        self.machine = from_mapping(configuration["machine"])
        tape = configuration["tape"]
        self.bounds = Bounds(
            int(configuration["steps"]),
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
        for t in range(self.bounds.steps + 1):
            moment = run.history[min(t, run.steps)]
            row = [moment.tape.get(c - start, self.machine.blank) for c in range(wide)]
            off, column = not 0 <= moment.head + start < wide, min(max(moment.head + start, 0), wide - 1)
            row[column] = f"{OFF if off else moment.state}:{row[column]}"
            found.append(row)
        return found

    def answer(self, words: Sequence[str]) -> str:
        wide = self.bounds.cells
        rows = [list(words[i : i + wide]) for i in range(0, len(words), wide)]
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


class _Codes:
    """A cell's code: (symbol) + (number of symbols) x (state); state 0 is none, the last one is ``off``."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.states = ["", *machine.states, OFF]
        self.size = len(machine.symbols)

    def code(self, symbol: str, state: str = "") -> int:
        return self.machine.symbols.index(symbol) + self.size * self.states.index(state)

    def word(self, code: int) -> str:
        state, symbol = divmod(code, self.size)
        written = self.machine.symbols[symbol]
        if state == 0:
            return written
        return f"{self.states[state] if state < len(self.states) else f'?{state}'}:{written}"

    def keep(self, code: int, edges: str) -> int:
        """What stays in the cell: its symbol, and the state of a head that halts, stays, or would leave the tape."""
        number, index = divmod(code, self.size)
        if not 0 < number < len(self.states):
            return index
        state, symbol = self.states[number], self.machine.symbols[index]
        if state == OFF or self.machine.halted(state, symbol):
            return code
        written, move, after = self.machine.rules[state, symbol]
        if (move < 0 and "L" in edges) or (move > 0 and "R" in edges):
            return self.code(written, OFF)
        return self.code(written, "" if move else after)

    def moving(self, code: int, direction: int) -> int:
        """The state that a head in this cell brings to its neighbour in this direction."""
        number, index = divmod(code, self.size)
        if not 0 < number < len(self.states) - 1:
            return 0
        state, symbol = self.states[number], self.machine.symbols[index]
        if self.machine.halted(state, symbol):
            return 0
        _, move, after = self.machine.rules[state, symbol]
        return self.size * self.states.index(after) if move == direction else 0


def _edges(cell: int, cells: int) -> str:
    return ("L" if cell == 0 else "") + ("R" if cell == cells - 1 else "")


def _first_row(machine: Machine, bounds: Bounds, codes: _Codes) -> list[np.ndarray]:
    """For each cell of the prompt, the codes it may have."""
    row = []
    for c in range(bounds.cells):
        place = c - bounds.start
        if bounds.tape is not None:
            symbols = [bounds.tape[place] if 0 <= place < len(bounds.tape) else machine.blank]
        else:
            symbols = [machine.blank, *(machine.input if 0 <= place < bounds.length else "")]
        row.append(np.array([codes.code(symbol, machine.start if place == 0 else "") for symbol in symbols]))
    return row


def _reachable(first: list[np.ndarray], steps: int, codes: _Codes) -> list[list[np.ndarray]]:
    """The codes each cell can have, row by row, as far as its three neighbours tell."""
    made: dict[tuple[bytes, bytes, bytes, str], np.ndarray] = {}
    rows = [first]
    nothing = np.zeros(1, dtype=np.int64)
    for _ in range(steps):
        row, after = rows[-1], []
        for c, cell in enumerate(row):
            before = row[c - 1] if c > 0 else nothing
            behind = row[c + 1] if c + 1 < len(row) else nothing
            edges = _edges(c, len(row))
            key = (before.tobytes(), cell.tobytes(), behind.tobytes(), edges)
            if key not in made:
                into = np.unique([codes.moving(int(code), 1) for code in before] if c > 0 else nothing)
                back = np.unique([codes.moving(int(code), -1) for code in behind] if c + 1 < len(row) else nothing)
                kept = np.unique([codes.keep(int(code), edges) for code in cell])
                made[key] = np.unique(kept[:, None, None] + into[:, None] + back)
            after.append(made[key])
        rows.append(after)
    return rows


def _within(machine: Machine, tape: Mapping[int, str], bounds: Bounds) -> Run:
    """A run that ends early where the head leaves the bounded tape."""
    low, high = -bounds.start, bounds.cells - bounds.start
    written = "".join(tape[i] for i in range(high))
    left = "".join(tape[i] for i in range(low, 0))
    if left.strip(machine.blank):
        raise ArlearnError("an input must start at the head, with blanks to its left")
    run = simulate(machine, written, bounds.steps)
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
    if bounds.steps * bounds.cells > LONGEST:
        raise ArlearnError(
            f"{bounds.steps} steps on {bounds.cells} cells are {bounds.steps * bounds.cells} tokens, more than {LONGEST};"
            " give smaller --max-steps or --tape"
        )
    return bounds


def _ones(row: Sequence[str]) -> int:
    return sum(word[-1] == "1" for word in row)
