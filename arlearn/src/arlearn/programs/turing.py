"""Turing machines: their text form, a direct simulator that knows nothing of predictors, and bounds found by simulating.

A machine is a TOML file (docs/programs.md shows one in full):

    name = "binary-increment"
    start = "right"
    blank = "_"
    halt = ["done"]
    input = "01"                    # symbols an input may have; empty: it starts on a blank tape
    report = "tape"                 # what to say beside steps and ones: "tape", "state" or nothing

    [transitions.right]             # state: symbol read = "symbol written, L R or S, next state"
    "0" = "0 R right"

or the one-line notation of the busy-beaver literature, ``1RB1LB_1LA0LC_1RH1LD_1RD0RA``: for states A, B, ... what to do
on 0 and on 1; H and Z halt, ``---`` is undefined. A machine halts in a halting state, or where no transition is given.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from arlearn.errors import ArlearnError
from arlearn.programs.steps import ProgramError

_NOTATION = re.compile(r"(?:[0-9][LR][A-Z]|---){2}(?:_(?:[0-9][LR][A-Z]|---){2})*")
_STATE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
OFF = "off"  # the state of a head that has left the tape
TRIED = 20_000  # inputs that are simulated to find the bounds on time and tape
LIMIT = 100_000  # steps of one such simulation
LONGEST = 250_000  # tokens of a run that are worth writing out
REPORTS = ("", "tape", "state")


@dataclass(frozen=True)
class Machine:
    """A deterministic machine with one tape. ``rules``: (state, symbol) -> (symbol, move -1 0 1, state)."""

    name: str
    start: str
    blank: str
    halt: frozenset[str]
    symbols: tuple[str, ...]
    states: tuple[str, ...]
    rules: Mapping[tuple[str, str], tuple[str, int, str]]
    input: str = ""
    report: str = ""

    def halted(self, state: str, symbol: str) -> bool:
        """Whether the machine stops in this state on this symbol."""
        return state in self.halt or (state, symbol) not in self.rules

    def as_json(self) -> dict[str, Any]:
        """What ``from_mapping`` reads back; the same as the TOML file."""
        transitions: dict[str, dict[str, str]] = {}
        for (state, symbol), (written, move, after) in self.rules.items():
            transitions.setdefault(state, {})[symbol] = f"{written} {'LSR'[move + 1]} {after}"
        return {
            "name": self.name,
            "start": self.start,
            "blank": self.blank,
            "halt": sorted(self.halt),
            "input": self.input,
            "report": self.report,
            "transitions": transitions,
        }


@dataclass(frozen=True)
class Configuration:
    """A moment of a run: the tape where it is not blank, the head's cell and the state."""

    tape: Mapping[int, str]
    head: int
    state: str


@dataclass(frozen=True)
class Run:
    """A run from start to halt, or to the limit.

    Attributes:
        tape: the symbols at the start, from cell 0.
        blank: the symbol of every other cell.
        moments: where the head stood and in which state, before the first step and after each.
        written: the symbol each step wrote.
        halted: whether the machine stopped by itself.
    """

    tape: str
    blank: str
    moments: tuple[tuple[int, str], ...]
    written: tuple[str, ...]
    halted: bool

    @property
    def steps(self) -> int:
        return len(self.written)

    @property
    def cells(self) -> tuple[int, int]:
        """The leftmost and the rightmost cell that the head stood on."""
        heads = [head for head, _ in self.moments]
        return min(heads), max(heads)

    @cached_property
    def history(self) -> tuple[Configuration, ...]:
        """One configuration more than there were steps; takes memory for every one of them."""
        cells = {i: symbol for i, symbol in enumerate(self.tape) if symbol != self.blank}
        found = [Configuration(dict(cells), *self.moments[0])]
        for (head, _), symbol, after in zip(self.moments, self.written, self.moments[1:], strict=False):
            cells[head] = symbol
            if symbol == self.blank:
                del cells[head]
            found.append(Configuration(dict(cells), *after))
        return tuple(found)

    def shortened(self, steps: int) -> Run:
        """The first steps of this run."""
        return Run(self.tape, self.blank, self.moments[: steps + 1], self.written[:steps], False)


def simulate(machine: Machine, tape: str, limit: int = 100_000) -> Run:
    """Run the machine with its head on the first symbol of ``tape`` (cell 0), for up to ``limit`` steps."""
    cells = dict(enumerate(tape))
    head, state = 0, machine.start
    moments = [(head, state)]
    written: list[str] = []
    while True:
        symbol = cells.get(head, machine.blank)
        if machine.halted(state, symbol) or len(written) >= limit:
            return Run(tape, machine.blank, tuple(moments), tuple(written), machine.halted(state, symbol))
        cells[head], move, state = machine.rules[state, symbol]
        written.append(cells[head])
        head += move
        moments.append((head, state))


def is_notation(text: str) -> bool:
    """Whether this is the one-line notation."""
    return _NOTATION.fullmatch(text.strip()) is not None


def parse(text: str, name: str = "machine") -> Machine:
    """A machine from TOML or from the one-line notation. Raises ProgramError listing every fault."""
    if is_notation(text):
        return from_notation(text.strip(), name)
    try:
        return from_mapping({"name": name} | tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProgramError(f"machine {name!r}", [f"it is neither TOML nor of the form 1RB1LB_...: {error}"]) from error


def from_notation(text: str, name: str) -> Machine:
    """``1RB1LB_1LA...``: two symbols, states A, B, ..., started on a blank tape of zeros."""
    groups = text.split("_")
    states = [chr(ord("A") + i) for i in range(len(groups))]
    transitions = {
        state: {
            str(symbol): f"{group[3 * symbol]} {group[3 * symbol + 1]} {group[3 * symbol + 2]}"
            for symbol in (0, 1)
            if group[3 * symbol] != "-"
        }
        for state, group in zip(states, groups, strict=True)
    }
    targets = {entry.split()[2] for row in transitions.values() for entry in row.values()}
    halt = sorted(targets - set(states))
    return from_mapping({"name": name, "start": "A", "blank": "0", "halt": halt, "transitions": transitions})


def from_mapping(entry: Mapping[str, Any]) -> Machine:
    """A machine from the contents of its TOML file. Raises ProgramError listing every fault."""
    name = str(entry.get("name", "machine"))
    faults = [
        f"unknown entry {key!r}"
        for key in sorted(set(entry) - {"name", "about", "start", "blank", "halt", "input", "report", "transitions"})
    ]
    start, blank, halt = str(entry.get("start", "")), str(entry.get("blank", "_")), entry.get("halt", [])
    given, report, table = str(entry.get("input", "")), str(entry.get("report", "")), entry.get("transitions", {})
    if (
        not isinstance(halt, list)
        or not isinstance(table, Mapping)
        or not all(isinstance(row, Mapping) for row in table.values())
    ):
        raise ProgramError(f"machine {name!r}", [*faults, "halt must be a list of states, and transitions tables"])
    rules: dict[tuple[str, str], tuple[str, int, str]] = {}
    for state, row in table.items():
        for symbol, action in row.items():
            parts = str(action).split()
            if len(parts) != 3 or parts[1] not in "LSR" or len(parts[1]) != 1:
                faults.append(f"transition {state} {symbol!r}: {action!r} is not 'symbol, L R or S, state'")
            else:
                rules[str(state), str(symbol)] = (parts[0], "LSR".index(parts[1]) - 1, parts[2])
    symbols = dict.fromkeys([blank, *given, *(s for _, s in rules), *(written for written, _, _ in rules.values())])
    states = dict.fromkeys([start, *table, *(after for _, _, after in rules.values()), *map(str, halt)])
    faults += [f"symbol {symbol!r} must be one character, not space" for symbol in symbols if not _symbol(symbol)]
    faults += [f"state {state!r} must be a word" for state in states if state and not _STATE.fullmatch(state)]
    faults += [f"the state name {OFF!r} is reserved"] if OFF in states else []
    faults += [] if start else ["it has no start state"]
    faults += [] if rules else ["it has no transitions"]
    faults += [
        f"state {state} has no transitions and does not halt"
        for state in states
        if state and state not in table and state not in halt
    ]
    faults += [f"the halting state {state} has transitions" for state in halt if state in table]
    faults += [f"the blank {blank!r} cannot be an input symbol too"] if blank in given else []
    faults += [] if report in REPORTS else [f"report must be 'tape', 'state' or '', not {report!r}"]
    if faults:
        raise ProgramError(f"machine {name!r}", faults)
    return Machine(name, start, blank, frozenset(map(str, halt)), tuple(symbols), tuple(states), rules, given, report)


def _symbol(symbol: str) -> bool:
    return len(symbol) == 1 and not symbol.isspace() and symbol not in ":?"


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
