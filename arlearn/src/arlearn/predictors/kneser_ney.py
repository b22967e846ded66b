"""Interpolated modified Kneser-Ney estimation from tokens (Chen and Goodman 1998; Heafield et al. 2013).

For a context h, its shortening h' (without the oldest token) and a token w:

    p(w | h) = max(c(hw) - D(c(hw)), 0) / sum over v of c(hv)  +  backoff(h) p(w | h')

and below the single tokens lies the uniform distribution over the whole vocabulary. c counts occurrences for the
longest n-grams, and for shorter ones the different tokens that stand before them; an n-gram that begins a sequence has
nothing before it, and each such occurrence counts. D takes one of three values, for c = 1, 2 and 3 or more, from how
many n-grams of that length have c = 1, 2, 3 and 4. backoff(h) is the mass that the discounts set free.

An n-gram is known by its place in the sorted list of n-grams of its length, and sorted by its *key*: the place of its
first n - 1 tokens in their list, times V, plus its last token. So what follows a context is one slice of a list, keys
fit 64 bits for any length, and nothing is hashed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arlearn.errors import ArlearnError

CHUNK = 1 << 23  # positions sorted at once
FALLBACK = (0.5, 1.0, 1.5)  # where a text has too few n-grams of some count to estimate a discount
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """The n-grams of one length.

    Attributes:
        keys: sorted; ``place of the first n - 1 tokens * V + last token``. Of single tokens: 0..V-1.
        mass: the first term of p for each.
        backoff: of each as a context; 1 where nothing follows it. Empty for the longest.
        discounts: D for counts of 1, 2, and 3 or more.
    """

    keys: Integers
    mass: Floats
    backoff: Floats
    discounts: tuple[float, float, float]


@dataclass(frozen=True)
class _Counted:
    keys: Integers
    counts: Integers  # occurrences
    last: Integers  # one position at which each ends
    node: Integers  # for every position of the text, the place of the n-gram that ends there; -1: it has none


def estimate(
    tokens: NDArray[np.unsignedinteger],
    starts: Integers,
    vocabulary: int,
    order: int,
    progress: Callable[[float], None] | None = None,
) -> list[Level]:
    """The n-grams of 1 to ``order`` tokens of a text.

    ``tokens`` are sequences end to end, the first token of each (at ``starts``, the last of which is the last token of
    all) being the last of the one before: a sequence's first token is never predicted. ``progress`` is told the share
    that is done. Raises ArlearnError if order is less than 1, a token lies outside the vocabulary, or no sequence has
    ``order`` tokens.
    """
    if order < 1:
        raise ArlearnError(f"the order of an n-gram predictor is the tokens of its longest n-grams, not {order}")
    if len(tokens) and int(tokens.max()) >= vocabulary:
        raise ArlearnError(f"the text has token {int(tokens.max())}, the vocabulary only {vocabulary}")
    depth = _depths(len(tokens), starts)
    longest = int(depth.max(initial=0)) + 1
    if longest < max(order, 2):
        raise ArlearnError(
            f"the text has no {order}-grams: its longest sequence is of {longest} tokens, its end included"
        )
    counted = _first(tokens, depth, vocabulary)
    levels: list[tuple[Integers, Integers]] = []  # keys and adjusted counts
    for length in range(2, order + 1):
        longer = _longer(tokens, depth, vocabulary, length, counted)
        different = np.bincount(counted.node[longer.last], minlength=len(counted.keys))
        opening = counted.node[depth == length - 2] if length > 2 else np.empty(0, np.int64)
        levels.append((counted.keys, different + np.bincount(opening, minlength=len(counted.keys))))
        counted = longer
        if progress is not None:
            progress((length - 1) / order)
    levels.append((counted.keys, counted.counts))
    return _smoothed(levels, vocabulary)


def _depths(count: int, starts: Integers) -> Integers:
    """How many tokens of its sequence come before each token; a token between two sequences ends the first."""
    places = np.arange(count)
    begins = starts[np.maximum(np.searchsorted(starts, places, side="left") - 1, 0)]
    depth: Integers = places - begins
    return depth


def _first(tokens: NDArray[np.unsignedinteger], depth: Integers, vocabulary: int) -> _Counted:
    counts = np.bincount(tokens[depth > 0], minlength=vocabulary)
    return _Counted(np.arange(vocabulary), counts, np.empty(0, np.int64), tokens.astype(np.int64))


def _longer(
    tokens: NDArray[np.unsignedinteger], depth: Integers, vocabulary: int, length: int, shorter: _Counted
) -> _Counted:
    """The n-grams one token longer than ``shorter``: sorted a chunk of the text at a time, and merged."""
    keys = counts = last = np.empty(0, np.int64)
    ends = np.flatnonzero(depth >= length - 1)

    def key(places: Integers) -> Integers:
        made: Integers = shorter.node[places - 1] * vocabulary + tokens[places]
        return made

    for begin in range(0, len(ends), CHUNK):
        places = ends[begin : begin + CHUNK]
        new, where, times = np.unique(key(places), return_index=True, return_counts=True)
        if len(keys) == 0:
            keys, counts, last = new, times, places[where]
            continue
        both = np.concatenate([keys, new])
        order = np.argsort(both, kind="stable")
        fresh = np.concatenate([[True], both[order][1:] != both[order][:-1]])
        keys = both[order][fresh]
        counts = np.add.reduceat(np.concatenate([counts, times])[order], np.flatnonzero(fresh))
        last = np.concatenate([last, places[where]])[order][fresh]
    node = np.full(len(tokens), -1, dtype=np.int64)
    for begin in range(0, len(ends), CHUNK):
        places = ends[begin : begin + CHUNK]
        node[places] = np.searchsorted(keys, key(places))
    return _Counted(keys, counts, last, node)


def _smoothed(levels: list[tuple[Integers, Integers]], vocabulary: int) -> list[Level]:
    """Discounted masses and back-off weights from adjusted counts."""
    done: list[Level] = []
    for number, (keys, counts) in enumerate(levels):
        contexts = 1 if number == 0 else len(levels[number - 1][0])
        context = keys // vocabulary  # of single tokens: all zero, the empty context
        discounts = _discounts(counts)
        discount = np.array([0.0, *discounts])[np.minimum(counts, 3)]
        total = np.bincount(context, weights=counts, minlength=contexts)
        freed = np.bincount(context, weights=discount, minlength=contexts)
        backoff = np.divide(freed, total, out=np.ones(contexts), where=total > 0)
        mass = (counts - discount) / total[context]
        if number == 0:
            mass += backoff[0] / vocabulary  # below it lies the uniform distribution
        else:
            done[-1] = Level(done[-1].keys, done[-1].mass, backoff, done[-1].discounts)
        done.append(Level(keys, mass, np.empty(0), discounts))
    return done


def _discounts(counts: Integers) -> tuple[float, float, float]:
    """D(1), D(2), D(3 or more); the fallback where the text is too small for them, as ``lmplz`` has it on request."""
    n1, n2, n3, n4 = (int((counts == value).sum()) for value in (1, 2, 3, 4))
    if min(n1, n2, n3) == 0:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 <= d <= k for k, d in enumerate(found, 1)) else FALLBACK
