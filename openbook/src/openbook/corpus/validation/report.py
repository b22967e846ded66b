"""What openbook validate reports: agreement by variable, prevalence, score bias, versions of labels, stability of repeated runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.validation.label_tables import LabelTable, MatchedRows, join
from openbook.corpus.validation.statistics import (
    LEVEL,
    RESAMPLES,
    SEED,
    Confusion,
    bootstrap,
    lang_reiczigel,
    measure,
    rogan_gladen,
    wilson,
)
from openbook.variables import SCORED, VARIABLES

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


Values = dict[str, NDArray[np.int64]]


def validate(records: LabelTable, labels: LabelTable) -> dict[str, Any]:
    """The whole report, as ``--json`` prints it. With repeated runs, agreement is that of the majority answer."""
    runs = records.runs
    joined = [join(records, labels, run if len(runs) > 1 else None) for run in runs]
    answers, truth, repeated = _aligned(records, labels, joined)
    whole = _whole(records)
    report: dict[str, Any] = {
        "records": records.source,
        "labels": labels.source,
        "papers": len(joined[0].records),
        "records_without_label": len(set(records.ids)) - len(joined[0].records),
        "labels_without_record": len(set(labels.ids)) - len(joined[0].labels),
        "runs": len(runs),
        "level": LEVEL,
        "resamples": RESAMPLES,
        "seed": SEED,
        "variables": _variables(answers, truth, whole),
        "documentation": _documentation(answers, truth),
        "odd": records.odd + (labels.odd if labels.source != records.source else []),
    }
    if len(runs) > 1:
        report["stability"] = changes(repeated) | accuracy_by_agreement(repeated, truth)
    versions = {
        name: {variable: values[joined[0].labels] for variable, values in of_version.items()}
        for name, of_version in labels.versions.items()
    }
    if versions:
        report["label_versions"] = {name: _version(answers, truth, repeated, other) for name, other in versions.items()}
    return report


def _aligned(records: LabelTable, labels: LabelTable, joined: list[MatchedRows]) -> tuple[Values, Values, Values]:
    """Answers, labels (``(papers,)`` each) and the answers of every run (``(runs, papers)``), in the order of run one."""
    order = [labels.ids[row] for row in joined[0].labels]
    common = set(order).intersection(*({labels.ids[row] for row in one.labels} for one in joined))
    repeated: Values = {}
    places = [
        {labels.ids[label]: record for record, label in zip(one.records, one.labels, strict=True)} for one in joined
    ]
    for variable in VARIABLES:
        if variable in records.values and variable in labels.values:
            repeated[variable] = np.array(
                [[records.values[variable][place[id_]] if id_ in common else -1 for id_ in order] for place in places]
            )
    answers = {name: runs[0] if len(runs) == 1 else majority(runs) for name, runs in repeated.items()}
    truth = {name: labels.values[name][joined[0].labels] for name in repeated}
    return answers, truth, repeated


def _whole(records: LabelTable) -> Values:
    """The answers of all records, labelled or not: the population whose prevalence is corrected. First run only."""
    first = slice(None) if records.run is None else records.run == records.runs[0]
    return {name: values[first] for name, values in records.values.items()}


def _variables(answers: Values, truth: Values, whole: Values) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in answers:
        known = (answers[name] >= 0) & (truth[name] >= 0)
        got, want = answers[name][known], truth[name][known]
        if not len(got):
            continue
        out[name] = measure(got, want) | {"prevalence": _prevalence(Confusion.of(got, want), whole[name])}
    return out


def _prevalence(table: Confusion, population: NDArray[np.int64]) -> dict[str, Any]:
    """Share of yes: as labelled, as answered over all records, and that share corrected for the assessor's errors."""
    known = population[population >= 0]
    apparent = float((known == 1).mean()) if len(known) else None
    corrected = None
    if apparent is not None and table.recall is not None and table.specificity is not None:
        corrected = rogan_gladen(apparent, table.recall, table.specificity)
    return {
        "labelled": (table.tp + table.fn) / table.n,
        "apparent": apparent,
        "apparent_interval": wilson(int((known == 1).sum()), len(known)),
        "papers": len(known),
        "corrected": corrected,
        "corrected_interval": None if apparent is None else lang_reiczigel(apparent, len(known), table),
    }


def _documentation(answers: Values, truth: Values) -> dict[str, Any] | None:
    """Documentation Score of the records against that of the labels, where all seven answers are known on both sides.

    The headline figures are over empirical papers (by their label, or by their record if there is none); ``all`` is over
    every paper.
    """
    if not all(variable in answers for variable in SCORED):
        return None
    got, want = (np.stack([side[variable] for variable in SCORED]) for side in (answers, truth))
    known = ((got >= 0) & (want >= 0)).all(axis=0)
    kind = truth.get("research_type", answers.get("research_type"))
    empirical = known & (kind != 1) if kind is not None else known
    difference = got.sum(axis=0) - want.sum(axis=0)
    report = _score_difference(difference[empirical])
    return report | {"all": _score_difference(difference[known])} if report else None


def _score_difference(difference: NDArray[np.int64]) -> dict[str, Any]:
    n = len(difference)
    if not n:
        return {}
    exact, near = int((difference == 0).sum()), int((abs(difference) <= 1).sum())
    return {
        "n": n,
        "bias": float(difference.mean()),
        "bias_interval": bootstrap(n, lambda drawn: float(difference[drawn].mean())),
        "mean_absolute_error": float(abs(difference).mean()),
        "exact": exact / n,
        "exact_interval": wilson(exact, n),
        "within_one": near / n,
        "within_one_interval": wilson(near, n),
    }


def _version(answers: Values, truth: Values, repeated: Values, other: Values) -> dict[str, Any]:
    """Agreement with another version of the labels, and how far that version differs from the main one."""
    shared = {name: answers[name] for name in answers if name in other}
    report: dict[str, Any] = {
        "variables": _variables(shared, other, shared),
        "changed": {name: _changed(other[name], truth[name]) for name in shared},
    }
    if next(iter(repeated.values())).shape[0] > 1:
        report["stability"] = accuracy_by_agreement(repeated, other)
    return report


def _changed(before: NDArray[np.int64], after: NDArray[np.int64]) -> dict[str, int]:
    """How many labels went from one value to another between this version and the main one."""
    return {
        "zeros": int((before == 0).sum()),
        "ones": int((before == 1).sum()),
        "zero_to_one": int(((before == 0) & (after == 1)).sum()),
        "one_to_zero": int(((before == 1) & (after == 0)).sum()),
        "unlabelled_before": int(((before < 0) & (after >= 0)).sum()),
    }
