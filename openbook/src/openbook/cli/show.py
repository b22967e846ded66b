"""``openbook show``: one record, on the terminal or as a page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli import app


@app.command()
def show(
    record: Annotated[Path, typer.Argument(help="A record, DIR/STEM.json, that openbook assess wrote.")],
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page to this file instead.")] = None,
    paper: Annotated[
        Path | None, typer.Option(help="The paper itself, for the context of its quotes; default: its source.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record, checked, as one JSON object.")] = False,
) -> None:
    """Show a record: variable, result and response, each quote with its page, the scores, the notice, the run.

    openbook show records/paper.json --html paper.html
    """
    if html is not None and as_json:
        raise typer.BadParameter("give one of --html and --json, not both")
    from openbook.files import write_atomically
    from openbook.record.files import dump_record, read_record

    found = read_record(record)
    if as_json:
        print(dump_record(found), end="")
    elif html is not None:
        from openbook.web.record.page import render_page
        from openbook.web.record.view import paper_of

        read, reason = paper_of(found, paper, record.parent)
        if reason:
            print(f"openbook: quotes are shown without context: {reason}", file=sys.stderr)
        write_atomically(html, render_page(found, read, reason))
        print(f"{html} written")
    else:
        from rich.console import Console

        from openbook.web.record.terminal import show_record

        wide = None if sys.stdout.isatty() else 120
        show_record(found, Console(width=wide, highlight=False))
