"""The packed block-causal map: only the T(T+1)/2 blocks on and below the diagonal exist, in memory as on disk."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arlearn.kernels.base import CausalMap, check_sizes


class PackedMap(CausalMap):
    """A block W[t, s] of its own for every pair s <= t (Malach 2024, the paper's masked linear layer).

    ``weight`` is (T(T+1)/2 * inputs, outputs): row ``(t(t+1)/2 + s) * inputs + i`` holds what input i at position s
    gives to every output at position t. So all that position t reads is one contiguous matrix of
    ``(t+1) * inputs`` rows, each block is a contiguous (inputs, outputs) matrix, and with one-hot inputs an output is
    a sum of rows.
    """

    kind = "packed"

    def __init__(self, context: int, inputs: int, outputs: int) -> None:
        super().__init__()
        check_sizes(context=context, inputs=inputs, outputs=outputs)
        self.context: int = context
        self.window, self.inputs, self.outputs = context, inputs, outputs
        self.weight = nn.Parameter(torch.zeros(context * (context + 1) // 2 * inputs, outputs))

    def _row(self, position: int) -> Float[Tensor, "rows outputs"]:
        start = position * (position + 1) // 2 * self.inputs
        return self.weight[start : start + (position + 1) * self.inputs]

    def forward(self, x: Float[Tensor, "batch length inputs"]) -> Float[Tensor, "batch length outputs"]:
        self.check(x)
        flat = x.flatten(1)
        rows = [flat[:, : (t + 1) * self.inputs] @ self._row(t) for t in range(x.shape[1])]
        return torch.stack(rows, dim=1) if rows else x.new_zeros(x.shape[0], 0, self.outputs)

    def gather(self, x: Float[Tensor, "batch sources inputs"], position: int) -> Float[Tensor, "batch outputs"]:
        return x.flatten(1) @ self._row(position)

    def block(self, to: int, frm: int) -> Float[Tensor, "outputs inputs"] | None:
        if not 0 <= frm <= to < self.context:
            return None
        return self._row(to)[frm * self.inputs : (frm + 1) * self.inputs].T

    def configuration(self) -> dict[str, Any]:
        return {"context": self.context, "inputs": self.inputs, "outputs": self.outputs}
