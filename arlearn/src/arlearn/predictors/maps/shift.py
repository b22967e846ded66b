"""The shift map: one block per distance, the same at every position, so that any length will do.

It is a causal convolution of vectors with matrices. ``out_t = sum over k < span of x_{t-k} W[k]`` costs span matrix
products a position when it is written out. In frequencies it is one product of complex matrices for each of b + 1
frequencies and each block of b positions, about four real products a position whatever the span (overlap-save:
Oppenheim & Schafer, *Discrete-Time Signal Processing*, section 8.7). The transforms are written as products with
matrices of cosines and sines: for spans of tens to hundreds that is faster on a CPU than strided fast Fourier
transforms, and the gradients need no code of their own.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arlearn.predictors.maps.base import CausalMap, check_sizes

SHORT = 8  # up to so many positions a block, products written out are faster


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


def causal_convolution(
    x: Float[Tensor, "batch length inputs"], weight: Float[Tensor, "span inputs outputs"]
) -> Float[Tensor, "batch length outputs"]:
    """``out_t = sum over k of x_{t-k} weight[k]``, x before the beginning being zero.

    In reduced precision (autocast) it computes in float32, because a transform mixes all positions.
    """
    with torch.autocast(x.device.type, enabled=False):
        if x.dtype != weight.dtype:
            x = x.to(weight.dtype)
        weight = weight[: x.shape[1]]
        if len(weight) <= SHORT:
            return _written_out(x, weight)
        return _by_frequencies(x, weight)


def _written_out(x: Tensor, weight: Tensor) -> Tensor:
    length = x.shape[1]
    total = x @ weight[0]
    for k in range(1, len(weight)):
        total = total + torch.nn.functional.pad(x[:, : length - k] @ weight[k], (0, 0, k, 0))
    return total


def _by_frequencies(x: Tensor, weight: Tensor) -> Tensor:
    batch, length, inputs = x.shape
    size, outputs = len(weight), weight.shape[2]
    blocks = -(-length // size)
    forth, back = _transforms(size, x.dtype, x.device)
    # blocks first, so that each transform is one product: (position in the block, block, batch, inputs)
    x = torch.nn.functional.pad(x, (0, 0, 0, blocks * size - length))
    x = x.view(batch, blocks, size, inputs).permute(2, 1, 0, 3)
    if blocks > 1:  # each block is seen together with the one before it
        before = torch.nn.functional.pad(x[:, :-1], (0, 0, 0, 0, 1, 0))
        spectrum = forth @ torch.cat([before, x]).reshape(2 * size, -1)
    else:
        spectrum = forth[:, size:] @ x.reshape(size, -1)
    real, imaginary = spectrum.view(2, size + 1, blocks * batch, inputs)
    kernel_real, kernel_imaginary = (forth[:, :size] @ weight.reshape(size, -1)).view(2, size + 1, inputs, outputs)
    product = torch.cat(
        [
            torch.baddbmm(real @ kernel_real, imaginary, kernel_imaginary, alpha=-1),
            torch.baddbmm(real @ kernel_imaginary, imaginary, kernel_real),
        ]
    )
    out = back @ product.view(2 * (size + 1), -1)
    return out.view(size, blocks, batch, outputs).permute(2, 1, 0, 3).reshape(batch, -1, outputs)[:, :length]


@lru_cache(maxsize=16)
def _transforms(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Real transforms of length 2 * size: forth (2 * (size + 1), 2 * size), real parts above imaginary ones; back, the
    last ``size`` positions only, (size, 2 * (size + 1))."""
    length = 2 * size
    places = torch.arange(length, dtype=torch.float64)
    angles = torch.outer(torch.arange(size + 1, dtype=torch.float64), places) * (2 * math.pi / length)
    share = torch.full((size + 1, 1), 2.0 / length, dtype=torch.float64)
    share[0] = share[-1] = 1.0 / length
    forth = torch.cat([angles.cos(), -angles.sin()])
    back = torch.cat([share * angles.cos(), -share * angles.sin()])[:, size:].T
    return forth.to(device, dtype), back.to(device, dtype).contiguous()
