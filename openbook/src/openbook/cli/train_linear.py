"""``openbook train-linear``: rebuild the default assessor's weights and measure them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli import app


def _data(*names: str) -> Path:
    return Path(os.environ.get("OPENBOOK_DATA", "../shared/data")).joinpath(*names)


@app.command("train-linear")
def train_linear(
    records: Annotated[
        Path | None,
        typer.Option(help="The published index as Parquet; by default $OPENBOOK_DATA/index/records.parquet."),
    ] = None,
    papers: Annotated[
        Path | None,
        typer.Option(help="Whole papers: Parquet with id and text; by default $OPENBOOK_DATA/papers/text.parquet."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for linear.npz and linear.json; by default the shipped weights.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Folds of the cross-validation, by paper.")] = 5,
    quotes: Annotated[int, typer.Option(min=1, help="How many other papers of the index lend their quotes.")] = 8000,
    draws: Annotated[int, typer.Option(min=1, help="Bootstrap samples behind each interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="Fixes folds, lenders and everything else that is drawn.")] = 0,
    cross_validate: Annotated[
        bool,
        typer.Option("--cross-validate", "--evaluate-only", help="Only measure; write no weights."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout; progress on stderr.")] = False,
) -> None:
    """Train the linear assessor on the published index and on whole papers, and print its agreement with the labels.

    The agreement is cross-validated by paper, nested: no fold's papers, quotes, thresholds or calibration are used to
    answer them. Labels are those of the index: a language model gave them.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from openbook.assessors.linear.learning import Settings
    from openbook.assessors.linear.training import steps, train

    console = Console(stderr=True)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=steps(folds, measure_only=cross_validate))

        def step(text: str) -> None:
            progress.update(task, description=text, advance=1)
            if not console.is_terminal:
                console.print(text, highlight=False)

        result = train(
            records or _data("index", "records.parquet"),
            papers or _data("papers", "text.parquet"),
            out,
            folds=folds,
            settings=Settings(quotes=quotes, seed=seed),
            draws=draws,
            measure_only=cross_validate,
            progress=step,
        )
        progress.update(task, description="done", completed=steps(folds, measure_only=cross_validate))
    if as_json:
        typer.echo(json.dumps(result))
        return
    from openbook.assessors.linear.table import markdown

    typer.echo(markdown(result))
    if result["out"]:
        typer.echo(f"openbook: weights written to {result['out']}", err=True)
