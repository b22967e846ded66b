"""Linear predictors whose output layer is given the form of the task's tokens, and only the map is learned."""

from __future__ import annotations

from typing import Any

import torch

from arlearn.errors import ArlearnError
from arlearn.kernels.packed import PackedMap
from arlearn.predictors.linear import LinearPredictor
from arlearn.tasks.alphabet import Alphabet


def structured_predictor(alphabet: Alphabet, context: int, configuration: dict[str, Any]) -> LinearPredictor:
    """One-hot embedding (frozen), packed map (learned, zero at first), and a frozen head.

    ``configuration["head"]``: ``structured`` is ``Alphabet.structure`` (pairs score as two one-hots, numbers as
    (n, -n^2/2), all else one-hot); ``one-hot`` is the identity, which tells the model nothing. Either way the
    logits are linear in what is learned, so the loss is convex. The one initial value that is not zero is the
    numbers' curvature, 1 at every position: spread over the inputs of position 0, of which exactly one is on.
    Raises ArlearnError for another head.
    """
    unknown = sorted(set(configuration) - {"head"})
    head = configuration.get("head", "structured")
    if unknown or head not in ("structured", "one-hot"):
        raise ArlearnError(f"a task's own predictor takes head = 'structured' or 'one-hot', not {configuration!r}")
    size = len(alphabet)
    rows = alphabet.structure() if head == "structured" else torch.eye(size)
    map = PackedMap(context, size, rows.shape[1])
    if head == "structured":
        first = torch.arange(context) * (torch.arange(context) + 1) // 2 * size
        with torch.no_grad():
            for output in alphabet.quadratic():
                map.weight[(first[:, None] + torch.arange(size)).flatten(), output] = 1.0
    return LinearPredictor(torch.eye(size), map, rows, frozen=("embedding", "head"))
