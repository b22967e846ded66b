"""A row per paper, as the lists, filters and feeds of the site need it, and the figures of groups of rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from openbook.corpus.audit.findings import Finding
from openbook.record.model import Record, reproducibility, wilson
from openbook.variables import SCORED
from openbook.web.record.view import plain_title

UNKNOWN: Final = "unknown"
#: Signs at the beginning of a title that do not count when titles are sorted.
_LEADING: Final = "\"'“‘([{<*"


class Listed(NamedTuple):
    """One paper. ``yes`` and ``unverified`` are bit masks over the seven variables in their order, lowest bit first;
    ``findings`` is JSON (an empty string for none); ``plain`` is the title without LaTeX; ``seen`` is the day on which
    the site first had this record; ``bundle`` names the file that holds its page, where pages are kept in bundles."""

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
    plain: str
    bundle: str = ""

    @property
    def name(self) -> str:
        """The title without LaTeX, or the id of a paper without one."""
        return self.plain or self.id

    @property
    def path(self) -> str:
        """The page's path from the root of the site, where each paper has a page of its own."""
        return f"papers/{self.folder}/index.html"

    def short_authors(self, longest: int) -> str:
        """The authors, or the first of them."""
        return (
            self.authors if len(self.authors) <= longest else f"{self.authors[:longest].rsplit(',', 1)[0]} and others"
        )

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

    def said(variable: str) -> str:
        return answers[variable].result if variable in answers else UNKNOWN

    results = [said(variable) for variable in SCORED]
    found = [[one.kind, one.severity, one.variable, one.evidence, one.why] for one in findings]
    row = Listed(
        id=paper.id,
        folder=folder,
        hash=fingerprint,
        title=paper.title,
        authors=", ".join(paper.authors),
        venue=paper.venue or UNKNOWN,
        year=paper.year,
        url=paper.url or "",
        yes=_mask(results, "yes"),
        unverified=_mask(results, "unverified"),
        documentation=record.scores.documentation,
        reproducibility=record.scores.reproducibility,
        research_type=said("research_type"),
        affiliation=said("affiliation"),
        findings=json.dumps(found, ensure_ascii=False) if found else "",
        bytes=size[0],
        html=size[1],
        created=record.run.created or "",
        seen=seen,
        plain=plain_title(paper.title),
    )
    return row._replace(authors=row.short_authors(300)) if len(row.authors) > 300 else row


def _mask(results: Sequence[str], result: str) -> int:
    """Of which variables this is the result, as a bit mask."""
    return sum([1 << place for place, one in enumerate(results) if one == result]) if result in results else 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one group. Shares and means are over its ``empirical`` papers; None when there are none."""

    papers: int
    empirical: int
    mean: float | None
    code_and_data: float | None
    shares: tuple[float | None, ...]
    flagged: int

    def interval(self, share: float | None) -> tuple[float, float] | None:
        """The Wilson interval (95 %) of a share of this group."""
        return None if share is None else wilson(share * self.empirical, self.empirical)


def figures(papers: Sequence[Listed]) -> Figures:
    """Count a group."""
    masks = Counter([one.yes for one in papers if one.documentation is not None and one.research_type != "theoretical"])
    n = sum(masks.values())

    def share(bits: int) -> float | None:
        return sum(count for mask, count in masks.items() if mask & bits == bits) / n if n else None

    return Figures(
        papers=len(papers),
        empirical=n,
        mean=sum(mask.bit_count() * count for mask, count in masks.items()) / n if n else None,
        code_and_data=share((1 << SCORED.index("open_source_code")) | (1 << SCORED.index("open_datasets"))),
        shares=tuple(share(1 << place) for place in range(len(SCORED))),
        flagged=sum(1 for one in papers if one.findings),
    )


def by_title(papers: Iterable[Listed]) -> list[Listed]:
    """Papers in the order of the lists."""
    return sorted(papers, key=lambda one: (one.name.casefold().lstrip(_LEADING), one.id))


def by(papers: Iterable[Listed], key: Callable[[Listed], str]) -> dict[str, list[Listed]]:
    """Papers by a key; keys in order, what is unknown last; papers as they came."""
    found: dict[str, list[Listed]] = {}
    for one in papers:
        found.setdefault(key(one), []).append(one)
    return dict(sorted(found.items(), key=lambda pair: (pair[0] == UNKNOWN, pair[0])))


def yes_of(mask: int) -> list[str]:
    """The variables of a bit mask."""
    return [variable for place, variable in enumerate(SCORED) if mask >> place & 1]


def reproducibility_of(one: Listed) -> tuple[float, tuple[float, float]]:
    """The Reproducibility Score of a row, with its interval."""
    return reproducibility(yes_of(one.yes))
