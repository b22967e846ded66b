"""The page of filters: by venue, year, variable, score. Its data are scripts, so that it works without a server too.

``explore/all.js`` holds two characters a paper (its answers as bits); a venue's year has a script of titles and folders,
which is only loaded when papers of it are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.site.addresses import group_folder
from openbook.web.site.frame import Frame, crumbs
from openbook.web.site.groups import by
from openbook.web.site.listed import Listed

_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_KINDS: Final = ("experimental", "theoretical", "unknown")


def explore_files(frame: Frame, papers: Sequence[Listed]) -> Iterator[tuple[str, str]]:
    """The page and its data: (path, content)."""
    groups = []
    for venue, of_venue in by(papers, lambda one: one.venue).items():
        for year, chosen in by(of_venue, lambda one: one.year_name).items():
            name = f"{group_folder(venue)}-{year}.js"
            groups.append([venue, year, name, "".join(map(_packed, chosen))])
            rows = [[one.name[:300], one.folder, _short(one.authors)] for one in chosen]
            yield f"explore/{name}", f"explored({len(groups) - 1},{_json(rows)})\n"
    yield "explore/all.js", f"explore({_json(groups)})\n"
    yield "explore/index.html", _page(frame, groups)


def _packed(one: Listed) -> str:
    """Twelve bits: the seven variables, unread, two of research type, flagged by the audit."""
    bits = one.yes | (one.documentation is None) << 7 | _KINDS.index(one.research_type) << 8 | bool(one.findings) << 10
    return _DIGITS[bits >> 6] + _DIGITS[bits & 63]


def _short(authors: str) -> str:
    return authors if len(authors) <= 100 else authors[:100].rsplit(",", 1)[0] + " and others"


def _json(value: object) -> str:
    """JSON that may stand in a script, whatever loads it."""
    return (
        json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def _page(frame: Frame, groups: list[list[str]]) -> str:
    venues = list(dict.fromkeys(group[0] for group in groups))
    years = sorted({group[1] for group in groups}, reverse=True)
    fields = "".join(
        [
            _field(
                "text", "Words of the title", '<input id="text" name="text" type="search" autocomplete="off">', " grow"
            ),
            _select("venue", "Venue", [("", "All venues"), *((venue, venue) for venue in venues)]),
            _select("year", "Year", [("", "All years"), *((year, year) for year in years)]),
            _select("least", "Documented, at least", [(str(n), f"{n} of 7") for n in range(8)]),
            _select("most", "Documented, at most", [(str(n), f"{n} of 7") for n in range(7, -1, -1)]),
            _select("kind", "Research", [("", "Any"), ("0", "Experimental"), ("1", "Theoretical")]),
            _select("flags", "Audit", [("", "Any"), ("1", "With flags"), ("0", "Without flags")]),
        ]
    )
    variables = "".join(
        _select(variable, definition(variable).title, [("", "Either"), ("1", "Yes"), ("0", "Not yes")])
        for variable in SCORED
    )
    body = (
        crumbs("../", ("Explore", None))
        + '<h1>Explore</h1>\n<p class="lede">Find papers by venue, year, score, and by what they document.</p>\n'
        '<noscript><p class="problem"><strong>These filters need JavaScript.</strong> Without it, the lists by '
        '<a href="../venues/index.html">venue</a> and <a href="../years/index.html">year</a> show every paper with its '
        "score.</p></noscript>\n"
        f'<form id="filters" hidden><div class="line">{fields}</div><fieldset><legend>What the paper documents</legend>'
        f'<div class="line">{variables}</div></fieldset>'
        '<p><button type="reset" class="quiet">Clear the filters</button></p></form>\n'
        '<p id="count" role="status"></p>\n<ol class="papers" id="found"></ol>\n'
        '<p><button type="button" id="more" class="quiet" hidden>Show more</button></p>\n'
    )
    scripts = ("explore.js",)
    head = '<script src="all.js" defer></script>\n'
    page = frame.page("Explore", body, "explore/index.html", part="explore", scripts=scripts)
    return page.replace("</head>", f"{head}</head>")  # after the script that it calls


def _field(name: str, label: str, control: str, kind: str = "") -> str:
    return f'<div class="field{kind}"><label for="{name}">{escape(label)}</label>{control}</div>'


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in options)
    return _field(name, label, f'<select id="{name}" name="{name}">{inner}</select>')
