"""``openbook assess``: papers into records."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from openbook.cli import app
from openbook.cli._options import AnswerOptions, OptionGroup, with_options

if TYPE_CHECKING:
    from openbook.assess.batch import BatchOutcome, RecordHook
    from openbook.assess.papers_list import PaperSource
    from openbook.assessors.llm.assessor import LlmAssessor
    from openbook.assessors.llm.settings import LlmSettings
    from openbook.ledger import Ledger
    from openbook.papers.sandbox import ReaderPool


@dataclass(frozen=True, slots=True)
class PaperOptions(OptionGroup):
    """Which papers, and what is known of them beforehand."""

    papers: Annotated[
        list[str] | None,
        typer.Argument(help="Files (PDF, TEI, LaTeX, HTML, Markdown, text), folders of them, arXiv ids or addresses."),
    ] = None
    list_: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="A CSV file that lists papers: Conference, Year, Filename, Title, Authors, Category, PDF_URL.",
        ),
    ] = None
    papers_folder: Annotated[
        Path | None,
        typer.Option("--papers", help="The folder where the files of the list are, or are downloaded to."),
    ] = None
    venue: Annotated[str | None, typer.Option(help="The papers' venue, if no list gives it.")] = None
    year: Annotated[int | None, typer.Option(min=1900, max=2100, help="The papers' year, if no list gives it.")] = None
    pause: Annotated[
        float, typer.Option(min=0.0, help="Wait this many seconds between two downloads from one host.")
    ] = 3.0
    download: Annotated[bool, typer.Option(help="Download the papers of a list that are missing.")] = True

    def problems(self) -> list[str]:
        found = []
        if not self.papers and self.list_ is None:
            found.append("give papers, or a list of them with --list")
        if self.papers_folder is not None and self.list_ is None:
            found.append("--papers says where the files of a --list are; give the list too")
        return found

    def sources(self, out: Path) -> list[PaperSource]:
        """The papers, and the names of their records in ``out``. Raises OpenbookError if the list cannot be read."""
        from openbook.assess.papers_list import name_sources, papers_in, read_list, with_venue_and_year

        found: list[str] = []
        for given in self.papers or []:
            found += papers_in(Path(given)) if Path(given).is_dir() else [given]
        listed, known = read_list(self.list_, self.papers_folder) if self.list_ is not None else ([], {})
        found += listed
        if not found:
            raise typer.BadParameter(f"no papers in {', '.join(self.papers or [str(self.list_)])}")
        return name_sources(found, out, with_venue_and_year(found, known, self.venue, self.year))


@app.command()
@with_options(which=PaperOptions, answers=AnswerOptions)
def assess(
    which: PaperOptions,
    out: Annotated[
        Path, typer.Option(help="Write the records to this folder, as STEM.json each, and together as records.parquet.")
    ] = Path("records"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Read this many papers at the same time.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Assess papers again that already have a record.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Stop reading a paper after this many seconds.")] = 60.0,
    megabytes: Annotated[
        int, typer.Option(min=256, help="Stop reading a paper that needs more megabytes of memory than this.")
    ] = 1536,
    check_links: Annotated[
        bool, typer.Option("--check-links", help="Check that the addresses given for code and data can be reached.")
    ] = False,
    code: Annotated[
        bool, typer.Option("--code", help="Look at the repository that a paper links to as its own code.")
    ] = False,
    code_from: Annotated[
        str | None,
        typer.Option(metavar="PATH|URL", help="Look at this folder or repository as the code of the one paper given."),
    ] = None,
    answers: AnswerOptions = AnswerOptions(),
) -> None:
    """Read papers, answer nine variables about each, and prove every *yes* with a sentence that is in the paper.

    Writes one record per paper, whole or not at all. After an interruption, run it again: it does only what is missing.
    Exit code 0 when all papers were read, 3 when some were not (they are listed), 2 for wrong usage.

        openbook assess paper.pdf --out records && openbook show records/paper.json
        openbook assess papers/ --code --check-links
        openbook assess papers/ --assessor llm --model openai/gpt-4o-mini --ledger sqlite:///l.db --dry-run
        openbook assess papers/ --assessor llm --model openai/gpt-4o-mini --ledger sqlite:///l.db --batch
    """
    with ExitStack() as stack:
        stack.enter_context(_orderly_end())
        started = None
        if answers.assessor == "linear" and answers.engine == "local":  # they load while this process does
            started = stack.enter_context(_started(which, jobs, seconds, megabytes))
        from openbook.assess.batch import BatchSettings, assess_batch, unchanged
        from openbook.assess.papers_list import PaperFiles
        from openbook.assess.ray import AssessorFactory, assess_on_ray, require_ray
        from openbook.cli._model import BatchJobRun, dry_run, tell_calls
        from openbook.cli._progress import ProgressBar

        llm = answers.settings()
        if answers.engine == "ray":
            require_ray()
        sources = which.sources(out)
        find_file = PaperFiles(download=which.download, pause=which.pause)
        if answers.dry:
            asked = AssessorFactory(llm, None)(batch=answers.batch)
            dry_run(cast("LlmAssessor", asked), sources, find_file, as_json=as_json, batch=answers.batch)
            return
        kept_in = None
        if answers.ledger is not None:
            from openbook.ledger import Ledger

            kept_in = stack.enter_context(Ledger.open(answers.ledger))
        record_hook: RecordHook = kept_in.keep if kept_in else unchanged
        if code_from is not None and len(sources) != 1:
            raise typer.BadParameter(f"--code-from is the code of one paper; {len(sources)} are given")
        if code or code_from is not None:
            record_hook = _with_code(record_hook, stack, code_from)
        if check_links:
            record_hook = _with_links(record_hook, stack)
        make = AssessorFactory(llm, answers.ledger)
        limits = BatchSettings(jobs=jobs, force=force, seconds=seconds, megabytes=megabytes)
        bar = stack.enter_context(ProgressBar("reading", len(sources)))

        def on_progress(outcome: BatchOutcome, source: str) -> None:
            cost = f" · ${outcome.cost:.2f}" if outcome.cost else ""
            bar.advance(f"{Path(source).name[:40]}{cost}")

        account: dict[str, object] | None = None
        if answers.batch:
            batching = BatchJobRun(
                cast("LlmSettings", llm), cast("Ledger", kept_in), poll=answers.poll, wait=answers.wait
            )
            stack.callback(batching.close)
            if answers.drop_batch is not None:
                batching.drop(answers.drop_batch)
            outcome = batching.run(
                sources, out, limits, find_file=find_file, on_progress=on_progress, record_hook=record_hook
            )
            account = batching.report()
        elif answers.engine == "ray":
            outcome = assess_on_ray(
                sources, make, out, limits, find_file=find_file, on_progress=on_progress, record_hook=record_hook
            )
        else:
            assessor = make()
            outcome = assess_batch(
                sources,
                assessor,
                out,
                limits,
                find_file=find_file,
                on_progress=on_progress,
                record_hook=record_hook,
                started=started,
            )
            if llm is not None:
                tell_calls(cast("LlmAssessor", assessor))
    _tell(outcome, out, account, as_json=as_json)
    if outcome.stopped and answers.batch:
        print(f"openbook: {outcome.stopped}", file=sys.stderr)
    if outcome.failures or outcome.stopped:
        raise typer.Exit(3)


@contextmanager
def _orderly_end() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: what is under way is kept as far as it can be. A second signal ends it at once."""
    import signal

    def end(number: int, frame: object) -> None:
        for which in taken:
            signal.signal(which, signal.SIG_DFL)
        os.write(2, b"openbook: stopping when what is under way is done; a second signal stops at once\n")
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    # a shell tells what runs in the background to ignore Ctrl-C
    found = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
    taken = {which: before for which, before in found.items() if before is not signal.SIG_IGN}
    for which in taken:
        signal.signal(which, end)
    try:
        yield
    finally:
        for which, before in taken.items():
            signal.signal(which, before)


def _with_links(record_hook: RecordHook, stack: ExitStack) -> RecordHook:
    """A ``record_hook`` that notes in a record whether its addresses answer, before it is kept."""
    from openbook.repositories.links import LinkChecker
    from openbook.repositories.links import check_links as check

    checker = stack.enter_context(LinkChecker())
    return lambda record: record_hook(check(record, checker))


def _with_code(record_hook: RecordHook, stack: ExitStack, given: str | None) -> RecordHook:
    """A ``record_hook`` that notes in a record what a look at the paper's own code found, before it is kept."""
    from openbook.repositories.own_code import CodeVisitor

    visitor = stack.enter_context(CodeVisitor(given))
    return lambda record: record_hook(visitor.visit(record))


def _started(which: PaperOptions, jobs: int, seconds: float, megabytes: int) -> ReaderPool:
    """Reading processes that have begun; one where there is one paper."""
    from openbook.assess.sandbox_task import assess_in_sandbox
    from openbook.papers.sandbox import ReaderPool

    one = which.list_ is None and len(which.papers or ()) == 1 and not Path(which.papers[0]).is_dir()  # type: ignore[index]
    pool = ReaderPool(1 if one else jobs, seconds=seconds, megabytes=megabytes, task=assess_in_sandbox)
    pool.start()
    return pool


def _tell(outcome: BatchOutcome, out: Path, account: dict[str, object] | None, *, as_json: bool) -> None:
    if as_json:
        report: dict[str, object] = {
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
        if account is not None:
            report |= {"waiting": len(outcome.waiting), "batch": account}
        print(json.dumps(report, ensure_ascii=False))
    else:
        counts = [f"{outcome.assessed} assessed"]
        counts += [f"{outcome.kept} kept from before"] if outcome.kept else []
        counts += [f"{len(outcome.failures)} not assessed"] if outcome.failures else []
        counts += [f"{len(outcome.waiting)} waiting"] if outcome.waiting else []
        papers = f"{outcome.papers} paper" + ("s" if outcome.papers != 1 else "")
        print(f"{papers}: {', '.join(counts)}, in {outcome.seconds:.1f} s -> {out}")
        if outcome.records:
            print(f"See one with: openbook show {outcome.records[-1]}")
        if len(outcome.records) > 1:
            print(f"See all with: openbook overview {out} --out overview")
    for failure in outcome.failures:
        print(f"openbook: {failure.source} was not assessed: {failure.reason}", file=sys.stderr)
