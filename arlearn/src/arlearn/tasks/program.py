"""The chain of thought of a compiled program as a task: what training, generation and evaluation need of it.

The sequences of ``multiplication(2)`` (``arlearn.programs.arithmetic``), prompt first, for 12 x 34:

    1 2 x 3 4 =   2*4 s8 1*4 s4   2*3 s10 1*3 s4   s0   0 4 0 8
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import ABSENT
from arlearn.programs.checking import check
from arlearn.programs.prompts import interface_of
from arlearn.programs.steps import Program
from arlearn.programs.text import Origin, from_json, to_json, trace
from arlearn.tasks.base import SequenceTask, Split, generator

MOST = 1_000_000  # tokens of a run that has not halted after which generation stops


class ProgramTask(SequenceTask):
    """Prompts that a program allows, and the chain it writes for each.

    With a loop the chains differ in length: a sequence ends with a halting word and is filled up with -1, ``length`` is
    the longest that will be written, and there are no training batches. ``program`` is the one that was given,
    ``semantics.program`` the same laid out for the compiler.

    Inputs are what the program's interface says: two numbers, bits, a tape. There is no training split: nothing was
    learned, so every input is held out. Raises ProgramError listing the program's faults.
    """

    kind: ClassVar[str] = "program"

    def __init__(self, program: Program) -> None:
        self.program = program
        self.semantics = check(program)
        self.interface = interface_of(self.semantics)
        self.words = self.semantics.words
        self.vocabulary = len(self.words)
        self.prompt_length = len(program.slots)
        self.looped = program.loop is not None
        self.stop = sorted(self.semantics.halting)
        self.length = self.prompt_length + MOST if self.looped else program.length
        self.context = max(self.length - 1, 1)
        self.answer_positions = [self.semantics.position[name] for name in program.outputs]
        self._first = torch.from_numpy(self.semantics.first_tokens)

    @property
    def default_prompt(self) -> str | None:
        """What stands for a prompt that is not given; None if one must be."""
        return self.interface.default

    def draw(
        self, count: int, seed: int | Sequence[int], split: Split = "held-out", hard: bool = False
    ) -> Int[Tensor, "count arity"]:
        if hard and self.interface.kind != "numbers":
            raise ArlearnError(f"program {self.program.name!r} has no hard inputs: only arithmetic on digits does")
        return torch.from_numpy(
            np.ascontiguousarray(self.interface.draw(count, generator(seed), hard)).astype(np.int64)
        )

    def everything(self, split: Split = "held-out") -> Int[Tensor, "count arity"] | None:
        listed = self.interface.everything() if split != "training" else None
        return None if listed is None else torch.from_numpy(listed.astype(np.int64))

    def encode(self, inputs: Int[Tensor, "count arity"]) -> Int[Tensor, "count length"]:
        indices = self.semantics.run(self.interface.prompt(inputs.numpy()), self.generated if self.looped else None)
        return torch.from_numpy(self.semantics.tokens(indices))

    def encode_prompts(self, inputs: Int[Tensor, "count arity"]) -> Int[Tensor, "count prompt"]:
        return torch.from_numpy(self.semantics.tokens(self.interface.prompt(inputs.numpy())))

    def expected(self, inputs: Int[Tensor, "count arity"]) -> Int[Tensor, "count places"]:
        """The right answer's tokens, computed without the program wherever its interface knows how."""
        answer = self.interface.expected(inputs.numpy())
        if answer is None:
            return super().expected(inputs)
        return torch.from_numpy(np.ascontiguousarray(answer)) + self._first[self.answer_positions]

    def answer(self, tokens: Int[Tensor, "count length"]) -> Int[Tensor, "count places"]:
        """The answer's tokens; of a loop's steps the last ones in each sequence, -1 if there is none."""
        if not self.looped:
            return super().answer(tokens)
        start, period = self.semantics.start, self.semantics.period
        ends = (tokens != ABSENT).sum(dim=1)
        places = []
        for row in self.answer_positions:
            last = (
                row + (ends - 1 - row).div(period, rounding_mode="floor") * period if row >= start else ends * 0 + row
            )
            found = tokens.gather(1, last.clamp(min=0)[:, None])[:, 0]
            places.append(torch.where(last >= row, found, ABSENT))
        return torch.stack(places, dim=1)

    def parse_prompt(self, text: str) -> Int[Tensor, "1 arity"]:
        return torch.tensor([self.interface.parse(text)])

    def final_answer(self, tokens: Int[Tensor, " length"]) -> str:
        return self.interface.answer(self.render(tokens[tokens != ABSENT]))

    def trace(self, tokens: Int[Tensor, " length"] | Sequence[int]) -> list[Origin]:
        """For each token of a sequence, which step wrote it and from which earlier tokens."""
        return trace(self.semantics, self.render([int(token) for token in tokens if token != ABSENT]))

    def training_inputs(self, index: int, size: int, seed: int) -> Int[Tensor, "size arity"]:
        if self.looped:
            raise ArlearnError(
                f"program {self.program.name!r} has a loop, so its sequences have no fixed length to train on;"
                " compile it without one (--unrolled)"
            )
        return self.draw(size, (seed, index), "all")

    def configuration(self) -> dict[str, Any]:
        return {"program": to_json(self.program)}

    def description(self) -> dict[str, Any]:
        interface = {k: v for k, v in self.program.interface.items() if k not in ("circuit", "machine")}
        return {"program": self.program.name, "interface": interface}

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> Self:
        if set(configuration) != {"program"} or not isinstance(configuration["program"], dict):
            raise ArlearnError("a program task is described by 'program', a table, and nothing else")
        return cls(from_json(configuration["program"]))
