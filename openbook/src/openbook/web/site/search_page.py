"""The page of the search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.site.frame import Frame, crumbs
from openbook.web.site.groups import yes_of
from openbook.web.site.listed import UNKNOWN, Listed
from openbook.web.site.searching import Entry


def search_page(frame: Frame, papers: Sequence[Listed], searchable: bool) -> str:
    """The page; without an index it says so."""
    if not searchable:
        body = (
            crumbs("../", ("Search", None))
            + '<h1>Search</h1>\n<p class="problem"><strong>No search here.</strong> This site was built without a search '
            'index. <a href="../explore/index.html">Explore</a> finds papers by the words of their titles, and filters '
            "them.</p>\n"
        )
        return frame.page("Search", body, "search/index.html", part="search")
    venues = sorted({one.venue for one in papers}, key=lambda name: (name == UNKNOWN, name))
    years = sorted({one.year_name for one in papers}, reverse=True)
    selects = "".join(
        f'<div class="field"><label for="{name}">{label}</label><select id="{name}" name="{name}"><option value="">Any'
        f"</option>{''.join(f'<option>{escape(value)}</option>' for value in values)}</select></div>"
        for name, label, values in (
            ("venue", "Venue", venues),
            ("year", "Year", years),
            ("score", "Documentation Score", [str(score) for score in range(7, -1, -1)]),
        )
    )
    checks = "".join(
        f'<label><input type="checkbox" name="documents" value="{variable}">{definition(variable).title}</label>'
        for variable in SCORED
    )
    body = (
        crumbs("../", ("Search", None)) + "<h1>Search</h1>\n"
        '<div class="problem" id="why" hidden><p><strong>The search needs a web server.</strong> You opened this site as a '
        "file, and browsers do not let such a page load the search index. Serve the folder with any web server (for "
        'instance <code>python -m http.server</code> in it), or use <a id="instead" href="../explore/index.html">Explore</a>,'
        " which finds titles without one.</p></div>\n"
        '<noscript><p class="problem"><strong>The search needs JavaScript.</strong> The lists by <a href="../venues/index'
        '.html">venue</a> and <a href="../years/index.html">year</a> do not.</p></noscript>\n'
        '<form id="search" role="search"><div class="find"><label class="hidden" for="q">Title or author</label><input '
        'type="search" id="q" name="q" placeholder="Title or author" autocomplete="off"><button>Search</button></div>'
        f'<div class="line">{selects}</div><fieldset><legend>Documents</legend><div class="checks">{checks}</div></fieldset>'
        "</form>\n"
        '<p id="count" role="status"></p>\n<ol class="papers" id="found"></ol>\n<p><button type="button" id="more" '
        'class="quiet" hidden>Show more</button></p>\n'
    )
    return frame.page("Search", body, "search/index.html", part="search", scripts=("search.js",), search=True)


def search_entries(papers: Sequence[Listed]) -> Iterator[Entry]:
    """What the index is fed with: title and authors as text, and what the filters need."""
    for one in papers:
        filters = {"venue": [one.venue], "year": [one.year_name], "documents": yes_of(one.yes)}
        if one.documentation is not None:
            filters["score"] = [str(one.documentation)]
        by = " · ".join(part for part in (one.authors, f"{one.venue} {one.year_name}") if part)
        yield Entry(
            url=one.path,
            content=f"{one.name}. {one.authors}",
            meta={"title": one.name[:400], "by": by[:400], "at": one.path},
            filters=filters,
        )
