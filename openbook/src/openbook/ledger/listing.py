"""The papers of a ledger, newest record first, found by title or id."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select

from openbook.ledger.database import reading
from openbook.ledger.store import Ledger
from openbook.ledger.tables import assessments, papers
from openbook.record.model import Record


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
