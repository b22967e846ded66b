"""Do repeated runs over the same papers give the same answers, and are the steady answers the right ones?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.validation.intervals import wilson

Runs = Mapping[str, NDArray[np.int64]]


def changes(runs: Runs) -> dict[str, Any]:
    """Share of papers of which answers differ between runs.

    ``runs[variable]`` is 0, 1 or -1 (unknown), shape ``(runs, papers)``. ``two_runs`` is the mean over all pairs of runs of
    the share of papers with at least one answer that differs; ``any_run`` looks at all runs together.
    """
    answers = np.stack(list(runs.values()))  # (variables, runs, papers)
    _, count, papers = answers.shape
    pairs = [(answers[:, one] != answers[:, other]).any(axis=0).mean() for one, other in combinations(range(count), 2)]
    steady = (answers == answers[:, :1]).all(axis=1)  # (variables, papers)
    changed = int((~steady.all(axis=0)).sum())
    return {
        "papers": papers,
        "runs": count,
        "answers": len(runs),
        "two_runs": float(np.mean(pairs)),
        "any_run": changed / papers,
        "any_run_interval": wilson(changed, papers),
        "changed": {variable: float(1 - steady[row].mean()) for row, variable in enumerate(runs)},
    }


def majority(answers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The most frequent known answer over runs, shape ``(runs, papers)`` -> ``(papers,)``; no wins a tie with yes."""
    yes, no = (answers == 1).sum(axis=0), (answers == 0).sum(axis=0)
    return np.where(yes > no, 1, np.where(no > 0, 0, -1))


def accuracy_by_agreement(runs: Runs, labels: Mapping[str, NDArray[np.int64]]) -> dict[str, Any]:
    """Accuracy of the majority answer where all runs agree, and where they do not, over all variables together.

    ``labels[variable]`` has shape ``(papers,)``. Answers whose label is unknown are left out.
    """
    counts = {"unanimous": [0, 0], "split": [0, 0]}
    by_variable: dict[str, dict[str, Any]] = {}
    for variable in runs.keys() & labels.keys():
        answers, truth = runs[variable], labels[variable]
        known = (truth >= 0) & (majority(answers) >= 0)
        right = majority(answers) == truth
        unanimous = (answers == answers[:1]).all(axis=0)
        by_variable[variable] = {}
        for name, which in (("unanimous", unanimous & known), ("split", ~unanimous & known)):
            correct, n = int((right & which).sum()), int(which.sum())
            counts[name][0] += correct
            counts[name][1] += n
            by_variable[variable][name] = _accuracy(correct, n)
    return {name: _accuracy(correct, n) for name, (correct, n) in counts.items()} | {
        "variables": {variable: by_variable[variable] for variable in runs if variable in by_variable}
    }


def _accuracy(correct: int, n: int) -> dict[str, Any]:
    return {"accuracy": correct / n if n else None, "interval": wilson(correct, n), "n": n}
