"""Real tokens for the measurements: a text, a vocabulary of the size asked for, rows of T + 1 tokens."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.files import cache_directory
from arlearn.tasks.text_files import find_text
from arlearn.tokens import BytePair
from speed.machine import Size

CHARACTERS = 5_000_000  # of the text
EACH = 300  # characters that the vocabulary is learned from, for each of its tokens


def sample_rows(
    given: Path | None, size: Size
) -> tuple[Int[Tensor, "rows length"], dict[str, Any], Int[Tensor, " used"]]:
    """Rows of tokens, what they are, and the tokens that occur in them.

    The vocabulary is a general one of the size asked for, not one made for this text, as GPT-Neo's is not made for
    TinyStories: learned from the sources of Python's standard library, which are on every machine.
    """
    source = find_text(given, small=True)
    vocabulary = _general(size.vocabulary)
    stories, characters = [], 0
    for story in source.text.stories():
        stories.append(story)
        characters += len(story)
        if characters > CHARACTERS:
            break
    tokens = np.array([t for story in vocabulary.encode_many(stories) for t in (vocabulary.end_of_text, *story)])
    length = size.context + 1
    rows = tokens[: len(tokens) // length * length].reshape(-1, length)
    if len(rows) == 0:
        raise ArlearnError(f"{source.told}: too short for one row of {length} tokens")
    described = {"source": source.told, "characters": characters, "tokens": int(rows.size)}
    return torch.from_numpy(rows.astype(np.int32)), described, torch.from_numpy(np.unique(rows))


def _general(size: int) -> BytePair:
    path = cache_directory() / f"general-{size}.json"
    if not path.is_file():
        BytePair.train(_sources(EACH * size), size).save(path)
    vocabulary = BytePair.load(path)
    if vocabulary.size > size:
        raise ArlearnError(f"{path} is not the vocabulary of {size} tokens it should be; remove it")
    return vocabulary


def _sources(left: int) -> Iterator[str]:
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("**/*.py")):
        if "site-packages" not in path.parts and left > 0:
            text = path.read_text(encoding="utf-8", errors="replace")
            left -= len(text)
            yield text
