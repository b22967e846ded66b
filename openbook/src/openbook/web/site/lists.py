"""The lists of papers: of a venue, of a year, of a venue's year in pages; what the audit found, kind by kind."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from openbook.charts import Axis, Panel, Point, Series, draw
from openbook.corpus.audit.findings import KINDS, SEVERITIES, Finding
from openbook.text import percent
from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.addresses import group_folder
from openbook.web.site.frame import Site
from openbook.web.site.rows import UNKNOWN, Figures, Listed, by, figures

PER_PAGE: Final = 150
FINDINGS_PER_PAGE: Final = 100
TITLES: Final = [definition(variable).title for variable in SCORED]
_Group = tuple[str, str | None, Figures]


def list_pages(site: Site, papers: Sequence[Listed]) -> Iterator[tuple[str, str]]:
    """All the lists: (path, page). Years stand latest first."""
    venues = by(papers, lambda one: one.venue)
    years = by(papers, lambda one: one.year_name)
    whole = figures(papers)
    every: _Group = ("All", None, whole)
    rows: list[_Group] = [(one, f"{group_folder(one)}/index.html", figures(chosen)) for one, chosen in venues.items()]
    yield _groups(site, "venues/index.html", "Venues", "Venue", [*rows, every])
    rows = [(year, f"{year}/index.html", figures(chosen)) for year, chosen in years.items()]
    yield _groups(site, "years/index.html", "Years", "Year", [*latest_first(rows), every])
    for venue, of_venue in venues.items():
        editions = by(of_venue, lambda one: one.year_name)
        folder = f"venues/{group_folder(venue)}"
        rows = [(year, f"{year}/index.html", figures(chosen)) for year, chosen in editions.items()]
        lede = f"{len(of_venue):,} papers, {_span(editions)}."
        crumbs = [("Venues", "venues/index.html"), (venue, None)]
        chart = _chart(venue, rows)
        yield _groups(
            site, f"{folder}/index.html", venue, "Year", latest_first(rows), lede=lede, crumbs=crumbs, **chart
        )
        for year, chosen in editions.items():
            yield from _edition(site, venue, year, chosen, f"{folder}/{year}", whole)
    for year, of_year in years.items():
        rows = [
            (venue, f"../../venues/{group_folder(venue)}/{year}/index.html", figures(chosen))
            for venue, chosen in by(of_year, lambda one: one.venue).items()
        ]
        title = "Unknown year" if year == UNKNOWN else year
        lede = f"{len(of_year):,} papers of {len(rows)} {'venue' if len(rows) == 1 else 'venues'}."
        own = figures(of_year)
        crumbs = [("Years", "years/index.html"), (year, None)]
        yield _groups(
            site,
            f"years/{year}/index.html",
            title,
            "Venue",
            [*rows, ("All", None, own)],
            lede=lede,
            crumbs=crumbs,
            whole=own,
        )


def latest_first(rows: Sequence[_Group]) -> list[_Group]:
    """Groups by year, the latest at the top, what has no year at the end."""
    known = [row for row in rows if row[0] != UNKNOWN]
    return [*reversed(known), *(row for row in rows if row[0] == UNKNOWN)]


def _groups(site: Site, at: str, title: str, first: str, rows: Sequence[_Group], **more: Any) -> tuple[str, str]:
    part = at.partition("/")[0].capitalize()
    shown = {"lede": "", "figure": None, "whole": None, "crumbs": [(title, None)]} | more
    return at, site.page("groups.html.jinja", at, title, part=part, first=first, rows=rows, titles=TITLES, **shown)


def _span(editions: dict[str, list[Listed]]) -> str:
    known = [year for year in editions if year != UNKNOWN]
    return "of unknown years" if not known else known[0] if len(known) == 1 else f"{known[0]} to {known[-1]}"


def _chart(venue: str, rows: Sequence[_Group]) -> dict[str, Any]:
    """The share with code and data by year, where there are at least two; its table stands below."""
    points = [
        Point(float(year), one.code_and_data, *(one.interval(one.code_and_data) or (None, None)))
        for year, _, one in rows
        if year != UNKNOWN and one.code_and_data is not None
    ]
    if len(points) < 2:
        return {}
    axis = Axis(0.0, 1.0, [0.0, 0.25, 0.5, 0.75, 1.0], "Share of empirical papers", partial(percent, sign=" %"))
    said = f"from {percent(points[0].y)} in {points[0].x:.0f} to {percent(points[-1].y)} in {points[-1].x:.0f}"
    description = (
        f"Share of empirical papers of {venue} with code and data by year, {said}. The band is the 95 % interval."
    )
    title = "Papers with code and data"
    panel = Panel([Series("code and data", points)], axis)
    svg = draw("code-and-data", title, description, [panel], panel_height=220)
    return {"figure": {"title": title, "svg": svg, "description": description}, "charts": True}


def _edition(
    site: Site, venue: str, year: str, papers: list[Listed], folder: str, whole: Figures
) -> Iterator[tuple[str, str]]:
    """A venue's year: its figures, and its papers in pages."""
    pages = max(1, -(-len(papers) // PER_PAGE))
    one = figures(papers)
    crumbs = [("Venues", "venues/index.html"), (venue, f"venues/{group_folder(venue)}/index.html"), (year, None)]
    for number in range(1, pages + 1):
        at = f"{folder}/index.html" if number == 1 else f"{folder}/{number}/index.html"
        title = f"{venue} {year}" + (f", page {number} of {pages}" if number > 1 else "")
        here = papers[(number - 1) * PER_PAGE : number * PER_PAGE]
        yield (
            at,
            site.page(
                "edition.html.jinja",
                at,
                title,
                venue=venue,
                year=year,
                crumbs=crumbs,
                one=one,
                whole=whole,
                titles=TITLES,
                number=number,
                pages=pages,
                folder=folder,
                papers=here,
            ),
        )


def audit_files(site: Site, papers: Sequence[Listed]) -> Iterator[tuple[str, str]]:
    """The page of the audit, a list per kind in pages, and all findings as JSON: (path, content)."""
    found: dict[str, list[tuple[Listed, Finding]]] = defaultdict(list)
    for one in papers:
        for finding in one.audited():
            found[finding.kind].append((one, finding))
    kinds = []
    for kind, meaning in KINDS.items():
        grave = Counter(finding.severity for _, finding in found[kind])
        of_papers = len({one.id for one, _ in found[kind]})
        kinds.append((kind, meaning, len(found[kind]), [grave[severity] for severity in SEVERITIES], of_papers))
    yield (
        "audit/index.html",
        site.page(
            "audit.html.jinja",
            "audit/index.html",
            "Audit",
            crumbs=[("Audit", None)],
            kinds=kinds,
            severities=SEVERITIES,
            flagged=sum(bool(one.findings) for one in papers),
            papers=len(papers),
        ),
    )
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    for kind, pairs in found.items():
        pairs.sort(key=lambda pair: (order[pair[1].severity], pair[0].name.casefold(), pair[0].id))
        yield from _findings(site, kind, pairs)
    listed = [
        {
            "id": one.id,
            "kind": finding.kind,
            "severity": finding.severity,
            "variable": finding.variable,
            "evidence": finding.evidence,
            "why": finding.why,
        }
        for kind in KINDS
        for one, finding in found[kind]
    ]
    yield "audit/findings.json", json.dumps({"findings": listed}, ensure_ascii=False) + "\n"


def _findings(site: Site, kind: str, pairs: Sequence[tuple[Listed, Finding]]) -> Iterator[tuple[str, str]]:
    name, folder = kind.replace("_", " "), f"audit/{kind}"
    pages = -(-len(pairs) // FINDINGS_PER_PAGE)
    titled = [
        (one, finding, definition(finding.variable).title.lower() if finding.variable else "") for one, finding in pairs
    ]
    for number in range(1, pages + 1):
        at = f"{folder}/index.html" if number == 1 else f"{folder}/{number}/index.html"
        here = titled[(number - 1) * FINDINGS_PER_PAGE : number * FINDINGS_PER_PAGE]
        crumbs = [("Audit", "audit/index.html"), (name, None)]
        yield (
            at,
            site.page(
                "findings.html.jinja",
                at,
                f"Audit: {name}, page {number}",
                crumbs=crumbs,
                name=name,
                meaning=KINDS[kind],
                total=len(pairs),
                number=number,
                pages=pages,
                folder=folder,
                pairs=here,
            ),
        )
