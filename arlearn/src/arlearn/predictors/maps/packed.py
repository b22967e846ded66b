"""The packed block-causal map: only the T(T+1)/2 blocks on and below the diagonal exist, in memory as on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.predictors.maps.base import CausalMap, check_sizes, compute_dtype

TILE = 8  # positions of a tile; part of the file format


class Part(NamedTuple):
    """A dense piece of the map: inputs at positions [first, stop) to outputs at positions [to, end)."""

    start: int  # row of the parameter at which it begins
    first: int
    stop: int
    to: int
    end: int


class PackedMap(CausalMap):
    """A block W[t, s] of its own for every pair s <= t (Malach 2024, the paper's masked linear layer).

    Positions are taken in tiles of 8 (the last may be shorter). A tile of r positions that begins at p is stored as

    - its rectangle, all it reads from before itself: a row-major matrix of ``p * inputs`` rows and ``r * outputs``
      columns, element ``[s * inputs + i, j * outputs + o] = W[p + j, s][o, i]``;
    - its triangle: for each of its positions p + j in turn a row-major matrix of ``(j + 1) * inputs`` rows and
      ``outputs`` columns, element ``[s * inputs + i, o] = W[p + j, p + s][o, i]``.

    Tiles follow each other without gaps, so ``weight`` has exactly T(T+1)/2 * inputs * outputs elements; it is held
    as (T(T+1)/2 * inputs, outputs). Each rectangle is one matrix product wide enough to run at full speed, and no
    element above the diagonal exists anywhere.
    """

    kind = "packed"

    def __init__(self, context: int, inputs: int, outputs: int) -> None:
        super().__init__()
        check_sizes(context=context, inputs=inputs, outputs=outputs)
        self.context: int = context
        self.window, self.inputs, self.outputs = context, inputs, outputs
        self.weight = nn.Parameter(torch.zeros(context * (context + 1) // 2 * inputs, outputs))

    def parts(self, length: int | None = None) -> Iterator[Part]:
        """The dense pieces that outputs 0..length-1 need, in the order they are stored."""
        length = self.context if length is None else length
        start = 0
        for tile in range(0, length, TILE):
            stored = min(tile + TILE, self.context)
            if tile:
                yield Part(start, 0, tile, tile, min(stored, length))
                start += tile * self.inputs * (stored - tile)
            for to in range(tile, min(stored, length)):
                yield Part(start, tile, to + 1, to, to + 1)
                start += (to + 1 - tile) * self.inputs

    def matrix(self, weight: Tensor, part: Part) -> Float[Tensor, "rows columns"]:
        """This part of ``weight`` (the parameter, its gradient or a cast of it), as a view."""
        rows = (part.stop - part.first) * self.inputs
        # a rectangle ends where its tile begins; a sequence that ends within the tile uses its first columns
        stored = min(part.to + TILE, self.context) - part.to if part.stop == part.to else 1
        whole = weight[part.start : part.start + rows * stored].view(rows, stored * self.outputs)
        return whole[:, : (part.end - part.to) * self.outputs]

    def forward(self, x: Float[Tensor, "batch length inputs"]) -> Float[Tensor, "batch length outputs"]:
        self.check(x)
        out: Tensor = _Packed.apply(x, self.weight, self)  # type: ignore[no-untyped-call]
        return out

    def pick(self, columns: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length outputs"]:
        self.check_length(columns.shape[1])
        out: Tensor = _PickedRows.apply(columns, self.weight, self)  # type: ignore[no-untyped-call]
        return out

    def pick_last(self, columns: Int[Tensor, "batch seen"]) -> Float[Tensor, "batch outputs"]:
        """The last position of ``pick``: (seen) rows of ``weight`` for each sequence."""
        position = columns.shape[1] - 1
        tile, place = position - position % TILE, position % TILE
        stored = min(tile + TILE, self.context) - tile
        source = torch.arange(position + 1, device=columns.device)
        start = tile * (tile + 1) // 2 * self.inputs
        triangle = start + (tile * stored + place * (place + 1) // 2 - tile) * self.inputs
        before = source < tile
        begin = torch.where(before, start + place, triangle)
        return nn.functional.embedding_bag(
            (source * self.inputs + columns) * torch.where(before, stored, 1) + begin, self.weight, mode="sum"
        )

    def gather(self, x: Float[Tensor, "batch sources inputs"], position: int) -> Float[Tensor, "batch outputs"]:
        flat = x.flatten(1)
        tile = position - position % TILE
        rectangle, triangle = self._row(position)
        out = flat[:, tile * self.inputs :] @ triangle
        return out if rectangle is None else out + flat[:, : tile * self.inputs] @ rectangle

    def _row(self, position: int) -> tuple[Tensor | None, Tensor]:
        """What one position reads: from before its tile, and from within it."""
        tile, place = position - position % TILE, position % TILE
        stored = min(tile + TILE, self.context) - tile
        start = tile * (tile + 1) // 2 * self.inputs
        rectangle = None
        if tile:
            wide = self.weight[start : start + tile * self.inputs * stored]
            wide = wide.view(tile * self.inputs, stored * self.outputs)
            rectangle = wide[:, place * self.outputs : (place + 1) * self.outputs]
        start += (tile * stored + place * (place + 1) // 2) * self.inputs
        return rectangle, self.weight[start : start + (place + 1) * self.inputs]

    def block(self, to: int, frm: int) -> Float[Tensor, "outputs inputs"] | None:
        if not 0 <= frm <= to < self.context:
            return None
        tile = to - to % TILE
        rectangle, triangle = self._row(to)
        if frm < tile:
            assert rectangle is not None
            return rectangle[frm * self.inputs : (frm + 1) * self.inputs].T
        return triangle[(frm - tile) * self.inputs : (frm - tile + 1) * self.inputs].T

    def configuration(self) -> dict[str, Any]:
        return {"context": self.context, "inputs": self.inputs, "outputs": self.outputs}


class _Packed(torch.autograd.Function):
    """Forward and both gradients, part by part, each into its place; no masked copy, no upper half."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, map: PackedMap) -> Tensor:
        ctx.save_for_backward(x, weight)
        dtype = compute_dtype(x)
        ctx.map, ctx.dtype = map, dtype
        batch, length, _ = x.shape
        flat, cast = x.to(dtype).reshape(batch, -1), weight.to(dtype)
        out = flat.new_empty(batch, length * map.outputs)
        for part in map.parts(length):
            given = flat[:, part.first * map.inputs : part.stop * map.inputs]
            made = out[:, part.to * map.outputs : part.end * map.outputs]
            matrix = map.matrix(cast, part)
            # the part that begins at position 0 comes first for every output, so it writes and the others add
            if part.first == 0:
                torch.mm(given, matrix, out=made)
            else:
                made.addmm_(given, matrix)
        return out.view(batch, length, map.outputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("the packed map is differentiable once: call backward without create_graph")
        x, weight = ctx.saved_tensors
        map: PackedMap = ctx.map
        batch, length, _ = x.shape
        flat, back = x.to(ctx.dtype).reshape(batch, -1), upstream.to(ctx.dtype).reshape(batch, -1)
        of_x = torch.zeros_like(flat) if ctx.needs_input_grad[0] else None
        of_weight = None
        if ctx.needs_input_grad[1]:
            # every element is written below unless the sequence is short
            of_weight = torch.empty_like(weight) if length == map.context else torch.zeros_like(weight)
        cast = weight.to(ctx.dtype)
        for part in map.parts(length):
            columns = slice(part.first * map.inputs, part.stop * map.inputs)
            sent = back[:, part.to * map.outputs : part.end * map.outputs]
            if of_x is not None:
                of_x[:, columns].addmm_(sent, map.matrix(cast, part).T)
            if of_weight is not None:
                place = map.matrix(of_weight, part)
                if place.dtype == sent.dtype:
                    torch.mm(flat[:, columns].T, sent, out=place)
                else:
                    place.copy_(flat[:, columns].T @ sent)
        return None if of_x is None else of_x.view(x.shape).to(x.dtype), of_weight, None


class _PickedRows(torch.autograd.Function):
    """What ``PackedMap.forward`` gives for the one-hot vectors of these columns, as a sum of rows of the weight.

    With one-hot inputs ``out_t = sum over s <= t of row (t, s, column_s)``, so nothing need be multiplied. The forward
    pass gathers those rows, for the positions of a tile at once; the gradient of a row is the sum of the output
    gradients of the sequences that used it, gathered in the order of their sorted columns. These are the same sums as
    in the dense definition, with ``inputs`` times less work.
    """

    @staticmethod
    def forward(ctx: Any, columns: Tensor, weight: Tensor, map: PackedMap) -> Tensor:
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
        map: PackedMap = ctx.map
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
