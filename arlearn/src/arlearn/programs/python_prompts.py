"""Inputs and answers of a compiled Python function, and Python itself as what its answers are compared with."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs.prompts import LISTED, Interface, output_words
from arlearn.programs.python_digits import BASE, INDEX, OVERFLOW, ZERO, width
from arlearn.programs.python_reading import LARGEST, FunctionSource, read_source
from arlearn.programs.semantics import GAP, Semantics
from arlearn.programs.steps import ProgramError

TURNS = 100_000  # turns of loops after which Python's own run is given up
ENDED = {
    ZERO: "division by zero",
    INDEX: "an index is outside its tuple",
}


class _TooLong(Exception):
    """A run of the Python function has made too many turns."""


class _PassCounter(ast.NodeTransformer):
    """Counts the turns of every loop."""

    def _loop(self, node: ast.While | ast.For) -> ast.AST:
        self.generic_visit(node)
        tick = ast.Expr(ast.Call(ast.Name("_tick", ast.Load()), [], []))
        node.body.insert(0, ast.copy_location(tick, node))
        return ast.fix_missing_locations(node)

    visit_While = _loop
    visit_For = _loop


def python_function(source: FunctionSource) -> Callable[..., Any]:
    """The function as Python runs it, with nothing built in but what the subset has; ``_TooLong`` after many turns.

    The subset has been checked, so it has no side effects.
    """
    turns = [0]

    def tick() -> None:
        turns[0] += 1
        if turns[0] > TURNS:
            raise _TooLong

    allowed = {"range": range, "abs": abs, "min": min, "max": max, "len": len}
    space: dict[str, Any] = {"__builtins__": allowed, "_tick": tick}
    tree = ast.fix_missing_locations(_PassCounter().visit(ast.parse(source.text())))
    exec(compile(tree, source.path, "exec"), space)

    def called(*arguments: int) -> Any:
        turns[0] = 0
        return space[source.name](*arguments)

    return called


@dataclass(frozen=True)
class Comparison:
    """Runs of the model against Python.

    Attributes:
        ran: inputs for which both gave an answer or the same error.
        wrong: of them, with another answer.
        unanswered: the model's number range, or Python's patience, was too small to compare.
        example: the first wrong one, or an empty text.
    """

    ran: int
    wrong: int
    unanswered: int
    example: str


class PythonInterface(Interface):
    """Numbers in stated ranges; the answer as Python would print it. Inputs: the numbers."""

    kind = "python"

    def __init__(self, semantics: Semantics, configuration: Mapping[str, Any]) -> None:
        self.semantics = semantics
        text, name = str(configuration["source"]), str(configuration["function"])
        self.source = read_source(text, str(configuration["path"]), name)
        self.ranges = {str(key): (int(low), int(high)) for key, (low, high) in configuration["inputs"].items()}
        self.numbers = tuple(int(each) for each in configuration["numbers"])
        self.returns = [(int(digits), bool(signed)) for digits, signed in configuration["returns"]]
        self.form = str(configuration["form"])
        self.arity = len(self.ranges)
        self.function = python_function(self.source)

    def prompt(self, inputs: np.ndarray) -> np.ndarray:
        columns = []
        for (low, high), column in zip(self.ranges.values(), np.asarray(inputs, np.int64).T, strict=True):
            if low < 0:
                columns.append((column < 0).astype(np.int64))
            columns += [column // BASE**j % BASE for j in reversed(range(width(low, high)))]
        return np.stack([*columns, np.ones(len(inputs), np.int64)], axis=1)  # "begin" is "yes"

    def parse(self, text: str) -> list[int]:
        words = text.replace(",", " ").split()
        stated = ", ".join(f"{name} {low}..{high}" for name, (low, high) in self.ranges.items())
        try:
            numbers = [int(word) for word in words]
        except ValueError as error:
            raise ArlearnError(f"{text.strip()[:60]!r} is not whole numbers; the function takes {stated}") from error
        if len(numbers) != self.arity:
            raise ArlearnError(f"the function takes {self.arity} numbers ({stated}), not {len(numbers)}")
        wrong = [
            f"{name} is {number}, outside {low}..{high}"
            for number, (name, (low, high)) in zip(numbers, self.ranges.items(), strict=True)
            if not low <= number <= high
        ]
        if wrong:
            raise ArlearnError(f"{'; '.join(wrong)}: the function was compiled for {stated} (--inputs)")
        return numbers

    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        return np.stack([random.integers(low, high + 1, count) for low, high in self.ranges.values()], axis=1)

    def everything(self) -> np.ndarray | None:
        spans = [np.arange(low, high + 1) for low, high in self.ranges.values()]
        if np.prod([float(len(span)) for span in spans]) > LISTED:
            return None
        return np.stack([grid.ravel() for grid in np.meshgrid(*spans, indexing="ij")], axis=1)

    def expected(self, inputs: np.ndarray) -> np.ndarray:
        """What Python computes, as indices of the answer's tokens; GAP if it has no answer."""
        wide = sum(digits + signed for digits, signed in self.returns)
        rows = []
        for row in inputs.tolist():
            answer, _ = self.python(row)
            rows.append([GAP] * wide if answer is None else self._written(answer))
        return np.array(rows, dtype=np.int64).reshape(len(rows), wide)

    def python(self, arguments: Sequence[int]) -> tuple[list[int] | None, str]:
        """Python's answer, one number for each element; else None and why there is none."""
        try:
            answer = self.function(*arguments)
        except ZeroDivisionError:
            return None, ZERO
        except IndexError:
            return None, INDEX
        except _TooLong:
            return None, "too long"
        return [int(each) for each in answer] if isinstance(answer, tuple) else [int(answer)], ""

    def _written(self, answer: Sequence[int]) -> list[int]:
        """The answer's tokens; another number of digits than the model has cannot match."""
        row: list[int] = []
        for number, (digits, signed) in zip(answer, self.returns, strict=True):
            fits = abs(number) < BASE**digits and (signed or number >= 0)
            row += [int(number < 0)] * signed
            row += [number // BASE**j % BASE if fits else GAP for j in reversed(range(digits))]
        return row

    def result(self, told: Sequence[str]) -> list[int]:
        """The numbers that the outputs' words say."""
        found = []
        for digits, signed in self.returns:
            negative = signed and told[0] == "-"
            number = int("".join(told[int(signed) : digits + signed]))
            found.append(number - BASE**digits if negative else number)
            told = told[digits + signed :]
        return found

    def answer(self, words: Sequence[str]) -> str:
        if words[-1] == "returned":
            return self._shown(self.result(output_words(self.semantics, words)))
        if words[-1] not in (OVERFLOW, *ENDED):
            return "not ended"
        low, high = self.numbers
        return ENDED.get(words[-1], f"{OVERFLOW}: a number left {low}..{high} (--numbers)")

    def _shown(self, found: Sequence[int]) -> str:
        if self.form == "tuple":
            return str(tuple(found))
        return str(bool(found[0])) if self.form == "truth" else str(found[0])

    def compare(self, inputs: np.ndarray, last: Sequence[str], told: Sequence[Sequence[str]]) -> Comparison:
        """Runs against Python's own answers: of each, the last word and the words of the outputs."""
        ran = wrong = unanswered = 0
        example = ""
        for row, end, words in zip(inputs.tolist(), last, told, strict=True):
            answer, error = self.python(row)
            outside = end == INDEX and answer is not None  # Python counts negative indices from the end
            if outside or end not in ("returned", *ENDED) or error == "too long":
                unanswered += 1
                continue
            ran += 1
            found = self.result(words) if end == "returned" else None
            if found != answer or (answer is None and end != error):
                wrong += 1
                here = ENDED.get(end, "") if found is None else self._shown(found)
                python = ENDED.get(error, "") if answer is None else self._shown(answer)
                said = ", ".join(map(str, row))
                example = example or f"{self.source.name}({said}) is {python} in Python, {here} here"
        return Comparison(ran, wrong, unanswered, example)


def parse_ranges(text: str) -> dict[str, tuple[int, int]]:
    """``a:0..255,b:-9..9`` as name -> (least, most). Raises ProgramError listing every part that is wrong."""
    ranges: dict[str, tuple[int, int]] = {}
    faults = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(\w+)\s*:\s*(-?\d+)\s*\.\.\s*(-?\d+)", part)
        if match is None:
            faults.append(f"{part!r} is not NAME:LEAST..MOST, as in a:0..255")
            continue
        name, low, high = match[1], int(match[2]), int(match[3])
        if name in ranges:
            faults.append(f"{name} has two ranges; give one")
        if low > high:
            faults.append(f"{name}:{low}..{high} is empty; write the lesser number first")
        if max(abs(low), abs(high)) > LARGEST:
            faults.append(f"{name}:{low}..{high} goes beyond {LARGEST}; numbers have at most five digits")
        ranges[name] = (low, high)
    if faults:
        raise ProgramError("--inputs", faults)
    return ranges
