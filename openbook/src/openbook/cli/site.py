"""``openbook site``: records as a static web site."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app
from openbook.cli._options import RecordsOptions, with_options

if TYPE_CHECKING:
    from openbook.web.site.building import Report


@app.command()
@with_options(chosen=RecordsOptions)
def site(
    chosen: RecordsOptions,
    out: Annotated[Path, typer.Option(help="Build or update the site in this folder.")],
    studies: Annotated[
        Path | None, typer.Option(help="A folder of studies; their verdicts are shown on the papers' pages.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Labelled papers (see `openbook validate`): accuracy is shown, trends are corrected too."),
    ] = None,
    base_url: Annotated[
        str, typer.Option(help="The address that the site will have; needed for the sitemap and complete badge codes.")
    ] = "",
    corrections: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where readers propose corrections: an https: or mailto: address, where `{id}` stands for the paper's id.",
        ),
    ] = None,
    search: Annotated[bool, typer.Option("--search/--no-search", help="Build the search index (Pagefind).")] = True,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Render pages with this many processes; by default one per processor, at most 8."),
    ] = None,
    bundle: Annotated[
        bool,
        typer.Option(
            "--bundle",
            help="Pack papers' pages and records into bundles of 50, for hosts that refuse many files. "
            "These pages need JavaScript and a web server.",
        ),
    ] = False,
    marked_pdfs: Annotated[
        bool,
        typer.Option(
            "--marked-pdfs",
            help="Add each paper's PDF with every quote marked, and link it beside the quotes. Off by default: "
            "papers belong to others, so publish only those that you may.",
        ),
    ] = False,
    papers: Annotated[
        Path | None,
        typer.Option(help="The folder of the PDFs for --marked-pdfs; default: the sources that the records name."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Make a static site: a page per paper, lists, trends, audit, accuracy, studies, search, downloads.

    You can interrupt it: the same command continues where it stopped, and later renders only what changed. All
    links are relative, so the site works from any host and folder. Opened as files, everything but the search works.

        openbook site records.parquet --out site
        python -m http.server --directory site
    """
    from openbook.cli._progress import ProgressBar
    from openbook.web.site.building import SiteSettings, build

    if papers is not None and not marked_pdfs:
        raise typer.BadParameter("it is only used with --marked-pdfs", param_hint="--papers")
    if papers is not None and not papers.is_dir():
        raise typer.BadParameter(f"there is no folder {papers}", param_hint="--papers")
    settings = SiteSettings(
        chosen.required,
        out,
        studies,
        labels,
        _address(base_url),
        _corrections(corrections),
        search,
        processes or _processors(),
        bundle,
        marked_pdfs,
        papers,
    )
    with ProgressBar("starting") as bar:
        report = build(settings, bar.show)
    for why in report.left_out[:20]:
        print(f"openbook: left out: {why}", file=sys.stderr)
    if len(report.left_out) > 20:
        print(f"openbook: left out: {len(report.left_out) - 20} more", file=sys.stderr)
    if report.unmarked:
        print(f"openbook: {len(report.unmarked)} without a marked PDF, such as {report.unmarked[0]}", file=sys.stderr)
    print(report.as_json() if as_json else _told(report))
    if report.left_out:
        raise typer.Exit(3)


def _told(report: Report) -> str:
    papers = f"{report.pages:,} papers ({report.written:,} rendered now), {report.other_pages:,} other pages"
    took = f"{report.bytes / 1e6:,.0f} MB; {report.seconds:.1f} s, {report.peak_mb:,.0f} MB of memory"
    lines = [f"{report.out}: {papers}, {took}"]
    if report.search_seconds:
        lines.append(f"search index: {report.search_seconds:.1f} s, {report.search_peak_mb:,.0f} MB of memory")
    lines.append(f"look at it: python -m http.server --directory {report.out}")
    return "\n".join(lines)


def _address(url: str) -> str:
    """The site's address with a slash at its end."""
    from openbook.web.addresses import is_web

    if url and (not is_web(url) or "?" in url or "#" in url):
        raise typer.BadParameter(
            f"{url!r} is not an address of a site, such as https://example.org/index/", param_hint="--base-url"
        )
    return url if not url or url.endswith("/") else url + "/"


def _corrections(url: str | None) -> str | None:
    from openbook.web.addresses import is_web

    if url is not None and not is_web(url.replace("{id}", "x")) and not url.startswith("mailto:"):
        raise typer.BadParameter(f"{url!r} is not an https: or mailto: address", param_hint="--corrections")
    return url


def _processors() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, available)
