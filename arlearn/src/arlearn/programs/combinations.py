"""The totals of all combinations of tokens at one step: equal contributions are merged, or totals are bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arlearn.programs.semantics import Rule

MANY = 1_000_000  # totals of one step that are listed before a range stands for them
MOST = 2_000_000  # distinct combinations of one step beyond which it counts as not proved


def totals(rule: Rule, reach: Sequence[np.ndarray]) -> np.ndarray:
    """Every total that tokens in these sets (indices, one array for each ref) can give, ascending.

    Where the readings are too many to combine one by one, all whole numbers from the least to the greatest total.
    """
    found = np.array([rule.constant], dtype=np.int64)
    steps = [np.unique(numbers[seen]) for numbers, seen in zip(rule.readings, reach, strict=True)]
    for numbers in steps:
        if len(found) * len(numbers) > MANY:
            low = rule.constant + sum(int(each.min()) for each in steps)
            high = rule.constant + sum(int(each.max()) for each in steps)
            return np.arange(low, high + 1) if high - low <= MANY else np.array([low, high])
        found = np.unique(found[:, None] + numbers)
    return found


def extremes(rule: Rule, reach: Sequence[np.ndarray]) -> np.ndarray:
    """The least and the greatest total, which decide a comparison."""
    ends = [
        (int(numbers[seen].min()), int(numbers[seen].max())) for numbers, seen in zip(rule.readings, reach, strict=True)
    ]
    return np.array([rule.constant + sum(low for low, _ in ends), rule.constant + sum(high for _, high in ends)])


@dataclass(frozen=True)
class Source:
    """One position that a step reads: what each token there adds to the features, and to the rule's total."""

    features: np.ndarray  # (tokens, outputs) float64
    numbers: np.ndarray  # (tokens,) int64


@dataclass
class Outcome:
    """The result for one step: least margin, whether nothing is rounded, how many combinations, largest score."""

    margin: float
    exact: bool
    combinations: int
    largest: float
    fault: str | None = None


def not_enumerated(combinations: int) -> Outcome:
    """The result for a step with too many combinations to enumerate."""
    return Outcome(0.0, False, combinations, 0.0, f"more than {MOST} distinct combinations, not enumerated")


def by_bounds(rule: Rule, false: int, sources: list[Source], head: np.ndarray, most: int, combinations: int) -> Outcome:
    """A comparison of very many tokens: where the difference of the two scores is an exact multiple of the total, its
    sign follows from whole totals and need not be enumerated.

    ``false`` is the first of the two tokens, ``most`` the largest whole number that the format holds exactly.
    """
    not_proved = not_enumerated(combinations)
    if not rule.compares:
        return not_proved
    numbers = [source.numbers for source in sources]
    scores = [source.features @ head.T for source in sources]
    everything = [*scores, *(source.features for source in sources), head]
    largest = max(sum(float(np.abs(each).max()) for each in some) for some in (scores, everything[len(scores) : -1]))
    if largest > most or not all(whole(each) for each in everything):
        return not_proved
    lines = [_line(n, each[:, false + 1] - each[:, false]) for n, each in zip(numbers, scores, strict=True)]
    varying = {slope for (slope, _), n in zip(lines, numbers, strict=True) if n.min() != n.max()}
    if len(varying) != 1 or None in varying or any(slope is None for slope, _ in lines):
        return not_proved
    slope = float(varying.pop() or 0.0)
    fixed = rule.constant + sum(int(n[0]) for n in numbers if n.min() == n.max())
    shift = sum(start for _, start in lines) - slope * fixed  # score(true) - score(false) = slope * total + shift
    low, high = (rule.constant + sum(int(end(n)) for n in numbers) for end in (np.min, np.max))
    # The right token leads by at least the lead of ``false`` over the tokens of other alphabets, and by the
    # difference between the two at the totals nearest the threshold.
    margin = float("inf")
    if len(head) > 2:
        leads = sum((each[:, [false]] - each).min(axis=0) for each in scores)
        margin = float(np.delete(leads, [false, false + 1]).min())
    if high >= rule.threshold:
        margin = min(margin, slope * max(rule.threshold, low) + shift)
    if low < rule.threshold:
        margin = min(margin, -(slope * min(rule.threshold - 1, high) + shift))
    fault = None if margin > 0 else f"the wrong token can score as much (by {-margin:g}) at the threshold"
    return Outcome(margin, True, combinations, largest, fault)


def whole(numbers: np.ndarray) -> bool:
    """Whether all are whole numbers."""
    return bool(np.array_equal(numbers, np.rint(numbers)))


def merged(features: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of features and numbers together."""
    if len(numbers) <= 1:
        return features, numbers
    both = np.concatenate([features, numbers[:, None].astype(np.float64)], axis=1) + 0.0  # -0.0 becomes 0.0
    both = both[:, (both != both[0]).any(axis=0)]  # most columns are the same in all rows
    if not both.shape[1]:
        return features[:1], numbers[:1]
    flat = np.ascontiguousarray(both).view(np.dtype((np.void, both.shape[1] * both.itemsize))).ravel()
    kept = np.unique(flat, return_index=True)[1]
    return features[kept], numbers[kept]


def _line(numbers: np.ndarray, values: np.ndarray) -> tuple[float | None, float]:
    """(slope, intercept) of values as an exact linear function of numbers; slope None if they are none."""
    low, high = int(numbers.argmin()), int(numbers.argmax())
    if numbers[low] == numbers[high]:
        return (0.0, float(values[low])) if (values == values[low]).all() else (None, 0.0)
    slope = float((values[high] - values[low]) / (numbers[high] - numbers[low]))
    intercept = float(values[low] - slope * numbers[low])
    return (slope, intercept) if np.array_equal(slope * numbers + intercept, values) else (None, 0.0)
