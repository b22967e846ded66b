"""Sentences as sparse rows: weighed words, pairs of words, and named patterns.

A row holds, for each word and pair of neighbouring words that the vocabulary knows, its inverse document frequency
(rare words count more), divided by ``sqrt(sum of squares + DAMPING)``: a plain L2 norm would let fragments of two words
shout. The last columns are the patterns of ``linear_patterns``, each worth ``PATTERN_VALUE``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from openbook.assessors.linear.patterns import NAMES, flags
from openbook.assessors.linear.text import BREAK, plain, words

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

DAMPING: Final = 150.0
PATTERN_VALUE: Final = 0.3
_SHIFT: Final = 32


@dataclass(frozen=True)
class Vocabulary:
    """The words and pairs that count, and their weights.

    ``words`` starts with ``BREAK``; ``pairs`` is sorted, each is ``first << 32 | second`` of word numbers (a first
    number 0 is the start of a sentence); ``idf`` weighs the words, then the pairs. Columns of a row: the words, the
    pairs, the patterns.
    """

    words: Sequence[str]
    pairs: Ints
    idf: Floats
    ids: dict[str, int] = field(init=False, repr=False)
    _values: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", {word: index for index, word in enumerate(self.words)})
        patterns = np.full(len(NAMES), PATTERN_VALUE, np.float32)
        object.__setattr__(self, "_values", np.concatenate([self.idf, patterns]).astype(np.float32))

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return len(self.words) + len(self.pairs) + len(NAMES)

    def rows(self, sentences: Sequence[str]) -> csr_matrix:
        """One row per sentence, float32, (sentence, column)."""
        count, terms = len(sentences), self.width - len(NAMES)
        lowered = plain(sentences)
        found = words(lowered)
        rows, columns = self._terms(found)
        flag_rows, flag_columns = flags(lowered, found)
        keys = np.concatenate(
            [
                rows * self.width + columns,
                np.asarray(flag_rows, np.int64) * self.width + np.asarray(flag_columns, np.int64) + terms,
            ]
        )
        keys.sort()
        keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]]
        rows, columns = np.divmod(keys, self.width)
        values = self._values[columns]
        squares = np.where(columns < terms, values.astype(np.float64) ** 2, 0)
        norms = np.sqrt(np.bincount(rows, squares, minlength=count) + DAMPING)
        values = np.where(columns < terms, values / norms[rows], values).astype(np.float32)
        ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
        return csr_matrix((values, columns, ends), shape=(count, self.width))

    def _terms(self, found: list[str]) -> tuple[Ints, Ints]:
        known = self.ids.get
        ids = np.zeros(len(found) + 1, np.int64)
        ids[1:] = np.fromiter(map(known, found, repeat(-1)), np.int64, len(found))
        sentence = np.cumsum(ids == 0) - 1
        single = ids > 0
        key = (ids[:-1] << _SHIFT) | ids[1:]
        valid = (ids[:-1] >= 0) & (ids[1:] > 0)
        if len(self.pairs):
            place = np.minimum(np.searchsorted(self.pairs, key), len(self.pairs) - 1)
            valid &= self.pairs[place] == key
        else:
            place, valid = np.zeros_like(key), np.zeros_like(valid)
        return (
            np.concatenate([sentence[single], sentence[1:][valid]]),
            np.concatenate([ids[single], place[valid] + len(self.words)]),
        )


def build_vocabulary(sentences: Iterable[str], *, least: int = 4) -> Vocabulary:
    """The words and pairs that stand in at least ``least`` sentences, and how rare they are."""
    counts: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    total = 0
    for batch in batches(sentences, 2000):
        sentence: list[str] = [BREAK]
        for word in [*words(plain(batch)), BREAK]:
            if word == BREAK:
                counts.update(set(sentence))
                pairs.update(set(pairwise(sentence)))
                total += 1
                sentence = [BREAK]
            else:
                sentence.append(word)
    kept = [BREAK, *sorted(word for word, count in counts.items() if count >= least and word != BREAK)]
    ids = {word: index for index, word in enumerate(kept)}
    numbered = sorted(
        (ids[first] << _SHIFT | ids[second], count) for (first, second), count in pairs.items() if count >= least
    )
    frequencies = [counts[word] for word in kept] + [count for _, count in numbered]
    idf = np.log((1 + total) / (1 + np.asarray(frequencies, np.float64))).astype(np.float32)
    return Vocabulary(kept, np.asarray([key for key, _ in numbered], np.int64), idf)


def batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of at most ``size`` items."""
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
