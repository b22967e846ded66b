"""Agreement of two sets of yes-or-no answers: the confusion matrix, and what is computed from it, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.validation.intervals import RESAMPLES, SEED, percentile, wilson


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
        """Cohen's kappa (Cohen 1960): agreement beyond chance; None where chance alone must agree."""
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
