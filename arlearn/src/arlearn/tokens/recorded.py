"""The vocabulary that a model's card names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arlearn.errors import ArlearnError
from arlearn.tokens.bytepair import BytePair


def recorded_vocabulary(model: Path, card: Mapping[str, Any]) -> BytePair:
    """The byte-pair vocabulary in the model's directory. Raises ArlearnError if it is absent or another one."""
    recorded = card.get("tokenizer")
    if not recorded:
        raise ArlearnError(f"{model / 'card.json'} names no tokenizer, so there is no text for this model")
    vocabulary = BytePair.load(model / recorded["file"])
    if vocabulary.sha256 != recorded.get("sha256"):
        raise ArlearnError(f"{model / recorded['file']} is not the tokenizer that the card names by its hash")
    return vocabulary
