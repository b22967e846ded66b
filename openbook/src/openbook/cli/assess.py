"""``openbook assess``: papers into records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.assessing.batch import Outcome
    from openbook.assessors.base import Assessor
    from openbook.model.record import PaperInfo

#: Endings of the files that are taken from a folder.
ENDINGS = (".pdf", ".xml", ".tei", ".tex", ".html", ".htm", ".md", ".txt", ".gz", ".zip")


@app.command()
def assess(
    papers: Annotated[
        list[str] | None,
        typer.Argument(help="Files (PDF, TEI, LaTeX, HTML, Markdown, text), folders of them, arXiv ids or addresses."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for the records, DIR/<stem>.json, and records.parquet.")] = Path(
        "records"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    list_: Annotated[
        Path | None,
        typer.Option("--list", help="A CSV list with Conference, Year, Filename, Title, Authors, Category, PDF_URL."),
    ] = None,
    papers_folder: Annotated[
        Path | None,
        typer.Option("--papers", help="Where the files of the list are, or are downloaded to; default: beside it."),
    ] = None,
    assessor: Annotated[str, typer.Option(help="Who answers: linear.")] = "linear",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Papers read at the same time.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Assess again what has a record already.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time to read one paper, at most.")] = 60.0,
    megabytes: Annotated[int, typer.Option(min=256, help="Memory to read one paper, at most.")] = 1536,
    pause: Annotated[float, typer.Option(min=0.0, help="Seconds between two downloads from one host.")] = 3.0,
    download: Annotated[bool, typer.Option(help="Download the papers of a list that are missing.")] = True,
) -> None:
    """Read papers, answer nine variables about each, and prove every *yes* with a sentence that is in the paper.

    Writes one record per paper, whole or not at all; run it again after an interruption and only what is missing is
    done. Exit code 0 when all papers were read, 3 when some were not (they are listed), 2 for wrong usage.

        openbook assess paper.pdf --out records && openbook show records/paper.json
    """
    if not papers and list_ is None:
        raise typer.BadParameter("give papers, or a list of them with --list")
    if papers_folder is not None and list_ is None:
        raise typer.BadParameter("--papers says where the files of a --list are; give the list too")
    from openbook.assessing.batch import Settings, assess_batch
    from openbook.assessing.listing import Locator, read_list
    from openbook.assessing.naming import Digests, name_all

    sources = [source for given in papers or [] for source in _expanded(given)]
    known: dict[str, PaperInfo] = {}
    if list_ is not None:
        listed, known = read_list(list_, papers_folder)
        sources += listed
    if not sources:
        raise typer.BadParameter(f"no papers in {', '.join(papers or [str(list_)])}")
    asked = _assessor(assessor)
    named = name_all(sources, out, known, Digests())
    with _Progress(len(named)) as progress:
        outcome = assess_batch(
            named,
            asked,
            out,
            Settings(jobs=jobs, force=force, seconds=seconds, megabytes=megabytes),
            locate=Locator(download=download, pause=pause),
            watch=progress.update,
        )
    if as_json:
        print(json.dumps(_report(outcome), ensure_ascii=False))
    else:
        _show(outcome, out)
    for failure in outcome.failures:
        print(f"openbook: {failure.source} was not assessed: {failure.reason}", file=sys.stderr)
    if outcome.failures or outcome.stopped:
        raise typer.Exit(3)


def _expanded(given: str) -> list[str]:
    folder = Path(given)
    if not folder.is_dir():
        return [given]
    return [str(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS and path.is_file()]


def _assessor(name: str) -> Assessor:
    if name != "linear":
        raise typer.BadParameter(f"{name!r} is not an assessor; choose linear", param_hint="--assessor")
    from openbook.assessors.linear import LinearAssessor

    return LinearAssessor()


def _report(outcome: Outcome) -> dict[str, object]:
    return {
        "papers": outcome.papers,
        "failed": len(outcome.failures),
        "seconds": outcome.seconds,
        "assessed": outcome.assessed,
        "kept": outcome.kept,
        "failures": [{"source": failure.source, "reason": failure.reason} for failure in outcome.failures],
        "records": [str(path) for path in outcome.records],
        "input_tokens": outcome.input_tokens,
        "output_tokens": outcome.output_tokens,
        "cost": outcome.cost,
        "stopped": outcome.stopped,
    }


def _show(outcome: Outcome, out: Path) -> None:
    kept = f", {outcome.kept} kept from before" if outcome.kept else ""
    failed = f", {len(outcome.failures)} not assessed" if outcome.failures else ""
    print(f"{outcome.papers} papers: {outcome.assessed} assessed{kept}{failed}, in {outcome.seconds:.1f} s -> {out}")
    if outcome.records:
        print(f"See one with: openbook show {outcome.records[-1]}")


class _Progress:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("reading", total=total)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def update(self, outcome: Outcome, source: str) -> None:
        """One more paper is done."""
        cost = f" · ${outcome.cost:.2f}" if outcome.cost else ""
        self._bar.update(self._task, advance=1, description=f"{Path(source).name[:40]}{cost}")
