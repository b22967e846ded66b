"""Products of a few rows with a large matrix: what generating one token at a time consists of.

Such a product reads each weight once and uses it once, so memory sets its speed. The CPU's library runs it on one thread;
as a batch of smaller products it runs on all of them, about twice as fast on two. On other devices nothing is changed.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

FEW = 4  # with more rows the library's own product is faster
SMALL = 1 << 16  # elements below which splitting does not pay
PIECES = 4  # of the inner dimension in ``product``


def linear(
    x: Float[Tensor, "batch inputs"], weight: Float[Tensor, "outputs inputs"], bias: Float[Tensor, " outputs"] | None
) -> Float[Tensor, "batch outputs"]:
    """``x @ weight.T + bias``, the outputs shared out among the threads."""
    pieces = torch.get_num_threads()
    if not _gains(x, weight) or pieces == 1 or weight.shape[0] < pieces:
        return functional.linear(x, weight, bias)
    even = weight.shape[0] // pieces * pieces
    split = weight[:even].view(pieces, -1, weight.shape[1])
    # the column as a transposed row: its strides tell the library to multiply in place, without a slow general path
    columns = [x[place : place + 1].T.expand(pieces, -1, 1) for place in range(x.shape[0])]
    rows = [torch.bmm(split, column).view(-1) for column in columns]
    out = torch.stack(rows)
    if even < weight.shape[0]:
        out = torch.cat([out, functional.linear(x, weight[even:])], dim=1)
    return out if bias is None else out + bias


def product(
    x: Float[Tensor, "batch inputs"], matrix: Float[Tensor, "inputs outputs"]
) -> Float[Tensor, "batch outputs"]:
    """``x @ matrix``, the inputs shared out among the threads; the matrix may be columns of a wider one."""
    if not _gains(x, matrix) or x.shape[1] % PIECES:
        return x @ matrix
    split = matrix.view(PIECES, -1, matrix.shape[1])
    return torch.stack([torch.bmm(row.view(PIECES, 1, -1), split).sum(0)[0] for row in x])


def _gains(x: Tensor, matrix: Tensor) -> bool:
    needs = torch.is_grad_enabled() and (x.requires_grad or matrix.requires_grad)
    return x.device.type == "cpu" and 0 < x.shape[0] <= FEW and matrix.numel() >= SMALL and not needs
