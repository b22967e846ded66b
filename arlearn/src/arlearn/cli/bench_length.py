"""``arlearn bench length-complexity``: tokens generated against examples and seconds needed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli.bench import bench_app

# Formats measured unless told otherwise, shortest first; a format that needs gigabytes is left out.
_FORMATS = {
    "multiplication": "direct,columns,linear,terms,joins",
    "addition": "direct,linear,joins",
    "parity": "0,6,4,3,2,1",
}


@bench_app.command("length-complexity")
def length_complexity(
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory for figure, table and measurements.")],
    task: Annotated[str, typer.Option(help="multiplication, addition or parity.")] = "multiplication",
    size: Annotated[
        int | None, typer.Option(min=1, help="Digits of a number (3), or for parity bits (16), of which 12 count.")
    ] = None,
    formats: Annotated[
        str, typer.Option(help="Formats of the task, separated by commas; for parity steps, 0 for none. Empty: all.")
    ] = "",
    heads: Annotated[
        str, typer.Option(help="Output layers: structured, one-hot (says nothing of the tokens), or both.")
    ] = "structured",
    seconds: Annotated[float, typer.Option(min=0.1, help="Give a run up after so many seconds.")] = 45.0,
    target: Annotated[float, typer.Option(min=0.01, max=1.0, help="Exact match to reach.")] = 0.999,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each format and head.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn one task in formats from short and hard to long and easy; a few minutes.

    DIR gets length-complexity.svg, .md (table and paragraph), .json, and cells/, one file for each run: what is there
    from an earlier, equal call is not run again.
    """
    from arlearn.errors import ArlearnError
    from arlearn.evaluation.length_complexity import Learner, draw, measure_all, paragraph, table
    from arlearn.files import write_atomically
    from arlearn.tasks import load_task
    from arlearn.tasks.base import SequenceTask
    from arlearn.training.processes import keep_freed_memory

    keep_freed_memory()
    if task not in _FORMATS:
        raise ArlearnError(f"--task must be one of {', '.join(_FORMATS)}, not {task!r}")
    tasks: list[tuple[str, SequenceTask]] = []
    for name in _names(formats) or _names(_FORMATS[task]):
        if task == "parity" and not name.isdigit():
            raise ArlearnError(f"--formats {name}: for parity a format is a step, a whole number")
        bits = size or 16
        parity = {"bits": bits, "subset": max(1, bits * 3 // 4), "step": int(name) if name.isdigit() else 0}
        built = load_task(task, parity if task == "parity" else {"digits": size or 3, "format": name})
        assert isinstance(built, SequenceTask)
        tasks.append((f"step {name}" if task == "parity" else name, built))
    learners = [Learner(head=head, seconds=seconds, target=target) for head in _names(heads)]
    cells = measure_all(tasks, learners, range(seeds), out, lambda line: print(line, file=sys.stderr))
    what = f"{size or 3}-digit numbers"
    if task == "parity":
        what = f"{max(1, (size or 16) * 3 // 4)} of {size or 16} bits"
    title = f"{task} of {what} by a linear predictor, to {100 * target:g} % exact match"
    words = paragraph(cells, target)
    report = {
        "task": task,
        "configurations": {name: built.configuration() for name, built in tasks},
        "target": target,
        "cells": [asdict(cell) for cell in cells],
        "paragraph": words,
        "figure": str(out / "length-complexity.svg"),
    }
    draw(cells, out / "length-complexity.svg", title)
    write_atomically(out / "length-complexity.md", f"# {title}\n\n{table(cells)}\n\n{words}\n")
    write_atomically(out / "length-complexity.json", json.dumps(report, indent=1))
    print(json.dumps(report) if as_json else f"{table(cells)}\n\n{words}\n\n{report['figure']}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
