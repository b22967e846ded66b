"""What a causal map does at each distance, and how many directions it uses.

For each distance k = t - s, over the blocks ``W[t, t - k]`` that exist:

- *norm*: the Frobenius norm (its root mean square over the blocks of that distance, and the smallest and largest);
- *effect*: of a linear predictor, the root mean square over all pairs (token there, token predicted) of what the block
  adds to a logit, in nats: of ``head W[t, s] embedding`` with the mean over predicted tokens taken away, which a
  softmax does not see. Unlike the norm it does not depend on how scale is shared between embedding, map and head;
- *effective rank* and *stable rank* of the block (means over the blocks of that distance).

And for what the last position reads, the blocks ``W[T - 1, s]`` of all s: the singular values of

- *row*: the blocks side by side, (outputs, T * inputs): how many directions of its output the map fills;
- *profiles*: the blocks as rows, (T, outputs * inputs): how many different courses over distance there are. A map with
  one course weighs every direction by the same function of distance.

The effective rank is ``exp`` of the entropy of the singular values' shares (Roy & Vetterli, 2007, *The effective rank*);
the stable rank is the squared Frobenius norm over the squared largest singular value. Both are at most the rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.base import CausalMap
from arlearn.predictors.maps.shift import ShiftMap


@dataclass(frozen=True)
class Lag:
    """One distance.

    Attributes:
        distance: in tokens; 0 is the newest token.
        blocks: how many were averaged.
        norm, smallest, largest: Frobenius norms.
        effect: in nats; None where the predictor is not linear.
        effective_rank, stable_rank: 0 for a block of zeros.
    """

    distance: int
    blocks: int
    norm: float
    smallest: float
    largest: float
    effect: float | None
    effective_rank: float
    stable_rank: float


@dataclass(frozen=True)
class Unfolding:
    """Singular values of the last position's blocks, laid out as one matrix.

    Attributes:
        shape: of that matrix.
        values: descending.
        effective_rank, stable_rank: see the module.
    """

    shape: tuple[int, int]
    values: list[float]
    effective_rank: float
    stable_rank: float


@dataclass(frozen=True)
class Spectrum:
    """What a map does.

    Attributes:
        kind, inputs, outputs, window: of the map.
        lags: ascending; distances without a block are left out.
        row, profiles: see the module.
    """

    kind: str
    inputs: int
    outputs: int
    window: int
    lags: list[Lag]
    row: Unfolding
    profiles: Unfolding

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def summary(self) -> str:
        """A few lines for the terminal."""
        strength = [lag.norm**2 if lag.effect is None else lag.effect**2 for lag in self.lags]
        so_far = list(accumulate(strength))
        half = next(lag.distance for lag, total in zip(self.lags, so_far, strict=True) if total >= so_far[-1] / 2)
        what = "norm" if self.lags[0].effect is None else "effect"
        return (
            f"{self.kind} map, {self.inputs} -> {self.outputs}, {self.window} positions, {len(self.lags)} distances\n"
            f"half of the squared {what} lies within distance {half} of 0 to {self.lags[-1].distance}\n"
            f"last position: effective rank {self.row.effective_rank:.1f} of at most {min(self.row.shape)}, stable rank "
            f"{self.row.stable_rank:.1f}\n"
            f"profiles over distance: effective rank {self.profiles.effective_rank:.1f} of at most "
            f"{min(self.profiles.shape)}, stable rank {self.profiles.stable_rank:.1f}"
        )


@torch.no_grad()
def spectrum_of(predictor: Predictor, progress: Callable[[float], None] | None = None) -> Spectrum:
    """The spectrum of a linear or MLP predictor's map.

    Raises ArlearnError if the predictor has no causal map, or one without a single block.
    """
    map = getattr(predictor, "map", None)
    if not isinstance(map, CausalMap):
        raise ArlearnError(f"a predictor of kind {predictor.kind!r} has no linear map over positions, so no spectrum")
    logits = _Effect(predictor) if isinstance(predictor, LinearPredictor) else None
    lags = []
    for distance in range(map.window):
        found = [_measure(block.double(), logits) for block in _blocks(map, distance)]
        if found:
            norms = [each[0] for each in found]
            lags.append(
                Lag(
                    distance=distance,
                    blocks=len(found),
                    norm=_root_mean_square(norms),
                    smallest=min(norms),
                    largest=max(norms),
                    effect=None if logits is None else _root_mean_square([each[1] for each in found]),
                    effective_rank=sum(each[2] for each in found) / len(found),
                    stable_rank=sum(each[3] for each in found) / len(found),
                )
            )
        if progress is not None:
            progress((distance + 1) / map.window)
    if not lags:
        raise ArlearnError("the map has no block at all: its outputs are always zero")
    last = [map.block(map.window - 1, map.window - 1 - lag.distance) for lag in lags]
    blocks = [block.double() for block in last if block is not None]
    if not blocks:
        raise ArlearnError("no block of the map leads to its last position")
    return Spectrum(
        kind=map.kind,
        inputs=map.inputs,
        outputs=map.outputs,
        window=map.window,
        lags=lags,
        row=_unfolding(torch.cat(blocks, dim=1)),
        profiles=_unfolding(torch.stack([block.flatten() for block in blocks])),
    )


def _blocks(map: CausalMap, distance: int) -> list[Float[Tensor, "outputs inputs"]]:
    """The different blocks at this distance."""
    if isinstance(map, ShiftMap):  # the same one everywhere
        block = map.block(distance, 0)
        return [] if block is None else [block]
    found = (map.block(to, to - distance) for to in range(distance, map.window))
    return [block for block in found if block is not None]


class _Effect:
    """The root mean square of ``head W embedding``'s entries by way of two small Gram matrices."""

    def __init__(self, predictor: LinearPredictor) -> None:
        head = predictor.head.double()
        head = head - head.mean(0)
        embedding = predictor.embedding.double()
        self._head = head.T @ head
        self._embedding = embedding.T @ embedding
        self._entries = head.shape[0] * embedding.shape[0]

    def of(self, block: Float[Tensor, "outputs inputs"]) -> float:
        squared = float(((self._head @ block) * (block @ self._embedding)).sum())
        return math.sqrt(max(squared, 0.0) / self._entries)


def _measure(block: Float[Tensor, "outputs inputs"], logits: _Effect | None) -> tuple[float, float, float, float]:
    """Frobenius norm, effect, effective rank, stable rank."""
    values = _singular_values(block)
    return float(block.norm()), 0.0 if logits is None else logits.of(block), *_ranks(values)


def _unfolding(matrix: Float[Tensor, "rows columns"]) -> Unfolding:
    values = _singular_values(matrix)
    return Unfolding((matrix.shape[0], matrix.shape[1]), values.tolist(), *_ranks(values))


def _singular_values(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, " values"]:
    """Descending. Of the smaller Gram matrix in float64: exact enough for shares, and much cheaper for wide ones."""
    rows, columns = matrix.shape
    gram = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    values: Tensor = torch.linalg.eigvalsh(gram)
    return values.clamp(min=0).sqrt().flip(0)


def _ranks(values: Float[Tensor, " values"]) -> tuple[float, float]:
    largest = float(values[0])
    if largest <= 0:
        return 0.0, 0.0
    shares = values / values.sum()
    entropy = -float(torch.special.xlogy(shares, shares).sum())
    return math.exp(entropy), float((values / largest).square().sum())


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values))
