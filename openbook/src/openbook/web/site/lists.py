"""Lists of papers: of a venue, of a year, of a venue's year in pages of 150; each with its figures and a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from openbook.charts import Axis, Panel, Point, Series, draw
from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.site.addresses import group_folder, href
from openbook.web.site.badges import words
from openbook.web.site.frame import Frame, crumbs, percent
from openbook.web.site.groups import Figures, by, figures
from openbook.web.site.listed import UNKNOWN, Listed

PER_PAGE: Final = 150
_ABOUT: Final = (
    "Shares and means are over empirical papers: those that were read and are not theoretical. They are estimates; "
    "intervals in brackets are at 95 %, as if the papers were a sample of such papers."
)


def list_pages(frame: Frame, papers: Sequence[Listed]) -> Iterator[tuple[str, str]]:
    """All the lists: (path, page)."""
    venues = by(papers, lambda one: one.venue)
    years = by(papers, lambda one: one.year_name)
    whole = figures(papers)
    yield "venues/index.html", _venues(frame, venues, whole)
    yield "years/index.html", _years(frame, years, whole)
    for venue, of_venue in venues.items():
        editions = by(of_venue, lambda one: one.year_name)
        folder = f"venues/{group_folder(venue)}"
        yield f"{folder}/index.html", _venue(frame, venue, of_venue, editions)
        for year, chosen in editions.items():
            yield from _edition(frame, venue, year, chosen, f"{folder}/{year}", whole)
    for year, of_year in years.items():
        yield f"years/{year}/index.html", _year(frame, year, of_year)


def paper_items(papers: Sequence[Listed], root: str, venue: bool = False) -> str:
    """Papers as a list: title, authors, score."""
    return "".join(
        f'<li><a href="{root}{href(one.path)}">{escape(one.name[:400])}</a><span class="badge s{_step(one)}">'
        f"{_short_score(one)}</span>"
        f'<span class="meta">{escape(_where(one, venue))}</span></li>\n'
        for one in papers
    )


def _where(one: Listed, venue: bool) -> str:
    authors = one.authors if len(one.authors) <= 160 else one.authors[:160].rsplit(",", 1)[0] + " and others"
    return " · ".join(part for part in (authors, f"{one.venue} {one.year_name}" if venue else "") if part)


def _step(one: Listed) -> str:
    return "x" if one.documentation is None else str(one.documentation)


def _short_score(one: Listed) -> str:
    if one.documentation is None:
        return "not read"
    return f'<span class="hidden">{words(one.documentation)}</span><span aria-hidden="true">{one.documentation} of 7</span>'


def _interval(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f' <span class="muted">[{100 * ends[0]:.0f}, {100 * ends[1]:.0f}]</span>'


def _figure_cells(one: Figures) -> str:
    mean = "–" if one.mean is None else f"{one.mean:.2f}"
    return (
        f'<td class="num">{one.papers:,}</td><td class="num">{one.empirical:,}</td><td class="num">{mean}</td>'
        f'<td class="num">{percent(one.code_and_data)}{_interval(one.interval(one.code_and_data))}</td>'
        f'<td class="num">{one.flagged:,}</td>'
    )


def _group_table(first: str, rows: Sequence[tuple[str, str | None, Figures]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{f"<a href={chr(34)}{href(path)}{chr(34)}>{escape(name)}</a>" if path else escape(name)}</th>'
        f"{_figure_cells(one)}</tr>\n"
        for name, path, one in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="Figures by {first.lower()}"><table><thead><tr>'
        f'<th scope="col">{first}</th><th scope="col" class="num">Papers</th><th scope="col" class="num">Empirical</th>'
        '<th scope="col" class="num">Documented, of 7</th><th scope="col" class="num">Code and data</th>'
        f'<th scope="col" class="num">With audit flags</th></tr></thead>\n<tbody>{body}</tbody></table></div>\n'
        f'<p class="muted">{_ABOUT}</p>\n'
    )


def _venues(frame: Frame, venues: dict[str, list[Listed]], whole: Figures) -> str:
    rows = [(venue, f"{group_folder(venue)}/index.html", figures(chosen)) for venue, chosen in venues.items()]
    body = crumbs("../", ("Venues", None)) + "<h1>Venues</h1>\n" + _group_table("Venue", [*rows, ("All", None, whole)])
    return frame.page("Venues", body, "venues/index.html", part="venues", description="Papers by venue.")


def _years(frame: Frame, years: dict[str, list[Listed]], whole: Figures) -> str:
    rows = [(year, f"{year}/index.html", figures(chosen)) for year, chosen in years.items()]
    body = crumbs("../", ("Years", None)) + "<h1>Years</h1>\n" + _group_table("Year", [*rows, ("All", None, whole)])
    return frame.page("Years", body, "years/index.html", part="years", description="Papers by year.")


def _venue(frame: Frame, venue: str, papers: list[Listed], editions: dict[str, list[Listed]]) -> str:
    rows = [(year, f"{year}/index.html", figures(chosen)) for year, chosen in editions.items()]
    at = f"venues/{group_folder(venue)}/index.html"
    body = (
        crumbs("../../", ("Venues", "venues/index.html"), (venue, None))
        + f'<h1>{escape(venue)}</h1>\n<p class="lede">{len(papers):,} papers, {_span(editions)}.</p>\n'
        + _chart(venue, rows)
        + _group_table("Year", rows)
    )
    return frame.page(venue, body, at, part="venues", charts=True, description=f"What papers of {venue} document.")


def _span(editions: dict[str, list[Listed]]) -> str:
    known = [year for year in editions if year != UNKNOWN]
    return "of unknown years" if not known else known[0] if len(known) == 1 else f"{known[0]} to {known[-1]}"


def _chart(venue: str, rows: Sequence[tuple[str, str | None, Figures]]) -> str:
    """The share with code and data by year, where there are at least two; its table stands below."""
    points = [
        Point(float(year), one.code_and_data, *(one.interval(one.code_and_data) or (None, None)))
        for year, _, one in rows
        if year != UNKNOWN and one.code_and_data is not None
    ]
    if len(points) < 2:
        return ""
    axis = Axis(
        0.0, 1.0, [0.0, 0.25, 0.5, 0.75, 1.0], "Share of empirical papers", lambda value: f"{100 * value:.0f} %"
    )
    said = f"from {percent(points[0].y)} in {points[0].x:.0f} to {percent(points[-1].y)} in {points[-1].x:.0f}"
    title = "Papers with code and data"
    description = (
        f"Share of empirical papers of {venue} with code and data by year, {said}. The band is the 95 % interval."
    )
    svg = draw("code-and-data", title, description, [Panel([Series("code and data", points)], axis)], panel_height=220)
    return f'<figure class="chart" tabindex="0">{svg}<figcaption>{escape(description)}</figcaption></figure>\n'


def _year(frame: Frame, year: str, papers: list[Listed]) -> str:
    venues = by(papers, lambda one: one.venue)
    rows = [
        (venue, f"../../venues/{group_folder(venue)}/{year}/index.html", figures(chosen))
        for venue, chosen in venues.items()
    ]
    body = (
        crumbs("../../", ("Years", "years/index.html"), (year, None))
        + f'<h1>{"Unknown year" if year == UNKNOWN else year}</h1>\n<p class="lede">{len(papers):,} papers of '
        f"{len(venues)} venues.</p>\n"
        + _group_table("Venue", [*rows, ("All", None, figures(papers))])
        + _variables(figures(papers), None)
    )
    return frame.page(f"Papers of {year}", body, f"years/{year}/index.html", part="years")


def _variables(one: Figures, whole: Figures | None) -> str:
    """The share of each variable, with a bar, beside that of all papers."""
    rows = "".join(
        f'<tr><th scope="row">{definition(variable).title}</th><td><svg class="share" viewBox="0 0 100 8" '
        f'preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="fill" '
        f'width="{100 * (share or 0):.1f}" height="8"/></svg></td><td class="num">{percent(share)}'
        f"{_interval(one.interval(share))}</td>"
        + (f'<td class="num">{percent(whole.shares[place])}</td>' if whole else "")
        + "</tr>\n"
        for place, (variable, share) in enumerate(zip(SCORED, one.shares, strict=True))
    )
    every = '<th scope="col" class="num">All papers here</th>' if whole else ""
    return (
        '<h2>Variable by variable</h2>\n<div class="wide" tabindex="0" role="region" aria-label="Share of each variable">'
        '<table class="shares"><thead><tr><th scope="col">Variable</th><th scope="col"><span class="hidden">Bar</span></th>'
        f'<th scope="col" class="num">Documented by</th>{every}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n'
        f'<p class="muted">{_ABOUT}</p>\n'
    )


def _edition(
    frame: Frame, venue: str, year: str, papers: list[Listed], folder: str, whole: Figures
) -> Iterator[tuple[str, str]]:
    """A venue's year: its figures, and its papers in pages."""
    pages = max(1, -(-len(papers) // PER_PAGE))
    one = figures(papers)
    name = f"{venue} {year}"
    for number in range(1, pages + 1):
        at = f"{folder}/index.html" if number == 1 else f"{folder}/{number}/index.html"
        root = "../" * at.count("/")
        here = papers[(number - 1) * PER_PAGE : number * PER_PAGE]
        steps = [("Venues", "venues/index.html"), (venue, f"venues/{group_folder(venue)}/index.html")]
        more = f", page {number} of {pages}" if number > 1 else ""
        filters = f"{root}explore/index.html#venue={quote(venue, safe='')}&amp;year={year}"
        body = (
            crumbs(root, *steps, (year, None))
            + f'<h1>{escape(name)}</h1>\n<p class="lede">{len(papers):,} papers{more}. '
            f'<a href="{filters}">Filter them</a> by variable and score.</p>\n'
            + (_variables(one, whole) if number == 1 else "")
            + f'<h2 id="papers">Papers</h2>\n{_pager(folder, number, pages, root)}<ol class="papers">\n'
            + paper_items(here, root)
            + f"</ol>\n{_pager(folder, number, pages, root)}"
        )
        yield at, frame.page(f"{name}{more}", body, at, part="venues", description=f"What papers of {name} document.")


def _pager(folder: str, number: int, pages: int, root: str) -> str:
    if pages == 1:
        return ""
    links = "".join(
        f'<li><a href="{root}{href(folder)}/{"" if page == 1 else f"{page}/"}index.html#papers"'
        f"{' aria-current=page' if page == number else ''}>{page}</a></li>"
        for page in range(1, pages + 1)
    )
    return f'<nav aria-label="Pages"><ul class="chips">{links}</ul></nav>\n'
