"""The parity of k of n bits, the paper's own example of the use of a chain of thought (Malach 2024, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.tasks.base import SequenceTask, Split, check_keys, generator
from arlearn.tasks.formats import TokenAlphabet, TokenType, structured_predictor
from arlearn.tasks.number_pairs import in_training

_ENUMERABLE = 16  # bits whose inputs can all be listed


class ParityTask(SequenceTask):
    """The parity of ``subset`` of ``bits`` bits; ``secret`` decides which, and the learner has to find out.

    ``step`` is how many of them one token of the chain takes in: it joins the parity so far with the next ``step``
    bits, 2^(step + 1) tokens to tell apart, and its parity is a lookup. The last token is the answer. With ``step`` 0
    there is no chain: the answer follows the bits at once, and no linear predictor can write it.

    Parity of bits 0, 2, 3 and 5 of 6 in steps of two:

    >>> task = ParityTask(bits=6, subset=4, step=2, secret=6)
    >>> task.places
    [0, 2, 3, 5]
    >>> " ".join(task.render(task.encode(torch.tensor([[1, 0, 1, 1, 0, 0]]))[0]))
    '1 0 1 1 0 0 0:11 0:10 1'

    Configuration: ``bits``, ``subset``, ``step``, ``secret`` and ``split_seed``. Three inputs in four are training
    inputs. Raises ArlearnError, naming every fault at once.
    """

    kind = "parity"

    def __init__(self, bits: int, subset: int, step: int, secret: int = 0, split_seed: int = 0) -> None:
        given = {"bits": bits, "subset": subset, "step": step, "secret": secret, "split_seed": split_seed}
        least = {"bits": 2, "subset": 1}
        faults = [
            f"{name} must be a whole number from {least.get(name, 0)}, not {value!r}"
            for name, value in given.items()
            if isinstance(value, bool) or not isinstance(value, int) or value < least.get(name, 0)
        ]
        if not faults and bits > 62:
            faults.append(f"bits must be at most 62, not {bits}")
        if not faults and subset > bits:
            faults.append(f"a subset of {subset} of {bits} bits does not exist")
        if not faults and step > min(subset, 8):
            faults.append(f"step must be at most 8 and at most the subset of {subset}, not {step}")
        if faults:
            raise ArlearnError(f"the parity task is invalid: {'; '.join(faults)}")
        self.bits, self.subset, self.step, self.secret, self.split_seed = bits, subset, step, secret, split_seed
        self.places = sorted(generator(secret).permutation(bits)[:subset].tolist())
        types = [TokenType("bit", ("0", "1"))]
        if step:
            joins = [f"{value >> step}:{value & (1 << step) - 1:0{step}b}" for value in range(2 << step)]
            types.append(TokenType("join", tuple(joins)))
        self.alphabet = TokenAlphabet(types)
        self.words = self.alphabet.words
        self.vocabulary = len(self.words)
        self.prompt_length = bits
        self.length = bits + (-(-subset // step) if step else 0) + 1
        self.context = self.length - 1
        self.answer_positions = [self.length - 1]

    def draw(
        self, count: int, seed: int | Sequence[int], split: Split = "held-out", hard: bool = False
    ) -> Int[Tensor, "count bits"]:
        if hard:
            raise ArlearnError("the parity task has no hard questions: all are equally hard")
        rng = generator(seed)
        found = torch.empty((0, self.bits), dtype=torch.int64)
        while len(found) < count:
            more = (count - len(found)) * (5 if split == "held-out" else 2) + 16
            drawn = torch.from_numpy(rng.integers(0, 2, (more, self.bits), dtype=np.int64))
            found = torch.cat([found, self._keep(drawn, split)])
        return found[:count]

    def _keep(self, inputs: Tensor, split: Split) -> Tensor:
        if split == "all":
            return inputs
        training = self.is_training(inputs)
        return inputs[training if split == "training" else ~training]

    def is_training(self, inputs: Int[Tensor, "count bits"]) -> Bool[Tensor, " count"]:
        numbers = (inputs * 2 ** torch.arange(self.bits)).sum(1)
        return in_training(numbers, torch.zeros_like(numbers), self.split_seed)

    def everything(self, split: Split = "held-out") -> Int[Tensor, "count bits"] | None:
        if self.bits > _ENUMERABLE:
            return None
        numbers = torch.arange(2**self.bits)
        return self._keep(numbers[:, None] // 2 ** torch.arange(self.bits) % 2, split)

    def encode(self, inputs: Int[Tensor, "count bits"]) -> Int[Tensor, "count length"]:
        chosen = inputs[:, self.places]
        parity = torch.zeros_like(chosen[:, 0])
        tokens = [inputs]
        for begin in range(0, self.subset if self.step else 0, self.step or 1):
            part = chosen[:, begin : begin + self.step]
            value = parity
            for column in range(self.step):  # a last part that is too short is filled up with zeros
                value = 2 * value + (part[:, column] if column < part.shape[1] else 0)
            tokens.append((2 + value)[:, None])
            parity = (parity + part.sum(1)) % 2
        return torch.cat([*tokens, (chosen.sum(1) % 2)[:, None]], dim=1)

    def parse_prompt(self, text: str) -> Int[Tensor, "1 bits"]:
        bits = "".join(text.split())
        if len(bits) != self.bits or set(bits) - {"0", "1"}:
            example = "10" * (self.bits // 2) + "1" * (self.bits % 2)
            raise ArlearnError(f"{text.strip()!r} is not {self.bits} bits, as in {example}")
        return torch.tensor([[int(bit) for bit in bits]])

    def final_answer(self, tokens: Int[Tensor, " length"]) -> str:
        return self.words[int(tokens[-1])]

    def predictor(self, configuration: dict[str, Any], seed: int) -> Predictor:
        return structured_predictor(self.alphabet, self.context, configuration)

    def configuration(self) -> dict[str, Any]:
        return {
            "bits": self.bits,
            "subset": self.subset,
            "step": self.step,
            "secret": self.secret,
            "split_seed": self.split_seed,
        }

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> ParityTask:
        check_keys(cls.kind, configuration, {"bits", "subset", "step"}, {"secret", "split_seed"})
        return cls(**configuration)
