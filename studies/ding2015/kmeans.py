"""Lloyd's algorithm and Yinyang K-means, written from Ding et al. (ICML 2015) alone; ``baselines`` has those of Elkan and Drake.

All start from the same centres and share everything but the assignment of points (and, for Yinyang, the update of centres), so
their times compare. They count the distances between points and centres that they compute. Loops are compiled by Numba and run
on one core. A point that is equally near to two centres stays where it is, in all four.

Shapes: points X (n, d) and centres (k, d), float64. Each algorithm returns a ``Run``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
MOST_ITERATIONS = 300


@dataclass(slots=True)
class Run:
    """What a run found and took, in seconds of processor time.

    ``filtered`` counts the pairs of a point and a centre that the filters before the local one ruled out, from the second
    iteration on. ``bound_bytes`` is the memory of the bounds.
    """

    labels: Integers
    centres: Floats
    iterations: int
    distances: int
    filtered: int
    assign_seconds: float
    update_seconds: float
    bound_bytes: int

    @property
    def seconds(self) -> float:
        """Both steps together."""
        return self.assign_seconds + self.update_seconds

    def cost(self, points: Floats) -> float:
        """Sum of squared distances of the points to their centres."""
        return float(((points - self.centres[self.labels]) ** 2).sum())


@njit(cache=True)
def distance(points: Floats, i: int, centres: Floats, c: int) -> float:
    total = 0.0
    for a in range(points.shape[1]):
        difference = points[i, a] - centres[c, a]
        total += difference * difference
    return np.sqrt(total)


@njit(cache=True)
def means(points: Floats, labels: Integers, centres: Floats) -> tuple[Floats, Integers]:
    """The mean of each cluster; an empty one keeps its centre."""
    k, d = centres.shape
    sums, counts = np.zeros((k, d)), np.zeros(k, np.int64)
    for i in range(points.shape[0]):
        counts[labels[i]] += 1
        for a in range(d):
            sums[labels[i], a] += points[i, a]
    for c in range(k):
        for a in range(d):
            sums[c, a] = sums[c, a] / counts[c] if counts[c] else centres[c, a]
    return sums, counts


@njit(cache=True)
def _moved_means(
    points: Floats, before: Integers, labels: Integers, centres: Floats, counts: Integers
) -> tuple[Floats, Integers]:
    """The means by equation (1): only points that changed their cluster are added and taken away."""
    k, d = centres.shape
    sums, now = centres.copy(), counts.copy()
    for c in range(k):
        for a in range(d):
            sums[c, a] *= counts[c]
    for i in range(points.shape[0]):
        old, new = before[i], labels[i]
        if old != new:
            now[old] -= 1
            now[new] += 1
            for a in range(d):
                sums[old, a] -= points[i, a]
                sums[new, a] += points[i, a]
    for c in range(k):
        for a in range(d):
            sums[c, a] = sums[c, a] / now[c] if now[c] else centres[c, a]
    return sums, now


@njit(cache=True)
def _nearest(points: Floats, centres: Floats, labels: Integers) -> int:
    """The assignment step of Lloyd's algorithm; returns how many points moved."""
    moved = 0
    for i in range(points.shape[0]):
        best, least = labels[i], distance(points, i, centres, labels[i])
        for c in range(centres.shape[0]):
            if c != labels[i]:
                d = distance(points, i, centres, c)
                if d < least:
                    best, least = c, d
        if best != labels[i]:
            labels[i] = best
            moved += 1
    return moved


@njit(cache=True)
def drifts(old: Floats, new: Floats) -> Floats:
    out = np.empty(old.shape[0])
    for c in range(old.shape[0]):
        out[c] = distance(old, c, new, c)
    return out


def lloyd(points: Floats, start: Floats) -> Run:
    """The standard algorithm: every distance in every iteration."""
    (n, _), k = points.shape, len(start)
    labels, centres = np.zeros(n, np.int64), start.copy()
    assign = update = 0.0
    iterations = 0
    while iterations < MOST_ITERATIONS:
        began = time.process_time()
        moved = _nearest(points, centres, labels)
        done = time.process_time()
        assign += done - began
        iterations += 1
        if not moved and iterations > 1:
            break
        centres, _ = means(points, labels, centres)
        update += time.process_time() - done
    return Run(labels, centres, iterations, n * k * iterations, 0, assign, update, 0)


@njit(cache=True)
def first_assignment(points: Floats, centres: Floats, group: Integers, t: int) -> tuple[Integers, Floats, Floats]:
    """Step 2: the first assignment, upper bounds, and for each group the nearest centre but the point's own."""
    n, k = points.shape[0], centres.shape[0]
    labels, upper, lower = np.zeros(n, np.int64), np.empty(n), np.full((n, t), np.inf)
    for i in range(n):
        distances = np.empty(k)
        for c in range(k):
            distances[c] = distance(points, i, centres, c)
        best = 0
        for c in range(1, k):
            if distances[c] < distances[best]:
                best = c
        labels[i], upper[i] = best, distances[best]
        for c in range(k):
            if c != best and distances[c] < lower[i, group[c]]:
                lower[i, group[c]] = distances[c]
    return labels, upper, lower


@njit(cache=True)
def _filtered(
    points: Floats,
    centres: Floats,
    labels: Integers,
    upper: Floats,
    lower: Floats,
    drift: Floats,
    group: Integers,
    members: Integers,
    begins: Integers,
) -> tuple[int, int, int]:
    """Steps 3.2 and 3.3 for all points; returns moved points, computed distances, pairs that the group filter ruled out."""
    n, t, k = points.shape[0], lower.shape[1], centres.shape[0]
    most = np.zeros(t)
    for c in range(k):
        most[group[c]] = max(most[group[c]], drift[c])
    moved = distances = filtered = 0
    for i in range(n):
        own = labels[i]
        upper[i] += drift[own]
        least = np.inf
        for g in range(t):
            lower[i, g] -= most[g]
            least = min(least, lower[i, g])
        if least >= upper[i]:
            filtered += k
            continue
        upper[i] = distance(points, i, centres, own)
        distances += 1
        if least >= upper[i]:
            filtered += k - 1
            continue
        best, nearest, bound = own, upper[i], upper[i]
        for g in range(t):
            if lower[i, g] >= bound:
                filtered += begins[g + 1] - begins[g]
                continue
            before = lower[i, g] + most[g]
            first, second, first_at = np.inf, np.inf, -1
            for at in range(begins[g], begins[g + 1]):
                c = members[at]
                if c == own or second < before - drift[c]:  # Lemma 2, with the second closest centre so far
                    continue
                d = distance(points, i, centres, c)
                distances += 1
                if d < first:
                    first, second, first_at = d, first, c
                elif d < second:
                    second = d
            if first < nearest:
                lower[i, g] = second
                previous = group[best]  # the centre that was best becomes one of its group's others
                lower[i, previous] = min(lower[i, previous], nearest)
                best, nearest = first_at, first
            else:
                lower[i, g] = first
        upper[i] = nearest
        if best != own:  # the old centre is one of its group's others now, whichever group came first
            lower[i, group[own]] = min(lower[i, group[own]], bound)
            labels[i] = best
            moved += 1
    return moved, distances, filtered


def yinyang(points: Floats, start: Floats, t: int | None = None, *, plain_update: bool = False) -> Run:
    """Yinyang K-means with ``t`` groups (k / 10 by default, at least 1). ``plain_update`` leaves equation (1) out."""
    (n, _), k = points.shape, len(start)
    t = max(1, min(k, k // 10 if t is None else t))
    began = time.process_time()
    group = _groups(start, t)
    order = np.argsort(group, kind="stable")
    begins = np.searchsorted(group[order], np.arange(t + 1))
    centres = start.copy()
    labels, upper, lower = first_assignment(points, centres, group, t)
    assign, update = time.process_time() - began, 0.0
    iterations, distances, filtered = 1, n * k + k * t * 5, 0
    began = time.process_time()
    new, counts = means(points, labels, centres)
    update += time.process_time() - began
    while iterations < MOST_ITERATIONS:
        drift = drifts(centres, new)
        centres = new
        before = labels.copy()
        began = time.process_time()
        moved, computed, out = _filtered(points, centres, labels, upper, lower, drift, group, order, begins)
        done = time.process_time()
        assign += done - began
        iterations, distances, filtered = iterations + 1, distances + computed, filtered + out
        if not moved:
            break
        if plain_update or moved > n // 2:
            new, counts = means(points, labels, centres)
        else:
            new, counts = _moved_means(points, before, labels, centres, counts)
        update += time.process_time() - done
    return Run(labels, centres, iterations, distances, filtered, assign, update, lower.nbytes + upper.nbytes)


def _groups(start: Floats, t: int) -> Integers:
    """Step 1: five iterations of Lloyd's algorithm on the centres; which of them begin is not said, so evenly spaced ones do."""
    labels = np.zeros(len(start), np.int64)
    middle = start[np.linspace(0, len(start) - 1, t).astype(int)].copy()
    for _ in range(5):
        _nearest(start, middle, labels)
        middle, _ = means(start, labels, middle)
    return labels
