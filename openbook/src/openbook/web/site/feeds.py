"""What programs read: index.json, sitemaps, the Atom feed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from typing import Final

from openbook.web.addresses import href
from openbook.web.site.frame import Site, badge_words, render
from openbook.web.site.rows import Listed, reproducibility_of, yes_of

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
