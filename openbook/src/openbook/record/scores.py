"""Documentation Score and Reproducibility Score of a paper and of a set of papers, counted from ``yes`` only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final

from openbook.record.model import Answer, Record, Scores
from openbook.variables import SCORED

#: Papers re-run and papers reproduced in the replication study that the Reproducibility Score rests on (22 papers).
CODE_AND_DATA: Final = (6, 7)
DATA_ONLY: Final = (5, 15)
#: The rounded rates that the published score uses.
RATE_CODE_AND_DATA: Final = 0.86
RATE_DATA_ONLY: Final = 0.33
#: Two-sided 95 % of the normal distribution.
Z95: Final = 1.959963984540054


def wilson(successes: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927), as fractions. Raises ValueError without trials."""
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"no interval for {successes} of {trials}")
    share = successes / trials
    denominator = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / denominator
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / denominator
    return max(0.0, centre - half), min(1.0, centre + half)


def documentation(yes: Iterable[str]) -> int:
    """Documentation Score: how many of the seven scored variables are among ``yes``, 0..7."""
    return len(set(yes) & set(SCORED))


def reproducibility(yes: Iterable[str]) -> tuple[float, tuple[float, float]]:
    """Reproducibility Score from which variables are ``yes``: 0.86 with code and data, 0.33 with data only, else 0.

    Returned with the Wilson interval (95 %) of the rate it stands for, 6 of 7 or 5 of 15 replications. A paper without
    open data scores 0 by definition, so its interval is (0, 0).
    """
    found = set(yes)
    if "open_datasets" not in found:
        return 0.0, (0.0, 0.0)
    if "open_source_code" in found:
        return RATE_CODE_AND_DATA, wilson(*CODE_AND_DATA)
    return RATE_DATA_ONLY, wilson(*DATA_ONLY)


def score_answers(answers: Mapping[str, Answer]) -> Scores:
    """The scores of one paper. Both are null when every scored answer is ``unread``."""
    results = {variable: answers[variable].result for variable in SCORED if variable in answers}
    unverified = sum(result == "unverified" for result in results.values())
    if all(result == "unread" for result in results.values()):
        return Scores(documentation=None, reproducibility=None, unverified=unverified)
    yes = [variable for variable, result in results.items() if result == "yes"]
    score, interval = reproducibility(yes)
    return Scores(
        documentation=documentation(yes),
        reproducibility=score,
        reproducibility_interval=interval,
        unverified=unverified,
    )


def is_empirical(record: Record) -> bool:
    """Whether a record counts in means: it was read, and its research type is not theoretical."""
    kind = record.answers.get("research_type")
    return record.scores.documentation is not None and not (kind is not None and kind.result == "theoretical")


@dataclass(frozen=True, slots=True)
class SetScores:
    """The scores of a set of papers. Means are over the ``empirical`` papers, None when there are none."""

    papers: int
    empirical: int
    theoretical: int
    unread: int
    documentation_mean: float | None
    reproducibility_mean: float | None
    reproducibility_interval: tuple[float, float] | None
    unverified: int


def score_records(records: Iterable[Record]) -> SetScores:
    """The mean scores of a set of papers: theoretical and unread papers are counted and left out of the means."""
    papers = unread = unverified = 0
    documented: list[int] = []
    rates: list[tuple[float, float, float]] = []
    for record in records:
        papers += 1
        unverified += record.scores.unverified
        scores = record.scores
        unread += scores.documentation is None
        if is_empirical(record) and scores.documentation is not None and scores.reproducibility is not None:
            documented.append(scores.documentation)
            low, high = scores.reproducibility_interval or (0.0, 0.0)
            rates.append((scores.reproducibility, low, high))
    count = len(documented)
    means = [sum(column) / count for column in zip(*rates, strict=True)] if count else []
    return SetScores(
        papers=papers,
        empirical=count,
        theoretical=papers - count - unread,
        unread=unread,
        documentation_mean=sum(documented) / count if count else None,
        reproducibility_mean=means[0] if count else None,
        reproducibility_interval=(means[1], means[2]) if count else None,
        unverified=unverified,
    )
