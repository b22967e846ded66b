"""``openbook bench``: the speed of each stage and of asking a model, how well quotes are found, what agreement is worth."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from openbook.cli import app
from openbook.text import percent

bench_app = typer.Typer(
    help="Measure speed, or (``bench evidence``) how well quotes are found.",
    context_settings={"max_content_width": 100},
)
app.add_typer(bench_app, name="bench")


@bench_app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    papers: Annotated[
        list[Path] | None,
        typer.Option(help="A paper or a folder of papers; may be given several times. By default papers are made up."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Make up this many papers when none are given.")] = 20,
    processes: Annotated[int, typer.Option(min=1, help="Measure with one process, and with this many.")] = 2,
    assessor: Annotated[bool, typer.Option(help="Measure the linear assessor too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Papers per second of each stage (read, sentences, assess, evidence, whole) with one process and with two.

    openbook bench --papers papers/ --json
    """
    if context.invoked_subcommand is not None:
        return
    import tempfile

    from rich.console import Console

    from openbook.benchmarks.stages import measure, write_papers

    with tempfile.TemporaryDirectory() as folder:
        paths = _paths(papers) if papers else write_papers(Path(folder), count)
        console = Console(stderr=True)
        speeds = []
        for number in sorted({1, processes}):
            with console.status(f"{len(paths)} papers, {number} process{'es' if number > 1 else ''}"):
                speeds += measure(paths, number, assessor=assessor)
    if as_json:
        report: dict[str, Any] = {"papers": len(paths), "synthetic": not papers, "stages": {}}
        for speed in speeds:
            stage = report["stages"].setdefault(speed.stage, {})
            stage[str(speed.processes)] = {
                "papers": speed.papers,
                "seconds": speed.seconds,
                "papers_per_second": speed.rate,
                "papers_per_cpu_second": speed.cpu_rate,
            }
        print(json.dumps(report))
        return
    print(f"{'stage':<12}{'processes':>10}{'papers':>8}{'papers/s':>12}{'per CPU s':>12}")
    for speed in speeds:
        print(f"{speed.stage:<12}{speed.processes:>10}{speed.papers:>8}{speed.rate:>12.1f}{speed.cpu_rate:>12.1f}")


@bench_app.command()
def evidence(
    records: Annotated[Path, typer.Option(help="A Parquet table or a folder of records, with responses that quote.")],
    papers: Annotated[Path, typer.Option(help="The folder of their papers, each named after the record's id.")],
    unfound: Annotated[
        bool, typer.Option("--unfound", help="List the quotes that were not found whole, to be judged by eye.")
    ] = (False),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Look for every quote of a table in its own paper, in another paper, and altered so that it says something else.

    Only the first should succeed. Kinds: verbatim (all of it by its letters, in one stretch or several), near (some
    only similar), partial (some of it absent), not found.

        openbook bench evidence --records records.parquet --papers pdf/ --unfound
    """
    import pyarrow.compute as pc

    from openbook.errors import OpenbookError
    from openbook.evidence.measuring import KINDS, measure, measure_altered, measure_elsewhere, quotes_of
    from openbook.papers.sandbox import ReaderPool
    from openbook.record.parquet import read_table

    paths = {path.stem: path for path in _paths([papers])}
    table = read_table(records)
    if "id" not in table.column_names:
        raise OpenbookError(f"{records} is not a table of records: it has no column id")
    rows = table.filter(pc.is_in(table["id"], pc.cast(_array(list(paths)), table["id"].type))).to_pylist()
    quotes = quotes_of(rows)
    if not quotes:
        raise OpenbookError(f"no record of {records} answers yes about a paper in {papers}; files are named <id>.pdf")
    with ReaderPool(2) as readers:
        wanted = [paths[name] for name in sorted({quote.paper for quote in quotes})]
        read = {path.stem: paper for path, paper in zip(wanted, readers.map(wanted), strict=True) if not paper.problem}
    own, elsewhere, altered = measure(quotes, read), measure_elsewhere(quotes, read), measure_altered(quotes, read)
    if as_json:
        report = {
            "papers": len(read),
            "own": own.summary(),
            "elsewhere": elsewhere.summary(),
            "altered": altered,
            "unfound": own.unfound,
        }
        print(json.dumps(report, ensure_ascii=False))
        return
    print(f"{own.quotes} quotes of {len(read)} papers")
    for name, measured in (("own paper", own), ("another paper", elsewhere)):
        shares = ", ".join(
            f"{kind.replace('_', ' ')} {percent(measured.kinds[kind] / max(1, measured.quotes), 1, sign=' %')}"
            for kind in KINDS
        )
        found = percent(measured.letters_found / max(1, measured.letters), 2, sign=" %")
        print(f"{name:<14} {shares}; letters found {found}")
    for kind, counts in altered.items():
        print(f"altered: {kind:<9} {counts['found']} of {counts['quotes']} still found")
    for item in own.unfound if unfound else []:
        print(f"\n{item['kind']}: {item['paper']} {item['variable']}", file=sys.stdout)
        for piece in item["pieces"]:
            print(f"  {piece['match']:<10} {piece['quote']}")


@bench_app.command()
def links(
    count: Annotated[int, typer.Option(min=1, help="Check this many links without a pause.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Measure how many links a second are checked on a local server, and the shortest pause between two requests to a host."""
    from dataclasses import asdict

    from openbook.benchmarks.links import measure

    speed = measure(count)
    if as_json:
        print(json.dumps(asdict(speed)))
        return
    print(f"{speed.rate:.0f} links/s without a pause, {speed.kept_rate:.0f} from the cache")
    print(f"{speed.milliseconds:.1f} ms of processor time per link")
    print(f"with the pause of {speed.pause:.0f} s: at least {speed.gap:.2f} s between two requests to a host")


def _array(values: list[str]) -> Any:
    import pyarrow as pa

    return pa.array(values)


def _paths(given: list[Path]) -> list[Path]:
    """Files, and the papers in folders."""
    from openbook.assess.papers_list import check_paper, papers_in
    from openbook.errors import OpenbookError

    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += map(Path, papers_in(path))
        else:
            check_paper(path)
            found.append(path)
    if not found:
        raise OpenbookError(f"no papers in {', '.join(map(str, given))}")
    return found


@bench_app.command()
def llm(
    calls: Annotated[int, typer.Option(min=1, help="Ask this many questions.")] = 3200,
    concurrency: Annotated[int, typer.Option(min=1, help="Ask this many questions at once.")] = 64,
    latency: Annotated[
        float, typer.Option(min=0.001, help="Let the server wait this many seconds before each reply.")
    ] = 0.2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Measure how fast questions are asked of a local server that waits before it answers, as a share of the ideal rate.

    At the ideal rate, every question takes only the server's wait.
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
            on_progress=lambda done: bar.update(task, completed=done),
        )
    if as_json:
        print(json.dumps(asdict(speed)))
        return
    print(f"{speed.rate:.0f} of {speed.ideal:.0f} calls/s: {percent(speed.share_of_ideal, 1)} of the ideal rate")
    print(f"{speed.cpu_milliseconds_per_call:.1f} ms of processor time per call")


@bench_app.command()
def agreement(
    runs: Annotated[Path, typer.Option(help="Repeated runs: a Parquet file with run, index and the variables.")],
    labels: Annotated[Path, typer.Option(help="People's labels: a Parquet file with index and the variables.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Measure how often an answer is right when k of n identical runs gave it. This is the confidence of votes."""
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
