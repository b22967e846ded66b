"""The page that finds papers by words and filters. Its data are scripts, so that it works without a server too.

``explore/all.js`` holds seven characters a paper: its answers as bits, and its place in the order of titles. A venue's year
has a script of titles, folders and authors, which is loaded only when papers of it are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from openbook.variables import SCORED
from openbook.web.addresses import group_folder
from openbook.web.site.frame import Site
from openbook.web.site.lists import TITLES
from openbook.web.site.rows import UNKNOWN, Listed, by
from openbook.web.site.search_index import SearchEntry

_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_KINDS: Final = ("experimental", "theoretical", "unknown")
_AFFILIATIONS: Final = ("academia", "industry", "collaboration", "unknown")


def grouped(papers: Sequence[Listed]) -> list[tuple[str, str, list[Listed]]]:
    """The papers by venue and year, in the order in which the page numbers them. ``papers`` are in order of title."""
    return [
        (venue, year, chosen)
        for venue, of_venue in by(papers, lambda one: one.venue).items()
        for year, chosen in by(of_venue, lambda one: one.year_name).items()
    ]


def explore_files(site: Site, papers: Sequence[Listed], searchable: bool) -> Iterator[tuple[str, str]]:
    """The page and its data: (path, content). ``papers`` are in order of title."""
    ranks = {one.id: place for place, one in enumerate(papers)}
    groups: list[list[str]] = []
    for venue, year, chosen in grouped(papers):
        name = f"{group_folder(venue)}-{year}.js"
        places = [0, *(ranks[one.id] for one in chosen)]
        steps = [place - before for before, place in pairwise(places)]
        packed = "".join(_encoded(_bits(one), 3) + _encoded(step, 4) for one, step in zip(chosen, steps, strict=True))
        rows = [
            [one.name[:300], one.folder, one.short_authors(100), *([one.id] if one.id != one.folder else [])]
            for one in chosen
        ]
        yield f"explore/{name}", f"explored({len(groups)},{_json(rows)})\n"
        groups.append([venue, year, name, packed])
    yield "explore/all.js", f"explore({_json(groups)})\n"
    venues = list(dict.fromkeys(group[0] for group in groups))
    years = sorted({group[1] for group in groups}, key=lambda year: (year != UNKNOWN, year), reverse=True)
    yield (
        "explore/index.html",
        site.page(
            "explore.html.jinja",
            "explore/index.html",
            "Explore",
            crumbs=[("Explore", None)],
            variables=SCORED,
            titles=TITLES,
            venues=list(zip(venues, venues, strict=True)),
            years=list(zip(years, years, strict=True)),
            scores=[(str(score), f"{score} of 7") for score in range(8)],
            searchable=searchable,
        ),
    )
    yield "search/index.html", site.page("search.html.jinja", "search/index.html", "Search", crumbs=[("Search", None)])


def search_entries(papers: Sequence[Listed]) -> Iterator[SearchEntry]:
    """What the search index is fed with: title and authors. The address of an entry is its number on the page."""
    ordered = [one for _, _, chosen in grouped(papers) for one in chosen]
    for place, one in enumerate(ordered):
        yield SearchEntry(url=str(place), content=f"{one.name}. {one.authors}")


def _bits(one: Listed) -> int:
    """The seven variables, unread, two bits of research type, flagged by the audit, two bits of affiliation."""
    bits = one.yes | (one.documentation is None) << 7 | _KINDS.index(one.research_type) << 8
    return bits | bool(one.findings) << 10 | _AFFILIATIONS.index(one.affiliation) << 11


def _encoded(value: int, length: int) -> str:
    """A number as ``length`` digits of base 64."""
    return "".join(_DIGITS[value >> 6 * place & 63] for place in reversed(range(length)))


def _json(value: object) -> str:
    """JSON that may stand in a script, whatever loads it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
