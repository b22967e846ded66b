"""``openbook code``: a code repository against what reviewers ask of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.record.model import CodeReport


@app.command()
def code(
    source: Annotated[
        str | None, typer.Argument(metavar="PATH|URL", help="A folder with code, or the https address of a repository.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="The paper's record: compare what paper and repository state.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Stop fetching after this many seconds.")] = 120,
    megabytes: Annotated[float, typer.Option(min=1, help="Refuse a repository that is larger than this.")] = 500,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 4 when a finding is grave.")] = False,
    kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds of findings and stop.")] = False,
    links: Annotated[
        bool,
        typer.Option(
            "--check-links", help="Ask whether the addresses in the record answer, and note it in the record."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Look at a code repository as a reviewer would: README, licence, versions, commands, tests, paths, secrets.

    Nothing in the repository is run. An address is cloned into a folder that is removed afterwards: shallow, without
    submodules, hooks or filters, and within limits of time and size. With --record the versions, settings and data sets that
    the paper states are looked for in the repository, and the other way round.

        openbook code .
        openbook code https://github.com/NAME/REPOSITORY --record records/paper.json
    """
    from openbook.errors import OpenbookError
    from openbook.record.files import read_record
    from openbook.repositories.inspection import KINDS, inspect_code

    if kinds:
        for kind, meaning in KINDS.items():
            print(f"{kind:<22} {meaning}")
        return
    if links:
        if record is None:
            raise OpenbookError("--check-links asks for the addresses of a record; give it with --record")
        _check_links(record, as_json=as_json and source is None)
        if source is None:
            return
    if source is None:
        raise OpenbookError("give a folder with code, or the https address of a repository")
    paper = read_record(record) if record is not None else None
    report = inspect_code(source, paper, seconds=seconds, megabytes=megabytes)
    if as_json:
        print(report.model_dump_json())
    else:
        show_code(report)
    if strict and any(finding.severity == "high" for finding in report.findings):
        raise typer.Exit(4)


def _check_links(path: Path, *, as_json: bool) -> None:
    """Ask for the addresses of a record, note their state in it, and print it."""
    import json

    from openbook.record.files import read_record, write_record
    from openbook.repositories.links import CHECKED, LinkChecker, check_links
    from openbook.web.record.view import link_text

    with LinkChecker() as checker:
        found = check_links(read_record(path), checker)
    write_record(found, path)
    links = {name: found.answers[name].links or [] for name in CHECKED if name in found.answers}
    if as_json:
        print(json.dumps({name: [link.model_dump() for link in given] for name, given in links.items()}))
        return
    for link in (link for given in links.values() for link in given):
        print(f"{link.url}: {link_text(link)}", file=sys.stderr)
    if not any(links.values()):
        print(f"{path} quotes no address for code or data", file=sys.stderr)


def show_code(report: CodeReport) -> None:
    """Print a report: what the repository is, what its README covers, and the findings, the gravest first."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(Text(report.source, style="bold"))
    about = [f"{report.files:,} files, {report.size / 1e6:.1f} MB", f"licence: {report.licence or 'none'}"]
    about += [f"last change {report.last_change}"] if report.last_change else []
    about += [f"tags: {', '.join(report.tags[:3])}"] if report.tags else []
    console.print(Text(" · ".join(about)))
    covered = [topic for topic, there in report.covers.items() if there]
    console.print(Text(f"README covers: {', '.join(covered) or 'nothing'}"))
    styles = {"high": "bold red", "medium": "yellow", "low": "dim"}
    for severity, heading in (("high", "Grave"), ("medium", "To mend"), ("low", "To consider")):
        found = [finding for finding in report.findings if finding.severity == severity]
        if found:
            console.print(Text(f"\n{heading}", style=styles[severity]))
        for finding in found:
            where = f"{finding.file}:{finding.line}" if finding.line else finding.file
            console.print(
                Text.assemble(
                    f"  {finding.message}", (f"  [{where}]" if where else "", "dim"), (f"  {finding.kind}", "dim")
                )
            )
    if not report.findings:
        console.print("\nNothing to mend was found.")
    console.print(Text("\nThis is what a look at the files shows. Nothing was run.", style="italic"))
