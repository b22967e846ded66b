"""Documentation Score and Reproducibility Score of a paper, counted from ``yes`` only, and which answers are unclear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Final

from openbook.record.model import Answer, Scores
from openbook.variables import SCORED

#: Papers re-run and papers reproduced in the replication study that the Reproducibility Score rests on (22 papers).
CODE_AND_DATA: Final = (6, 7)
DATA_ONLY: Final = (5, 15)
#: The rounded rates that the published score uses.
RATE_CODE_AND_DATA: Final = 0.86
RATE_DATA_ONLY: Final = 0.33
#: Answers that are less sure than this are shown as Unclear. Their result still counts.
CLEAR_FROM: Final = 0.6
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


def is_unclear(answer: Answer) -> bool:
    """Whether an answer is shown as Unclear: a machine gave it, and is less sure of it than ``CLEAR_FROM``."""
    return (
        answer.correction is None
        and answer.confidence is not None
        and answer.confidence < CLEAR_FROM
        and answer.result not in ("unverified", "unread", "unknown")
    )


def count_unclear(answers: Mapping[str, Answer]) -> int:
    """How many of the seven scored answers are shown as Unclear."""
    return sum(is_unclear(answers[variable]) for variable in SCORED if variable in answers)
