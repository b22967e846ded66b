"""The answers a person should look at: unverified, or less sure than a threshold."""

from __future__ import annotations

from dataclasses import dataclass

from openbook.ledger.store import Ledger, paper_key
from openbook.record.model import Answer, PaperInfo


@dataclass(frozen=True, slots=True)
class Doubt:
    """One answer to review, and why."""

    key: str
    paper: PaperInfo
    variable: str
    answer: Answer
    why: str


def doubts(ledger: Ledger, below: float) -> list[Doubt]:
    """Answers that are unverified or less sure than ``below`` (0..1), unverified first, then the least sure.

    What a person has reviewed, confirmed or corrected, is left out; so are papers that could not be read.
    """
    found: list[tuple[float, Doubt]] = []
    for record in ledger.records():
        for variable, answer in record.answers.items():
            if answer.correction is not None or answer.result == "unread" or record.paper.problem:
                continue
            if answer.result == "unverified":
                why, rank = "unverified: its quote is not in the paper", -1.0
            elif answer.confidence is not None and answer.confidence < below:
                why, rank = f"confidence {answer.confidence:.2f}", answer.confidence
            else:
                continue
            found.append((rank, Doubt(paper_key(record.paper), record.paper, variable, answer, why)))
    return [doubt for _, doubt in sorted(found, key=lambda pair: (pair[0], pair[1].paper.id, pair[1].variable))]
