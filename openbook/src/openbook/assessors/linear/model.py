"""The layers of the linear assessor, how they turn sentences into answers, and the file that holds them.

Layer one gives every sentence log odds per target: ``rows @ weights + bias``. It was learned from quotes. The sentences
that score best, and those in which a rule of ``claims`` sees something, are the candidates. Layer two reads a candidate
in its surroundings and gives the log odds that it proves each of the seven by itself, calibrated on sentences that were
read and labelled. Layer three turns a paper's best candidates into the probability that the paper documents the
variable. The answer is yes where that probability is at least one half and the best candidate's is at least ``FLOOR``: a yes has a sentence that says so. The research type comes from layer one, pooled over the paper.

The file is a NumPy archive without pickles beside a JSON card::

    linear.npz   words (UTF-8, joined by newlines), pairs, idf, sentences.weights and .bias (layer one, by head),
                 statements.weights (layer two, eight bits a weight), .scale and .bias, per target t: t.mean .scale .weights
    linear.json  format, per target: bias, slope, offset; data hashes, measured agreement
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openbook.assessors.linear import claims
from openbook.assessors.linear.features import BREAK, NAMES, Floats, Rows, Vocabulary
from openbook.assessors.linear.statements import WIDTH, Statement, context_rows, statements
from openbook.assessors.linear.weight_files import AGAIN, CARD_FILE, FORMAT, WEIGHTS_FILE, read_weights
from openbook.errors import OpenbookError
from openbook.files import replacing, sha256
from openbook.papers.paper import Paper
from openbook.variables import SCORED

Bools = npt.NDArray[np.bool_]

THEORETICAL: Final = "theoretical"
TARGETS: Final = (*SCORED, THEORETICAL)
"""What layer one scores sentences for: the seven, and whether the paper is theoretical."""
PER_TARGET: Final = 8
"""How many sentences become candidates because layer one scores them best, per target."""
LEAST: Final = -8.0
"""Log odds are cut at this and at its negative, so that one odd sentence cannot decide."""
PLAIN: Final = 1.5
"""The least log odds of a statement that proves plainly, by a rule."""
MARGIN: Final = 0.25
"""A paper's probability is at most this much lower than that of its best statement."""
_BEST: Final = 10
_BEARING: Final = (
    "statement statement_named experiment experiment_heading figure table compared data_used data_synthetic data_name"
).split()
_COLUMNS: Final = np.array([NAMES.index(name) for name in _BEARING], np.int64)


def sigmoid(value: float) -> float:
    """The probability of these log odds."""
    return float(1 / (1 + np.exp(-np.clip(value, -40, 40))))


@dataclass(frozen=True)
class SentenceLayer:
    """Layer one: ``weights`` (head, column), ``bias`` (head,)."""

    vocabulary: Vocabulary
    weights: Floats
    bias: Floats

    def scores(self, rows: Rows) -> Floats:
        """Log odds, (sentence, head), of the rows that the vocabulary made."""
        return np.asarray(rows.times(self.weights.T) + self.bias, np.float32)


@dataclass(frozen=True)
class StatementLayer:
    """Layer two: ``weights`` (column, variable), ``bias``, and the calibration ``slope`` and ``offset`` (variable,)."""

    weights: Floats
    bias: Floats
    slope: Floats
    offset: Floats

    def log_odds(self, items: Sequence[Statement], scores: Floats) -> Floats:
        """Calibrated log odds that each statement proves each variable, (statement, variable), between +-8."""
        rows, columns, values = context_rows(items, scores)
        raw = np.stack(
            [
                np.bincount(rows, self.weights[columns, head] * values, minlength=len(items))
                for head in range(self.weights.shape[1])
            ],
            axis=1,
        )
        return np.asarray(np.clip((raw + self.bias) * self.slope + self.offset, LEAST, -LEAST), np.float32)


@dataclass(frozen=True)
class PaperLayer:
    """Layer three of one target. ``mean``, ``scale`` and ``weights`` are (feature,)."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    slope: float = 1.0
    offset: float = 0.0

    def log_odds(self, features: Floats) -> float:
        """Before calibration."""
        return float((features - self.mean) / self.scale @ self.weights + self.bias)

    def probability(self, features: Floats) -> float:
        """Calibrated."""
        return sigmoid(self.slope * self.log_odds(features) + self.offset)


@dataclass(frozen=True)
class LinearModel:
    """Everything the assessor needs."""

    sentences: SentenceLayer
    statements: StatementLayer
    papers: Mapping[str, PaperLayer]
    card: dict[str, Any]


def candidates(scores: Floats, keep: Bools, texts: Sequence[str]) -> list[int]:
    """Places of the sentences that layer two reads: the best of each target, and where a rule sees something."""
    places = np.flatnonzero(keep)
    chosen: set[int] = set()
    for target in range(scores.shape[1]):
        order = np.argsort(-scores[places, target], kind="stable")[:PER_TARGET]
        chosen.update(places[order].tolist())
    chosen.update(place for place in places.tolist() if claims.hinted(texts[place]))
    return sorted(chosen)


def may_prove(item: Statement) -> Bools:
    """Which of the seven this statement can prove at all, by the rules of ``claims``: (variable,)."""
    return np.array([claims.may_prove(variable, item.text, item.whole, item.caller) for variable in SCORED], np.bool_)


def surely_proves(item: Statement) -> Bools:
    """Which of the seven this statement proves plainly, by the rules of ``claims``: (variable,)."""
    return np.array(
        [item.kind != "heading" and claims.surely_proves(variable, item.text) for variable in SCORED], np.bool_
    )


def ruled(log_odds: Floats, allowed: Bools, sure: Bools) -> Floats:
    """Log odds with the rules' last word: ``LEAST`` where a rule forbids, at least ``PLAIN`` where one says so plainly."""
    raised = np.where(sure, np.maximum(log_odds, PLAIN), log_odds)
    return np.where(allowed, raised, LEAST).astype(np.float32)


def paper_features(log_odds: Floats) -> Floats:
    """What layer three sees of one variable: the three best log odds, and how much there is of it in all: (feature,)."""
    best = np.sort(np.concatenate([log_odds, np.full(3, LEAST, np.float32)]))[::-1].astype(np.float64)
    mass = np.log1p((1 / (1 + np.exp(-best))).sum())
    return np.array([best[0], best[1], best[2], 2 * mass, 2 * np.log1p((best > 0).sum())], np.float32)


def paper_probability(layer: PaperLayer, log_odds: Floats) -> float:
    """The probability that a paper documents a variable: layer three's, or the best statement's less ``MARGIN`` if more.

    The answer follows from the statement that proves best: one that surely proves is not outvoted for standing alone.
    """
    best = sigmoid(float(np.max(log_odds))) if len(log_odds) else 0.0
    return max(layer.probability(paper_features(log_odds)), best - MARGIN)


def theory_features(scores: Floats, flags: Floats, keep: Bools) -> Floats:
    """What layer three sees for the research type: layer one's scores pooled, and counts of telling phrases.

    ``scores`` (sentence, target) are log odds, ``flags`` (sentence, pattern) is 1 where a pattern stands, ``keep`` says
    which sentences count.
    """
    kept = scores[keep]
    ordered = np.sort(np.vstack([kept, np.full((_BEST, scores.shape[1]), LEAST, np.float32)]), axis=0)[::-1]
    ordered = np.maximum(ordered, LEAST)
    counted = np.log1p((kept > 0).sum(axis=0))
    row = TARGETS.index(THEORETICAL)
    own = [ordered[0, row], ordered[2, row], ordered[:_BEST, row].mean(), counted[row]]
    return np.concatenate(
        [own, ordered[0, :row], ordered[4, :row], counted[:row], np.log1p(flags[keep].sum(axis=0))[_COLUMNS]]
    ).astype(np.float32)


@dataclass(frozen=True)
class PaperScores:
    """A paper as the layers see it. ``log_odds`` (statement, variable) are calibrated; what a rule forbids is ``LEAST``."""

    texts: list[str]
    scores: Floats
    flags: Floats
    keep: Bools
    items: list[Statement]
    log_odds: Floats


def read_candidates(paper: Paper, layer: SentenceLayer) -> tuple[list[str], Floats, Floats, Bools, list[Statement]]:
    """Texts, layer one's scores, pattern flags and eligibility of all sentences, and the candidates among them."""
    from openbook.assessors.linear.statements import eligible

    texts = [" ".join(paper.words(sentence).split()) for sentence in paper.sentences]
    rows = layer.vocabulary.rows(texts)
    scores = layer.scores(rows)
    flags = np.zeros((len(texts), len(NAMES)), np.float32)
    found = rows.columns >= rows.width - len(NAMES)
    sentence = np.repeat(np.arange(len(texts)), np.diff(rows.ends))[found]
    flags[sentence, rows.columns[found] - (rows.width - len(NAMES))] = 1
    keep = eligible(paper, texts)
    places = candidates(scores, keep, texts)
    return texts, scores, flags, keep, statements(paper, places, texts)


def read(paper: Paper, model: LinearModel) -> PaperScores:
    """Layers one and two on a paper."""
    texts, scores, flags, keep, items = read_candidates(paper, model.sentences)
    places = [item.place for item in items]
    log_odds = model.statements.log_odds(items, scores[places]) if items else np.zeros((0, len(SCORED)), np.float32)
    if items:
        log_odds = ruled(
            log_odds, np.stack([may_prove(item) for item in items]), np.stack([surely_proves(item) for item in items])
        )
    return PaperScores(texts, scores, flags, keep, items, log_odds)


def save_model(model: LinearModel, folder: Path) -> None:
    """Write the archive and its card into ``folder``. Raises OpenbookError if that cannot be done."""
    arrays: dict[str, Any] = {
        "words": np.frombuffer("\n".join(model.sentences.vocabulary.words[1:]).encode(), np.uint8),
        "pairs": model.sentences.vocabulary.pairs,
        "idf": model.sentences.vocabulary.idf.astype(np.float16),
        "sentences.weights": model.sentences.weights.astype(np.float16),
        "sentences.bias": model.sentences.bias.astype(np.float32),
    }
    scale = np.maximum(np.abs(model.statements.weights).max(axis=0), 1e-9) / 127
    arrays["statements.weights"] = np.round(model.statements.weights / scale).astype(np.int8)
    arrays["statements.scale"] = scale.astype(np.float32)
    for name in ("bias", "slope", "offset"):
        arrays[f"statements.{name}"] = getattr(model.statements, name).astype(np.float32)
    for target, paper in model.papers.items():
        for name in ("mean", "scale", "weights"):
            arrays[f"{target}.{name}"] = getattr(paper, name).astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    card = {
        **model.card,
        "format": FORMAT,
        "targets": {
            target: {name: getattr(paper, name) for name in ("bias", "slope", "offset")}
            for target, paper in model.papers.items()
        },
        "patterns": list(NAMES),
        "weights_sha256": sha256(buffer.getvalue()),
    }
    # both are written before either takes its name: where there is no room, the weights of before stay
    with replacing(folder / CARD_FILE) as card_file, replacing(folder / WEIGHTS_FILE) as weights_file:
        weights_file.write_bytes(buffer.getvalue())
        card_file.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_model(folder: Path) -> LinearModel:
    """Read what ``save_model`` wrote. Raises OpenbookError if it is absent, broken, or of another version."""
    card, data = read_weights(folder)
    if card.get("patterns") != list(NAMES):
        raise OpenbookError(f"the weights in {folder} are for another version of openbook; {AGAIN}")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            sentences, second = _sentence_layer(arrays), _statement_layer(arrays)
            papers = {target: _paper_layer(arrays, target, card["targets"][target]) for target in TARGETS}
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise OpenbookError(f"the weights in {folder} are broken ({error}); {AGAIN}") from error
    return LinearModel(sentences, second, papers, card)


def _sentence_layer(arrays: Any) -> SentenceLayer:
    words = [BREAK, *arrays["words"].tobytes().decode().split("\n")]
    vocabulary = Vocabulary(words, arrays["pairs"], arrays["idf"].astype(np.float32))
    weights = arrays["sentences.weights"].astype(np.float32)
    if weights.shape[1] != vocabulary.width:
        raise ValueError(f"{weights.shape[1]} weights for {vocabulary.width} columns")
    return SentenceLayer(vocabulary, weights, arrays["sentences.bias"])


def _statement_layer(arrays: Any) -> StatementLayer:
    weights = arrays["statements.weights"].astype(np.float32) * arrays["statements.scale"]
    if weights.shape != (WIDTH, len(SCORED)):
        raise ValueError(f"{weights.shape} weights for {WIDTH} columns")
    bias, slope, offset = (arrays[f"statements.{name}"] for name in ("bias", "slope", "offset"))
    return StatementLayer(weights, bias, slope, offset)


def _paper_layer(arrays: Any, target: str, numbers: Mapping[str, float]) -> PaperLayer:
    mean, scale, weights = (arrays[f"{target}.{name}"] for name in ("mean", "scale", "weights"))
    bias, slope, offset = (float(numbers[name]) for name in ("bias", "slope", "offset"))
    return PaperLayer(mean, scale, weights, bias, slope, offset)
