"""Causal maps of which only some blocks exist: named ones, repeated with a period, or one block per distance.

Named and periodic blocks are what a compiled program needs. The shift map has one block per distance, the same at every
position, so that any length will do: a causal convolution of vectors with matrices. ``out_t = sum over k < span of
x_{t-k} W[k]`` costs span matrix products a position when it is written out. In frequencies it is one product of complex
matrices for each of b + 1 frequencies and each block of b positions, about four real products a position whatever the
span (overlap-save: Oppenheim & Schafer, *Discrete-Time Signal Processing*, section 8.7). The transforms are written as
products with matrices of cosines and sines: for spans of tens to hundreds that is faster on a CPU than strided fast
Fourier transforms, and the gradients need no code of their own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arlearn.errors import ArlearnError
from arlearn.predictors.maps.base import CausalMap, check_sizes


class BlocksMap(CausalMap):
    """Blocks W[to, frm] for the given pairs only; every other block is zero.

    ``weight`` is (n_blocks, outputs, inputs) in the order of ``pairs``. Positions that no block leads to give zero.
    """

    kind = "blocks"

    def __init__(self, context: int, inputs: int, outputs: int, blocks: Sequence[Sequence[int]]) -> None:
        super().__init__()
        check_sizes(context=context, inputs=inputs, outputs=outputs)
        self.context: int = context
        self.window, self.inputs, self.outputs = context, inputs, outputs
        self.pairs: list[tuple[int, int]] = [(int(to), int(frm)) for to, frm in blocks]
        wrong = [pair for pair in self.pairs if not 0 <= pair[1] <= pair[0] < context]
        twice = [pair for pair, count in Counter(self.pairs).items() if count > 1]
        if wrong or twice:
            raise ArlearnError(
                f"blocks must be distinct (to, from) with 0 <= from <= to < {context}; "
                f"outside: {wrong[:5]}, repeated: {twice[:5]}"
            )
        self._rows: dict[int, list[tuple[int, int]]] = {}  # position -> [(source, index of the block)], ascending
        for index, (to, frm) in enumerate(self.pairs):
            self._rows.setdefault(to, []).append((frm, index))
        for row in self._rows.values():
            row.sort()
        self.weight = nn.Parameter(torch.zeros(len(self.pairs), outputs, inputs))

    def row_reads(self, position: int) -> list[tuple[int, int]]:
        """(source, number of the block) of everything the output at this position reads, ascending."""
        return self._rows.get(position, [])

    def sources(self, position: int) -> list[int]:
        return [frm for frm, _ in self._rows.get(position, [])]

    def forward(self, x: Float[Tensor, "batch length inputs"]) -> Float[Tensor, "batch length outputs"]:
        self.check(x)
        rows = [self.gather(x[:, self.sources(t)], t) for t in range(x.shape[1])]
        return torch.stack(rows, dim=1) if rows else x.new_zeros(x.shape[0], 0, self.outputs)

    def gather(self, x: Float[Tensor, "batch sources inputs"], position: int) -> Float[Tensor, "batch outputs"]:
        indices = [index for _, index in self._rows.get(position, [])]
        # compiled programs list their blocks row by row, so that a row's are usually a slice
        first = indices[0] if indices else 0
        together = indices == list(range(first, first + len(indices)))
        blocks = self.weight[first : first + len(indices)] if together else self.weight[indices]
        if len(indices) == 1:
            return x[:, 0] @ blocks[0].T
        return x.flatten(1) @ blocks.transpose(1, 2).flatten(0, 1)

    def block(self, to: int, frm: int) -> Float[Tensor, "outputs inputs"] | None:
        for source, index in self._rows.get(to, []):
            if source == frm:
                return self.weight[index]
        return None

    def configuration(self) -> dict[str, Any]:
        return {
            "context": self.context,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "blocks": [list(pair) for pair in self.pairs],
        }


class PeriodicMap(CausalMap):
    """``out_t = sum over the reads (r, d, b) of row r = row(t) of block_b x_{t-d}``; any length will do.

    Position t has row t if t < ``start``, and row ``start + (t - start) % period`` from there on: the first ``start``
    rows are used once, the others for ever. Inputs before the first position count as zero.

    Layout: ``weight`` is (blocks, outputs, inputs), row-major, ``block_b x = weight[b] @ x``. ``reads`` lists (row,
    distance, block) triples; every (row, distance) stands there at most once, and several may share a block. So the
    number of weights depends neither on the length of a sequence nor, where rows are alike, on the period.
    """

    kind = "periodic"

    def __init__(self, inputs: int, outputs: int, start: int, period: int, reads: Sequence[Sequence[int]]) -> None:
        super().__init__()
        check_sizes(inputs=inputs, outputs=outputs, period=period)
        self.context = None
        self.inputs, self.outputs, self.start, self.period = inputs, outputs, int(start), period
        self.reads = [(int(row), int(distance), int(block)) for row, distance, block in reads]
        rows = self.start + period
        wrong = [read for read in self.reads if not (0 <= read[0] < rows and read[1] >= 0 and read[2] >= 0)]
        twice = [pair for pair, count in Counter(read[:2] for read in self.reads).items() if count > 1]
        if self.start < 0 or wrong or twice:
            raise ArlearnError(
                f"a periodic map needs start >= 0 and reads (row, distance, block) with 0 <= row < {rows}, each"
                f" (row, distance) once; start: {start}, outside: {wrong[:5]}, repeated: {twice[:5]}"
            )
        self.window = 1 + max((distance for _, distance, _ in self.reads), default=0)
        self._rows: list[list[tuple[int, int]]] = [[] for _ in range(rows)]  # (distance, block), farthest first
        for row, distance, block in self.reads:
            self._rows[row].append((distance, block))
        for each in self._rows:
            each.sort(reverse=True)
        self.weight = nn.Parameter(torch.zeros(1 + max((b for *_, b in self.reads), default=-1), outputs, inputs))

    @classmethod
    def dense(cls, inputs: int, outputs: int, period: int, span: int, start: int = 0) -> PeriodicMap:
        """A map with a block of its own for every row and every distance below ``span``, for training."""
        pairs = [(row, distance) for row in range(start + period) for distance in range(span)]
        return cls(inputs, outputs, start, period, [(*pair, block) for block, pair in enumerate(pairs)])

    def row_of(self, position: int) -> int:
        """The row whose blocks make the output at this position."""
        return position if position < self.start else self.start + (position - self.start) % self.period

    def row_reads(self, row: int) -> list[tuple[int, int]]:
        """(distance, block) of everything the row reads, the farthest first."""
        return self._rows[row]

    def sources(self, position: int) -> list[int]:
        return [position - distance for distance, _ in self._rows[self.row_of(position)] if distance <= position]

    def forward(self, x: Float[Tensor, "batch length inputs"]) -> Float[Tensor, "batch length outputs"]:
        self.check(x)
        batch, length, _ = x.shape
        made, order = [], []
        for row, reads in enumerate(self._rows):
            positions = list(range(row, length, self.period)) if row >= self.start else [row] * (row < length)
            if not positions:
                continue
            at = torch.tensor(positions, device=x.device)
            total = x.new_zeros(batch, len(positions), self.outputs)
            for begin in range(0, len(reads), 64):  # many reads at once, within bounds on memory
                some = reads[begin : begin + 64]
                places = at[:, None] - torch.tensor([distance for distance, _ in some], device=x.device)
                given = x[:, places.clamp(min=0)] * (places >= 0)[..., None]
                blocks = self.weight[[block for _, block in some]].transpose(1, 2).flatten(0, 1)
                total = total + given.flatten(2) @ blocks
            made.append(total)
            order.extend(positions)
        if not made:
            return x.new_zeros(batch, 0, self.outputs)
        return torch.cat(made, dim=1)[:, torch.tensor(order, device=x.device).argsort()]

    def gather(self, x: Float[Tensor, "batch sources inputs"], position: int) -> Float[Tensor, "batch outputs"]:
        blocks = [block for distance, block in self._rows[self.row_of(position)] if distance <= position]
        if len(blocks) == 1:
            return x[:, 0] @ self.weight[blocks[0]].T
        return x.flatten(1) @ self.weight[blocks].transpose(1, 2).flatten(0, 1)

    def block(self, to: int, frm: int) -> Float[Tensor, "outputs inputs"] | None:
        if 0 <= frm <= to:
            for distance, block in self._rows[self.row_of(to)]:
                if distance == to - frm:
                    return self.weight[block]
        return None

    def configuration(self) -> dict[str, Any]:
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "start": self.start,
            "period": self.period,
            "reads": [list(read) for read in self.reads],
        }


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
