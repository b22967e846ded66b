"""What predictors ask of the tokens they are given."""

from __future__ import annotations

from jaxtyping import Bool, Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor


def check_tokens(predictor: Predictor, tokens: Int[Tensor, "batch length"]) -> None:
    """Raise ArlearnError unless tokens are (batch, length <= context) integers."""
    if tokens.dim() != 2 or tokens.is_floating_point():
        raise ArlearnError(f"tokens must be integers (batch, length), got {tokens.dtype} {tuple(tokens.shape)}")
    if predictor.context is not None and tokens.shape[1] > predictor.context:
        raise ArlearnError(f"{tokens.shape[1]} tokens are more than the context of {predictor.context}")


def counted_targets(
    predictor: Predictor, tokens: Int[Tensor, "batch length"], counted: Bool[Tensor, "batch length"] | None
) -> tuple[Int[Tensor, " rows"] | None, Int[Tensor, " rows"]]:
    """The rows of the flattened (batch, length - 1) that count, and their targets; None for all rows.

    Raises ArlearnError if nothing counts.
    """
    targets = tokens[:, 1:].flatten()
    if counted is not None:
        if counted.shape != tokens.shape:
            raise ArlearnError(f"counted is {tuple(counted.shape)}, the tokens are {tuple(tokens.shape)}")
        mask = counted[:, 1:].flatten()
        if not bool(mask.all()):
            rows = mask.nonzero()[:, 0]
            if rows.numel() == 0:
                raise ArlearnError("no target counts, so there is no loss")
            return rows, targets[rows]
    if targets.numel() == 0:
        raise ArlearnError("no target counts, so there is no loss: a row needs at least two tokens")
    return None, targets
