"""How well the linear assessor does on papers that it has not seen: agreement, evidence, calibration; and their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from openbook.assessors.linear.affiliation import affiliation
from openbook.assessors.linear.answers import best_statements
from openbook.assessors.linear.corpus import UNKNOWN, Corpus, LabelArray
from openbook.assessors.linear.features import Floats64
from openbook.assessors.linear.model import TARGETS
from openbook.assessors.linear.weight_files import SURE
from openbook.text import percent
from openbook.variables import SCORED

if TYPE_CHECKING:
    from openbook.assessors.linear.examples import Examples
    from openbook.assessors.linear.training import HeldOut

_CODES: Final = {0: "academia", 1: "collaboration", 2: "industry"}
"""What the index means by its affiliation codes, judged by the author blocks that it quotes."""
_BINS: Final = 10


def measure(corpus: Corpus, data: Examples, held_out: HeldOut, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Everything that is measured on held-out papers.

    ``agreement``: with the index's answers. ``agreement_read``: on papers without a record in the index, with what their
    labelled sentences prove. ``evidence``: whether quotes prove their yes, and what was missed. ``calibration``: stated
    confidence against how often it was right. ``affiliation``: with the index's answers.
    """
    indexed = (corpus.answers != UNKNOWN).any(axis=1)
    read = ~indexed & (data.proved != UNKNOWN).any(axis=1)
    proved = np.hstack([data.proved, np.full((len(data.proved), 1), UNKNOWN, np.int8)])
    best = np.where(proved != UNKNOWN, proved, corpus.answers).astype(np.int8)
    return {
        "agreement": report(corpus.answers[indexed], held_out, np.flatnonzero(indexed), draws=draws, seed=seed)
        if indexed.any()
        else None,
        "agreement_read": report(proved[read], held_out, np.flatnonzero(read), draws=draws, seed=seed)
        if read.any()
        else None,
        "evidence": evidence(data, held_out),
        "calibration": calibration(best, held_out),
        "affiliation": _affiliations(corpus),
    }


def agreement(truth: npt.NDArray[Any], decision: npt.NDArray[Any], probability: Floats64) -> dict[str, float]:
    """Kappa, accuracy, F1, precision, recall and area under the ROC curve; nan where one is not defined."""
    yes, said = truth == 1, decision.astype(bool)
    both, only_truth, only_said = (yes & said).sum(), (yes & ~said).sum(), (~yes & said).sum()
    observed = float((yes == said).mean())
    chance = float(yes.mean() * said.mean() + (1 - yes.mean()) * (1 - said.mean()))
    with np.errstate(divide="ignore", invalid="ignore"):
        positives, negatives = int(yes.sum()), int((~yes).sum())
        ranks = _ranks(probability)
        area = np.float64(ranks[yes].sum() - positives * (positives + 1) / 2) / (positives * negatives or np.nan)
        return {
            "kappa": (observed - chance) / (1 - chance) if chance < 1 else float("nan"),
            "accuracy": observed,
            "f1": float(np.float64(2 * both) / (2 * both + only_truth + only_said)),
            "precision": float(np.float64(both) / (both + only_said)),
            "recall": float(np.float64(both) / (both + only_truth)),
            "auc": float(area),
        }


def _ranks(values: Floats64) -> Floats64:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def report(
    answers: LabelArray, held_out: HeldOut, papers: npt.NDArray[np.int64], *, draws: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Agreement per target and the means over the seven, each with a 95 % bootstrap interval over papers.

    ``answers`` (paper, target) are the labels of ``papers``, which number the rows of ``held_out``. None stands for what
    is not defined, such as the kappa of one answer alone. A target without labels is left out.
    """
    random = np.random.default_rng(seed)
    table: dict[str, Any] = {}
    samples = [random.integers(0, len(answers), len(answers)) for _ in range(draws)]
    drawn: dict[str, list[dict[str, float]]] = {}
    for number, target in enumerate(TARGETS):
        known = answers[:, number] != UNKNOWN
        if not known.any():
            continue
        truth, said = answers[:, number], held_out.decision[papers, number]
        probability = held_out.probability[papers, number]
        values = agreement(truth[known], said[known], probability[known])
        drawn[target] = [
            agreement(truth[picked], said[picked], probability[picked])
            for picked in (sample[known[sample]] for sample in samples)
            if len(picked)
        ]
        sure = np.where(said, probability, 1 - probability) >= SURE
        right = (truth == 1) == said
        table[target] = {
            "papers": int(known.sum()),
            "yes": int((truth[known] == 1).sum()),
            "prevalence": float((truth[known] == 1).mean()),
            **values,
            "interval": {name: _interval([draw[name] for draw in drawn[target]]) for name in values},
            "sure": float(sure[known].mean()),
            "accuracy_when_sure": _mean(right[known & sure]),
            "accuracy_when_unsure": _mean(right[known & ~sure]),
        }
    seven = [variable for variable in SCORED if variable in table]
    means: Mapping[str, Any] = {
        name: {
            "value": _nanmean([table[variable][name] for variable in seven]),
            "interval": _interval(
                [_nanmean([drawn[variable][draw][name] for variable in seven]) for draw in range(draws)]
            )
            if all(len(drawn[variable]) == draws for variable in seven)
            else [],
        }
        for name in ("kappa", "accuracy", "f1", "auc")
    }
    found: dict[str, Any] = _without_nan({"variables": table, "mean_over_seven": means})
    return found


def evidence(data: Examples, held_out: HeldOut) -> dict[str, Any]:
    """Per variable and in all, over papers with labelled sentences: how often the first quote of a yes proves it, how
    often any quote does, and what was missed: papers with a proving sentence that were answered no.

    ``unread`` counts first quotes that nobody labelled; they are in no share.
    """
    table: dict[str, dict[str, Any]] = {}
    for number, variable in enumerate(SCORED):
        counts: dict[str, Any] = dict.fromkeys(("yes", "first", "any", "unread", "provable", "missed"), 0)
        for paper in np.flatnonzero(data.proved[:, number] != UNKNOWN):
            places = np.arange(data.starts[paper], data.starts[paper + 1])
            places = places[data.candidate[places]]
            said = bool(held_out.decision[paper, number])
            provable = data.proved[paper, number] == 1
            counts["provable"] += int(provable)
            counts["missed"] += int(provable and not said)
            if not said:
                continue
            items = [data.items[place] for place in places]
            quotes = best_statements(variable, items, held_out.log_odds[places, number])
            label = {id(item): data.gold[place, number] for item, place in zip(items, places, strict=True)}
            labels = [label[id(item)] for item in quotes]
            if labels[0] == UNKNOWN:
                counts["unread"] += 1
                continue
            counts["yes"] += 1
            counts["first"] += int(labels[0] == 1)
            counts["any"] += int(1 in labels)
        table[variable] = counts
    total: dict[str, Any] = {
        name: sum(counts[name] for counts in table.values()) for name in next(iter(table.values()))
    }
    for counts in (*table.values(), total):
        counts["first_quote_proves"] = counts["first"] / counts["yes"] if counts["yes"] else None
        counts["any_quote_proves"] = counts["any"] / counts["yes"] if counts["yes"] else None
        counts["share_missed"] = counts["missed"] / counts["provable"] if counts["provable"] else None
    return {"variables": table, "all": total}


def calibration(answers: LabelArray, held_out: HeldOut) -> dict[str, Any]:
    """How often answers of the seven with a stated confidence were right, in ten bins, and the mean gap (ECE)."""
    stated, right = [], []
    for number in range(len(SCORED)):
        known = answers[:, number] != UNKNOWN
        probability, said = held_out.probability[known, number], held_out.decision[known, number]
        stated.append(np.where(said, probability, 1 - np.minimum(probability, 0.5)))
        right.append((answers[known, number] == 1) == said)
    confidence, correct = np.concatenate(stated), np.concatenate(right)
    if not len(confidence):
        return {"bins": [], "expected_calibration_error": None}
    bins, gap = [], 0.0
    for low in np.linspace(0.5, 1.0, _BINS + 1)[:-1]:
        inside = (confidence >= low) & (confidence < low + 0.5 / _BINS + (1e-9 if low > 0.94 else 0))
        if inside.any():
            one = {
                "stated": float(confidence[inside].mean()),
                "right": float(correct[inside].mean()),
                "answers": int(inside.sum()),
            }
            bins.append(one)
            gap += abs(one["stated"] - one["right"]) * one["answers"] / len(confidence)
    return {"bins": bins, "expected_calibration_error": gap}


def _affiliations(corpus: Corpus) -> dict[str, Any]:
    """Agreement on whole papers; the rules have no weights to fit."""
    from sklearn.metrics import cohen_kappa_score

    truth, said = [], []
    for paper, code in zip(corpus.papers, corpus.affiliations.tolist(), strict=True):
        if code in _CODES:
            truth.append(_CODES[code])
            said.append(affiliation(paper)[0])
    return {
        "papers": len(truth),
        "kappa": float(cohen_kappa_score(truth, said)) if len({*truth, *said}) > 1 else None,
        "accuracy": float(np.mean([one == other for one, other in zip(truth, said, strict=True)])) if truth else None,
        "unknown": said.count("unknown"),
    }


def _without_nan(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no such number."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _nanmean(values: Sequence[float]) -> float:
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")


def _interval(values: list[float]) -> list[float]:
    known = np.asarray(values)[~np.isnan(values)]
    return [float(value) for value in np.quantile(known, [0.025, 0.975])] if len(known) else []


def markdown(result: Mapping[str, Any]) -> str:
    """What ``train`` returned, as tables."""
    shown = []
    if result["agreement"]:
        shown.append("Papers with a record in the index, against the index's answers:\n")
        shown.append(_agreement_table(result["agreement"], result["evidence"]))
    if result["agreement_read"]:
        shown.append("\nPapers without a record in the index, against what their labelled sentences prove:\n")
        shown.append(_agreement_table(result["agreement_read"], result["evidence"]))
    block = result["affiliation"]
    shown.append(
        f"\nAffiliation (three answers, {block['papers']} papers): kappa {_number(block['kappa'])}, "
        f"accuracy {_number(block['accuracy'])}, unknown {block['unknown']}."
    )
    total = result["evidence"]["all"]
    if total["provable"]:
        shown.append(
            f"Evidence on papers with labelled sentences: the first quote proves {_percent(total['first_quote_proves'])} of "
            f"{total['yes']} yes, any quote {_percent(total['any_quote_proves'])} ({total['unread']} more first quotes were "
            f"never read); of {total['provable']} answers that a labelled sentence proves, {total['missed']} were denied "
            f"({_percent(total['share_missed'])})."
        )
    curve = result["calibration"]
    if curve["bins"]:
        steps = ", ".join(f"{one['stated']:.2f}: {one['right']:.2f} ({one['answers']})" for one in curve["bins"])
        shown.append(
            f"Calibration, stated: right (answers): {steps}; expected calibration error "
            f"{curve['expected_calibration_error']:.3f}."
        )
    return "\n".join(shown)


def _agreement_table(agreement: Mapping[str, Any], proofs: Mapping[str, Any]) -> str:
    columns = (
        "variable|yes of papers|kappa [95 %]|accuracy|F1|precision [95 %]|recall [95 %]|AUC|sure; right when sure"
        "|first quote proves|missed"
    )
    lines = [f"| {columns.replace('|', ' | ')} |", "|" + "---|" * (columns.count("|") + 1)]
    for name, row in agreement["variables"].items():
        interval, sure = row["interval"], row["accuracy_when_sure"]
        proof = proofs["variables"].get(name, {})
        lines.append(
            f"| {name.replace('_', ' ')} | {row['yes']} of {row['papers']} "
            f"| {_number(row['kappa'])} {_span(interval['kappa'])} | {_number(row['accuracy'])} | {_number(row['f1'])} "
            f"| {_number(row['precision'])} {_span(interval['precision'])} "
            f"| {_number(row['recall'])} {_span(interval['recall'])} | {_number(row['auc'])} "
            f"| {_percent(row['sure'])}; {_percent(sure)} "
            f"| {_percent(proof.get('first_quote_proves'))} | {_percent(proof.get('share_missed'))} |"
        )
    mean = agreement["mean_over_seven"]
    lines.append(
        f"| **mean over the seven** | | **{_number(mean['kappa']['value'])}** {_span(mean['kappa']['interval'])} "
        f"| {_number(mean['accuracy']['value'])} | {_number(mean['f1']['value'])} | | | {_number(mean['auc']['value'])} | | "
        f"{_percent(proofs['all']['first_quote_proves'])} | {_percent(proofs['all']['share_missed'])} |"
    )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.2f}".replace("0.", ".", 1)


def _percent(value: float | None) -> str:
    return percent(value, sign="%")


def _span(interval: Sequence[float]) -> str:
    return f"[{_number(interval[0])}, {_number(interval[1])}]" if interval else ""
