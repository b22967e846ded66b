"""``openbook show``: one record, on the terminal or as a page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.record.model import Record


@app.command()
def show(
    record: Annotated[Path, typer.Argument(help="A record, DIR/STEM.json, that openbook assess wrote.")],
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page to this file instead.")] = None,
    pdf: Annotated[
        Path | None, typer.Option(help="Write a copy of the paper's PDF to this file, with every quote highlighted.")
    ] = None,
    paper: Annotated[
        Path | None, typer.Option(help="The paper itself, for the context of its quotes; by default its source.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Check the record, and print it as one JSON object.")] = False,
) -> None:
    """Show a record: variable, result and response, each quote with its page, the scores, the notice, the run.

    On the terminal, as a page, or as a marked copy of its PDF. The context of the quotes comes from the paper, which is
    looked for where the record says it is:

        openbook show records/paper.json
        openbook show records/paper.json --html paper.html
        openbook show records/paper.json --pdf marked.pdf
    """
    if sum((html is not None, pdf is not None, as_json)) > 1:
        raise typer.BadParameter("--html, --pdf and --json exclude each other; give one of them")
    from openbook.files import write_atomically
    from openbook.record.files import dump_record, read_record

    found = read_record(record)
    if as_json:
        print(dump_record(found), end="")
    elif pdf is not None:
        _mark(found, record, pdf, paper)
    elif html is not None:
        from openbook.web.record.page import paper_of, render_page

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


def _mark(found: Record, record: Path, out: Path, given: Path | None) -> None:
    """Write the marked copy of the record's PDF. Raises OpenbookError if there is none to mark."""
    from openbook.errors import OpenbookError
    from openbook.files import write_atomically
    from openbook.papers.fetch import local_path
    from openbook.web.marked_pdf import mark_pdf
    from openbook.web.record.page import paper_of

    read, reason = paper_of(found, given, record.parent)
    if read is None:
        raise OpenbookError(f"{record}: a marked copy needs the paper itself, and {reason}; give it with --paper")
    source = local_path(read.source)
    if out.exists() and out.samefile(source):
        raise OpenbookError(
            f"{out} is the paper itself, which is never changed; choose another name for the marked copy"
        )
    write_atomically(out, mark_pdf(found, read, source.read_bytes()))
    print(f"{out} written")
