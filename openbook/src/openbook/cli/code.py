"""``openbook code``: a code repository against what reviewers ask of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.repositories.archived_ids import Archive


@app.command()
def code(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH|URL", help="A folder with code, the https address of a repository, a DOI or a swh:1: id."
        ),
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
            "--check-links", help="Check that the addresses in the record can be reached, and note the result in it."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Look at a code repository as a reviewer would: README, licence, versions, commands, tests, paths, secrets.

    Nothing in the repository is run. An address is cloned into a folder that is removed afterwards: shallow, without
    submodules, hooks or filters, and within limits of time and size. With --record the versions, settings and data sets that
    the paper states are looked for in the repository, and the other way round. For an archive (a DOI; an address at Zenodo,
    figshare or OSF; an id of Software Heritage) only its address is checked; nothing is downloaded.

        openbook code .
        openbook code https://github.com/NAME/REPOSITORY --record records/paper.json
        openbook code doi:10.5281/zenodo.1234567
    """
    from openbook.errors import OpenbookError
    from openbook.record.files import read_record
    from openbook.repositories.archived_ids import archive_of
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
    archive = archive_of(source)
    if archive is not None:
        state = _check_archive(source, archive, as_json=as_json)
        if strict and state == "gone":
            raise typer.Exit(4)
        return
    paper = read_record(record) if record is not None else None
    report = inspect_code(source, paper, seconds=seconds, megabytes=megabytes)
    if as_json:
        print(report.model_dump_json())
    else:
        from rich.console import Console

        from openbook.web.record.terminal import show_code

        show_code(report, Console(width=None if sys.stdout.isatty() else 120, highlight=False))
    if strict and any(finding.severity == "high" for finding in report.findings):
        raise typer.Exit(4)


def _check_archive(source: str, archive: Archive, *, as_json: bool) -> str:
    """Ask whether an archive's address answers, print it, and return its state."""
    import json

    from openbook.repositories.links import LinkChecker
    from openbook.web.record.view import link_text

    with LinkChecker() as checker:
        state = checker.check(archive.url)
    if as_json:
        print(json.dumps({"source": source, "what": archive.what} | state.model_dump()))
    else:
        named = "" if source == archive.url else f" ({archive.url})"
        print(f"{source}{named}: {link_text(state)}")
        print("An archive is not downloaded; to look at its code, unpack it and give the folder.")
    return state.status


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
        print(f"{path} has no address for code or data in its quotes", file=sys.stderr)
