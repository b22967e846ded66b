"""Several answers to one question: the majority decides, and the agreement gives the confidence.

The confidence is measured. Identical runs were repeated over papers that people labelled; for each k of n, the table
``agreement.json`` says how often a result was right that k of n runs gave. ``measure`` makes that table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Any

from openbook.record.model import Answer, Evidence
from openbook.variables import VARIABLES


def combine(votes: Sequence[Mapping[str, Answer]], names: Iterable[str] = VARIABLES) -> dict[str, Answer]:
    """One answer for each variable from the answers of several assessors or several runs.

    The most frequent result wins. On a tie the more cautious one wins: ``no`` before ``yes``, ``unknown`` before both.
    The evidence is that of the winners. A single voter's answers stay as they are, with their confidence.
    """
    if len(votes) == 1:
        return dict(votes[0])
    return {name: _combined([vote[name] for vote in votes]) for name in names}


def _combined(answers: Sequence[Answer]) -> Answer:
    counted = Counter(answer.result for answer in answers)
    most = max(counted.values())
    caution = ("unread", "unknown", "no", "unverified")
    tied = sorted(
        (result for result, count in counted.items() if count == most),
        key=lambda result: (caution.index(result) if result in caution else len(caution), result),
    )
    winners = [answer for answer in answers if answer.result == tied[0]]
    evidence: dict[tuple[str, int | None], Evidence] = {}
    for answer in winners:
        for item in answer.evidence:
            evidence.setdefault((item.quote, item.start), item)
    return Answer(
        result=tied[0],
        confidence=confidence(len(winners), len(answers)),
        response=winners[0].response,
        evidence=list(evidence.values()),
    )


def confidence(agreeing: int, votes: int) -> float | None:
    """How often a result was right that ``agreeing`` of ``votes`` votes gave, as measured for up to 5 votes.

    For more votes the value at the same share is interpolated in the table of 5 votes. None for a single vote.
    """
    if votes < 2:
        return None
    table = _table()
    if votes in table:
        return table[votes][agreeing]
    widest = table[max(table)]
    share = agreeing / votes * max(table)
    low = min(max(int(share), min(widest)), max(widest))
    high = min(low + 1, max(widest))
    return widest[low] + (widest[high] - widest[low]) * min(max(share - low, 0.0), 1.0)


@cache
def _table() -> dict[int, dict[int, float]]:
    kept = json.loads(files("openbook.assessors").joinpath("agreement.json").read_text(encoding="utf-8"))
    return {int(n): {int(k): row["accuracy"] for k, row in rows.items()} for n, rows in kept["votes"].items()}


def measure(runs: Sequence[Mapping[tuple[Any, str], int]], labels: Mapping[tuple[Any, str], int]) -> dict[str, Any]:
    """The table of ``agreement.json`` from repeated runs and people's labels, both by (paper, variable).

    For n votes, every choice of n runs counts. ``k`` is the number of runs that gave the majority's result. In a tie
    each of the tied results counts as a majority.
    """
    table: dict[str, dict[str, dict[str, float]]] = {}
    asked = [key for key in labels if all(key in run for run in runs)]
    for n in range(2, len(runs) + 1):
        right: Counter[int] = Counter()
        seen: Counter[int] = Counter()
        for chosen in combinations(runs, n):
            for key in asked:
                given = Counter(run[key] for run in chosen)
                most = max(given.values())
                majority = [result for result, count in given.items() if count == most]
                seen[most] += len(majority)
                right[most] += sum(result == labels[key] for result in majority)
        rows = {k: {"accuracy": right[k] / seen[k], "count": seen[k]} for k in sorted(seen)}
        table[str(n)] = {str(k): row for k, row in rows.items()}
    return {"runs": len(runs), "answers": len(asked), "votes": table}
