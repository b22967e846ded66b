"""The packed map on one-hot inputs: each output is a sum of rows of the weight, so nothing need be multiplied.

With an embedding that is the identity, ``PackedMap`` computes ``out_t = sum over s <= t of row (t, s, token_s)``. The
forward pass gathers those rows; the gradient of a row is the sum of the output gradients of the sequences that used
it, gathered in the order of their sorted tokens. Exact: the same sums as the dense definition, V times less work.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@lru_cache(maxsize=8)
def _lower(length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(to, from) of the lower blocks, in the packed order."""
    to, frm = torch.tril_indices(length, length, device=device)
    return to, frm


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, tokens: Tensor, inputs: int) -> Tensor:
        batch, length = tokens.shape
        to, frm = _lower(length, tokens.device)
        rows = tokens[:, frm] + torch.arange(to.numel(), device=tokens.device) * inputs
        first = torch.arange(length, device=tokens.device)
        begins = torch.arange(batch, device=tokens.device)[:, None] * to.numel() + first * (first + 1) // 2
        ctx.save_for_backward(tokens)
        ctx.inputs, ctx.shape = inputs, weight.shape
        return nn.functional.embedding_bag(rows.flatten(), weight, begins.flatten(), mode="sum").view(batch, length, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (tokens,) = ctx.saved_tensors
        batch, length = tokens.shape
        to, frm = _lower(length, tokens.device)
        places = tokens.T.contiguous()
        order = torch.argsort(places, dim=1, stable=True)
        counts = torch.zeros(length, ctx.inputs, dtype=torch.long, device=tokens.device)
        counts.scatter_add_(1, places, torch.ones_like(places))
        begins = counts.cumsum(1) - counts
        # One table of the batch's gradients for each position; row (to, from, v) sums those whose token `from` is v.
        table = gradients[0].transpose(0, 1).reshape(length * batch, -1)
        rows = order[frm] + (to * batch)[:, None]
        bags = begins[frm] + (torch.arange(to.numel(), device=tokens.device) * batch)[:, None]
        gradient = nn.functional.embedding_bag(rows.flatten(), table, bags.flatten(), mode="sum")
        if gradient.shape[0] < ctx.shape[0]:  # sequences shorter than the context
            gradient = torch.cat([gradient, gradient.new_zeros(ctx.shape[0] - gradient.shape[0], gradient.shape[1])])
        return gradient, None, None


def packed_rows(
    weight: Float[Tensor, "rows outputs"], tokens: Int[Tensor, "batch length"], inputs: int
) -> Float[Tensor, "batch length outputs"]:
    """What ``PackedMap.forward`` gives for the one-hot vectors of these tokens, differentiable in the weight."""
    if tokens.numel() == 0:
        return weight.new_zeros(*tokens.shape, weight.shape[1])
    out: Tensor = _Rows.apply(weight, tokens, inputs)  # type: ignore[no-untyped-call]
    return out


def packed_last(
    weight: Float[Tensor, "rows outputs"], tokens: Int[Tensor, "batch seen"], inputs: int
) -> Float[Tensor, "batch outputs"]:
    """The last position of ``packed_rows``."""
    seen = tokens.shape[1]
    first = (seen - 1) * seen // 2
    rows = tokens + (first + torch.arange(seen, device=tokens.device)) * inputs
    return nn.functional.embedding_bag(rows, weight, mode="sum")


def is_one_hot(embedding: Float[Tensor, "vocabulary inputs"]) -> bool:
    """Whether an embedding is the identity and will stay so."""
    if embedding.requires_grad or embedding.shape[0] != embedding.shape[1]:
        return False
    return torch.equal(embedding, torch.eye(embedding.shape[0], dtype=embedding.dtype, device=embedding.device))
