"""The packed map on one-hot inputs: each output is a sum of rows of the weight, so nothing need be multiplied.

With one-hot inputs ``out_t = sum over s <= t of row (t, s, column_s)``. The forward pass gathers those rows, for the
positions of a tile at once; the gradient of a row is the sum of the output gradients of the sequences that used it,
gathered in the order of their sorted columns. Exact: the same sums as the dense definition, ``inputs`` times less work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from arlearn.kernels.parts import Part


class Parts(Protocol):
    """What is asked of a packed map here."""

    context: int
    inputs: int
    outputs: int

    def parts(self, length: int | None = None) -> Iterator[Part]: ...

    def matrix(self, weight: Tensor, part: Part) -> Tensor: ...


class PickedRows(torch.autograd.Function):
    """(columns, weight, map) -> what ``PackedMap.forward`` gives for the one-hot vectors of these columns."""

    @staticmethod
    def forward(ctx: Any, columns: Tensor, weight: Tensor, map: Parts) -> Tensor:
        ctx.save_for_backward(columns, weight)
        ctx.map = map
        batch, length = columns.shape
        first = torch.arange(length, device=columns.device) * map.inputs
        out = weight.new_empty(batch, length * map.outputs)
        for part in map.parts(length):
            made = out[:, part.to * map.outputs : part.end * map.outputs]
            rows = columns[:, part.first : part.stop] + first[: part.stop - part.first]
            summed = nn.functional.embedding_bag(rows, map.matrix(weight, part), mode="sum")
            # the part that begins at position 0 comes first for every output, so it writes and the others add
            made.copy_(summed) if part.first == 0 else made.add_(summed)
        return out.view(batch, length, map.outputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("the packed map is differentiable once: call backward without create_graph")
        columns, weight = ctx.saved_tensors
        map: Parts = ctx.map
        batch, length = columns.shape
        # order[s]: the batch sorted by its column at s; begins[s, c]: where those with column c begin
        places = columns.T.contiguous()
        order = torch.argsort(places, dim=1, stable=True)
        counts = torch.zeros(length, map.inputs, dtype=torch.long, device=columns.device)
        counts.scatter_add_(1, places, torch.ones_like(places))
        begins = counts.cumsum(1) - counts
        first = torch.arange(length, device=columns.device)[:, None] * batch
        back = upstream.reshape(batch, -1)
        of_weight = torch.empty_like(weight) if length == map.context else torch.zeros_like(weight)
        for part in map.parts(length):
            sent = back[:, part.to * map.outputs : part.end * map.outputs].contiguous()
            bags = begins[part.first : part.stop] + first[: part.stop - part.first]
            sums = nn.functional.embedding_bag(
                order[part.first : part.stop].flatten(), sent, bags.flatten(), mode="sum"
            )
            map.matrix(of_weight, part).copy_(sums)
        return None, of_weight, None
