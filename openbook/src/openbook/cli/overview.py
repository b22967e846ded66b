"""``openbook overview``: all papers of a venue in one go, for its chair."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli import app
from openbook.cli._options import RecordsOptions, with_options


@app.command()
@with_options(chosen=RecordsOptions)
def overview(
    chosen: RecordsOptions,
    out: Annotated[Path, typer.Option(help="The folder for the table, the marked PDFs, the figures and the site.")],
    papers: Annotated[
        Path | None, typer.Option(help="The folder of the papers' PDFs; default: the sources that the records name.")
    ] = None,
    search: Annotated[bool, typer.Option("--search/--no-search", help="Build the site's search index.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Write what a chair needs to know about all papers: a table ranked by what is missing, marked PDFs, figures, a site.

    In DIR: `papers.csv` with one row for each paper, beginning with the paper that lacks most; `marked/ID.pdf`
    if the PDF is available; `figures/` as from `openbook trends --svg`; `site/` as from `openbook site`.

        openbook assess papers/ --out records && openbook overview records --out overview
    """
    from openbook.cli._progress import ProgressBar
    from openbook.variables import SCORED
    from openbook.variables.definitions import definition
    from openbook.web.overview import TABLE, write_overview

    with ProgressBar("starting") as bar:
        made = write_overview(chosen.required, out, papers=papers, search=search, on_progress=bar.show)
    if as_json:
        report = {
            "papers": made.papers,
            "read": len(made.ranked),
            "marked": made.marked,
            "unmarked": made.unmarked,
            "figures": made.figures,
            "missing": {variable: made.missing[variable] for variable in SCORED},
            "table": str(out / TABLE),
        }
        print(json.dumps(report, ensure_ascii=False))
        return
    print(
        f"{out / TABLE}: {made.papers} papers; {made.marked} marked PDFs; {made.figures} figures; site: {out / 'site'}"
    )
    for variable in sorted(SCORED, key=lambda name: -made.missing[name]):
        print(f"{made.missing[variable]:>5} of {len(made.ranked)} lack: {definition(variable).title.lower()}")
    for reason in made.unmarked[:5]:
        print(f"openbook: not marked: {reason}", file=sys.stderr)
    if len(made.unmarked) > 5:
        print(f"openbook: not marked: {len(made.unmarked) - 5} more", file=sys.stderr)
