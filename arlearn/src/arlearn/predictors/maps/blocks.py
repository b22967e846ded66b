"""A causal map of which only the named blocks exist: what a compiled program needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
