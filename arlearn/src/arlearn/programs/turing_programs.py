"""A Turing machine as a program with a loop: each pass writes the next row of its tape, whatever the time it takes.

A row is a token that says whether the row before has halted, then one token for each cell: a symbol, or ``state:symbol``
where the head stands.

    row 0        _   right:1   1         _
    pass 1    |  _   1         right:1   _       the head has moved to the right
    pass 2    |  _   1         1         right:_

A cell's state is that of a head which comes from the left, or else from the right, or else stays; its symbol depends on
the cell above alone. Only the tape is bounded. ``unrolled_program`` has the older form, which bounds the time as well:
every row of its run has steps of its own, and a cell is a sum of three readings of the row before:

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
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs.builder import Builder, Ref, select_rule
from arlearn.programs.prompts import LISTED, Interface
from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Program
from arlearn.programs.turing import LIMIT, OFF, Bounds, Machine, Run, first_row, from_mapping, inputs_of, simulate


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


def unrolled_program(machine: Machine, bounds: Bounds) -> Program:
    """The program that writes out ``bounds.steps`` rows of ``bounds.cells`` cells after the prompt's row."""
    assert bounds.steps is not None
    codes = _Codes(machine)
    first = [np.array([codes.code(symbol, state) for symbol, state in cell]) for cell in first_row(machine, bounds)]
    rows = _reachable(first, bounds.steps, codes)
    used = sorted({int(code) for row in rows for cell in row for code in cell})
    build = Builder(f"turing-{machine.name}")
    kind = build.coded("cell", {codes.word(code): code for code in used})
    of = {codes.word(code): code for code in used}
    keep = {
        edges: build.number_table(f"keep{edges}", kind, lambda word, edges=edges: codes.keep(of[word], edges))  # type: ignore[misc]
        for edges in dict.fromkeys(edges_of(c, bounds.cells) for c in range(bounds.cells))
    }
    right = build.number_table("right", kind, lambda word: codes.moving(of[word], 1))
    left = build.number_table("left", kind, lambda word: codes.moving(of[word], -1))
    row: list[Ref] = [
        build.slot(f"t0.c{c}", kind, [codes.word(int(code)) for code in cell]) for c, cell in enumerate(first)
    ]
    for t in range(1, bounds.steps + 1):
        after = []
        for c in range(bounds.cells):
            terms = [keep[edges_of(c, bounds.cells)](row[c])]
            terms += [right(row[c - 1])] if c > 0 else []
            terms += [left(row[c + 1])] if c + 1 < bounds.cells else []
            after.append(build.add(f"t{t}.c{c}", kind, *terms))
        row = after
    build.output(*row)
    return build.program(interface_entry(machine, bounds))


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
            edges = edges_of(c, len(row))
            key = (before.tobytes(), cell.tobytes(), behind.tobytes(), edges)
            if key not in made:
                into = np.unique([codes.moving(int(code), 1) for code in before] if c > 0 else nothing)
                back = np.unique([codes.moving(int(code), -1) for code in behind] if c + 1 < len(row) else nothing)
                kept = np.unique([codes.keep(int(code), edges) for code in cell])
                made[key] = np.unique(kept[:, None, None] + into[:, None] + back)
            after.append(made[key])
        rows.append(after)
    return rows


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

    def example(self) -> str:
        return "".join(self.machine.input * 4)[: min(4, self.bounds.length)]

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


def _ones(row: Sequence[str]) -> int:
    return sum(word[-1] == "1" for word in row)
