"""Fits the two layers.

The second layer learns from scores that the first gives to papers it has not seen: the first layer is fitted once per
fold without that fold (``fold_features``), so that the second meets, in training, scores like those of a new paper.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack

from openbook.assessors.linear.corpus import TARGETS, UNKNOWN, Corpus, Labels
from openbook.assessors.linear.features import Floats, Vocabulary, batches, build_vocabulary
from openbook.assessors.linear.layers import PaperLayer, SentenceLayer
from openbook.assessors.linear.patterns import NAMES
from openbook.assessors.linear.pooling import eligible, features, pool

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How the layers are fitted. ``quotes``: papers of the index that lend quotes; ``penalty`` is 1 / L2 strength."""

    quotes: int = 8000
    least: int = 4
    sentence_penalty: float = 1.0
    paper_penalty: float = 0.03
    paper_weight: float = 1.0
    example_weight: float = 3.0
    unlabelled_weight: float = 0.3
    inner_folds: int = 8
    seed: int = 0


DEFAULTS: Final = Settings()
LEAST_SCALE: Final = 0.2
"""No feature is stretched more than fivefold: one that hardly varied in training must not decide when it does."""
ONE_CLASS: Final = 6.0
"""Log odds where only one answer was ever seen. Fixed: odds that differ from fold to fold would look like a signal."""


@dataclass(frozen=True)
class Prepared:
    """A corpus as rows. ``sentences`` is one matrix for all papers; paper k has ``starts[k]:starts[k + 1]``."""

    corpus: Corpus
    vocabulary: Vocabulary
    quotes: csr_matrix
    sentences: csr_matrix
    labels: Labels
    owner: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    keep: npt.NDArray[np.bool_]
    flags: Floats


def prepare(corpus: Corpus, settings: Settings = DEFAULTS, progress: Progress = lambda _: None) -> Prepared:
    """Build the vocabulary from the quotes alone (no whole paper is looked at), then all rows."""
    progress("building the vocabulary")
    vocabulary = build_vocabulary(corpus.quotes, least=settings.least)
    progress("counting words")
    quotes = vstack([vocabulary.rows(batch) for batch in batches(corpus.quotes, 2000)]).tocsr()
    sentences = vstack([vocabulary.rows(texts) for texts in corpus.sentences]).tocsr()
    sizes = [len(texts) for texts in corpus.sentences]
    return Prepared(
        corpus=corpus,
        vocabulary=vocabulary,
        quotes=quotes,
        sentences=sentences,
        labels=np.vstack(corpus.sentence_labels),
        owner=np.repeat(np.arange(len(sizes)), sizes),
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        keep=np.concatenate(
            [eligible(paper, texts) for paper, texts in zip(corpus.papers, corpus.sentences, strict=True)]
        ),
        flags=(sentences[:, -len(NAMES) :] > 0).toarray().astype(np.float32),
    )


def fit_sentences(data: Prepared, papers: npt.NDArray[np.int64], settings: Settings = DEFAULTS) -> SentenceLayer:
    """Layer one from all quotes and from the sentences of these papers."""
    mine = np.isin(data.owner, papers) & data.keep

    def one(target: int) -> tuple[npt.NDArray[np.float64], float]:
        labels = data.labels[:, target]
        known = np.flatnonzero(mine & (labels != UNKNOWN))
        # Only a quote speaks for the research type: sentences without one say nothing about it.
        silent = np.flatnonzero(mine & (labels == UNKNOWN)) if target < len(TARGETS) - 1 else known[:0]
        quoted = np.flatnonzero(data.corpus.quote_labels[:, target] != UNKNOWN)
        truth = [labels[known], np.zeros(len(silent), np.int8), data.corpus.quote_labels[quoted, target]]
        weight = [
            np.where(labels[known] == 1, settings.example_weight, 1.0) * settings.paper_weight,
            np.full(len(silent), settings.unlabelled_weight * settings.paper_weight),
            np.ones(len(quoted)),
        ]
        rows = vstack([data.sentences[known], data.sentences[silent], data.quotes[quoted]]).tocsr()
        return fit_logistic(rows, np.concatenate(truth), settings.sentence_penalty, np.concatenate(weight), sparse=True)

    # liblinear lets go of the interpreter while it works, and its primal solver draws nothing at random.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool_of_threads:
        fitted = list(pool_of_threads.map(one, range(len(TARGETS))))
    return SentenceLayer(
        data.vocabulary,
        np.array([weights for weights, _ in fitted], np.float32),
        np.array([bias for _, bias in fitted], np.float32),
    )


def fit_logistic(
    rows: Any, truth: npt.NDArray[Any], penalty: float, weight: Floats | None = None, *, sparse: bool = False
) -> tuple[npt.NDArray[np.float64], float]:
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


def paper_features(data: Prepared, layer: SentenceLayer, papers: Sequence[int]) -> dict[int, tuple[Floats, Floats]]:
    """What ``pool`` gives for these papers."""
    found = {}
    for paper in papers:
        span = slice(data.starts[paper], data.starts[paper + 1])
        found[int(paper)] = pool(layer.scores(data.sentences[span]), data.flags[span], data.keep[span])
    return found


def fit_papers(target: str, inputs: Floats, truth: npt.NDArray[Any], settings: Settings = DEFAULTS) -> PaperLayer:
    """Layer two of one target, calibrated and with its threshold, from (paper, feature) inputs.

    Calibration and threshold come from inner folds. The threshold says yes as often as the labels do: it moves less
    from sample to sample than the one that maximises kappa, and did better on papers left out.
    """
    layer = _standardised(inputs, truth, settings.paper_penalty)
    held_out = np.zeros(len(truth))
    for fold in stratified_folds(truth, settings.inner_folds, settings.seed):
        rest = np.setdiff1d(np.arange(len(truth)), fold)
        inner = _standardised(inputs[rest], truth[rest], settings.paper_penalty)
        held_out[fold] = [inner.log_odds(row) for row in inputs[fold]]
    slope, offset = fit_logistic(held_out[:, None], truth, 1.0)
    slope_value = max(float(slope[0]), 1e-3)  # a scorer that is worse than chance is no reason to answer upside down
    cut = float(np.quantile(held_out, 1 - np.mean(truth == 1)))
    probability = 1 / (1 + np.exp(-(slope_value * cut + offset)))
    return replace(layer, slope=slope_value, offset=offset, threshold=float(np.clip(probability, 0.02, 0.98)))


def _standardised(inputs: Floats, truth: npt.NDArray[Any], penalty: float) -> PaperLayer:
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.maximum(scale, LEAST_SCALE)
    weights, bias = fit_logistic((inputs - mean) / scale, truth, penalty)
    return PaperLayer(mean.astype(np.float32), scale.astype(np.float32), weights.astype(np.float32), bias)


def stratified_folds(truth: npt.NDArray[Any], count: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """``count`` disjoint sets of positions, with the classes spread evenly over them. Seeded."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(truth))
    order = shuffled[np.argsort(truth[shuffled], kind="stable")]
    return [np.sort(order[start::count]) for start in range(min(count, len(truth)))]


def fit_all_papers(
    answers: Labels, pooled: dict[int, tuple[Floats, Floats]], settings: Settings = DEFAULTS
) -> dict[str, PaperLayer]:
    """Layer two of every target, from the papers in ``pooled``."""
    layers = {}
    for number, target in enumerate(TARGETS):
        papers = [paper for paper in sorted(pooled) if answers[paper, number] != UNKNOWN]
        inputs = np.stack([features(target, *pooled[paper]) for paper in papers])
        layers[target] = fit_papers(target, inputs, answers[papers, number], settings)
    return layers
