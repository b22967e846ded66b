"""A Turing machine with bounds on time and tape as a program without a loop: every row of its run has steps of its own.

A row's cell is a sum of three readings of the row before:

    cell' = keep(cell) + right(cell to the left) + left(cell to the right)

``keep`` is the symbol that stays or is written there (and the state, if the head stays), ``right`` and ``left`` the
state of a head that moves in; a cell's code is (symbol) + (number of symbols) x (state, 0 for none). A run of ``steps``
steps on ``cells`` cells is steps x cells tokens. Malach (ICML 2024), section 2, reaches Turing machines through
threshold circuits; here the cells are themselves the gates. ``turing_programs`` has the form with a loop.

Where the tokens are looked at one by one, two heads could meet in one cell. They never do, but the sum of their codes
is given a token (``?n:symbol``) all the same, so that the proof need not assume what it does not show.
"""

from __future__ import annotations

import numpy as np

from arlearn.programs.builder import Builder, Ref
from arlearn.programs.steps import Program
from arlearn.programs.turing import OFF, Machine
from arlearn.programs.turing_programs import Bounds, first_row, interface_entry


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


def _edges(cell: int, cells: int) -> str:
    return ("L" if cell == 0 else "") + ("R" if cell == cells - 1 else "")


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
