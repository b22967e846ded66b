"""The statistics of validation: confusion counts, kappa, Wilson and bootstrap intervals, and prevalence corrected for errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openbook.record.model import Z95
from openbook.record.model import wilson as score_interval

Interval: TypeAlias = tuple[float, float]

LEVEL: Final = 0.95
RESAMPLES: Final = 2000
SEED: Final = 20261123


def wilson(successes: float, trials: float) -> Interval | None:
    """The Wilson score interval of ``successes / trials``; None without trials."""
    return score_interval(successes, trials) if trials > 0 else None


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


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of papers; ``yes`` is the positive class and the labels are held to be true."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, answers: NDArray[np.int64], labels: NDArray[np.int64]) -> Confusion:
        """Count two arrays of 0 and 1, shape ``(papers,)``."""
        yes, true = answers == 1, labels == 1
        return cls(
            int((yes & true).sum()), int((yes & ~true).sum()), int((~yes & true).sum()), int((~yes & ~true).sum())
        )

    @property
    def n(self) -> int:
        """How many papers were compared."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def accuracy(self) -> float | None:
        """Share of papers on which both agree."""
        return _share(self.tp + self.tn, self.n)

    @property
    def precision(self) -> float | None:
        """Share of the answers ``yes`` that the labels confirm."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Sensitivity: share of the labels ``yes`` that were answered so."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float | None:
        """Share of the labels ``no`` that were answered so."""
        return _share(self.tn, self.tn + self.fp)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (Cohen 1960): agreement beyond chance; None if chance alone must agree."""
        if not self.n:
            return None
        observed = (self.tp + self.tn) / self.n
        answered, labelled = (self.tp + self.fp) / self.n, (self.tp + self.fn) / self.n
        chance = answered * labelled + (1 - answered) * (1 - labelled)
        return (observed - chance) / (1 - chance) if chance < 1 else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def measure(answers: NDArray[np.int64], labels: NDArray[np.int64], seed: int = SEED) -> dict[str, Any]:
    """Everything about one variable, as ``openbook validate --json`` prints it.

    ``answers`` and ``labels`` are 0 and 1, shape ``(papers,)``. Shares have Wilson intervals; F1 and kappa have
    percentile bootstrap intervals over papers.
    """
    table = Confusion.of(answers, labels)
    f1s, kappas = _resampled(answers, labels, seed)
    return {
        "n": table.n,
        "accuracy": table.accuracy,
        "precision": table.precision,
        "recall": table.recall,
        "specificity": table.specificity,
        "f1": table.f1,
        "kappa": table.kappa,
        "confusion": {"tp": table.tp, "fp": table.fp, "fn": table.fn, "tn": table.tn},
        "intervals": {
            "accuracy": wilson(table.tp + table.tn, table.n),
            "precision": wilson(table.tp, table.tp + table.fp),
            "recall": wilson(table.tp, table.tp + table.fn),
            "specificity": wilson(table.tn, table.tn + table.fp),
            "f1": percentile(f1s) if len(f1s) else None,
            "kappa": percentile(kappas) if len(kappas) else None,
        },
    }


def _resampled(
    answers: NDArray[np.int64], labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 and kappa of resampled papers. Only the four counts matter, so that they are drawn and not the papers."""
    table = Confusion.of(answers, labels)
    if table.n < 2:
        return np.empty(0), np.empty(0)
    cells = np.array([table.tp, table.fp, table.fn, table.tn]) / table.n
    tp, fp, fn, tn = np.random.default_rng(seed).multinomial(table.n, cells, size=RESAMPLES).T / table.n
    chance = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * tp / (2 * tp + fp + fn), (tp + tn - chance) / (1 - chance)


#: Below this value of Youden's index (sensitivity + specificity - 1) an answer says too little to be corrected.
LEAST_YOUDEN: Final = 0.05


def rogan_gladen(apparent: float, sensitivity: float, specificity: float) -> float | None:
    """The share of papers that truly have something, from the share that were said to have it.

    Rogan & Gladen 1978 (Am J Epidemiol 107:71): ``(apparent + specificity - 1) / (sensitivity + specificity - 1)``,
    kept within 0..1. None if the answers hardly depend on the truth.
    """
    youden = sensitivity + specificity - 1
    if youden < LEAST_YOUDEN:
        return None
    return min(1.0, max(0.0, (apparent + specificity - 1) / youden))


def lang_reiczigel(apparent: float, papers: int, table: Confusion) -> Interval | None:
    """The interval of the corrected share, with sensitivity and specificity estimated from labelled papers.

    Lang & Reiczigel 2014 (Prev Vet Med 113:13). ``apparent`` is the share of yes among ``papers`` papers; ``table`` counts
    the labelled ones. None if there are no labelled papers of one kind, or the answers hardly depend on the truth.
    """
    ill, well = table.tp + table.fn, table.tn + table.fp
    if not ill or not well or not papers:
        return None
    z = Z95
    # All three shares are first drawn towards one half, as Agresti and Coull do, so that 0 and 1 keep a width.
    n = papers + z**2
    share = (papers * apparent + z**2 / 2) / n
    n_ill, n_well = ill + 2, well + 2
    sensitivity, specificity = (table.tp + 1) / n_ill, (table.tn + 1) / n_well
    youden = sensitivity + specificity - 1
    if youden < LEAST_YOUDEN:
        return None
    corrected = (share + specificity - 1) / youden
    of_sensitivity = sensitivity * (1 - sensitivity) / n_ill
    of_specificity = specificity * (1 - specificity) / n_well
    shift = 2 * z**2 * (corrected * of_sensitivity - (1 - corrected) * of_specificity)
    width = (
        z
        / youden
        * (share * (1 - share) / n + corrected**2 * of_sensitivity + (1 - corrected) ** 2 * of_specificity) ** 0.5
    )
    centre = corrected + shift
    return min(1.0, max(0.0, centre - width)), max(0.0, min(1.0, centre + width))
