"""Softmax cross-entropy of a linear head."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn


def linear_cross_entropy(
    hidden: Float[Tensor, "rows width"],
    head: Float[Tensor, "vocabulary width"],
    targets: Int[Tensor, " rows"],
    bias: Float[Tensor, " vocabulary"] | None = None,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """Cross-entropy in nats of ``softmax(hidden @ head.T + bias)`` against ``targets``."""
    return nn.functional.cross_entropy(nn.functional.linear(hidden, head, bias), targets, reduction=reduction)
