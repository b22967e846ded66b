"""The shift map: one block per distance, the same at every position, so that any length will do."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arlearn.kernels.base import CausalMap, check_sizes
from arlearn.kernels.convolution import causal_convolution


class ShiftMap(CausalMap):
    """``out_t = sum over k < span of W[k] x_{t-k}``: span * inputs * outputs weights.

    ``weight`` is (span, inputs, outputs), the block of distance k first for k = 0.
    """

    kind = "shift"

    def __init__(self, inputs: int, outputs: int, span: int) -> None:
        super().__init__()
        check_sizes(inputs=inputs, outputs=outputs, span=span)
        self.context = None
        self.window, self.inputs, self.outputs, self.span = span, inputs, outputs, span
        self.weight = nn.Parameter(torch.zeros(span, inputs, outputs))

    def forward(self, x: Float[Tensor, "batch length inputs"]) -> Float[Tensor, "batch length outputs"]:
        self.check(x)
        return causal_convolution(x, self.weight)

    def sources(self, position: int) -> list[int] | None:
        return None if position < self.span else list(range(position - self.span + 1, position + 1))

    def gather(self, x: Float[Tensor, "batch sources inputs"], position: int) -> Float[Tensor, "batch outputs"]:
        return x.flip(1).flatten(1) @ self.weight[: x.shape[1]].flatten(0, 1)

    def block(self, to: int, frm: int) -> Float[Tensor, "outputs inputs"] | None:
        return self.weight[to - frm].T if 0 <= frm <= to < frm + self.span else None

    def configuration(self) -> dict[str, Any]:
        return {"inputs": self.inputs, "outputs": self.outputs, "span": self.span}
