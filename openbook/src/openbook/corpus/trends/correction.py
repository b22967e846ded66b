"""Shares corrected for an assessor that errs, with what labelled papers say of its errors.

Each variable is corrected by Rogan and Gladen (1978). What counts for reproducibility is whether a paper has code and data,
data only, or no data; these three shares are corrected together, with the inverse of the matrix of misclassification
(Barron 1977, Biometrics 33:414). Intervals are percentiles over resamples of the labelled papers, which dominate: the
records are taken as the whole population. It is assumed that errors are as frequent in every group as among the labelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.trends.cuts import Counts, published_reproducibility, reproducibility
from openbook.corpus.validation.intervals import SEED, percentile
from openbook.corpus.validation.sides import join, read_side
from openbook.errors import OpenbookError
from openbook.variables import SCORED

RESAMPLES: Final = 1000
LEAST_PAPERS: Final = 20
_CODE: Final = SCORED.index("open_source_code")
_DATA: Final = SCORED.index("open_datasets")


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Sensitivity and specificity per variable, ``(draws, 7)``, and the inverse matrices of misclassification of the
    three classes, ``(draws, 3, 3)``. Draw 0 is the estimate itself, the others are resamples."""

    papers: int
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    inverse: NDArray[np.float64]

    def correct(self, counts: Counts) -> dict[str, Any] | None:
        """The corrected figures of one group, with intervals under ``intervals``; None without empirical papers."""
        if not counts.empirical:
            return None
        apparent = np.array(counts.yes) / counts.empirical
        youden = self.sensitivity + self.specificity - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.where(youden > 0.05, (apparent + self.specificity - 1) / youden, np.nan).clip(0, 1)
        classes = np.array([counts.code_and_data, counts.data_only, 0]) / counts.empirical
        classes[2] = 1 - classes.sum()
        corrected = (self.inverse @ classes).clip(0, 1)
        corrected /= corrected.sum(axis=1, keepdims=True)
        code_and_data, data_only = corrected[:, 0], corrected[:, 1]
        drawn: dict[str, NDArray[np.float64]] = {
            "documentation_mean": shares.sum(axis=1),
            "code_and_data": code_and_data,
            "reproducibility": published_reproducibility(code_and_data, data_only),  # type: ignore[arg-type,dict-item]
            **dict(zip(SCORED, shares.T, strict=True)),
        }
        exact, interval = reproducibility(float(code_and_data[0]), float(data_only[0]))
        return {
            **{name: _point(values) for name, values in drawn.items()},
            "reproducibility_exact": exact,
            "interval": interval,
            "intervals": _intervals(drawn),
            "labelled_papers": self.papers,
        }


def learn_errors(records: Path, labels: Path) -> ErrorModel:
    """Estimate the errors from the empirical papers that have both answers and labels.

    ``labels`` may hold both sides; else it is joined with ``records`` on id. Raises ``OpenbookError`` when a variable or
    enough labelled papers are missing.
    """
    truth = read_side(labels, "labels")
    try:
        answers = read_side(labels, "records")
        if all(np.array_equal(answers.values.get(name, ()), truth.values[name]) for name in truth.values):
            answers = read_side(records, "records")
    except OpenbookError:
        answers = read_side(records, "records")
    for side in (answers, truth):
        missing = [variable for variable in SCORED if variable not in side.values]
        if missing:
            raise OpenbookError(f"{side.source} lacks {', '.join(missing)}: all seven are needed to correct trends.")
    pairs = join(answers, truth)
    got = np.stack([answers.values[name][pairs.records] for name in SCORED], axis=1)
    want = np.stack([truth.values[name][pairs.labels] for name in SCORED], axis=1)
    keep = (got >= 0).all(axis=1) & (want >= 0).all(axis=1)
    if "research_type" in answers.values:
        keep &= answers.values["research_type"][pairs.records] != 1
    got, want = got[keep], want[keep]
    if len(got) < LEAST_PAPERS:
        raise OpenbookError(
            f"only {len(got)} empirical papers have all seven answers and labels in {labels}; "
            f"at least {LEAST_PAPERS} are needed to correct trends. Label more with openbook label."
        )
    return _estimate(got, want)


def _estimate(got: NDArray[np.int64], want: NDArray[np.int64]) -> ErrorModel:
    papers = len(got)
    random = np.random.default_rng(SEED)
    drawn = np.vstack([np.arange(papers), random.integers(0, papers, (RESAMPLES, papers))])
    answers, truth = got[drawn] == 1, want[drawn] == 1  # (draws, papers, 7)
    with np.errstate(invalid="ignore"):
        sensitivity = (answers & truth).sum(axis=1) / truth.sum(axis=1)
        specificity = (~answers & ~truth).sum(axis=1) / (~truth).sum(axis=1)
    said, true = _classes(answers), _classes(truth)
    matrices = np.array([[((said == row) & (true == column)).sum(axis=1) for column in range(3)] for row in range(3)])
    matrices = matrices.transpose(2, 0, 1).astype(float)
    with np.errstate(invalid="ignore"):
        matrices /= matrices.sum(axis=1, keepdims=True)
    return ErrorModel(papers, sensitivity, specificity, np.array([_inverse(matrix) for matrix in matrices]))


def _classes(yes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """0: code and data, 1: data only, 2: no data."""
    code, data = yes[..., _CODE], yes[..., _DATA]
    return np.where(data & code, 0, np.where(data, 1, 2))


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-3:
        return np.full((3, 3), np.nan)
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _point(values: NDArray[np.float64]) -> float | None:
    return float(values[0]) if np.isfinite(values[0]) else None


def _intervals(drawn: Mapping[str, NDArray[np.float64]]) -> dict[str, tuple[float, float] | None]:
    return {name: percentile(values[1:]) for name, values in drawn.items()}
