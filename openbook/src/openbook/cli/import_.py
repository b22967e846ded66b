"""``openbook import``: read a published index into a table of records."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli import app


class PublishedIndex(StrEnum):
    """What can be imported."""

    coakley2026 = "coakley2026"


@app.command("import")
def import_(
    source: Annotated[
        PublishedIndex, typer.Argument(help="The published index, which decides how its files are read.")
    ],
    path: Annotated[Path, typer.Argument(help="A clone of the index's repository (the folder that holds results/).")],
    out: Annotated[
        Path | None, typer.Option(help="The Parquet file to write; records.parquet if no ledger is given.")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(help="The database to import into: sqlite:///FILE or postgresql://…")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Read a published index, in its own layout, into one table: a row per paper, with the run that answered.

    Papers that its lists exclude are left out and counted. E-mail addresses are masked. Everything odd is reported:
    values outside the scale, broken files, answers or lists that are missing, papers that a later run repaired. A second
    import of the same files changes nothing.

        openbook import coakley2026 the-shift-toward-open --out records.parquet
    """
    import json
    import time
    from collections import Counter
    from dataclasses import asdict

    from openbook.cli._progress import ProgressBar

    if out is not None and ledger is not None:
        raise typer.BadParameter("--out and --ledger exclude each other; give one of them")
    target = ledger or str(out or "records.parquet")

    start = time.perf_counter()
    with ProgressBar("reading") as bar:
        if ledger is not None:
            from openbook.corpus.importers.output import import_to_ledger

            report, changed = import_to_ledger(path, ledger, bar.show)
        else:
            from openbook.corpus.importers.output import import_to_parquet

            report, changed = import_to_parquet(path, Path(target), bar.show)
    seconds = time.perf_counter() - start
    if as_json:
        printed = {
            "source": source.value,
            "out": target,
            "papers": report.papers,
            "excluded": report.excluded,
            "unassessed": report.unassessed,
            "odd": [asdict(odd) for odd in report.odd],
            "changed": changed,
            "seconds": seconds,
        }
        print(json.dumps(printed, ensure_ascii=False))
        return
    state = "written" if changed else "already up to date"
    print(f"{target}: {report.papers:,} papers {state}; {report.excluded:,} excluded; {seconds:.1f} s")
    if report.unassessed:
        print(f"{report.unassessed:,} listed papers have no answers in these files")
    for kind, count in Counter(odd.kind for odd in report.odd).most_common():
        first = next(odd for odd in report.odd if odd.kind == kind)
        print(
            f"openbook: odd: {count:,} x {kind}, such as {first.file}: {first.id or ''} {first.message}",
            file=sys.stderr,
        )
