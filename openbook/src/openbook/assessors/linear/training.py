"""Trains, measures and ships the linear assessor: what ``openbook train`` does.

Layer one is fitted on quotes of papers that are not among the whole papers. Layers two and three are measured by
cross-validation over papers, nested: for each fold, layer two, its calibration and layer three come from the other folds
alone, and layer three learns from scores that layer two gives to papers it has not seen.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack

from openbook.assessors.linear.assessor import SHIPPED
from openbook.assessors.linear.corpus import (
    UNKNOWN,
    Corpus,
    GoldSentence,
    Labels,
    gold_places,
    load_corpus,
    located,
)
from openbook.assessors.linear.features import Floats, Rows, batches, build_vocabulary
from openbook.assessors.linear.model import (
    LEAST,
    TARGETS,
    THEORETICAL,
    Bools,
    LinearModel,
    PaperLayer,
    SentenceLayer,
    StatementLayer,
    may_prove,
    paper_chance,
    paper_features,
    read_candidates,
    ruled,
    save_model,
    surely_proves,
    theory_features,
)
from openbook.assessors.linear.statements import WIDTH, Statement, context_rows, statements
from openbook.errors import OpenbookError
from openbook.files import file_sha256
from openbook.variables import SCORED

Progress = Callable[[str], None]
Floats64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Settings:
    """How the layers are fitted. ``quotes``: papers of the index that lend quotes; a ``penalty`` is 1 / L2 strength.

    Weights of layer two's examples: a labelled sentence 1 (``unsure`` where its reader doubted), a quoted sentence of a
    whole paper ``quoted``, a sentence of a paper whose answer is no ``denied``, a sentence drawn at random ``random``.
    A paper documents a variable when a labelled sentence proves it, and does not when ``read_enough`` were read and none does.
    """

    quotes: int = 24000
    least: int = 8
    sentence_penalty: float = 1.0
    statement_penalty: float = 3.0
    paper_penalty: float = 0.1
    unsure: float = 0.4
    quoted: float = 0.15
    denied: float = 0.1
    random: float = 0.3
    index_weight: float = 0.5
    random_sentences: int = 10
    read_enough: int = 8
    kept_share: float = 0.2
    seed: int = 0


DEFAULTS: Final = Settings()
LEAST_SCALE: Final = 0.2
"""No feature is stretched more than fivefold: one that hardly varied in training must not decide when it does."""
ONE_CLASS: Final = 6.0
"""Log odds where only one answer was ever seen. Fixed: odds that differ from fold to fold would look like a signal."""


@dataclass(frozen=True)
class Examples:
    """The statements of all whole papers as rows; paper k has ``starts[k]:starts[k + 1]``.

    Per statement: ``labels`` and ``weights`` (statement, variable) for training, ``gold`` what its reader said, or
    ``UNKNOWN``; ``allowed`` what the rules let it prove and ``sure`` what they say it proves plainly; ``candidate`` whether the assessor would look at it; ``used``
    whether it is trained on. Per paper: ``theory`` features, ``proved`` (paper, variable): whether a labelled sentence
    proves the variable, ``UNKNOWN`` where none of its sentences were read. ``loose_*`` are the rows of labelled
    sentences whose papers are not given whole: they are trained on in every fold and measured in none.
    """

    items: list[Statement]
    rows: csr_matrix
    starts: Ints
    labels: Labels
    weights: Floats
    gold: Labels
    allowed: Bools
    sure: Bools
    candidate: Bools
    used: Bools
    theory: Floats
    proved: Labels
    loose_rows: csr_matrix | None = None
    loose_labels: Labels | None = None
    loose_weights: Floats | None = None

    @property
    def owner(self) -> Ints:
        """Which paper each statement is of."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def fit_sentences(corpus: Corpus, settings: Settings = DEFAULTS, progress: Progress = lambda _: None) -> SentenceLayer:
    """Layer one, from the quotes of papers that are not given whole."""
    progress("building the vocabulary")
    vocabulary = build_vocabulary(corpus.quotes, least=settings.least)
    progress("fitting layer one")
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


def make_examples(
    corpus: Corpus, layer: SentenceLayer, settings: Settings = DEFAULTS, progress: Progress = lambda _: None
) -> Examples:
    """Candidates, labelled and quoted sentences of each whole paper, and a few at random, as rows with labels."""
    progress("reading sentences in their surroundings")
    random = np.random.default_rng(settings.seed)
    count = len(SCORED)
    whole: list[Statement] = []
    matrices, labels, weights, gold, allowed, plain, candidate, used, theory, starts = (
        [],
        [],
        [],
        [],
        [],
        [],
        [],
        [],
        [],
        [0],
    )
    proved = np.full((len(corpus.papers), count), UNKNOWN, np.int8)
    for number, paper in enumerate(corpus.papers):
        texts, scores, flags, keep, chosen = read_candidates(paper, layer)
        read = gold_places(texts, corpus.gold[number]) if corpus.gold[number] else {}
        row = corpus.quoted[number]
        index = located(row, texts)[:, :count] if row is not None else np.full((len(texts), count), UNKNOWN, np.int8)
        quoted = {int(place) for place in np.flatnonzero((index == 1).any(axis=1) & keep)}
        looked_at = {item.place for item in chosen}
        rest = [int(place) for place in np.flatnonzero(keep) if place not in looked_at | set(read) | quoted]
        drawn = set(random.permutation(rest)[: settings.random_sentences].tolist())
        places = sorted(looked_at | set(read) | quoted | drawn)
        items = statements(paper, places, texts)
        matrices.append(_context_matrix(items, scores[places]))
        mine = np.full((len(places), count), UNKNOWN, np.int8)
        for position, place in enumerate(places):
            if place in read:
                mine[position] = read[place].proves
        silver = index[places]
        label = np.where(mine != UNKNOWN, mine, silver).astype(np.int8)
        weight = np.where(silver == 1, settings.quoted, settings.denied)
        sure = np.array([1.0 if place not in read or read[place].sure else settings.unsure for place in places])
        weight = np.where(mine != UNKNOWN, sure[:, None], weight)
        easy = np.array([place in drawn for place in places])[:, None] & (label == UNKNOWN)
        label, weight = np.where(easy, 0, label), np.where(easy, settings.random, weight)
        hard = ((scores[places][:, :count] > 0) & (silver == 0)).any(axis=1)
        some = random.random((2, len(places)))
        used.append(
            (mine != UNKNOWN).any(axis=1)
            | (silver == 1).any(axis=1)
            | (some[0] < settings.kept_share)
            | (hard & (some[1] < 0.5))
        )
        if read:
            enough = (mine != UNKNOWN).sum(axis=0) >= settings.read_enough
            proved[number] = np.where((mine == 1).any(axis=0), 1, np.where(enough, 0, UNKNOWN))
        whole += items
        labels.append(label)
        weights.append(weight)
        gold.append(mine)
        allowed.append(np.stack([may_prove(item) for item in items]))
        plain.append(np.stack([surely_proves(item) for item in items]))
        candidate.append(np.array([place in looked_at for place in places]))
        theory.append(theory_features(scores, flags, keep))
        starts.append(len(whole))
    loose = [_loose_rows(mine, layer, settings) for mine in corpus.loose]
    return Examples(
        items=whole,
        rows=vstack(matrices).tocsr(),
        starts=np.array(starts, np.int64),
        labels=np.vstack(labels).astype(np.int8),
        weights=np.vstack(weights).astype(np.float32),
        gold=np.vstack(gold),
        allowed=np.vstack(allowed),
        sure=np.vstack(plain),
        candidate=np.concatenate(candidate),
        used=np.concatenate(used),
        theory=np.stack(theory),
        proved=proved,
        loose_rows=vstack([rows for rows, _, _ in loose]).tocsr() if loose else None,
        loose_labels=np.vstack([label for _, label, _ in loose]) if loose else None,
        loose_weights=np.vstack([weight for _, _, weight in loose]) if loose else None,
    )


def _loose_rows(
    mine: Sequence[GoldSentence], layer: SentenceLayer, settings: Settings
) -> tuple[csr_matrix, Labels, Floats]:
    """Rows, labels and weights of labelled sentences of one paper that is not given whole."""
    items = []
    for place, item in enumerate(mine):
        section, before, text, after = item.around or ("", "", "", "")
        items.append(Statement(place, 0, len(text), text, before, after, section, "body", "text", 0.5))
    scores = layer.scores(layer.vocabulary.rows([item.text for item in items]))
    labels = np.stack([item.proves for item in mine])
    weights = np.array([1.0 if item.sure else settings.unsure for item in mine], np.float32)
    return _context_matrix(items, scores), labels, np.repeat(weights[:, None], len(SCORED), axis=1)


def _context_matrix(items: Sequence[Statement], scores: Floats) -> csr_matrix:
    rows, columns, values = context_rows(items, scores)
    return csr_matrix((values, (rows, columns)), shape=(len(items), WIDTH))


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
    odds = np.clip(raw * slope + offset, LEAST, -LEAST)
    return ruled(odds.astype(np.float32), data.allowed, data.sure)


def _inputs(data: Examples, odds: Floats, paper: int, variable: int) -> Floats:
    span = slice(data.starts[paper], data.starts[paper + 1])
    return paper_features(odds[span][data.candidate[span], variable])


def fit_paper_layers(
    corpus: Corpus, data: Examples, odds: Floats, papers: Bools, settings: Settings = DEFAULTS
) -> dict[str, PaperLayer]:
    """Layer three of every target, from the papers marked and the odds of layer two that has not seen them.

    A paper's answer is what its labelled sentences say; where the index has an answer, that counts too, with a weight.
    """
    layers = {}
    for variable, name in enumerate(SCORED):
        chosen = np.flatnonzero(papers)
        inputs = {int(paper): _inputs(data, odds, int(paper), variable) for paper in chosen}
        read = [paper for paper in chosen if data.proved[paper, variable] != UNKNOWN]
        told = [paper for paper in chosen if corpus.answers[paper, variable] != UNKNOWN]
        features = np.stack([inputs[int(paper)] for paper in [*read, *told]])
        truth = np.concatenate([data.proved[read, variable], corpus.answers[told, variable]])
        weight = np.concatenate([np.ones(len(read)), np.full(len(told), settings.index_weight if read else 1.0)])
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
    """What the layers say of papers that none of them had seen. ``odds`` (statement, variable); (paper, target) else.

    ``raw`` keeps layer two's scores before calibration, each given without its paper's fold.
    """

    odds: Floats
    probability: Floats64
    decision: Bools
    fold: Ints
    raw: Floats64


def cross_validate(
    corpus: Corpus, data: Examples, folds: int, settings: Settings = DEFAULTS, progress: Progress = lambda _: None
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
            progress(f"layer two without folds {first + 1} and {second + 1} of {folds}")
            weights, bias = fit_statements(data, ~((fold == first) | (fold == second)), settings)
            scores = np.full((len(owner), seven), np.nan)
            scores[out] = data.rows[np.flatnonzero(out)] @ weights + bias
            seen[first, second] = scores
    odds = np.full((len(owner), seven), LEAST, np.float32)
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
        all_odds = calibrated(data, inner, slope, offset)
        layers = fit_paper_layers(corpus, data, all_odds, fold != held, settings)
        odds[owner == held] = all_odds[owner == held]
        for paper in np.flatnonzero(fold == held):
            chances, said = decide(data, layers, odds, int(paper))
            probability[paper], decision[paper] = chances, said
    return HeldOut(odds, probability, decision, fold, raw)


def decide(data: Examples, layers: dict[str, PaperLayer], odds: Floats, paper: int) -> tuple[list[float], list[bool]]:
    """Probability and answer of each target for one paper."""
    from openbook.assessors.linear.assessor import is_yes

    chances, said = [], []
    span = slice(data.starts[paper], data.starts[paper + 1])
    for variable, name in enumerate(SCORED):
        mine = odds[span][data.candidate[span], variable]
        chances.append(paper_chance(layers[name], mine))
        said.append(is_yes(chances[-1], mine))
    chances.append(layers[THEORETICAL].probability(data.theory[paper]))
    said.append(chances[-1] >= 0.5)
    return chances, said


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
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Measure by cross-validation, then fit on everything and write the weights to ``out`` (default: as shipped).

    ``draws`` is the number of bootstrap samples behind each interval. Returns agreement per variable and how it was
    made. The same data, seed and versions give the same weights. Raises OpenbookError when the data cannot be used.
    """
    from openbook.assessors.linear.evaluation import measure

    paths = [papers] if isinstance(papers, Path) else list(papers)
    if out is not None and out.exists() and not out.is_dir():
        raise OpenbookError(f"{out} is a file: give a folder for the weights")
    corpus = load_corpus(records, paths, gold, quotes=settings.quotes, seed=settings.seed, progress=progress)
    if len(corpus.ids) < 2 * folds:
        raise OpenbookError(
            f"{len(corpus.ids)} whole papers with records are too few for {folds} folds: give at least {2 * folds}"
        )
    if not len(corpus.quotes):
        raise OpenbookError(f"{records} quotes nothing beyond the papers given whole: there is nothing to learn from")
    layer = fit_sentences(corpus, settings, progress)
    data = make_examples(corpus, layer, settings, progress)
    held_out = cross_validate(corpus, data, folds, settings, progress)
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
    progress("fitting on all papers")
    everything = np.ones(len(corpus.ids), np.bool_)
    weights, bias = fit_statements(data, everything, settings)
    slope, offset = calibrate(data, held_out.raw, everything, settings)
    odds = calibrated(data, held_out.raw, slope, offset)
    folder = out or SHIPPED
    model = LinearModel(
        sentences=layer,
        statements=StatementLayer(weights, bias, slope, offset),
        papers=fit_paper_layers(corpus, data, odds, everything, settings),
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
