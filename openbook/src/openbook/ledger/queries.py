"""What people look up in a ledger: its papers, newest first, and the answers that a person should review."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from openbook.ledger.database import reading
from openbook.ledger.store import Ledger
from openbook.ledger.tables import assessments, paper_key, papers
from openbook.record.model import Answer, PaperInfo, Record


def listed(ledger: Ledger, search: str = "", *, limit: int = 20, offset: int = 0) -> tuple[dict[str, Record], int]:
    """A stretch of the papers that have a record, by key, newest first, corrections applied; and how many there are.

    ``search``: every word of it must be in the title or the id, in any case.
    """
    wanted: list[ColumnElement[bool]] = [
        or_(papers.c.title.icontains(word, autoescape=True), papers.c.paper_id.icontains(word, autoescape=True))
        for word in search.split()
    ]
    newest = (
        select(func.max(assessments.c.id).label("id"), assessments.c.paper).group_by(assessments.c.paper).subquery()
    )
    found = newest.join(papers, newest.c.paper == papers.c.key)
    with reading(ledger.engine) as connection:
        total = connection.execute(select(func.count()).select_from(found).where(*wanted)).scalar_one()
        keys = connection.execute(
            select(papers.c.key)
            .select_from(found)
            .where(*wanted)
            .order_by(newest.c.id.desc())
            .limit(limit)
            .offset(offset)
        ).scalars()
        ordered = [str(key) for key in keys]
    records = ledger.of(ordered)
    return {key: records[key] for key in ordered if key in records}, int(total)


@dataclass(frozen=True, slots=True)
class DoubtfulAnswer:
    """One answer to review, and why."""

    key: str
    paper: PaperInfo
    variable: str
    answer: Answer
    why: str


def doubts(ledger: Ledger, below: float) -> list[DoubtfulAnswer]:
    """Answers that are unverified or less sure than ``below`` (0..1), unverified first, then the least sure.

    What a person has reviewed, confirmed or corrected, is left out; so are papers that could not be read.
    """
    found: list[tuple[float, DoubtfulAnswer]] = []
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
            found.append((rank, DoubtfulAnswer(paper_key(record.paper), record.paper, variable, answer, why)))
    return [doubt for _, doubt in sorted(found, key=lambda pair: (pair[0], pair[1].paper.id, pair[1].variable))]
