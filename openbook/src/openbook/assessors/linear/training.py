"""Trains, measures and ships the linear assessor: what ``openbook train`` does.

Layer one is fitted on quotes of papers that are not among the whole papers. Layers two and three are measured by
cross-validation over papers, nested: for each fold, layer two, its calibration and layer three come from the other folds
alone, and layer three learns from scores that layer two gives to papers it has not seen.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack

from openbook.assessors.linear.corpus import (
    UNKNOWN,
    Corpus,
    OnMessage,
    load_corpus,
)
from openbook.assessors.linear.examples import DEFAULTS, Examples, Settings, make_examples
from openbook.assessors.linear.features import Floats, Floats64, Ints, Rows, batches, build_vocabulary
from openbook.assessors.linear.model import (
    LEAST,
    TARGETS,
    THEORETICAL,
    Bools,
    LinearModel,
    PaperLayer,
    SentenceLayer,
    StatementLayer,
    paper_features,
    paper_probability,
    ruled,
    save_model,
)
from openbook.assessors.linear.weight_files import SHIPPED
from openbook.errors import OpenbookError
from openbook.files import file_sha256
from openbook.variables import SCORED

LEAST_SCALE: Final = 0.2
"""No feature is stretched more than fivefold: one that hardly varied in training must not decide when it does."""
ONE_CLASS: Final = 6.0
"""Log odds where only one answer was ever seen. Fixed: odds that differ from fold to fold would look like a signal."""


def fit_sentences(
    corpus: Corpus, settings: Settings = DEFAULTS, on_progress: OnMessage = lambda _: None
) -> SentenceLayer:
    """Layer one, from the quotes of papers that are not given whole."""
    on_progress("building the vocabulary")
    vocabulary = build_vocabulary(corpus.quotes, least=settings.least)
    on_progress("fitting layer one")
    rows = vstack([_matrix(vocabulary.rows(batch)) for batch in batches(corpus.quotes, 2000)]).tocsr()
    fitted = []
    for target in range(len(TARGETS)):
        known = np.flatnonzero(corpus.quote_labels[:, target] != UNKNOWN)
        fitted.append(
            fit_logistic(rows[known], corpus.quote_labels[known, target], settings.sentence_penalty, sparse=True)
        )
    return SentenceLayer(
        vocabulary,
        np.array([weights for weights, _ in fitted], np.float32),
        np.array([bias for _, bias in fitted], np.float32),
    )


def _matrix(rows: Rows) -> csr_matrix:
    return csr_matrix((rows.values, rows.columns, rows.ends), shape=(len(rows.ends) - 1, rows.width))


def fit_logistic(
    rows: Any, truth: npt.NDArray[Any], penalty: float, weight: npt.NDArray[Any] | None = None, *, sparse: bool = False
) -> tuple[Floats64, float]:
    """Weights and bias of a logistic regression. One class only: no weights, and fixed odds."""
    seen = truth == 1
    if seen.all() or not seen.any():
        return np.zeros(rows.shape[1]), ONE_CLASS if seen.all() else -ONE_CLASS
    from sklearn.linear_model import LogisticRegression

    if sparse:
        model = LogisticRegression(solver="liblinear", C=penalty, tol=2e-2)
    else:
        model = LogisticRegression(C=penalty, max_iter=3000)
    model.fit(rows, seen.astype(np.int8), sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0])


def fit_statements(data: Examples, papers: Bools, settings: Settings = DEFAULTS) -> tuple[Floats, Floats]:
    """Layer two without calibration: weights (column, variable) and bias (variable,), from the papers marked."""
    chosen = data.used & papers[data.owner]
    fitted = []
    for variable in range(len(SCORED)):
        known = np.flatnonzero(chosen & (data.labels[:, variable] != UNKNOWN))
        rows, truth, weight = data.rows[known], data.labels[known, variable], data.weights[known, variable]
        if data.loose_rows is not None and data.loose_labels is not None and data.loose_weights is not None:
            more = np.flatnonzero(data.loose_labels[:, variable] != UNKNOWN)
            rows = vstack([rows, data.loose_rows[more]]).tocsr()
            truth = np.concatenate([truth, data.loose_labels[more, variable]])
            weight = np.concatenate([weight, data.loose_weights[more, variable]])
        fitted.append(fit_logistic(rows, truth, settings.statement_penalty, weight, sparse=True))
    return (
        np.array([weights for weights, _ in fitted], np.float32).T,
        np.array([bias for _, bias in fitted], np.float32),
    )


def calibrate(data: Examples, raw: Floats64, papers: Bools, settings: Settings = DEFAULTS) -> tuple[Floats, Floats]:
    """Platt's slope and offset per variable, from scores of unseen labelled sentences, else of quoted ones."""
    slopes, offsets = [], []
    for variable in range(len(SCORED)):
        inside = papers[data.owner] & data.allowed[:, variable] & ~np.isnan(raw[:, variable])
        known = inside & (data.gold[:, variable] != UNKNOWN)
        if not known.any():
            known = inside & (data.labels[:, variable] != UNKNOWN)
        slope, offset = fit_logistic(
            raw[known, variable][:, None], data.labels[known, variable], 100.0, data.weights[known, variable]
        )
        slopes.append(max(float(slope[0]), 1e-3))
        offsets.append(offset)
    return np.array(slopes, np.float32), np.array(offsets, np.float32)


def calibrated(data: Examples, raw: Floats64, slope: Floats, offset: Floats) -> Floats:
    """What layer two gives: calibrated log odds, ``LEAST`` where a rule forbids."""
    log_odds = np.clip(raw * slope + offset, LEAST, -LEAST)
    return ruled(log_odds.astype(np.float32), data.allowed, data.sure)


def _inputs(data: Examples, log_odds: Floats, paper: int, variable: int) -> Floats:
    span = slice(data.starts[paper], data.starts[paper + 1])
    return paper_features(log_odds[span][data.candidate[span], variable])


def fit_paper_layers(
    corpus: Corpus, data: Examples, log_odds: Floats, papers: Bools, settings: Settings = DEFAULTS
) -> dict[str, PaperLayer]:
    """Layer three of every target, from the papers marked and the log odds of layer two that has not seen them.

    A paper's answer is what its labelled sentences say; where the index has an answer, that counts too, with a weight.
    """
    layers = {}
    for variable, name in enumerate(SCORED):
        chosen = np.flatnonzero(papers)
        inputs = {int(paper): _inputs(data, log_odds, int(paper), variable) for paper in chosen}
        read = [paper for paper in chosen if data.proved[paper, variable] != UNKNOWN]
        labelled = [paper for paper in chosen if corpus.answers[paper, variable] != UNKNOWN]
        features = np.stack([inputs[int(paper)] for paper in [*read, *labelled]])
        truth = np.concatenate([data.proved[read, variable], corpus.answers[labelled, variable]])
        weight = np.concatenate([np.ones(len(read)), np.full(len(labelled), settings.index_weight if read else 1.0)])
        layer = _standardised(features, truth, settings.paper_penalty, weight)
        layers[name] = layer
    known = np.flatnonzero(papers & (corpus.answers[:, -1] != UNKNOWN))
    truth = corpus.answers[known, -1]
    layer = _standardised(data.theory[known], truth, 0.03, None)
    held_out = np.zeros(len(known))
    for fold in stratified_folds(truth, 8, settings.seed):
        rest = np.setdiff1d(np.arange(len(known)), fold)
        inner = _standardised(data.theory[known[rest]], truth[rest], 0.03, None)
        held_out[fold] = [inner.log_odds(data.theory[known[place]]) for place in fold]
    slope, offset = fit_logistic(held_out[:, None], truth, 1.0)
    layers[THEORETICAL] = replace(layer, slope=max(float(slope[0]), 1e-3), offset=offset)
    return layers


def _standardised(
    inputs: Floats, truth: npt.NDArray[Any], penalty: float, weight: npt.NDArray[Any] | None
) -> PaperLayer:
    mean, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), LEAST_SCALE)
    weights, bias = fit_logistic((inputs - mean) / scale, truth, penalty, weight)
    return PaperLayer(mean.astype(np.float32), scale.astype(np.float32), weights.astype(np.float32), bias)


def stratified_folds(truth: npt.NDArray[Any], count: int, seed: int) -> list[Ints]:
    """``count`` disjoint sets of positions, with the classes spread evenly over them. Seeded."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(truth))
    order = shuffled[np.argsort(truth[shuffled], kind="stable")]
    return [np.sort(order[start::count]) for start in range(min(count, len(truth)))]


def fold_numbers(papers: int, folds: int, seed: int) -> Ints:
    """Which fold each paper is in. Seeded."""
    numbers = np.empty(papers, np.int64)
    numbers[np.random.default_rng(seed).permutation(papers)] = np.arange(papers) % folds
    return numbers


@dataclass(frozen=True)
class HeldOut:
    """What the layers say of papers that none of them had seen. ``log_odds`` (statement, variable); (paper, target) else.

    ``raw`` keeps layer two's scores before calibration, each given without its paper's fold.
    """

    log_odds: Floats
    probability: Floats64
    decision: Bools
    fold: Ints
    raw: Floats64


def cross_validate(
    corpus: Corpus, data: Examples, folds: int, settings: Settings = DEFAULTS, on_progress: OnMessage = lambda _: None
) -> HeldOut:
    """Nested: for each fold, layer two, its calibration and layer three come from the other folds alone.

    Layer two is fitted without each pair of folds (for layer three's inputs within a fold's training part) and without
    each single fold: ``folds * (folds + 1) / 2`` fits.
    """
    count, seven = len(corpus.ids), len(SCORED)
    fold = fold_numbers(count, folds, settings.seed)
    owner = fold[data.owner]
    seen: dict[tuple[int, int], Floats64] = {}
    for first in range(folds):
        for second in range(first, folds):
            out = (owner == first) | (owner == second)
            on_progress(f"layer two without folds {first + 1} and {second + 1} of {folds}")
            weights, bias = fit_statements(data, ~((fold == first) | (fold == second)), settings)
            scores = np.full((len(owner), seven), np.nan)
            scores[out] = data.rows[np.flatnonzero(out)] @ weights + bias
            seen[first, second] = scores
    log_odds = np.full((len(owner), seven), LEAST, np.float32)
    probability = np.zeros((count, len(TARGETS)))
    decision = np.zeros((count, len(TARGETS)), np.bool_)
    raw = np.full((len(owner), seven), np.nan)
    for held in range(folds):
        inner = np.full((len(owner), seven), np.nan)
        for other in range(folds):
            mine = owner == other
            inner[mine] = seen[min(held, other), max(held, other)][mine]
        raw[owner == held] = inner[owner == held]
        slope, offset = calibrate(data, inner, fold != held, settings)
        all_log_odds = calibrated(data, inner, slope, offset)
        layers = fit_paper_layers(corpus, data, all_log_odds, fold != held, settings)
        log_odds[owner == held] = all_log_odds[owner == held]
        for paper in np.flatnonzero(fold == held):
            probabilities, said = decide(data, layers, log_odds, int(paper))
            probability[paper], decision[paper] = probabilities, said
    return HeldOut(log_odds, probability, decision, fold, raw)


def decide(
    data: Examples, layers: dict[str, PaperLayer], log_odds: Floats, paper: int
) -> tuple[list[float], list[bool]]:
    """Probability and answer of each target for one paper."""
    from openbook.assessors.linear.answers import is_yes

    probabilities, said = [], []
    span = slice(data.starts[paper], data.starts[paper + 1])
    for variable, name in enumerate(SCORED):
        mine = log_odds[span][data.candidate[span], variable]
        probabilities.append(paper_probability(layers[name], mine))
        said.append(is_yes(probabilities[-1], mine))
    probabilities.append(layers[THEORETICAL].probability(data.theory[paper]))
    said.append(probabilities[-1] >= 0.5)
    return probabilities, said


def steps(folds: int, *, measure_only: bool) -> int:
    """How often ``train`` reports progress."""
    return 5 + folds * (folds + 1) // 2 + (0 if measure_only else 1)


def train(
    records: Path,
    papers: Path | Sequence[Path],
    out: Path | None = None,
    gold: Sequence[Path] = (),
    *,
    folds: int = 5,
    settings: Settings = DEFAULTS,
    draws: int = 1000,
    measure_only: bool = False,
    on_progress: OnMessage = lambda _: None,
) -> dict[str, Any]:
    """Measure by cross-validation, then fit on everything and write the weights to ``out`` (default: as shipped).

    ``draws`` is the number of bootstrap samples behind each interval. Returns agreement per variable and how it was
    made. The same data, seed and versions give the same weights. Raises OpenbookError if the data cannot be used.
    """
    from openbook.assessors.linear.evaluation import measure

    paths = [papers] if isinstance(papers, Path) else list(papers)
    if out is not None and out.exists() and not out.is_dir():
        raise OpenbookError(f"{out} is a file: give a folder for the weights")
    corpus = load_corpus(records, paths, gold, quotes=settings.quotes, seed=settings.seed, on_progress=on_progress)
    if len(corpus.ids) < 2 * folds:
        raise OpenbookError(
            f"{len(corpus.ids)} whole papers with records are too few for {folds} folds: give at least {2 * folds}"
        )
    if not len(corpus.quotes):
        raise OpenbookError(f"{records} quotes nothing beyond the papers given whole: there is nothing to learn from")
    layer = fit_sentences(corpus, settings, on_progress)
    data = make_examples(corpus, layer, settings, on_progress)
    held_out = cross_validate(corpus, data, folds, settings, on_progress)
    measured = measure(corpus, data, held_out, draws=draws, seed=settings.seed)
    read = int((data.gold != UNKNOWN).any(axis=1).sum())
    result: dict[str, Any] = {
        "papers": len(corpus.ids),
        "quotes": len(corpus.quotes),
        "sentences": read,
        "folds": folds,
        **measured,
        "out": None,
    }
    if measure_only:
        return result
    on_progress("fitting on all papers")
    everything = np.ones(len(corpus.ids), np.bool_)
    weights, bias = fit_statements(data, everything, settings)
    slope, offset = calibrate(data, held_out.raw, everything, settings)
    log_odds = calibrated(data, held_out.raw, slope, offset)
    folder = out or SHIPPED
    model = LinearModel(
        sentences=layer,
        statements=StatementLayer(weights, bias, slope, offset),
        papers=fit_paper_layers(corpus, data, log_odds, everything, settings),
        card={
            "trained": datetime.now(UTC).strftime("%Y-%m-%d"),
            "data": {
                "records_sha256": file_sha256(records),
                "papers_sha256": [file_sha256(path) for path in paths],
                "gold_sha256": [file_sha256(path) for path in gold],
                "papers": len(corpus.ids),
                "quotes": len(corpus.quotes),
                "sentences": read,
            },
            "labels": "papers and quotes: gemini-2.5-flash, as published in the index (arXiv:2606.16974); "
            "sentences: a language model that read each in its surroundings under the labelling guide",
            "settings": asdict(settings),
            "folds": folds,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("openbook", "numpy", "scipy", "scikit-learn")},
            },
            **measured,
        },
    )
    save_model(model, folder)
    result["out"] = str(folder)
    return result
