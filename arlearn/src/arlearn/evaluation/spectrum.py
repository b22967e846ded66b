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

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.files import replacing
from arlearn.predictors.base import Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.base import CausalMap
from arlearn.predictors.maps.blocks import PeriodicMap, ShiftMap


@dataclass(frozen=True)
class Lag:
    """One distance.

    Attributes:
        distance: in tokens; 0 is the newest token.
        blocks: how many were averaged.
        norm, smallest, largest: Frobenius norms.
        effect: in nats; None if the predictor is not linear.
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
def spectrum_of(predictor: Predictor, on_progress: Callable[[float], None] | None = None) -> Spectrum:
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
        if on_progress is not None:
            on_progress((distance + 1) / map.window)
    if not lags:
        raise ArlearnError("the map has no block at all: its outputs are always zero")
    end = max(map.window - 1, map.start + map.period - 1) if isinstance(map, PeriodicMap) else map.window - 1
    last = [map.block(end, end - lag.distance) for lag in lags]
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
    if isinstance(map, PeriodicMap):
        found = (map.block(to, to - distance) for to in range(distance, max(distance, map.start) + map.period))
    else:
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


FIGURES, TABLES = (".svg", ".png", ".pdf"), (".csv", ".json")
FLOOR = 1e-6  # of the largest singular value: what is below counts as zero
INK, SECOND, PALE = "#1f5f8b", "#b4552d", "#9db8c9"


def write_spectrum(spectrum: Spectrum, path: Path, title: str) -> list[Path]:
    """Write a figure (.svg, .png, .pdf) with its table (.csv) beside it, or a table alone (.csv, .json).

    Returns what was written. Raises ArlearnError for another ending, or if a file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in FIGURES + TABLES:
        raise ArlearnError(f"{path}: a spectrum is written as {', '.join(FIGURES + TABLES)}, not {ending or 'nothing'}")
    table = path if ending in TABLES else path.with_suffix(".csv")
    text = json.dumps(spectrum.as_json(), indent=1) + "\n" if ending == ".json" else as_csv(spectrum)
    writers: list[tuple[Path, Callable[[Path], object]]] = [(table, lambda place: place.write_text(text, "utf-8"))]
    if ending in FIGURES:
        writers.insert(0, (path, lambda place: draw(spectrum, place, ending[1:], title)))
    for place, write in writers:
        with replacing(place) as beside:
            write(beside)
    return [place for place, _ in writers]


def as_csv(spectrum: Spectrum) -> str:
    """One line for each distance, then one for each singular value; the column ``what`` says which."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(
        ["what", "index", "blocks", "norm", "smallest", "largest", "effect", "effective_rank", "stable_rank", "value"]
    )
    for lag in spectrum.lags:
        effect = "" if lag.effect is None else lag.effect
        numbers = (lag.norm, lag.smallest, lag.largest, effect, lag.effective_rank, lag.stable_rank)
        lines.writerow(["distance", lag.distance, lag.blocks, *numbers, ""])
    for what, unfolding in (("row", spectrum.row), ("profiles", spectrum.profiles)):
        for index, value in enumerate(unfolding.values):
            lines.writerow([what, index, "", "", "", "", "", "", "", value])
    return out.getvalue()


def draw(spectrum: Spectrum, path: Path, format: str, title: str) -> None:
    """Three panels: strength at each distance, singular values, effective rank at each distance."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    strength, singular, rank = figure.subplots(1, 3)
    distances = [lag.distance for lag in spectrum.lags]
    effects = [lag.effect for lag in spectrum.lags if lag.effect is not None]
    few = {"marker": "o", "markersize": 3} if len(distances) <= 80 else {}

    of_norm = strength.twinx() if effects else strength
    if effects:
        strength.plot(distances, effects, color=INK, zorder=3, **few)
        strength.set_ylabel("effect on a logit (nats, r.m.s.)", color=INK)
        strength.set_ylim(bottom=0)
        of_norm.spines[["top"]].set_visible(False)
    if any(lag.blocks > 1 for lag in spectrum.lags):
        of_norm.fill_between(
            distances,
            [lag.smallest for lag in spectrum.lags],
            [lag.largest for lag in spectrum.lags],
            color=PALE,
            alpha=0.3,
            linewidth=0,
        )
    of_norm.plot(distances, [lag.norm for lag in spectrum.lags], color=SECOND if effects else INK, linewidth=1)
    of_norm.set_ylabel("Frobenius norm of the block", color=SECOND if effects else INK)
    of_norm.set_ylim(bottom=0)
    strength.set(xlabel="distance (tokens)", title="What each distance adds")

    smallest = 0.1
    for unfolding, colour, label in (
        (spectrum.row, INK, "directions of the output"),
        (spectrum.profiles, SECOND, "courses over distance"),
    ):
        largest = unfolding.values[0] or 1.0
        shown = [value / largest for value in unfolding.values]
        smallest = min([smallest, *(value for value in shown if value > FLOOR)])
        named = f"{label}: {unfolding.effective_rank:.1f} of {len(shown)}"
        dots = {"marker": "o", "markersize": 3} if len(shown) <= 20 else {}
        seen = [value if value > FLOOR else math.nan for value in shown]  # a zero has no place on this scale
        singular.plot(range(1, len(shown) + 1), seen, color=colour, label=named, **dots)
    singular.set(
        yscale="log",
        ylim=(smallest / 3, 1.3),
        xlabel="number",
        ylabel="singular value / largest",
        title="Singular values",
    )
    singular.legend(frameon=False, fontsize=8, title="effective rank", title_fontsize=8, loc="lower left")

    limit = min(spectrum.inputs, spectrum.outputs)
    rank.plot(distances, [lag.effective_rank for lag in spectrum.lags], color=INK, label="effective rank", **few)
    rank.plot(distances, [lag.stable_rank for lag in spectrum.lags], color=SECOND, label="stable rank", linewidth=1)
    rank.axhline(limit, color="0.7", linewidth=0.8, linestyle="--")
    rank.annotate(
        f"at most {limit}", (distances[-1], limit), (0, 3), textcoords="offset points", ha="right", fontsize=8
    )
    rank.set(xlabel="distance (tokens)", ylabel="rank of the block", title="Rank at each distance")
    rank.set_ylim(bottom=0, top=limit * 1.12)
    rank.legend(frameon=False, fontsize=8)

    for axes in (strength, singular, rank):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top"]].set_visible(False)
        if axes is not strength or not effects:
            axes.spines[["right"]].set_visible(False)
    figure.suptitle(
        f"{title}: {spectrum.kind} map, {spectrum.inputs} to {spectrum.outputs}, {spectrum.window} positions"
    )
    with matplotlib.rc_context({"svg.hashsalt": "arlearn"}):  # the same figure gives the same file
        figure.savefig(path, dpi=150, format=format, metadata={"Date": None} if format == "svg" else None)
