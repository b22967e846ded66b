"""The first page, the trends, and the page of downloads."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from openbook.charts import Figure
from openbook.web.site.addresses import group_folder, href
from openbook.web.site.frame import Frame, crumbs, percent
from openbook.web.site.groups import by, figures
from openbook.web.site.listed import UNKNOWN, Listed

SEARCH_FORM = (
    '<form class="find" role="search" action="{root}search/index.html" method="get"><label class="hidden" for="q">'
    'Title or author</label><input type="search" id="q" name="q" placeholder="Title or author" autocomplete="off">'
    "<button>Search</button></form>\n"
)
_CHARTS_AT_HOME = ("variables",)


def home(frame: Frame, papers: Sequence[Listed], charts: Sequence[Figure], studies: str, searchable: bool) -> str:
    """The first page."""
    venues = by(papers, lambda one: one.venue)
    years = by(papers, lambda one: one.year_name)
    known = [year for year in years if year != UNKNOWN]
    whole = figures(papers)
    span = f", {known[0]} to {known[-1]}" if len(known) > 1 else f", {known[0]}" if known else ""
    stats = [(f"{len(papers):,}", f"papers of {len(venues)} venues{span}" if len(venues) > 1 else f"papers{span}")]
    if whole.mean is not None:
        stats.append((f"{whole.mean:.2f}<small> of 7</small>", "things that a reader needs are documented, on average"))
    if len(known) > 1:
        first, last = figures(years[known[0]]), figures(years[known[-1]])
        if first.code_and_data is not None and last.code_and_data is not None:
            stats.append((percent(first.code_and_data), f"of empirical papers came with code and data in {known[0]}"))
            stats.append((percent(last.code_and_data), f"did in {known[-1]}"))
    elif whole.code_and_data is not None:
        stats.append((percent(whole.code_and_data), "of empirical papers come with code and data"))
    told = "".join(f"<div><dt>{words}</dt><dd>{number}</dd></div>" for number, words in stats)
    find = SEARCH_FORM.format(root="") if searchable else ""
    body = (
        '<section class="hero"><h1>What AI papers document</h1>\n<p class="lede">Most AI papers cannot be re-run from what '
        "they say. For each paper here you can look up whether it documents seven things that a reader needs: pseudocode, "
        "code, data, splits, hardware, software and settings, and what the answer rests on.</p>\n"
        f'{find}<p class="muted">{"or" if searchable else "You can"} <a href="explore/index.html">explore</a> by venue, year, score and variable</p>'
        f"</section>\n"
        '<p class="notice">All scores are <strong>estimates</strong> made by a program from the text of the papers. They '
        "say what a paper documents, not whether its results are right. "
        '<a href="accuracy/index.html">How accurate they are</a>.</p>\n'
        f'<dl class="stats">{told}</dl>\n'
        + "".join(chart(one, "trends/") for one in charts if one.name in _CHARTS_AT_HOME)
        + '<p><a href="trends/index.html">All trends</a>, each with its data</p>\n'
        + studies
        + f'<h2>By venue</h2>\n<ul class="cards">{"".join(_venue_card(v, chosen) for v, chosen in venues.items())}</ul>\n'
        + "<h2>By year</h2>\n<ul class=chips>"
        + "".join(f'<li><a href="years/{year}/index.html">{year}</a></li>' for year in years)
        + "</ul>\n"
    )
    described = f"What {len(papers):,} AI papers document of what a reader needs to re-run them, paper by paper."
    return frame.page("openbook", body, "index.html", description=described, charts=True)


def _venue_card(venue: str, papers: Sequence[Listed]) -> str:
    one = figures(papers)
    mean = "–" if one.mean is None else f"{one.mean:.2f}"
    return (
        f'<li class="card"><h3><a href="venues/{href(group_folder(venue))}/index.html">{escape(venue)}</a></h3>'
        f'<p class="muted">{one.papers:,} papers · {mean} of 7 documented · {percent(one.code_and_data)} with code and data'
        "</p></li>"
    )


def chart(one: Figure, folder: str = "") -> str:
    """A chart, what it shows in words, and the table behind it."""
    return (
        f'<figure class="chart" tabindex="0" id="{one.name}">{one.svg}<figcaption>{escape(one.description)}</figcaption>'
        f'</figure>\n<details><summary>Data of “{escape(one.title)}”</summary><p class="muted"><a href="{folder}{one.name}'
        f'.csv">As CSV</a>, unrounded · <a href="{folder}{one.name}.svg">The chart as SVG</a></p><div class="wide data" '
        f'tabindex="0" role="region" aria-label="{escape(one.title)}">{one.table()}</div></details>\n'
    )


def trends(frame: Frame, charts: Sequence[Figure], corrected: bool) -> str:
    """The page of trends."""
    said = (
        "Grey, dashed lines are the same shares corrected for the assessor's errors as labelled papers show them."
        if corrected
        else "The shares are as recorded: this site was built without labelled papers, so errors are not corrected for."
    )
    body = (
        crumbs("../", ("Trends", None))
        + '<h1>Trends</h1>\n<p class="lede">What papers document, by year, by venue and by the affiliation of their '
        'authors.</p>\n<p class="notice">All figures are estimates over empirical papers, those that are not '
        f'theoretical. {said} <a href="../accuracy/index.html">Accuracy</a> · <a href="../method/index.html">Method</a></p>\n'
        + ("".join(map(chart, charts)) or "<p>No record here has a year.</p>")
    )
    return frame.page("Trends", body, "trends/index.html", part="trends", charts=True)


def downloads(frame: Frame, sizes: Sequence[tuple[str, str, int]]) -> str:
    """The page of downloads: (file name, what it is, bytes)."""
    rows = "".join(
        f'<tr><th scope="row"><a href="{name}">{name.removeprefix("../")}</a></th><td>{what}</td>'
        f'<td class="num">{size / 1e6:,.1f} MB</td></tr>\n'
        for name, what, size in sizes
    )
    body = (
        crumbs("../", ("Data", None))
        + '<h1>Data and downloads</h1>\n<p class="lede">Everything on this site, for programs.</p>\n'
        '<div class="wide" tabindex="0" role="region" aria-label="Files"><table><thead><tr><th scope="col">File</th>'
        f'<th scope="col">What it holds</th><th scope="col" class="num">Size</th></tr></thead><tbody>{rows}</tbody></table>'
        "</div>\n<h2>One paper</h2>\n<p>Beside each paper's page stand <code>record.json</code>, the whole record, and "
        "<code>badge.svg</code>. <code>openbook schema</code> prints the JSON Schema of a record. Pages carry JSON-LD "
        "(schema.org) too.</p>\n<h2>Updates</h2>\n"
        '<p><a href="../feed.xml">New records as an Atom feed</a>.</p>\n'
    )
    return frame.page("Data and downloads", body, "data/index.html")
