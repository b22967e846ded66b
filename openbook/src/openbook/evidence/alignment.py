"""The stretch of a text that is most similar to a pattern, and where to look for it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_GRAM: Final = 8
#: A run of letters that stands in more places than this says little about where a quote is.
_COMMON: Final = 50
#: A place shares at least this part of a quote's runs: 15 % of edits, if they come in threes, leave as many whole.
_LEAST_SHARE: Final = 0.1


class Grams:
    """The runs of eight letters of a text, sorted, to find places that share many runs with a quote."""

    def __init__(self, letters: str) -> None:
        codes = _codes(letters)
        self._order = np.argsort(codes, kind="stable")
        self._sorted = codes[self._order]

    def diagonals(self, letters: str, most: int = 4) -> list[int]:
        """The likeliest starts of ``letters`` in the text, where most of its runs agree, best first."""
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
