"""``openbook trends``: what a set of records says by venue, year, affiliation and variable."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from openbook.cli import app
from openbook.cli._options import RecordsOptions, with_options
from openbook.text import percent

_percent = partial(percent, digits=2, sign="")


@app.command()
@with_options(chosen=RecordsOptions)
def trends(
    chosen: RecordsOptions,
    by: Annotated[
        str, typer.Option(help="Group by these, in this order: venue, year, affiliation, variable.")
    ] = "year",
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Labelled papers (see `openbook validate`): add figures corrected for the assessor's errors."
        ),
    ] = None,
    without_findings: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|KINDS",
            help="Add figures that leave out papers with findings: a FILE that `openbook audit --json` wrote, or KINDS such as "
            "`ghost`.",
        ),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each figure into this folder, as SVG, CSV and a page.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the rows as one JSON list on standard output.")
    ] = False,
) -> None:
    """Count what papers document: papers, shares per variable, mean scores and estimated reproducibility, with totals.

    `papers` counts every record; all shares, means and scores are over empirical papers (research type not theoretical).
    `industry` is the share with at least one author in industry. Reproducibility is given with the published rates (0.86
    with code and data, 0.33 with data only) and with the exact ones (6/7 and 5/15). The interval includes the
    uncertainty of these rates (Wilson). Totals are named ALL.

        openbook trends records.parquet --by venue,year --json
        openbook trends records.parquet --labels test_set.parquet --without-findings ghost --svg figures/
    """
    import json

    from openbook.corpus.trends.report import parse_by, rows
    from openbook.errors import OpenbookError

    records = chosen.required
    try:
        dimensions = parse_by(by)
    except OpenbookError as error:
        raise typer.BadParameter(str(error), param_hint="--by") from error
    errors = None
    if labels is not None:
        from openbook.corpus.trends.report import learn_errors

        errors = learn_errors(records, labels)
    left_out = None if without_findings is None else _suspects(records, without_findings)
    table = rows(records, dimensions, errors, left_out)
    files: list[Path] = []
    if svg is not None:
        from openbook.corpus.trends.figures import all_figures, write_figures

        files = write_figures(all_figures(records, errors, left_out), svg)
    if as_json:
        print(json.dumps(table, ensure_ascii=False))
        return
    _show(table, dimensions)
    if files:
        print(f"{svg}: {len(files)} files, {len(files) // 3} figures")


def _suspects(records: Path, which: str) -> set[str]:
    """Ids of the papers to leave out, from a file of findings or by an audit of some kinds."""
    from openbook.corpus.audit.findings import KINDS, read_findings
    from openbook.corpus.audit.rules import audit
    from openbook.errors import OpenbookError

    if Path(which).is_file():
        return {finding.id for finding in read_findings(Path(which))}
    kinds = [kind.strip() for kind in which.split(",") if kind.strip()]
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise OpenbookError(
            f"--without-findings {which}: neither a file nor kinds of findings. The kinds are {', '.join(KINDS)}."
        )
    return {finding.id for finding in audit(records, kinds=kinds)}


def _show(table: list[dict[str, Any]], dimensions: list[str]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=SIMPLE, padding=(0, 1), pad_edge=False)
    for name in dimensions:
        shown.add_column(name)
    long = "variable" in dimensions
    headings = ["papers", "empirical"] + (
        ["share %"] if long else ["mean D", "code+data %", "reproducible %", "industry %"]
    )
    for heading in headings:
        shown.add_column(heading, justify="right")
    corrected = any("corrected" in row for row in table)
    audited = any("audited" in row for row in table)
    if corrected:
        shown.add_column("corrected %" if long else "corrected R %", justify="right")
    if audited:
        shown.add_column("audited %" if long else "audited R %", justify="right")
    for row in table:
        cells = [str(row[name]) for name in dimensions] + [f"{row['papers']:,}", f"{row['empirical']:,}"]
        if long:
            cells.append(_percent(row["share"], interval=row["interval"]))
        else:
            mean = row["documentation_mean"]
            cells += ["-" if mean is None else f"{mean:.4f}", _percent(row["code_and_data"])]
            cells += [_percent(row["reproducibility_exact"], interval=row["interval"]), _percent(row["industry"])]
        if corrected:
            one = row["corrected"] or {}
            cells.append(
                _percent(row["corrected"], interval=row["corrected_interval"])
                if long
                else _percent(one.get("reproducibility_exact"), interval=one.get("interval"))
            )
        if audited:
            one = row["audited"]
            cells.append(_percent(one["share"] if long else one["reproducibility_exact"]))
        shown.add_row(*cells)
    Console().print(shown)
