"""The two layers of the linear assessor, and the file that holds them.

Layer one gives each sentence log odds per target: ``rows @ weights.T + bias``. Layer two gives each paper log odds from
its pooled features: standardised, weighed, summed; then calibrated (Platt): ``p = sigmoid(slope * z + offset)``. The
answer is yes where ``p`` reaches the target's threshold and, but for the research type, some sentence's log odds are
above zero: a yes has a sentence that says so.

The file is a NumPy archive without pickles beside a JSON card::

    linear.npz   words (UTF-8, joined by newlines), pairs, idf, weights, bias, per target t: t.mean .scale .weights
    linear.json  version, targets, bias, slope, offset and threshold per target, data hashes, measured agreement
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from openbook.assessors.linear.corpus import TARGETS
from openbook.assessors.linear.features import Floats, Vocabulary
from openbook.assessors.linear.patterns import NAMES
from openbook.assessors.linear.text import BREAK
from openbook.errors import OpenbookError

FORMAT: Final = 1
WEIGHTS_FILE: Final = "linear.npz"
CARD_FILE: Final = "linear.json"
SURE: Final = 0.65
"""Below this calibrated probability of its own answer, the assessor says that it is unsure."""


def sigmoid(value: float) -> float:
    """The probability of these log odds."""
    return float(1 / (1 + np.exp(-np.clip(value, -40, 40))))


@dataclass(frozen=True)
class PaperLayer:
    """Layer two of one target. ``mean``, ``scale`` and ``weights`` are (feature,)."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5

    def log_odds(self, features: Floats) -> float:
        """Before calibration."""
        return float((features - self.mean) / self.scale @ self.weights + self.bias)

    def probability(self, features: Floats) -> float:
        """Calibrated."""
        return sigmoid(self.slope * self.log_odds(features) + self.offset)


@dataclass(frozen=True)
class SentenceLayer:
    """Layer one: ``weights`` (head, column), ``bias`` (head,)."""

    vocabulary: Vocabulary
    weights: Floats
    bias: Floats

    def scores(self, rows: Any) -> Floats:
        """Log odds, (sentence, head), of the rows that the vocabulary made."""
        return np.asarray(rows @ self.weights.T + self.bias, np.float32)


@dataclass(frozen=True)
class LinearModel:
    """Everything the assessor needs. ``blocks`` scores author blocks: a company, a university."""

    sentences: SentenceLayer
    papers: Mapping[str, PaperLayer]
    blocks: SentenceLayer
    card: dict[str, Any]


def save_model(model: LinearModel, folder: Path) -> None:
    """Write the archive and its card into ``folder``, each beside its name first, then renamed."""
    arrays: dict[str, Any] = {}
    for prefix, layer in (("sentences", model.sentences), ("blocks", model.blocks)):
        arrays[f"{prefix}.words"] = np.frombuffer("\n".join(layer.vocabulary.words[1:]).encode(), np.uint8)
        arrays[f"{prefix}.pairs"] = layer.vocabulary.pairs
        arrays[f"{prefix}.idf"] = layer.vocabulary.idf.astype(np.float16)
        arrays[f"{prefix}.weights"] = layer.weights.astype(np.float16)
        arrays[f"{prefix}.bias"] = layer.bias.astype(np.float32)
    for target, paper in model.papers.items():
        for name in ("mean", "scale", "weights"):
            arrays[f"{target}.{name}"] = getattr(paper, name).astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    card = {
        **model.card,
        "format": FORMAT,
        "targets": {
            target: {name: getattr(paper, name) for name in ("bias", "slope", "offset", "threshold")}
            for target, paper in model.papers.items()
        },
        "patterns": list(NAMES),
        "weights_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / WEIGHTS_FILE, buffer.getvalue())
        _replace(folder / CARD_FILE, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise OpenbookError(f"the weights cannot be written to {folder}: {error.strerror or error}") from error


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load_model(folder: Path) -> LinearModel:
    """Read what ``save_model`` wrote. Raises OpenbookError when it is absent, broken, or of another version."""
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        data = (folder / WEIGHTS_FILE).read_bytes()
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise OpenbookError(f"no weights in {folder}: {missing} is missing; run openbook train-linear") from error
    except (OSError, ValueError) as error:
        raise OpenbookError(f"the weights in {folder} cannot be read ({error}); run openbook train-linear") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT or card.get("patterns") != list(NAMES):
        raise OpenbookError(f"the weights in {folder} are for another version of openbook; run openbook train-linear")
    if card.get("weights_sha256") != hashlib.sha256(data).hexdigest():
        raise OpenbookError(f"{folder / WEIGHTS_FILE} is not the file its card describes; run openbook train-linear")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            layers = {prefix: _sentence_layer(arrays, prefix) for prefix in ("sentences", "blocks")}
            papers = {target: _paper_layer(arrays, target, card["targets"][target]) for target in TARGETS}
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise OpenbookError(f"the weights in {folder} are broken ({error}); run openbook train-linear") from error
    return LinearModel(layers["sentences"], papers, layers["blocks"], card)


def _sentence_layer(arrays: Any, prefix: str) -> SentenceLayer:
    words = [BREAK, *arrays[f"{prefix}.words"].tobytes().decode().split("\n")]
    vocabulary = Vocabulary(words, arrays[f"{prefix}.pairs"], arrays[f"{prefix}.idf"].astype(np.float32))
    weights = arrays[f"{prefix}.weights"].astype(np.float32)
    if weights.shape[1] != vocabulary.width:
        raise ValueError(f"{prefix}: {weights.shape[1]} weights for {vocabulary.width} columns")
    return SentenceLayer(vocabulary, weights, arrays[f"{prefix}.bias"])


def _paper_layer(arrays: Any, target: str, numbers: Mapping[str, float]) -> PaperLayer:
    mean, scale, weights = (arrays[f"{target}.{name}"] for name in ("mean", "scale", "weights"))
    bias, slope, offset, threshold = (float(numbers[name]) for name in ("bias", "slope", "offset", "threshold"))
    return PaperLayer(mean, scale, weights, bias, slope, offset, threshold)
