"""How people write a program's inputs and read its answers, and how inputs are drawn and listed.

An interface also knows the right answers by other means than the program (Python's own arithmetic, direct evaluation of
a circuit, a simulator), so that evaluating a compiled model compares two independent computations.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.programs import circuits
from arlearn.programs.semantics import Semantics

LISTED = 1 << 17  # inputs that are listed one by one
HARD_DIGITS = (0, 1, 7, 8, 9)  # what --hard questions are rich in


class Interface(ABC):
    """Inputs are rows of ``arity`` whole numbers.

    Attributes:
        default: what a person would type where they give no prompt; None if a prompt is needed.
        partial: ``answer`` has something to say of a run that has not ended yet.
        hint: how a person gives an input, where a prompt's tokens would not help.
    """

    kind: ClassVar[str]
    arity: int
    default: str | None = None
    partial: bool = False
    hint: str | None = None

    @abstractmethod
    def prompt(self, inputs: np.ndarray) -> np.ndarray:
        """(count, arity) inputs -> (count, slots) indices inside the slots' alphabets."""

    @abstractmethod
    def parse(self, text: str) -> list[int]:
        """One input as a person writes it. Raises ArlearnError if it is none."""

    @abstractmethod
    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        """Random inputs, (count, arity)."""

    def example(self) -> str:
        """An input as a person writes it."""
        return " ".join(map(str, self.draw(1, np.random.default_rng(0), hard=False)[0]))

    def everything(self) -> np.ndarray | None:
        """All inputs, where there are at most ``LISTED``; else None."""
        return None

    def expected(self, inputs: np.ndarray) -> np.ndarray | None:
        """The right answer's indices, (count, outputs), computed without the program; None if nothing else can."""
        return None

    @abstractmethod
    def answer(self, words: Sequence[str]) -> str:
        """The answer in a sequence's words (prompt included), as a person would write it."""


class TokensInterface(Interface):
    """Any program: inputs are the prompt's tokens, written one after the other; the answer is the outputs' words."""

    kind = "tokens"

    def __init__(self, semantics: Semantics, configuration: Mapping[str, Any]) -> None:
        self.semantics = semantics
        self.sets = [semantics.allowed(i) for i in range(len(semantics.program.slots))]
        self.arity = len(self.sets)
        if all(len(each) == 1 for each in self.sets):
            self.default = ""

    def prompt(self, inputs: np.ndarray) -> np.ndarray:
        return inputs

    def parse(self, text: str) -> list[int]:
        words = text.split() or [self._words(i)[0] for i in range(self.arity) if self.default is not None]
        if len(words) != self.arity:
            names = " ".join(slot.name for slot in self.semantics.program.slots)
            raise ArlearnError(f"the prompt needs {self.arity} tokens ({names}), got {len(words)}")
        wrong = [
            f"{word!r} for {slot.name} (allowed: {' '.join(self._words(i)[:12])})"
            for i, (word, slot) in enumerate(zip(words, self.semantics.program.slots, strict=True))
            if word not in self._words(i)
        ]
        if wrong:
            raise ArlearnError(f"the prompt has tokens that cannot stand there: {'; '.join(wrong)}")
        index = [self.semantics.index[slot.alphabet] for slot in self.semantics.program.slots]
        return [index[i][word] for i, word in enumerate(words)]

    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        return np.stack([random.choice(each, count) for each in self.sets], axis=1)

    def example(self) -> str:
        drawn = self.draw(1, np.random.default_rng(0), hard=False)[0]
        return " ".join(
            self.semantics.alphabets[slot.alphabet].words[i]
            for i, slot in zip(drawn, self.semantics.program.slots, strict=True)
        )

    def everything(self) -> np.ndarray | None:
        total = 1
        for each in self.sets:
            total *= len(each)
        if total > LISTED:
            return None
        return np.stack([grid.ravel() for grid in np.meshgrid(*self.sets, indexing="ij")], axis=1)

    def answer(self, words: Sequence[str]) -> str:
        return " ".join(output_words(self.semantics, words))

    def _words(self, slot: int) -> list[str]:
        alphabet = self.semantics.alphabets[self.semantics.program.slots[slot].alphabet]
        return [alphabet.words[i] for i in self.sets[slot]]


class NumbersInterface(Interface):
    """Two numbers of up to ``digits`` digits and a sign; the answer is a number. Inputs: the two numbers."""

    kind = "numbers"
    arity = 2

    def __init__(self, semantics: Semantics, configuration: Mapping[str, Any]) -> None:
        self.digits, self.sign = int(configuration["digits"]), str(configuration["operation"])
        self.semantics = semantics
        if self.digits > 18:
            self.arity = 2 * self.digits  # beyond 64 bits: inputs are digits, the first number's first

    def prompt(self, inputs: np.ndarray) -> np.ndarray:
        places = inputs
        if self.arity == 2:
            powers = 10 ** np.arange(self.digits - 1, -1, -1, dtype=np.int64)
            places = (inputs[:, :, None] // powers % 10).reshape(len(inputs), -1)
        sign = np.zeros((len(inputs), 1), dtype=np.int64)
        return np.concatenate([places[:, : self.digits], sign, places[:, self.digits :], sign + 1], axis=1)

    def parse(self, text: str) -> list[int]:
        signs = {"x": "x*×", "+": "+"}[self.sign]
        match = re.fullmatch(rf"\s*([0-9]+)\s*(?:[{re.escape(signs)}]|\s)\s*([0-9]+)\s*=?\s*", text)
        if match is None:
            raise ArlearnError(f"{text.strip()!r} is not two whole numbers, as in '{self.example()}'")
        long = [number for number in match.groups() if len(number.lstrip("0")) > self.digits]
        if long:
            raise ArlearnError(f"{' and '.join(long)}: this program takes numbers of up to {self.digits} digits")
        if self.arity == 2:
            return [int(number) for number in match.groups()]
        return [int(digit) for number in match.groups() for digit in number.lstrip("0").zfill(self.digits)]

    def example(self) -> str:
        return f"{'123456'[: self.digits]} {self.sign} {'987654'[: self.digits]}"

    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        places = random.integers(0, 10, (count, 2, self.digits))
        if hard:
            places = np.where(random.random(places.shape) < 0.9, random.choice(HARD_DIGITS, places.shape), places)
        if self.digits > 1:  # numbers of full length; shorter ones are a vanishing share
            first = random.choice((1, 7, 8, 9), (count, 2)) if hard else random.integers(1, 10, (count, 2))
            places[:, :, 0] = np.where(places[:, :, 0] == 0, first, places[:, :, 0])
        if self.arity > 2:
            return places.reshape(count, -1)
        return np.asarray(places @ (10 ** np.arange(self.digits - 1, -1, -1, dtype=np.int64)))

    def everything(self) -> np.ndarray | None:
        if 100**self.digits > LISTED:
            return None
        one = np.arange(10**self.digits)
        return np.stack([grid.ravel() for grid in np.meshgrid(one, one, indexing="ij")], axis=1)

    def expected(self, inputs: np.ndarray) -> np.ndarray:
        wide = len(self.semantics.program.outputs)
        if self.arity == 2 and self.digits <= 9:
            result = inputs[:, 0] * inputs[:, 1] if self.sign == "x" else inputs.sum(axis=1)
            return np.asarray(result[:, None] // 10 ** np.arange(wide - 1, -1, -1, dtype=np.int64) % 10)
        rows = []
        for row in inputs.tolist():  # Python's own whole numbers: products beyond 64 bits
            a, b = row if self.arity == 2 else (int("".join(map(str, part))) for part in self._halves(row))
            rows.append([int(digit) for digit in str(a * b if self.sign == "x" else a + b).zfill(wide)])
        return np.array(rows, dtype=np.int64).reshape(-1, wide)

    def answer(self, words: Sequence[str]) -> str:
        digits = "".join(output_words(self.semantics, words))
        return digits.lstrip("0") or "0"

    def _halves(self, row: list[int]) -> tuple[list[int], list[int]]:
        return row[: self.digits], row[self.digits :]


class BitsInterface(Interface):
    """A circuit: inputs and outputs are bits, in the order of its ``inputs`` and ``outputs`` lines."""

    kind = "bits"

    def __init__(self, semantics: Semantics, configuration: Mapping[str, Any]) -> None:
        lines = "\n".join(configuration["circuit"])
        self.circuit = circuits.parse(lines, str(configuration.get("name", "circuit")))
        self.arity = len(self.circuit.inputs)
        self.semantics = semantics

    def prompt(self, inputs: np.ndarray) -> np.ndarray:
        return inputs

    def parse(self, text: str) -> list[int]:
        bits = re.sub(r"[\s,]", "", text)
        if set(bits) - {"0", "1"} or len(bits) != self.arity:
            names = " ".join(self.circuit.inputs)
            raise ArlearnError(f"the prompt must be {self.arity} bits ({names}), not {text.strip()!r}")
        return [int(bit) for bit in bits]

    def example(self) -> str:
        return super().example().replace(" ", "")

    def draw(self, count: int, random: np.random.Generator, hard: bool) -> np.ndarray:
        return random.integers(0, 2, (count, self.arity))

    def everything(self) -> np.ndarray | None:
        if 2**self.arity > LISTED:
            return None
        numbers = np.arange(2**self.arity)
        return np.asarray(numbers[:, None] >> np.arange(self.arity - 1, -1, -1) & 1)

    def expected(self, inputs: np.ndarray) -> np.ndarray:
        return self.circuit.evaluate(inputs)

    def answer(self, words: Sequence[str]) -> str:
        return "".join(output_words(self.semantics, words))


def output_words(semantics: Semantics, words: Sequence[str]) -> list[str]:
    """The words of the program's outputs, the last of each; "?" for one that was not written yet."""
    places = (semantics.last(name, len(words)) for name in semantics.program.outputs)
    return ["?" if place is None else words[place] for place in places]


KINDS = {
    "tokens": "arlearn.programs.prompts:TokensInterface",
    "numbers": "arlearn.programs.prompts:NumbersInterface",
    "bits": "arlearn.programs.prompts:BitsInterface",
    "tape": "arlearn.programs.turing_programs:TapeInterface",
    "universal": "arlearn.programs.universal_prompts:UniversalInterface",
    "python": "arlearn.programs.python_prompts:PythonInterface",
}


def interface_of(semantics: Semantics) -> Interface:
    """The interface that the program names. Raises ArlearnError if there is none or its description is invalid."""
    configuration = dict(semantics.program.interface)
    kind, name = str(configuration.get("kind")), semantics.program.name
    if kind not in KINDS:
        raise ArlearnError(f"program {name!r}: there is no interface {kind!r}; there are {', '.join(KINDS)}")
    module, found = KINDS[kind].split(":")
    try:
        interface: Interface = getattr(importlib.import_module(module), found)(semantics, configuration)
    except (KeyError, TypeError, ValueError) as error:
        raise ArlearnError(f"program {name!r}: its {kind} interface is invalid: {error!r}") from error
    return interface
