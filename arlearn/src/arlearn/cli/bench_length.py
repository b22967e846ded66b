"""``arlearn bench length-complexity``: tokens generated against examples and seconds needed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli.bench import bench_app


@bench_app.command("length-complexity")
def length_complexity(
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory for figure, table and measurements.")],
    digits: Annotated[int, typer.Option(min=1, max=4, help="Digits of the factors.")] = 2,
    formats: Annotated[
        str, typer.Option(help="Formats of multiplication, separated by commas.")
    ] = "direct,columns,linear,terms,joins",
    heads: Annotated[
        str, typer.Option(help="Output layers: one-hot (says nothing of the tokens), structured, or both.")
    ] = "one-hot,structured",
    seconds: Annotated[float, typer.Option(min=0.1, help="Give a run up after so many seconds.")] = 30.0,
    target: Annotated[float, typer.Option(min=0.01, max=1.0, help="Exact match to reach.")] = 0.999,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each format and head.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn one task in formats from short and hard to long and easy; a few minutes.

    DIR gets length-complexity.svg, .md (table and paragraph), .json, and cells/, one file for each run: what is there
    from an earlier, equal call is not run again.
    """
    from arlearn.evaluation.length_complexity import Learner, draw, measure_all, paragraph, table, write_text
    from arlearn.kernels.memory import keep_freed_memory
    from arlearn.tasks.multiplication import MultiplicationTask

    keep_freed_memory()
    tasks = [(name, MultiplicationTask(digits, name)) for name in _names(formats)]
    learners = [Learner(head=head, seconds=seconds, target=target) for head in _names(heads)]
    cells = measure_all(tasks, learners, range(seeds), out, lambda line: print(line, file=sys.stderr))
    title = f"{digits}-digit multiplication by a linear predictor, to {100 * target:g} % exact match"
    words = paragraph(cells, target)
    report = {
        "task": "multiplication",
        "digits": digits,
        "target": target,
        "cells": [asdict(cell) for cell in cells],
        "paragraph": words,
        "figure": str(out / "length-complexity.svg"),
    }
    draw(cells, out / "length-complexity.svg", title)
    write_text(out / "length-complexity.md", f"# {title}\n\n{table(cells)}\n\n{words}\n")
    write_text(out / "length-complexity.json", json.dumps(report, indent=1))
    print(json.dumps(report) if as_json else f"{table(cells)}\n\n{words}\n\n{report['figure']}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
