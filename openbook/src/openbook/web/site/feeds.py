"""What programs read: index.json, sitemaps, the Atom feed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from openbook.web.site.addresses import href
from openbook.web.site.badges import words
from openbook.web.site.frame import Frame
from openbook.web.site.groups import reproducibility_of, yes_of
from openbook.web.site.listed import Listed

#: Addresses in one sitemap, by its protocol.
PER_SITEMAP: Final = 50_000
NEWEST: Final = 100
_NOT_XML: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)])


def index_json(papers: Sequence[Listed]) -> str:
    """Every paper with its results and scores, and where its record is."""
    rows = [
        {
            "id": one.id, "title": one.title, "authors": one.authors, "venue": one.venue, "year": one.year,
            "url": one.url or None, "yes": yes_of(one.yes), "unverified": yes_of(one.unverified),
            "research_type": one.research_type, "affiliation": one.affiliation, "documentation": one.documentation,
            "reproducibility": one.reproducibility, "record": f"papers/{one.folder}/record.json",
        }
        for one in papers
    ]  # fmt: skip
    return json.dumps({"papers": rows}, ensure_ascii=False, separators=(",", ":")) + "\n"


def sitemaps(frame: Frame, papers: Sequence[Listed], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The sitemaps, their index, and robots.txt: (path, content). None when the site does not know its address."""
    if not frame.base_url:
        return
    places = [*others, *(one.path for one in papers)]
    names: list[str] = []
    for start in range(0, len(places), PER_SITEMAP):
        names.append(f"sitemap-{len(names) + 1}.xml")
        urls = "".join(
            f"<url><loc>{escape(_address(frame, path))}</loc></url>\n" for path in places[start : start + PER_SITEMAP]
        )
        yield names[-1], f"{_XML}<urlset {_SITEMAP}>\n{urls}</urlset>\n"
    listed = "".join(f"<sitemap><loc>{escape(frame.base_url + name)}</loc></sitemap>\n" for name in names)
    yield "sitemap.xml", f"{_XML}<sitemapindex {_SITEMAP}>\n{listed}</sitemapindex>\n"
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {frame.base_url}sitemap.xml\n"


_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAP: Final = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def _address(frame: Frame, path: str) -> str:
    return frame.base_url + href(path.removesuffix("index.html"))


def atom(frame: Frame, papers: Sequence[Listed], now: str) -> str:
    """The newest records: by when they were made, where that is known, else by the day on which the site first had them."""
    newest = nlargest(NEWEST, papers, key=lambda one: (one.created or one.seen, one.year or 0, one.id))
    entries = "".join(_entry(frame, one) for one in newest)
    updated = max(map(_when, newest), default=now)
    itself = f'<link rel="self" href={quoteattr(frame.base_url + "feed.xml")}/>\n' if frame.base_url else ""
    return (
        f'{_XML}<feed xmlns="http://www.w3.org/2005/Atom">\n<title>openbook: new records</title>\n'
        f"<subtitle>What papers document. Scores are estimates.</subtitle>\n<id>{_iri(frame, 'feed.xml')}</id>\n"
        f"<updated>{updated}</updated>\n<author><name>openbook</name></author>\n{itself}"
        f"<link href={quoteattr(frame.base_url or 'index.html')}/>\n{entries}</feed>\n"
    )


def _entry(frame: Frame, one: Listed) -> str:
    score = "" if one.documentation is None else f"; Reproducibility Score {reproducibility_of(one)[0]:.2f}"
    said = f"{one.authors}. {one.venue} {one.year_name}. {words(one.documentation).capitalize()}{score} (estimates)."
    here = _address(frame, one.path) if frame.base_url else href(one.path)
    return (
        f"<entry><title>{_text(one.name)}</title><id>{_iri(frame, one.path)}</id><link href={quoteattr(here)}/>"
        f"<updated>{_when(one)}</updated><summary>{_text(said)}</summary></entry>\n"
    )


def _iri(frame: Frame, path: str) -> str:
    """An id that stays: the address, or a tag where the site does not know its address."""
    return escape(_address(frame, path)) if frame.base_url else f"tag:openbook.invalid,2026:{href(path)}"


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


def _text(text: str) -> str:
    return escape(text.translate(_NOT_XML))
