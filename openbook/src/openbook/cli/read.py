"""``openbook read``: what was understood of a paper."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.papers.paper import Paper


@app.command()
def read(
    paper: Annotated[
        str,
        typer.Argument(
            help="A file (PDF, TEI, LaTeX or its archive, HTML, Markdown, text), an arXiv id or an address."
        ),
    ],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object: text, and pages, sections, sentences and links as spans of it."
        ),
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="Print only the text, as it was understood.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Stop reading after this many seconds.")] = 60.0,
    megabytes: Annotated[
        int, typer.Option(min=256, help="Stop reading when it needs more megabytes of memory than this.")
    ] = 1536,
) -> None:
    """Show what was understood of a paper: title, authors, pages, sections, links.

    Exit code 3 when it could not be read; the reason is on stderr.
    """
    if as_json and text:
        raise typer.BadParameter("--json and --text exclude each other; give one of them")
    from openbook.papers.sandbox import read as read_in_sandbox

    found = read_in_sandbox(paper, seconds=seconds, megabytes=megabytes)
    if as_json:
        typer.echo(json.dumps(found.as_objects(), ensure_ascii=True))
    elif text:
        typer.echo(found.text.encode("utf-8", "replace").decode())
    else:
        _show(found)
    if found.problem:
        typer.echo(f"openbook: {paper} could not be read: {found.problem}", err=True)
        raise typer.Exit(3)


def _show(paper: Paper) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(paper.title or "(no title found)", style="bold"))
    console.print(Text(", ".join(paper.authors) or "(no authors found)"))
    kinds = Counter(sentence.kind for sentence in paper.sentences)
    pages = f"{len(paper.pages)} pages, " if paper.pages else ""
    console.print(
        f"\n{paper.format}, {pages}{len(paper.text):,} characters, {len(paper.sentences)} sentences "
        f"({kinds['heading']} headings, {kinds['caption']} in captions, {kinds['footnote']} in footnotes), "
        f"{len(paper.links)} links\nsha256 {paper.sha256}"
    )
    if paper.sections:
        console.print("\nSections")
    for section in paper.sections:
        page = paper.page_at(section.start)
        part = "" if section.part == "body" else f"  [{section.part}]"
        where = f"  p. {page}" if page else ""
        console.print(Text(f"{'  ' * section.level}{section.title or '(before the first heading)'}{part}{where}"))
    if paper.links:
        console.print("\nLinks")
    for link in paper.links:
        console.print(Text(f"  {link.url}" + (f"  p. {link.page}" if link.page else "")))
