"""The lists of papers: for readers by venue and year and by what the audit found, for programs index.json, sitemaps, a feed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from heapq import nlargest
from typing import Any, Final

from openbook.charts import Axis, Panel, Point, Series, draw
from openbook.corpus.audit.findings import KINDS, SEVERITIES, Finding
from openbook.text import percent
from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.addresses import group_folder, href
from openbook.web.site.frame import Site, badge_words, render
from openbook.web.site.rows import UNKNOWN, Figures, Listed, by, figures, reproducibility_of, yes_of

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


#: Addresses in one sitemap, by its protocol.
PER_SITEMAP: Final = 50_000
NEWEST: Final = 100
_NOT_XML: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)])


def index_json(site: Site, papers: Sequence[Listed]) -> str:
    """Every paper with its results and scores, and where its record is."""
    rows = [
        {
            "id": one.id,
            "title": one.title,
            "authors": one.authors,
            "venue": one.venue,
            "year": one.year,
            "url": one.url or None,
            "yes": yes_of(one.yes),
            "unverified": yes_of(one.unverified),
            "research_type": one.research_type,
            "affiliation": one.affiliation,
            "documentation": one.documentation,
            "reproducibility": one.reproducibility,
            "record": site.record(one.folder, one.bundle),
        }
        for one in papers
    ]
    return json.dumps({"papers": rows}, ensure_ascii=False, separators=(",", ":")) + "\n"


def sitemaps(site: Site, papers: Sequence[Listed], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The sitemaps, their index, and robots.txt: (path, content). None when the site does not know its address."""
    if not site.base_url:
        return
    places = [*others, *(() if site.bundle else (one.path for one in papers))]
    names: list[str] = []
    for start in range(0, len(places), PER_SITEMAP):
        names.append(f"sitemap-{len(names) + 1}.xml")
        here = [site.address(path) for path in places[start : start + PER_SITEMAP]]
        yield names[-1], render("sitemap.xml.jinja", kind="urlset", part="url", places=here)
    listed = [site.base_url + name for name in names]
    yield "sitemap.xml", render("sitemap.xml.jinja", kind="sitemapindex", part="sitemap", places=listed)
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.base_url}sitemap.xml\n"


def atom(site: Site, papers: Sequence[Listed], now: str) -> str:
    """The newest records: by when they were made, where that is known, else by the day on which the site first had them."""
    newest = nlargest(NEWEST, papers, key=lambda one: (one.created or one.seen, one.year or 0, one.id))
    entries = [
        {
            "title": one.name.translate(_NOT_XML),
            "iri": _iri(site, one.path),
            "link": site.base_url + site.paper(one.folder).removesuffix("index.html" if site.base_url else ""),
            "updated": _when(one),
            "summary": _summary(one).translate(_NOT_XML),
        }
        for one in newest
    ]
    updated = max((entry["updated"] for entry in entries), default=now)
    return render("feed.xml.jinja", site=site, iri=_iri(site, "feed.xml"), updated=updated, entries=entries)


def _summary(one: Listed) -> str:
    score = "" if one.documentation is None else f"; Reproducibility Score {reproducibility_of(one)[0]:.2f}"
    return (
        f"{one.authors}. {one.venue} {one.year_name}. {badge_words(one.documentation).capitalize()}{score} (estimates)."
    )


def _iri(site: Site, path: str) -> str:
    """An id that stays: the address, or a tag where the site does not know its address."""
    return site.address(path) if site.base_url else f"tag:openbook.invalid,2026:{href(path)}"


def _when(one: Listed) -> str:
    """RFC 3339."""
    for text in (one.created, one.seen):
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            continue
        stamp = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        return stamp if moment.tzinfo else f"{stamp}Z"
    return "1970-01-01T00:00:00Z"
