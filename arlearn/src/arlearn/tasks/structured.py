"""Linear predictors whose output layer is given the form of the task's tokens, and only the map is learned."""

from __future__ import annotations

from typing import Any

import torch

from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.packed import PackedMap
from arlearn.tasks.alphabet import Alphabet


def structured_predictor(alphabet: Alphabet, context: int, configuration: dict[str, Any]) -> LinearPredictor:
    """One-hot embedding (frozen), packed map (learned, zero at first), and a frozen head with its bias.

    ``configuration["head"]``: ``structured`` is ``Alphabet.structure`` (pairs score as two one-hots, numbers as
    n h - n^2/2, all else one-hot); ``one-hot`` is the identity, which tells the model nothing. Either way the logits
    are linear in what is learned, so the loss is convex. Raises ArlearnError for another head.
    """
    head = configuration.get("head", "structured")
    unknown = sorted(
        set(configuration) - {"head", "map", "width", "bias"}
    )  # a recipe's defaults, without a meaning here
    if unknown:
        raise ArlearnError(f"[predictor] kind = 'task' has no {', '.join(unknown)}; it takes head")
    if head not in ("structured", "one-hot"):
        raise ArlearnError(f"[predictor] head must be 'structured' or 'one-hot', not {head!r}")
    if configuration.get("map", "packed") != "packed":
        raise ArlearnError("[predictor] kind = 'task' has a packed map; leave map out")
    size = len(alphabet)
    if head == "one-hot":
        return LinearPredictor(
            torch.eye(size), PackedMap(context, size, size), torch.eye(size), frozen=("embedding", "head")
        )
    rows = alphabet.structure()
    return LinearPredictor(
        torch.eye(size),
        PackedMap(context, size, rows.shape[1]),
        rows,
        alphabet.curvature(),
        frozen=("embedding", "head", "head_bias"),
    )
