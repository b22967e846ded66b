"""Baselines for a figure in bits per byte: n-grams counted on the same training text, and a general compressor.

A bigram and a 5-gram (Kneser-Ney) are counted on the text that the model was trained on, with its vocabulary, and
measured on the same held-out text by the same protocol. They are kept in the cache, so the counting is paid for once.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arlearn.errors import ArlearnError
from arlearn.evaluation.perplexity import at_context, measure_text
from arlearn.files import cache_directory
from arlearn.predictors.ngram import NGramPredictor, estimate
from arlearn.predictors.saving import load_card, load_predictor, save_predictor
from arlearn.tasks.text import TextTask
from arlearn.tasks.text_files import TextFile, find_text, tokenise, tokenise_in_memory
from arlearn.tokens.bytepair import BytePair, recorded_vocabulary

NGRAMS = {"bigram": 2, "5-gram": 5}
LARGEST = 64 * 2**20  # bytes of training text up to which n-grams are counted
StartWork = Callable[[str], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Compared:
    """One figure on the same text.

    Attributes:
        name: of the predictor. bits_per_byte: on the held-out text. about: what it saw or is.
    """

    name: str
    bits_per_byte: float
    about: str


def compare(
    folder: Path, card: Mapping[str, Any], data: Path, work: StartWork = lambda title: nullcontext()
) -> tuple[list[Compared], list[str]]:
    """The baselines' figures on the text in ``data``, best first, and messages about what could not be measured.

    Other runs that lie beside ``folder`` and learned from the same text take part. Raises ArlearnError if the text or
    the model's vocabulary cannot be used.
    """
    held_out = tokenise_in_memory(TextFile.at(data), vocabulary := recorded_vocabulary(folder, card))
    layout = TextTask.from_configuration(card["task"]["configuration"]).layout
    text = "".join(TextFile.at(data).stories()).encode()
    packed = lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)
    found = [Compared("xz -9e", 8 * len(packed) / max(1, len(text)), "a general compressor, this text alone")]
    missing = []
    training, why = training_text(card)
    if training is None:
        missing.append(f"bigram and 5-gram: {why}")
    else:
        for name, order in NGRAMS.items():
            with work(f"counting a {name}") as bar:
                predictor = counted(training, vocabulary, order, bar and bar.show)
            if predictor is None:
                missing.append(f"{name}: the training text has no {order}-grams")
                continue
            score = at_context(predictor, held_out, layout)
            found.append(Compared(name, score.bits_per_byte, "Kneser-Ney, counted on the same training text"))
    for other in neighbours(folder, card):
        try:  # a run beside this one that is damaged, or loses some of this text, is no fault of this one
            predictor_there, card_there = load_predictor(other)
            with work(f"measuring {other.name}"):
                measured = measure_text(other, predictor_there, card_there, data, stride=None)
        except ArlearnError as error:
            missing.append(f"run {other.name}: {str(error).replace(f'{other.parent}/', '')}")
            continue
        seconds = card_there.get("seconds") or 0.0
        about = f"run {other.name}, {measured['parameters']:,} weights, {seconds:,.0f} s of training"
        found.append(Compared(predictor_there.kind, measured["bits_per_byte"], about))
    return sorted(found, key=lambda each: each.bits_per_byte), missing


def training_text(card: Mapping[str, Any]) -> tuple[TextFile | None, str]:
    """The text that the model learned from, or why it cannot be read here."""
    recipe, data = card.get("recipe") or {}, card.get("data") or {}
    named = recipe.get("task", {}).get("data") or ""
    try:
        text = find_text(named or None).text if data else None
    except ArlearnError as error:
        return None, str(error).replace(named or "\0", Path(named).name)  # what says why may be published
    if text is None:
        return None, "the card names no training text"
    if text.sha256() != data.get("sha256"):
        return None, f"the training text {data.get('file')} is not at hand"
    if text.size() > LARGEST:
        return None, f"the training text is larger than {LARGEST / 1e6:.0f} MB"
    return text, ""


def counted(
    text: TextFile, vocabulary: BytePair, order: int, on_progress: Callable[[float], None] | None = None
) -> NGramPredictor | None:
    """The n-gram predictor of this text, from the cache if it is there; None if the text has no such n-grams."""
    place = cache_directory() / f"ngram-{order}-{text.sha256()[:16]}-{vocabulary.sha256[:16]}"
    if (place / "card.json").is_file():
        kept, _ = load_predictor(place)
        assert isinstance(kept, NGramPredictor)
        return kept
    tokens = tokenise(text, vocabulary)
    try:
        levels = estimate(np.asarray(tokens.tokens), tokens.starts, vocabulary.size, order, on_progress)
    except ArlearnError:
        return None
    predictor = NGramPredictor.from_levels(levels, vocabulary.size)
    save_predictor(predictor, place, {})
    return predictor


def neighbours(folder: Path, card: Mapping[str, Any]) -> list[Path]:
    """Folders beside this one with another model that learned from the same text."""
    found = []
    for other in sorted(folder.resolve().parent.iterdir()):
        if other == folder.resolve() or not (other / "card.json").is_file():
            continue
        try:
            theirs = load_card(other)
        except ArlearnError:
            continue
        if (theirs.get("data") or {}).get("sha256") == (card.get("data") or {}).get("sha256") and theirs.get(
            "tokenizer"
        ):
            found.append(other)
    return found
