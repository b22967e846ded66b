"""How well documentation predicts reproduction: rates by class and a logistic model, on any table of papers and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.validation.statistics import percentile
from openbook.errors import OpenbookError
from openbook.files import read_csv
from openbook.record.model import RATE_CODE_AND_DATA, RATE_DATA_ONLY, Record
from openbook.record.parquet import from_row, read_table

#: The classes of the Reproducibility Score, and what it gives them.
CLASSES: Final = ("code and data", "data only", "neither")
FIXED: Final = {"code and data": RATE_CODE_AND_DATA, "data only": RATE_DATA_ONLY, "neither": 0.0}
RESAMPLES: Final = 2000
_YES: Final = frozenset("yes y true 1 reproduced".split())
_NO: Final = frozenset("no n false 0".split())


@dataclass(frozen=True, slots=True)
class PaperOutcome:
    """One paper: its class, its Documentation Score if it is known, and whether it was reproduced."""

    id: str
    kind: str
    documentation: int | None
    reproduced: bool


def replication_study() -> list[PaperOutcome]:
    """The built-in example: 22 papers of the replication study behind the score, 6 of 7 and 5 of 15 reproduced."""
    made = [PaperOutcome(f"code-and-data-{n}", "code and data", None, n < 6) for n in range(7)]
    return made + [PaperOutcome(f"data-only-{n}", "data only", None, n < 5) for n in range(15)]


def read_outcomes(path: Path, records: Path | None) -> list[PaperOutcome]:
    """Outcomes from a CSV with the columns ``id`` and ``reproduced``; the rest from the records of those ids.

    Without records the columns ``code`` and ``data`` (yes or no) give the class, and ``documentation`` the score. Raises
    OpenbookError for a file of another shape, an unknown word, or ids without a record.
    """
    rows, names = read_csv(path)
    needed = ["id", "reproduced", *([] if records else ["code", "data"])]
    missing = [name for name in needed if name not in names]
    if missing or not rows:
        raise OpenbookError(f"{path} is not a table of outcomes: it needs rows and the columns {', '.join(needed)}")
    known = _records(records) if records is not None else {}
    lost = [row["id"] for row in rows if records is not None and row["id"] not in known]
    if lost:
        raise OpenbookError(f"{records} has no record of {lost[0]!r} ({len(lost)} of {len(rows)} papers of {path})")
    found = []
    for number, row in enumerate(rows, 2):
        record = known.get(row["id"])
        if record is not None:
            code, data = (record.answers[name].result == "yes" for name in ("open_source_code", "open_datasets"))
            score = record.scores.documentation
        else:
            code, data = _said(row["code"], path, number, "code"), _said(row["data"], path, number, "data")
            score = int(row["documentation"]) if (row.get("documentation") or "").isdigit() else None
        kind = CLASSES[0] if code and data else CLASSES[1] if data else CLASSES[2]
        found.append(PaperOutcome(row["id"], kind, score, _said(row["reproduced"], path, number, "reproduced")))
    return found


def _records(path: Path) -> Mapping[str, Record]:
    return {row["id"]: from_row(row) for row in read_table(path).to_pylist()}


def _said(word: str | None, path: Path, line: int, column: str) -> bool:
    plain = (word or "").strip().lower()
    if plain not in _YES | _NO:
        raise OpenbookError(f"{path}, line {line}: {column} is {word!r}; write yes or no")
    return plain in _YES


def validate_outcomes(outcomes: list[PaperOutcome], seed: int = 20261125) -> dict[str, Any]:
    """Rates by class with intervals, their prediction of papers left out, and a logistic model of the score if it is known.

    A class's rate is the mean of a Beta posterior with Jeffreys' prior, its interval the central 95 % of it. Predictions are
    judged by log loss, each paper left out in turn, against the rate of all others; ``predicts`` says whether the gain's 95 %
    bootstrap interval over papers lies above 0.
    """
    reproduced = np.array([one.reproduced for one in outcomes], dtype=float)
    kinds = [one.kind for one in outcomes]
    report: dict[str, Any] = {
        "papers": len(outcomes),
        "reproduced": int(reproduced.sum()),
        "classes": {kind: _rate(reproduced[[one == kind for one in kinds]]) for kind in CLASSES if kind in kinds},
    }
    base = np.array([_posterior(np.delete(reproduced, n)) for n in range(len(outcomes))])
    by_class = np.array([_posterior(_others(reproduced, kinds, n)) for n in range(len(outcomes))])
    fixed = np.clip([FIXED[kind] for kind in kinds], 0.01, 0.99)
    report["base_rate"] = {"log_loss": _log_loss(base, reproduced)}
    report["by_class"] = _judged(by_class, base, reproduced, seed)
    report["fixed"] = _judged(fixed, base, reproduced, seed) | {"rates": FIXED}
    scores = [one.documentation for one in outcomes]
    if all(score is not None for score in scores) and 0 < reproduced.sum() < len(outcomes):
        report["by_score"] = _by_score(np.array(scores, dtype=float), reproduced, base, seed)
    return report


def _posterior(values: NDArray[np.float64]) -> float:
    return float((values.sum() + 0.5) / (len(values) + 1))


def _others(reproduced: NDArray[np.float64], kinds: list[str], left_out: int) -> NDArray[np.float64]:
    return reproduced[[n != left_out and kind == kinds[left_out] for n, kind in enumerate(kinds)]]


def _rate(values: NDArray[np.float64]) -> dict[str, Any]:
    from scipy.stats import beta

    yes, no = float(values.sum()), float(len(values) - values.sum())
    low, high = beta.ppf([0.025, 0.975], yes + 0.5, no + 0.5)
    return {
        "papers": len(values),
        "reproduced": int(yes),
        "rate": _posterior(values),
        "interval": [float(low), float(high)],
    }


def _log_loss(predicted: NDArray[np.float64], reproduced: NDArray[np.float64]) -> float:
    return float(-np.log(np.where(reproduced == 1, predicted, 1 - predicted)).mean())


def _judged(
    predicted: NDArray[np.float64], base: NDArray[np.float64], reproduced: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    gains = np.log(np.where(reproduced == 1, predicted / base, (1 - predicted) / (1 - base)))
    drawn = np.random.default_rng(seed).integers(0, len(gains), (RESAMPLES, len(gains)))
    interval = percentile(gains[drawn].mean(axis=1))
    return {
        "log_loss": _log_loss(predicted, reproduced),
        "gain": float(gains.mean()),
        "gain_interval": interval,
        "predicts": interval is not None and interval[0] > 0,
    }


def _by_score(
    scores: NDArray[np.float64], reproduced: NDArray[np.float64], base: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """A logistic model of the Documentation Score, weakly regularised, each paper predicted by the others."""
    from sklearn.linear_model import LogisticRegression

    def fitted(rows: NDArray[np.bool_]) -> LogisticRegression | None:
        return (
            LogisticRegression(C=10.0).fit(scores[rows, None], reproduced[rows])
            if 0 < reproduced[rows].mean() < 1
            else None
        )

    predicted = base.copy()
    for n in range(len(scores)):
        rows = np.arange(len(scores)) != n
        model = fitted(rows)
        if model is not None:
            predicted[n] = float(np.clip(model.predict_proba(scores[n : n + 1, None])[0, 1], 0.01, 0.99))
    whole = fitted(np.ones(len(scores), dtype=bool))
    assert whole is not None
    random = np.random.default_rng(seed)
    slopes = []
    for _ in range(200):
        rows = random.integers(0, len(scores), len(scores))
        if 0 < reproduced[rows].mean() < 1:
            slopes.append(float(LogisticRegression(C=10.0).fit(scores[rows, None], reproduced[rows]).coef_[0, 0]))
    return {
        "log_odds_per_variable": float(whole.coef_[0, 0]),
        "interval": percentile(np.array(slopes)) if slopes else None,
        **_judged(predicted, base, reproduced, seed),
    }
