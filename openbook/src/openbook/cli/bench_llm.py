"""``openbook bench llm`` and ``bench agreement``: the rate of asking, and what agreement between answers is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli.bench import bench_app
from openbook.text import percent


@bench_app.command()
def llm(
    calls: Annotated[int, typer.Option(min=1, help="Ask this many questions.")] = 3200,
    concurrency: Annotated[int, typer.Option(min=1, help="Ask this many questions at once.")] = 64,
    latency: Annotated[
        float, typer.Option(min=0.001, help="Let the server wait this many seconds before each reply.")
    ] = 0.2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Measure how fast a model is asked, as a share of the ideal rate: a server on loopback waits and answers.

    The ideal is that of rounds in which every question takes the server's wait and nothing else.
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from openbook.benchmarks.llm_calls import measure

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking", total=calls)
        speed = measure(
            calls=calls,
            concurrency=concurrency,
            latency=latency,
            watch=lambda done: bar.update(task, completed=done),
        )
    if as_json:
        print(json.dumps(asdict(speed)))
        return
    print(f"{speed.rate:.0f} of {speed.ideal:.0f} calls/s: {percent(speed.share_of_ideal, 1)} of the ideal rate")
    print(f"{speed.cpu_milliseconds_per_call:.1f} ms of processor time a call")


@bench_app.command()
def agreement(
    runs: Annotated[Path, typer.Option(help="Repeated runs: a Parquet file with run, index and the variables.")],
    labels: Annotated[Path, typer.Option(help="People's labels: a Parquet file with index and the variables.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Measure how often an answer is right when k of n identical runs gave it. This is the confidence that votes give."""
    import pyarrow.parquet as pq

    from openbook.assessors.agreement import measure
    from openbook.errors import OpenbookError
    from openbook.variables import VARIABLES

    def codes(path: Path, key: str) -> list[dict[str, int]]:
        try:
            return list(pq.read_table(path, columns=[*{key, "index"}, *VARIABLES]).to_pylist())
        except (OSError, ValueError) as error:
            raise OpenbookError(f"cannot read {path}: {str(error).splitlines()[0]}") from error

    def one_class(name: str, code: int) -> int:
        return 1 if name == "affiliation" and code == 2 else code

    by_run: dict[int, dict[tuple[object, str], int]] = {}
    for row in codes(runs, "run"):
        for name in VARIABLES:
            by_run.setdefault(row["run"], {})[row["index"], name] = one_class(name, row[name])
    truth = {(row["index"], name): one_class(name, row[name]) for row in codes(labels, "index") for name in VARIABLES}
    table = measure(list(by_run.values()), truth)
    if as_json:
        print(json.dumps(table))
        return
    for votes, rows in table["votes"].items():
        for agreeing, row in rows.items():
            print(f"{agreeing} of {votes} agree: right {percent(row['accuracy'], 1)} of {row['count']}")
