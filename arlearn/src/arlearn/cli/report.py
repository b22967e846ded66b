"""``arlearn report``: one page about a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli import app, read_prompt


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="The folder of a model: what train or compile wrote.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Held-out text. Default: the recipe's evaluate_data, or the text beside the training text."),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Show samples and the attribution after this prompt; - reads standard input.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the page here. Default: RUN/report.html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's figures as one JSON object.")] = False,
) -> None:
    """Write one self-contained HTML page about a run, and print its path.

    It shows the loss curve, bits per byte beside a bigram, a 5-gram and other runs on the same text, samples, the
    attribution of one prediction, the settings, versions and times.
    """
    from arlearn.training.report import write_report
    from arlearn.training.reporting import Reporter

    out = out or run / "report.html"
    figures = write_report(run, out, Reporter(), data, read_prompt(prompt))
    print(json.dumps(figures) if as_json else out)
