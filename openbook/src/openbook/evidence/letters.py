"""A text as its letters and digits, with the way back to where each came from; and the stretch nearest to a quote.

Two extractions of one PDF differ in spaces, hyphens at line ends, ligatures, accents, quotes and dashes. Their letters
and digits are the same. ``openbook.evidence.same_claim`` compares what else carries meaning (a decimal point, a sign).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_GRAM: Final = 8
#: A run of letters that stands in more places than this says little about where a quote is.
_COMMON: Final = 50
#: A place shares at least this part of a quote's runs: 15 % of edits, if they come in threes, leave as many whole.
_LEAST_SHARE: Final = 0.1
#: Letters that decompose into nothing simpler, but that extractions exchange.
_ALIKE = str.maketrans("ıłøđħŁØ", "ilodhlo")


def fold_character(character: str) -> str:
    """The letters and digits a character stands for, in lower case: ``ﬁ`` gives ``fi``, ``é`` ``e``, a space nothing.

    A vulgar fraction stays one character, since ``5½`` is not ``51/2``.
    """
    if unicodedata.category(character) == "No" and unicodedata.decomposition(character).startswith("<fraction>"):
        return character
    plain = unicodedata.normalize("NFKD", character).translate(_ALIKE).casefold()
    # Accents that stand alone (a spacing circumflex, category Lm) belong to letters that extraction puts elsewhere.
    return "".join(letter for letter in plain if letter.isalnum() and unicodedata.category(letter) != "Lm")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text: ``letters[i]`` came from ``source[origin[i]]``; ``origin`` never decreases."""

    source: str
    letters: str
    origin: NDArray[np.int32]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of ``source`` that ``letters[start:end]`` came from; start < end."""
        return int(self.origin[start]), int(self.origin[end - 1]) + 1

    def between(self, index: int) -> str:
        """What stands in ``source`` between letter ``index`` and the next one."""
        return self.source[int(self.origin[index]) + 1 : int(self.origin[index + 1])]


class _Characters(dict[int, str | None]):
    """What each character folds to, by its code point (None: nothing), worked out when it is first met."""

    def __missing__(self, point: int) -> str | None:
        folded = fold_character(chr(point))
        _LENGTHS[point] = len(folded)
        return self.setdefault(point, folded or None)


_CHARACTERS = _Characters()
#: How many letters each code point folds to, where that is known by now.
_LENGTHS = np.zeros(0x110000, dtype=np.uint8)


def letters_of(text: str) -> str:
    """The letters and digits of a text, folded."""
    return text.translate(_CHARACTERS)


def fold(text: str) -> Folded:
    """Fold a text."""
    letters = letters_of(text)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return Folded(text, letters, np.repeat(np.arange(len(text), dtype=np.int32), _LENGTHS[points]))


class Grams:
    """The runs of eight letters of a text, sorted, to find places that share many runs with a quote."""

    def __init__(self, letters: str) -> None:
        codes = _codes(letters)
        self._order = np.argsort(codes, kind="stable")
        self._sorted = codes[self._order]

    def diagonals(self, letters: str, most: int = 4) -> list[int]:
        """The most likely starts of ``letters`` in the text, where most of its runs agree, best first."""
        mine = _codes(letters)
        first = np.searchsorted(self._sorted, mine, side="left").tolist()
        last = np.searchsorted(self._sorted, mine, side="right").tolist()
        votes: dict[int, float] = {}
        width = max(16, len(letters) // 8)
        for index, (low, high) in enumerate(zip(first, last, strict=True)):
            for position in self._order[low : min(high, low + _COMMON)].tolist():
                bucket = (position - index) // width
                votes[bucket] = votes.get(bucket, 0.0) + 1 / (high - low)
        # Neighbouring buckets vote together, so that a shift inside the quote does not split its votes.
        together = {bucket: count + votes.get(bucket + 1, 0.0) for bucket, count in votes.items()}
        ranked = sorted(together, key=lambda bucket: (-together[bucket], bucket))
        # A place with few of the runs cannot be similar enough, nor can one with far fewer than the best.
        least = max(_LEAST_SHARE * len(mine), together[ranked[0]] / 4) if ranked else 0
        return [bucket * width for bucket in ranked[:most] if together[bucket] >= least]


def _codes(letters: str) -> NDArray[np.uint64]:
    """One code per run of eight letters: a polynomial hash of their code points, modulo 2**64."""
    points = _points(letters).astype(np.uint64)
    count = max(0, len(points) - _GRAM + 1)
    codes = np.zeros(count, dtype=np.uint64)
    for offset in range(_GRAM):
        codes = codes * np.uint64(1_000_003) + points[offset : offset + count]
    return codes


def _points(letters: str) -> NDArray[np.uint32]:
    return np.frombuffer(letters.encode("utf-32-le"), dtype=np.uint32)


def best_stretch(pattern: str, window: str) -> tuple[int, int, int]:
    """The stretch of ``window`` nearest to ``pattern`` in edits: its start, its end, and the number of edits.

    Sellers 1980: the edit distance with free ends in the window, once forwards for the end and once backwards for the
    start; O(len(pattern) * len(window)). Of equally near stretches the shortest that ends first.
    """
    pattern_points, window_points = _points(pattern), _points(window)
    ends = _distances(pattern_points, window_points)
    end = int(np.argmin(ends))
    starts = _distances(pattern_points[::-1], window_points[:end][::-1])
    start = end - int(np.argmin(starts))
    return start, end, int(ends[end])


def _distances(pattern: NDArray[np.uint32], window: NDArray[np.uint32]) -> NDArray[np.int32]:
    """For each prefix of the window, the least edits between the pattern and any stretch that ends there."""
    steps = np.arange(len(window) + 1, dtype=np.int32)
    row = np.zeros(len(window) + 1, dtype=np.int32)
    for letter in pattern:
        following = row + 1
        np.minimum(following[1:], row[:-1] + (window != letter), out=following[1:])
        # An insertion costs one more than its left neighbour: a running minimum of the cost less the position.
        row = np.minimum.accumulate(following - steps) + steps
    return row
