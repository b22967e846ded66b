"""Agreement of the linear assessor with labels, cross-validated by paper, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from openbook.assessors.linear.corpus import TARGETS, UNKNOWN, Labels
from openbook.assessors.linear.layers import SURE, SentenceLayer
from openbook.assessors.linear.learning import (
    DEFAULTS,
    Prepared,
    Progress,
    Settings,
    fit_all_papers,
    fit_sentences,
    paper_features,
)
from openbook.assessors.linear.pooling import features, is_yes
from openbook.variables import SCORED

Floats64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Answers to papers that neither layer had seen: (paper, target). ``pooled`` keeps each paper's features."""

    probability: Floats64
    decision: npt.NDArray[np.bool_]
    fold: npt.NDArray[np.int64]
    pooled: dict[int, tuple[Any, Any]]


def fold_numbers(papers: int, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Which fold each paper is in. Seeded."""
    numbers = np.empty(papers, np.int64)
    numbers[np.random.default_rng(seed).permutation(papers)] = np.arange(papers) % folds
    return numbers


def cross_validate(
    data: Prepared, folds: int, settings: Settings = DEFAULTS, progress: Progress = lambda _: None
) -> HeldOut:
    """Nested: for each fold, both layers, calibration and thresholds come from the other folds alone.

    Layer one is fitted without each pair of folds (for layer two's inputs within a fold's training part) and without
    each single fold: ``folds * (folds + 1) / 2`` fits.
    """
    count = len(data.corpus.ids)
    fold = fold_numbers(count, folds, settings.seed)
    seen: dict[tuple[int, int], dict[int, Any]] = {}
    for first in range(folds):
        for second in range(first, folds):
            out = np.isin(fold, (first, second))
            progress(f"layer one without folds {first + 1} and {second + 1} of {folds}")
            layer: SentenceLayer = fit_sentences(data, np.flatnonzero(~out), settings)
            seen[first, second] = paper_features(data, layer, [int(paper) for paper in np.flatnonzero(out)])
    probability = np.zeros((count, len(TARGETS)))
    decision = np.zeros((count, len(TARGETS)), np.bool_)
    pooled: dict[int, tuple[Any, Any]] = {}
    for held in range(folds):
        training = {
            int(paper): seen[min(held, fold[paper]), max(held, fold[paper])][int(paper)]
            for paper in np.flatnonzero(fold != held)
        }
        layers = fit_all_papers(data.corpus.answers, training, settings)
        for paper in np.flatnonzero(fold == held):
            pooled[int(paper)] = seen[held, held][int(paper)]
            for number, target in enumerate(TARGETS):
                chance = layers[target].probability(features(target, *pooled[int(paper)]))
                probability[paper, number] = chance
                decision[paper, number] = is_yes(target, chance, layers[target].threshold, pooled[int(paper)][0])
    return HeldOut(probability, decision, fold, pooled)


def agreement(truth: npt.NDArray[Any], decision: npt.NDArray[Any], probability: Floats64) -> dict[str, float]:
    """Kappa, accuracy, F1, precision, recall and area under the ROC curve; nan where one is not defined."""
    yes, said = truth == 1, decision.astype(bool)
    both, only_truth, only_said = (yes & said).sum(), (yes & ~said).sum(), (~yes & said).sum()
    count = len(yes)
    observed = float((yes == said).mean())
    chance = float(yes.mean() * said.mean() + (1 - yes.mean()) * (1 - said.mean()))
    with np.errstate(divide="ignore", invalid="ignore"):
        positives, negatives = int(yes.sum()), int(count - yes.sum())
        ranks = _ranks(probability)
        area = np.float64(ranks[yes].sum() - positives * (positives + 1) / 2) / (positives * negatives or np.nan)
        return {
            "kappa": (observed - chance) / (1 - chance) if chance < 1 else float("nan"),
            "accuracy": observed,
            "f1": float(np.float64(2 * both) / (2 * both + only_truth + only_said)),
            "precision": float(np.float64(both) / (both + only_said)),
            "recall": float(np.float64(both) / (both + only_truth)),
            "auc": float(area),
        }


def _ranks(values: Floats64) -> Floats64:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def report(answers: Labels, held_out: HeldOut, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Agreement per target and the means over the seven, each with a 95 % bootstrap interval over papers.

    None stands for what is not defined, such as the kappa of one answer alone.
    """
    random = np.random.default_rng(seed)
    table: dict[str, Any] = {}
    samples = [random.integers(0, len(answers), len(answers)) for _ in range(draws)]
    drawn: dict[str, list[dict[str, float]]] = {}
    for number, target in enumerate(TARGETS):
        known = answers[:, number] != UNKNOWN
        truth, said, chance = answers[:, number], held_out.decision[:, number], held_out.probability[:, number]
        values = agreement(truth[known], said[known], chance[known])
        drawn[target] = [
            agreement(truth[picked], said[picked], chance[picked])
            for picked in (sample[known[sample]] for sample in samples)
        ]
        sure = np.where(said, chance, 1 - chance) >= SURE
        right = (truth == 1) == said
        table[target] = {
            "papers": int(known.sum()),
            "yes": int((truth[known] == 1).sum()),
            "prevalence": float((truth[known] == 1).mean()),
            **values,
            "interval": {name: _interval([draw[name] for draw in drawn[target]]) for name in values},
            "sure": float(sure[known].mean()),
            "accuracy_when_sure": _mean(right[known & sure]),
            "accuracy_when_unsure": _mean(right[known & ~sure]),
        }
    seven = [table[variable] for variable in SCORED]
    means: Mapping[str, Any] = {
        name: {
            "value": float(np.nanmean([row[name] for row in seven])),
            "interval": _interval(
                [float(np.nanmean([drawn[variable][draw][name] for variable in SCORED])) for draw in range(draws)]
            ),
        }
        for name in ("kappa", "accuracy", "f1", "auc")
    }
    found: dict[str, Any] = _without_nan({"variables": table, "mean_over_seven": means})
    return found


def _without_nan(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no such number."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _interval(values: list[float]) -> list[float]:
    known = np.asarray(values)[~np.isnan(values)]
    return [float(value) for value in np.quantile(known, [0.025, 0.975])] if len(known) else []
