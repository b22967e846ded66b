"""Confidence intervals: Wilson for a share, percentile bootstrap (seeded) for anything that is computed from papers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openbook.record import scores

Interval: TypeAlias = tuple[float, float]

LEVEL: Final = 0.95
RESAMPLES: Final = 2000
SEED: Final = 20261123


def wilson(successes: float, trials: float) -> Interval | None:
    """The Wilson score interval of ``successes / trials``; None without trials."""
    return scores.wilson(successes, trials) if trials > 0 else None


def percentile(values: NDArray[np.float64], level: float = LEVEL) -> Interval | None:
    """The central interval of resampled values; None when fewer than nine in ten of them are defined."""
    defined = values[np.isfinite(values)]
    if len(defined) < 0.9 * len(values) or not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap(
    papers: int,
    statistic: Callable[[NDArray[np.int64]], float],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Percentile bootstrap over papers (Efron 1979).

    ``statistic`` gets the indices of the drawn papers, shape ``(papers,)``, and returns NaN where it is not defined.
    """
    if papers < 2:
        return None
    random = np.random.default_rng(seed)
    return percentile(np.array([statistic(random.integers(0, papers, papers)) for _ in range(resamples)]))
