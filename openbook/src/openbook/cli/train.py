"""``openbook train``: rebuild the default assessor's weights and measure them. ``train-linear`` is the same command."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli import app

PAPERS = ("text.parquet", "text_more.parquet", "modern.parquet")


def _data(*names: str) -> Path:
    return Path(os.environ.get("OPENBOOK_DATA", "../shared/data")).joinpath(*names)


def _shipped_labels() -> list[Path]:
    from openbook.assessors.linear.weight_files import SHIPPED

    return [path for path in (SHIPPED / "sentence_labels.csv",) if path.is_file()]


@app.command("train-linear", hidden=True)
@app.command("train")
def train(
    records: Annotated[
        Path | None,
        typer.Option(help="The published index as Parquet; by default $OPENBOOK_DATA/index/records.parquet."),
    ] = None,
    papers: Annotated[
        list[Path] | None,
        typer.Option(
            help="Whole papers: Parquet with id and text; may be given several times. By default the three tables of "
            "$OPENBOOK_DATA/papers."
        ),
    ] = None,
    gold: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labelled sentences of those papers (Parquet, or CSV as `openbook label --sentences` writes it), beside "
            "the default ones. May be given several times; a later file wins."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for linear.npz and linear.json; by default the shipped weights.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Cross-validate with this many folds of papers.")] = 5,
    quotes: Annotated[
        int, typer.Option(min=1, help="Learn from the quotes of this many other papers of the index.")
    ] = 24000,
    draws: Annotated[int, typer.Option(min=1, help="Draw this many bootstrap samples for each interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="The seed of everything that is drawn at random, such as the folds.")] = 0,
    cross_validate: Annotated[
        bool,
        typer.Option("--cross-validate", "--evaluate-only", help="Only measure; write no weights."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Train the default assessor on the published index, whole papers and labelled sentences, and print how well it does.

    The figures are cross-validated by paper, nested: no fold's papers, labels, thresholds or calibration are used to
    answer them. The index's labels were given by a language model; so were those of the sentences, by reading each in
    its surroundings. To adapt the assessor to a field, label sentences with `openbook label --sentences` and pass the
    file with --gold.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from openbook.assessors.linear.evaluation import markdown
    from openbook.assessors.linear.examples import Settings
    from openbook.assessors.linear.training import steps
    from openbook.assessors.linear.training import train as train_model

    tables = papers or [path for path in (_data("papers", name) for name in PAPERS) if path.is_file()]
    labelled = [path for path in (_data("gold", "sentences.parquet"),) if papers is None and path.is_file()]
    if papers is None:
        labelled += _shipped_labels()
    console = Console(stderr=True)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=steps(folds, measure_only=cross_validate))

        def step(text: str) -> None:
            progress.update(task, description=text, advance=1)
            if not console.is_terminal:
                console.print(text, highlight=False)

        result = train_model(
            records or _data("index", "records.parquet"),
            tables or [_data("papers", PAPERS[0])],
            out,
            [*labelled, *(gold or [])],
            folds=folds,
            settings=Settings(quotes=quotes, seed=seed),
            draws=draws,
            measure_only=cross_validate,
            on_progress=step,
        )
        progress.update(task, description="done", completed=steps(folds, measure_only=cross_validate))
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(markdown(result))
    if result["out"]:
        typer.echo(f"openbook: weights written to {result['out']}", err=True)
