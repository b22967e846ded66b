"""The algorithms that the paper compares with: Elkan (2003), and Drake and Hamerly (2012), as the paper tells them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from kmeans import MOST_ITERATIONS, Floats, Integers, Run, distance, drifts, first_assignment, means
from numba import njit


@njit(cache=True)
def _elkan_step(
    points: Floats, centres: Floats, labels: Integers, upper: Floats, lower: Floats, drift: Floats
) -> tuple[int, int, int]:
    n, k = points.shape[0], centres.shape[0]
    between, half = np.zeros((k, k)), np.full(k, np.inf)
    for a in range(k):
        for b in range(a):
            between[a, b] = between[b, a] = distance(centres, a, centres, b)
            half[a], half[b] = min(half[a], 0.5 * between[a, b]), min(half[b], 0.5 * between[a, b])
    moved, distances, filtered = 0, k * (k - 1) // 2, 0
    for i in range(n):
        own = labels[i]
        upper[i] += drift[own]
        for c in range(k):
            lower[i, c] = max(0.0, lower[i, c] - drift[c])
        if upper[i] <= half[own]:
            filtered += k
            continue
        tight = False
        for c in range(k):
            if c == labels[i] or upper[i] <= lower[i, c] or upper[i] <= 0.5 * between[labels[i], c]:
                continue
            if not tight:
                upper[i] = distance(points, i, centres, labels[i])
                lower[i, labels[i]] = upper[i]
                distances += 1
                tight = True
                if upper[i] <= lower[i, c] or upper[i] <= 0.5 * between[labels[i], c]:
                    continue
            lower[i, c] = distance(points, i, centres, c)
            distances += 1
            if lower[i, c] < upper[i]:
                labels[i], upper[i] = c, lower[i, c]
        if labels[i] != own:
            moved += 1
    return moved, distances, filtered


def elkan(points: Floats, start: Floats) -> Run:
    """Elkan's algorithm (2003): a lower bound for every pair, distances between centres in every iteration."""
    (n, _), k = points.shape, len(start)
    own_group = np.arange(k)
    return _bounded(points, start, lambda centres: first_assignment(points, centres, own_group, k), _elkan_step, n * k)


def _bounded(
    points: Floats,
    start: Floats,
    first: Callable[[Floats], Any],
    step: Callable[..., tuple[int, int, int]],
    opening: int,
) -> Run:
    began = time.process_time()
    centres = start.copy()
    labels, upper, *rest = first(centres)
    assign, update = time.process_time() - began, 0.0
    iterations, distances, filtered = 1, opening, 0
    while iterations < MOST_ITERATIONS:
        began = time.process_time()
        new, _ = means(points, labels, centres)
        update += time.process_time() - began
        drift = drifts(centres, new)
        centres = new
        began = time.process_time()
        moved, computed, out = step(points, centres, labels, upper, *rest, drift)
        assign += time.process_time() - began
        iterations, distances, filtered = iterations + 1, distances + computed, filtered + out
        if not moved:
            break
    size = upper.nbytes + sum(one.nbytes for one in rest)
    return Run(labels, centres, iterations, distances, filtered, assign, update, size)


@njit(cache=True)
def _rank(points: Floats, i: int, own: int, centres: Floats, near: Integers, lower: Floats) -> tuple[int, float]:
    """All distances of a point: its nearest centre, and the next ones in order, the last bound standing for all others."""
    k, t = centres.shape[0], near.shape[1]
    distances = np.empty(k)
    for c in range(k):
        distances[c] = distance(points, i, centres, c)
    order = np.argsort(distances, kind="mergesort")
    if distances[own] == distances[order[0]]:  # a tie leaves the point where it is
        for j in range(k):
            if order[j] == own:
                order[j], order[0] = order[0], own
                break
    for j in range(t):
        near[i, j] = order[j + 1]
        lower[i, j] = distances[order[j + 1]]
    return order[0], distances[order[0]]


@njit(cache=True)
def _drakefirst_assignment(points: Floats, centres: Floats, t: int) -> tuple[Integers, Floats, Integers, Floats]:
    n = points.shape[0]
    labels, upper = np.zeros(n, np.int64), np.empty(n)
    near, lower = np.zeros((n, t), np.int64), np.empty((n, t))
    for i in range(n):
        labels[i], upper[i] = _rank(points, i, 0, centres, near, lower)
    return labels, upper, near, lower


@njit(cache=True)
def _drake_step(
    points: Floats, centres: Floats, labels: Integers, upper: Floats, near: Integers, lower: Floats, drift: Floats
) -> tuple[int, int, int]:
    n, k, t = points.shape[0], centres.shape[0], near.shape[1]
    most = drift.max()
    moved = distances = filtered = 0
    for i in range(n):
        own = labels[i]
        upper[i] += drift[own]
        lower[i, t - 1] -= most  # for every centre that is not among the first t - 1
        for j in range(t - 2, -1, -1):
            lower[i, j] = min(lower[i, j] - drift[near[i, j]], lower[i, j + 1])
        need = t
        for j in range(t):
            if upper[i] <= lower[i, j]:
                need = j
                break
        if need == 0:
            filtered += k
            continue
        if need == t:
            labels[i], upper[i] = _rank(points, i, own, centres, near, lower)
            distances += k
        else:
            filtered += k - need - 1
            exact = np.empty(need + 1)
            ids = np.empty(need + 1, np.int64)
            ids[0] = own
            for j in range(need):
                ids[j + 1] = near[i, j]
            for j in range(need + 1):
                exact[j] = distance(points, i, centres, ids[j])
            distances += need + 1
            order = np.argsort(exact, kind="mergesort")  # stable: a tie leaves the point where it is
            labels[i], upper[i] = ids[order[0]], exact[order[0]]
            for j in range(need):
                near[i, j], lower[i, j] = ids[order[j + 1]], exact[order[j + 1]]
            for j in range(need - 1, -1, -1):
                lower[i, j] = min(lower[i, j], lower[i, j + 1])
        if labels[i] != own:
            moved += 1
    return moved, distances, filtered


def drake(points: Floats, start: Floats) -> Run:
    """Drake and Hamerly's algorithm (2012) with k / 4 lower bounds for each point, kept at that number throughout."""
    (n, _), k = points.shape, len(start)
    t = max(1, min(k - 1, k // 4))
    return _bounded(points, start, lambda centres: _drakefirst_assignment(points, centres, t), _drake_step, n * k)
