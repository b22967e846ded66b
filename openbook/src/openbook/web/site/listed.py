"""What the lists, filters and feeds of the site know of a paper: one short row each, kept from build to build."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from openbook.corpus.audit.findings import Finding
from openbook.record.model import Record
from openbook.variables import SCORED

UNKNOWN: Final = "unknown"


class Listed(NamedTuple):
    """One paper. ``yes`` and ``unverified`` are bit masks over the seven variables in their order, lowest bit first;
    ``findings`` is JSON (an empty string for none); ``seen`` is the day on which the site first had this record."""

    id: str
    folder: str
    hash: str
    title: str
    authors: str
    venue: str
    year: int | None
    url: str
    yes: int
    unverified: int
    documentation: int | None
    reproducibility: float | None
    research_type: str
    affiliation: str
    findings: str
    bytes: int
    html: int
    created: str
    seen: str

    @property
    def name(self) -> str:
        """The title, or the id of a paper without one."""
        return self.title or self.id

    @property
    def path(self) -> str:
        """The page's path from the root of the site."""
        return f"papers/{self.folder}/index.html"

    @property
    def year_name(self) -> str:
        """The year as the lists name it."""
        return UNKNOWN if self.year is None else str(self.year)

    def audited(self) -> list[Finding]:
        """What the audit found."""
        return [Finding(self.id, *found) for found in json.loads(self.findings)] if self.findings else []


def describe(
    record: Record, folder: str, fingerprint: str, findings: Sequence[Finding], size: tuple[int, int], seen: str
) -> Listed:
    """The row of a record. ``size`` is the bytes of all its files, and of its page."""
    paper, answers = record.paper, record.answers

    def mask(result: str) -> int:
        return sum(
            1 << place
            for place, variable in enumerate(SCORED)
            if variable in answers and answers[variable].result == result
        )

    def said(variable: str) -> str:
        return answers[variable].result if variable in answers else UNKNOWN

    found = [[one.kind, one.severity, one.variable, one.evidence, one.why] for one in findings]
    authors = ", ".join(paper.authors)
    return Listed(
        id=paper.id,
        folder=folder,
        hash=fingerprint,
        title=paper.title,
        authors=authors if len(authors) <= 300 else authors[:300].rsplit(",", 1)[0] + " and others",
        venue=paper.venue or UNKNOWN,
        year=paper.year,
        url=paper.url or "",
        yes=mask("yes"),
        unverified=mask("unverified"),
        documentation=record.scores.documentation,
        reproducibility=record.scores.reproducibility,
        research_type=said("research_type"),
        affiliation=said("affiliation"),
        findings=json.dumps(found, ensure_ascii=False) if found else "",
        bytes=size[0],
        html=size[1],
        created=record.run.created or "",
        seen=seen,
    )
