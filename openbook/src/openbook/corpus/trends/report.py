"""The rows of openbook trends, and what they become when the assessor's errors on labelled papers are taken out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.trends.cuts import DIMENSIONS, Counts, count, published_reproducibility, reproducibility, summary
from openbook.corpus.validation.label_tables import join, read_label_table
from openbook.corpus.validation.statistics import SEED, percentile
from openbook.errors import OpenbookError
from openbook.record.scores import wilson
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
    truth = read_label_table(labels, "labels")
    try:
        answers = read_label_table(labels, "records")
        if all(np.array_equal(answers.values.get(name, ()), truth.values[name]) for name in truth.values):
            answers = read_label_table(records, "records")
    except OpenbookError:
        answers = read_label_table(records, "records")
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


def parse_by(text: str) -> list[str]:
    """The dimensions of ``--by``, in their order. Raises ``OpenbookError`` on a name that is none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in DIMENSIONS]
    if wrong:
        raise OpenbookError(f"--by {', '.join(wrong)}: records can only be grouped by {', '.join(DIMENSIONS)}.")
    return list(dict.fromkeys(names))


def rows(
    records: Path, by: Sequence[str], errors: ErrorModel | None = None, without: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """One row per group and per total. With ``errors`` a row has ``corrected``; with ``without`` (ids of papers) it has
    ``audited``, the same figures without those papers."""
    dimensions = [name for name in by if name != "variable"]
    counted = count(records, dimensions)
    rest = None
    if without is not None:
        rest = {tuple(one.group.items()): one for one in count(records, dimensions, without)}
    out: list[dict[str, Any]] = []
    for one in counted:
        other = None if rest is None else rest.get(tuple(one.group.items()), _emptied(one))
        if "variable" in by:
            out += _by_variable(one, errors, other)
            continue
        row = one.group | summary(one)
        if errors is not None:
            row["corrected"] = errors.correct(one)
        if other is not None:
            row["audited"] = summary(other) | ({} if errors is None else {"corrected": errors.correct(other)})
        out.append(row)
    return out


def _emptied(counts: Counts) -> Counts:
    """The same group after the audit left nothing of it."""
    return Counts(counts.group, 0, 0, (0,) * len(SCORED), 0, 0, 0, 0)


def _by_variable(counts: Counts, errors: ErrorModel | None, other: Counts | None) -> list[dict[str, Any]]:
    corrected = None if errors is None else errors.correct(counts)
    out = []
    for place, variable in enumerate(SCORED):
        yes = counts.yes[place]
        row = counts.group | {
            "variable": variable,
            "papers": counts.papers,
            "empirical": counts.empirical,
            "yes": yes,
            "share": counts.share(yes),
            "interval": wilson(yes, counts.empirical) if counts.empirical else None,
        }
        if corrected is not None:
            row |= {"corrected": corrected[variable], "corrected_interval": corrected["intervals"][variable]}
        if other is not None:
            row["audited"] = {"empirical": other.empirical, "share": other.share(other.yes[place])}
        out.append(row)
    return out
