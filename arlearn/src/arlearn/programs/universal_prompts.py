"""Machines and tapes as prompts of a universal program, and its runs read back in the machine's own names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs.prompts import Interface
from arlearn.programs.semantics import Semantics
from arlearn.programs.turing import Machine, is_notation, parse, simulate
from arlearn.programs.universal import GAP, HALT, NOTHING, STATES, SYMBOLS, Sizes, is_headed, symbol_in

DRAWN = 1_000  # random machines at once
PLACED = 4_000  # steps that are simulated to place a tape


@dataclass(frozen=True)
class MachineRun:
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


def read_run(words: Sequence[str], sizes: Sizes) -> MachineRun:
    """How far the run in these words, prompt included, has come."""
    table = 2 * len(sizes.heads)
    period = table + sizes.cells + 1
    passes, rest = divmod(len(words) - (period - 1), period)  # whole ones, after the prompt; tokens of the last
    row = words[passes * period + table :][: sizes.cells]
    last = words[-1]
    heads = [c for c, word in enumerate(row) if is_headed(word)]
    state = words[passes * period + table - 1][-1]
    why = "running"
    if rest == 1 and last[0] == HALT:
        why = "halted"
    elif rest == 1 and last[1] == NOTHING:
        why = "off"
    elif last == f"->{GAP}":
        why = "gap"
    return MachineRun(why, passes, state, heads[0] if heads else None, "".join(map(symbol_in, row)))


@dataclass(frozen=True)
class MachinePrompt:
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

    def answer(self, ended: MachineRun) -> str:
        """How the run ended, in the machine's own names."""
        row = "".join(self.symbols[symbol] for symbol in ended.row)
        report = ""
        if self.machine.report == "tape":
            report = f", tape {row.strip(self.machine.blank) or 'blank'}"
        elif self.machine.report == "state":
            report = f", {self.states[ended.state]}"
        told = ended.why == "gap" and self.states[ended.state] in self.machine.halt
        return describe(replace(ended, why="halted") if told else ended, row, self.states[ended.state], report)


def describe(ended: MachineRun, row: str, state: str, report: str = "") -> str:
    """``halted: 107 steps, 13 ones`` and the like; ``row`` and ``state`` are what the answer calls them."""
    counted = f"{ended.steps} steps, {row.count('1')} ones"
    if ended.why == "off":
        return f"ran off the tape: {counted}"
    if ended.why == "running":
        return f"not halted: {counted}"
    if ended.why == "gap" and ended.head is not None:
        report += f"; the table has no rule for state {state} on symbol {row[ended.head]}"
    return f"halted: {counted}{report}"


def prompt_of(machine: Machine, tape: str, sizes: Sizes) -> MachinePrompt:
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
    return MachinePrompt(machine, tuple(words), back, names, start)


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
                f"{text.strip()[:60]!r} is not a machine; write one like 1RB1LB_1LA1RH, followed by a space and its tape if it has"
                " one, or give a file or an example's name with --machine"
            )
        return self.inputs(prompt_of(parse(notation, "machine"), tape.strip(), self.sizes))

    def inputs(self, prompted: MachinePrompt) -> list[int]:
        """The prompt's tokens as indices."""
        slots = self.semantics.program.slots
        return [self.semantics.index[slot.alphabet][word] for slot, word in zip(slots, prompted.words, strict=True)]

    def example(self) -> str:
        if self.sizes.states >= 4 and self.sizes.cells >= 14:
            return "1RB1LB_1LA0LC_1RH1LD_1RD0RA"  # the busy beaver of four states
        return "1RB1LB_1LA1RH" if self.sizes.states > 1 else "1RH1LA"

    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        """Random tables on a blank tape. Raises ArlearnError for many: their runs may never end."""
        if count > DRAWN:
            raise ArlearnError(
                "a universal model is not evaluated on random machines, whose runs may never end;"
                f" {self.hint} (arlearn generate)"
            )
        return np.array(
            [self.inputs(prompt_of(random_machine(self.sizes, random), "", self.sizes)) for _ in range(count)]
        )

    def expected(self, inputs: np.ndarray) -> np.ndarray:
        raise ArlearnError(f"a universal model's runs may never end, so it has no list of right answers; {self.hint}")

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


def disagreement(words: Sequence[str], prompted: MachinePrompt, tape: str, sizes: Sizes) -> str | None:
    """Where a run's words (prompt included) say something else than the simulator; None if they agree at every step."""
    ended, period = read_run(words, sizes), 2 * len(sizes.heads) + sizes.cells + 1
    run = simulate(prompted.machine, tape, ended.steps + 1)
    cells = dict(enumerate(tape))
    for t in range(ended.steps + 1):
        if t > run.steps:
            return f"the run goes on after {run.steps} steps"
        if t:
            cells[run.moments[t - 1][0]] = run.written[t - 1]
        head, state = run.moments[t]
        here = read_run(words[period * t : period * (t + 1) - 1], sizes)  # each pass lies as a prompt does
        row = "".join(cells.get(c - prompted.start, prompted.machine.blank) for c in range(sizes.cells))
        place = head + prompted.start if 0 <= head + prompted.start < sizes.cells else None
        if "".join(prompted.symbols[symbol] for symbol in here.row) != row:
            return f"another tape after {t} steps"
        if (prompted.states[here.state], here.head) != (state, place):
            return f"another state or head after {t} steps"
    if ended.why in ("halted", "gap") and not (run.halted and run.steps == ended.steps):
        return f"it halts after {ended.steps} steps, the simulator does not"
    if ended.why == "off" and here.head is not None:
        return f"it says that the head has left the tape after {ended.steps} steps"
    return None
