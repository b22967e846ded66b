"""Boolean and threshold circuits as programs: one generated token a gate, two for a parity gate.

Malach (ICML 2024), section 2: a linear auto-regressive predictor computes every linear threshold circuit. The text form
(docs/programs.md) has one statement a line, ``#`` starts a comment, names are defined before they are used:

    inputs x1..x4
    both  = AND x1 x2
    any   = OR x3 x4
    two   = ATLEAST 2 x1 x2 x3 x4
    heavy = 3*x1 + 2*x2 - x3 >= 2
    odd   = XOR both any two
    outputs odd heavy
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arlearn.programs.builder import Builder, Ref
from arlearn.programs.steps import Program, ProgramError, Term, sum_text
from arlearn.programs.text import NAME, parse_sum

_RANGE = re.compile(r"([A-Za-z_][A-Za-z_.]*)(\d+)\.\.([A-Za-z_][A-Za-z_.]*)?(\d+)")
PARITY = ("XOR", "XNOR")
GATES = ("AND", "OR", "NOT", "NAND", "NOR", "MAJORITY", "COPY", *PARITY)


@dataclass(frozen=True)
class Gate:
    """True if the weighted sum of the arguments reaches the threshold; for parity gates, where their number is odd.

    ``weights`` has one entry for each distinct argument; ``written`` is the gate as its line says it.
    """

    name: str
    weights: tuple[tuple[str, int], ...]
    threshold: int
    parity: bool = False
    written: str = ""


@dataclass(frozen=True)
class Circuit:
    """Gates in an order in which each comes after its arguments. Bits are 0 and 1."""

    name: str
    inputs: tuple[str, ...]
    gates: tuple[Gate, ...]
    outputs: tuple[str, ...]

    def evaluate(self, bits: np.ndarray) -> np.ndarray:
        """The outputs for rows of input bits, computed directly: (count, inputs) -> (count, outputs)."""
        values = {name: np.asarray(bits)[:, i].astype(np.int64) for i, name in enumerate(self.inputs)}
        zero = np.zeros(len(bits), dtype=np.int64)
        for gate in self.gates:
            total = sum((weight * values[ref] for ref, weight in gate.weights), zero)
            odd, reached = (total - gate.threshold) % 2, (total >= gate.threshold).astype(np.int64)
            values[gate.name] = odd if gate.parity else reached
        return np.stack([values[name] for name in self.outputs], axis=1)

    def lines(self) -> list[str]:
        """The text form, which ``parse`` reads back."""
        named = [f"{gate.name} = {gate.written}" for gate in self.gates]
        return [f"inputs {' '.join(self.inputs)}", *named, f"outputs {' '.join(self.outputs)}"]

    def program(self) -> Program:
        """One step a gate; a parity gate first counts its arguments. Outputs that are inputs are copied."""
        build = Builder(self.name)
        bit = build.numbers("bit", (0, 1))
        refs: dict[str, Ref] = {name: build.slot(name, bit) for name in self.inputs}
        widest = max((sum(abs(w) for _, w in gate.weights) for gate in self.gates if gate.parity), default=0)
        if widest:
            count = build.numbers("count", range(widest + 1), "c{}")
            odd = build.word_table("odd", count, bit, lambda word: str(int(word[1:]) % 2))
            even = build.word_table("even", count, bit, lambda word: str(1 - int(word[1:]) % 2))
        for gate in self.gates:
            terms = [refs[ref] * weight for ref, weight in gate.weights]
            if gate.parity:
                counted = build.add(f"{gate.name}.count", count, *terms)
                refs[gate.name] = build.lookup(gate.name, bit, even if gate.threshold else odd, counted)
            elif not terms:
                refs[gate.name] = build.constant(gate.name, bit, "1" if gate.threshold <= 0 else "0")
            else:
                refs[gate.name] = build.compare(gate.name, bit, *terms, at_least=gate.threshold)
        for name in self.outputs:
            build.output(build.copy(f"{name}.out", bit, refs[name]) if name in self.inputs else refs[name])
        return build.program({"kind": "bits", "circuit": self.lines(), "name": self.name})


class CircuitBuilder:
    """Writes a circuit in Python: ``c = CircuitBuilder("and", ["x", "y"]); c.gate("z", "AND", "x", "y")``.

    Nothing is refused before ``circuit()``, which raises ProgramError with every fault.
    """

    def __init__(self, name: str, inputs: Sequence[str] = ()) -> None:
        self.name = name
        self.inputs = list(inputs)
        self.gates: list[Gate] = []
        self.outputs: list[str] = []
        self.faults: list[str] = []

    def gate(self, name: str, operation: str, *arguments: str) -> str:
        """One of ``GATES`` or the constants TRUE and FALSE. Returns the name."""
        kind, n = operation.upper(), len(arguments)
        written = " ".join((kind, *arguments))
        if kind in ("TRUE", "FALSE"):
            if n:
                self.faults.append(f"{name}: {kind} takes no arguments")
            self.gates.append(Gate(name, (), 0 if kind == "TRUE" else 1, written=written))
            return name
        if kind not in GATES:
            known = ", ".join((*GATES, "ATLEAST", "TRUE", "FALSE"))
            self.faults.append(f"{name}: there is no gate {operation!r}; there are {known}")
        elif kind in ("NOT", "COPY") and n != 1:
            self.faults.append(f"{name}: {kind} takes one argument, got {n}")
        elif n == 0:
            self.faults.append(f"{name}: {kind} takes arguments, got none")
        negated = kind in ("NOT", "NAND", "NOR")
        thresholds = {"AND": n, "OR": 1, "COPY": 1, "MAJORITY": n // 2 + 1, "NAND": 1 - n, "XNOR": 1}  # others: 0
        weights = _weights((argument, -1 if negated else 1) for argument in arguments)
        self.gates.append(Gate(name, weights, thresholds.get(kind, 0), kind in PARITY, written))
        return name

    def at_least(self, name: str, threshold: int, *arguments: str) -> str:
        """True if at least ``threshold`` of the arguments are."""
        if not arguments:
            self.faults.append(f"{name}: ATLEAST takes arguments, got none")
        written = " ".join(("ATLEAST", str(threshold), *arguments))
        self.gates.append(Gate(name, _weights((argument, 1) for argument in arguments), threshold, written=written))
        return name

    def weighted(self, name: str, weights: Mapping[str, int], threshold: int) -> str:
        """True if the weighted sum of the arguments reaches the threshold."""
        terms = tuple(Term(ref, None, weight) for ref, weight in weights.items())
        written = f"{sum_text(terms, 0)} >= {threshold}"
        self.gates.append(Gate(name, tuple(weights.items()), threshold, written=written))
        return name

    def output(self, *names: str) -> None:
        self.outputs.extend(names)

    def circuit(self) -> Circuit:
        """The circuit. Raises ProgramError listing all its faults."""
        faults = [*self.faults, *self._meaning_faults()]
        if faults:
            raise ProgramError(f"circuit {self.name!r}", faults)
        return Circuit(self.name, tuple(self.inputs), tuple(self.gates), tuple(self.outputs))

    def _meaning_faults(self) -> list[str]:
        faults = []
        if not self.inputs:
            faults.append("there are no inputs")
        if not self.outputs:
            faults.append("there are no outputs")
        later = {gate.name for gate in self.gates}
        known: set[str] = set()
        for name in self.inputs:
            if name in known:
                faults.append(f"input {name} is given twice")
            known.add(name)
        for gate in self.gates:
            for ref, _ in gate.weights:
                if ref not in known:
                    what = "is defined only later" if ref in later else "is not defined"
                    faults.append(f"gate {gate.name}: {ref} {what}" if ref != gate.name else f"gate {ref} reads itself")
            if gate.name in known:
                faults.append(f"{gate.name} is defined twice")
            known.add(gate.name)
        faults += [f"output {name} is not defined" for name in self.outputs if name not in known]
        faults += [f"output {name} is named twice" for name, count in Counter(self.outputs).items() if count > 1]
        return faults


def parse(text: str, name: str = "circuit") -> Circuit:
    """The circuit that the text describes. Raises ProgramError listing every fault, with its line if it has one."""
    build = CircuitBuilder(name)
    for number, line in enumerate(text.splitlines(), 1):
        statement = line.partition("#")[0].strip()
        if not statement:
            continue
        before = len(build.faults)
        try:
            _statement(build, statement)
        except ValueError as error:
            build.faults.append(str(error))
        build.faults[before:] = [f"line {number}: {fault}" for fault in build.faults[before:]]
    return build.circuit()


def parity_circuit(bits: int, step: int = 1) -> Circuit:
    """Parity of ``bits`` bits, taking up ``step`` bits with each gate: more bits a gate, fewer tokens."""
    faults = [f"bits must be 2 or more, not {bits}"] if bits < 2 else []
    faults += [f"step must be 1 or more, not {step}"] if step < 1 else []
    if faults:
        raise ProgramError("parity", faults)
    build = CircuitBuilder(f"parity-{bits}", [f"x{i}" for i in range(1, bits + 1)])
    waiting, sofar = list(build.inputs), ""
    while waiting:
        take = step if sofar else step + 1
        arguments = [sofar, *waiting[:take]] if sofar else waiting[:take]
        waiting = waiting[take:]
        sofar = build.gate(f"g{len(build.gates) + 1}", "XOR", *arguments)
    build.output(sofar)
    return build.circuit()


def _statement(build: CircuitBuilder, statement: str) -> None:
    head, *rest = statement.split()
    if head in ("inputs", "outputs") and (not rest or rest[0] != "="):
        names = [name for word in rest for name in _spread(word)]
        if not names:
            raise ValueError(f"{head} needs at least one name")
        (build.inputs if head == "inputs" else build.outputs).extend(names)
        return
    name, equals, right = (part.strip() for part in statement.partition("="))
    if not equals or not NAME.fullmatch(name) or not right:
        raise ValueError(f"{statement!r} is not a statement; write 'inputs a b', 'z = AND a b' or 'outputs z'")
    left, sign, threshold = right.partition(">=")
    if sign:
        if not re.fullmatch(r"\s*-?\d+\s*", threshold):
            raise ValueError(f"{name}: the threshold after '>=' must be a whole number, got {threshold.strip()!r}")
        terms, constant = parse_sum(name, left)
        if any(term.table for term in terms):
            raise ValueError(f"{name}: a weighted sum takes bits, not functions of them")
        build.weighted(name, dict(_weights((term.ref, term.weight) for term in terms)), int(threshold) - constant)
        return
    operation, *arguments = right.split()
    spread = [each for word in arguments for each in _spread(word)]
    if operation.upper() == "ATLEAST":
        if not spread or not re.fullmatch(r"-?\d+", spread[0]):
            raise ValueError(f"{name}: ATLEAST takes a whole number, then arguments, as in 'z = ATLEAST 2 a b c'")
        build.at_least(name, int(spread[0]), *spread[1:])
    else:
        build.gate(name, operation, *spread)


def _spread(word: str) -> list[str]:
    """``x1..x3`` -> x1 x2 x3; any other word is itself."""
    match = _RANGE.fullmatch(word)
    if match is None:
        if not NAME.fullmatch(word) and not re.fullmatch(r"-?\d+", word):
            raise ValueError(f"{word!r} is not a name")
        return [word]
    stem, low, again, high = match.groups()
    if again not in (None, stem) or int(high) < int(low) or int(high) - int(low) > 100_000:
        raise ValueError(f"{word!r} is not a range; write x1..x16")
    return [f"{stem}{i}" for i in range(int(low), int(high) + 1)]


def _weights(pairs: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    total: dict[str, int] = {}
    for name, weight in pairs:
        total[name] = total.get(name, 0) + weight
    return tuple(total.items())
