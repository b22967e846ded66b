"""A batch: papers are read in worker processes, assessed, and each record is written before the next is begun.

Whatever ends the run, finished records stay; the same command again does only what is missing.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from openbook.assess.inside import make, options_for, taken
from openbook.assess.naming import Digests, Named, existing
from openbook.assess.recording import info_of, make_record, run_of, same_run, unread_record, usage_of
from openbook.assessors.base import Assessor, ManyAssessor, PortableAssessor, StillWaiting, StopAssessing
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.papers.sandbox import MEGABYTES, SECONDS, ReaderPool
from openbook.record.files import read_folder, write_record
from openbook.record.model import Answer, Record
from openbook.record.parquet import TABLE_NAME, to_table, write_table


@dataclass(frozen=True, slots=True)
class Failure:
    """A paper that has no answers, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A record that was made where its paper was read."""

    record: Record


#: What came of looking at one paper: it was read, it was read and assessed, it has a record already, or it failed.
_Found = Paper | _Fresh | Record | OpenbookError


@dataclass(slots=True)
class Outcome:
    """What a batch came to.

    ``papers`` = assessed + kept (from an earlier run) + failed + waiting (for answers that are under way), unless it
    was ``stopped``.
    """

    papers: int = 0
    assessed: int = 0
    kept: int = 0
    failures: list[Failure] = field(default_factory=list)
    records: list[Path] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    stopped: str | None = None
    waiting: list[Named] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a batch runs. ``seconds`` and ``megabytes`` limit the reading of one paper."""

    jobs: int = 2
    force: bool = False
    seconds: float = SECONDS
    megabytes: int = MEGABYTES


#: Finds the file of a source, downloading it where need be. Raises OpenbookError.
Locate = Callable[[Named], Path]
#: Told after every paper: the outcome so far, and the source that is done.
Watch = Callable[[Outcome, str], None]


def assess_batch(
    papers: Sequence[Named],
    assessor: Assessor,
    folder: Path,
    settings: Settings,
    *,
    locate: Locate,
    watch: Watch = lambda outcome, source: None,
    keep: Callable[[Record], None] = lambda record: None,
) -> Outcome:
    """Assess papers into ``folder``, one JSON record each, and all records there into ``records.parquet``.

    ``keep`` is given every new record besides (a ledger, say). A paper that fails is listed and the others go on.
    Raises OpenbookError when the folder cannot be written.
    """
    start = time.perf_counter()
    outcome = Outcome(papers=len(papers))
    prepare(folder)
    try:
        _run(papers, assessor, folder, settings, outcome, locate, watch, keep)
    finally:
        # Also when the run is interrupted: the table then holds what was finished.
        outcome.seconds = time.perf_counter() - start
        if outcome.assessed or not (folder / TABLE_NAME).exists():
            write_folder_table(folder)
    outcome.seconds = time.perf_counter() - start
    return outcome


def write_folder_table(folder: Path) -> None:
    """Write all records of a folder to its ``records.parquet``."""
    records = list(read_folder(folder))
    if records:
        write_table(to_table(records), folder / TABLE_NAME)


def prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OpenbookError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from error
    for left in folder.glob(".*.part"):  # by a run that was killed while writing
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink()


def _run(
    papers: Sequence[Named],
    assessor: Assessor,
    folder: Path,
    settings: Settings,
    outcome: Outcome,
    locate: Locate,
    watch: Watch,
    keep: Callable[[Record], None],
) -> None:
    run = run_of(assessor)
    waiting: deque[tuple[Named, Paper]] = deque()

    def finish(named: Named, record: Record) -> None:
        path = folder / f"{named.name}.json"
        write_record(record, path)
        keep(record)
        outcome.records.append(path)
        outcome.assessed += record.paper.problem is None
        outcome.input_tokens += record.run.input_tokens
        outcome.output_tokens += record.run.output_tokens
        outcome.cost += record.run.cost
        watch(outcome, named.source)

    def fail(named: Named, reason: str) -> None:
        outcome.failures.append(Failure(named.source, reason))
        watch(outcome, named.source)

    def readable(read: Iterable[tuple[Named, _Found]]) -> Iterator[Paper]:
        for named, found in read:
            if isinstance(found, Record):
                outcome.kept += 1
                outcome.records.append(folder / f"{named.name}.json")
                watch(outcome, named.source)
            elif isinstance(found, OpenbookError):
                fail(named, str(found))
            elif isinstance(found, _Fresh):
                finish(named, found.record)
                if found.record.paper.problem is not None:
                    outcome.failures.append(Failure(named.source, found.record.paper.problem))
            elif found.problem is not None:
                finish(named, unread_record(found, info_of(found, named.name, named.known), run))
                outcome.failures.append(Failure(named.source, found.problem))
            else:
                waiting.append((named, found))
                yield found

    with contextlib.closing(_read_ahead(papers, folder, settings, assessor, locate)) as read:
        last = time.perf_counter()
        for answers in _answers(assessor, readable(read)):
            named, paper = waiting.popleft()
            seconds, last = time.perf_counter() - last, time.perf_counter()
            if isinstance(answers, StillWaiting):
                outcome.waiting.append(named)
                continue
            if isinstance(answers, StopAssessing):
                fail(named, str(answers))
                outcome.stopped = str(answers)
                return
            try:
                if isinstance(answers, Exception):
                    raise answers
                info = info_of(paper, named.name, named.known)
                record = make_record(paper, info, answers, run, usage_of(assessor), seconds)
            except OpenbookError as error:
                fail(named, str(error))
            except Exception as error:  # one paper that breaks an assessor must not take the others with it
                fail(named, f"the assessor {assessor.name} failed: {type(error).__name__}: {error}")
            else:
                finish(named, record)


def _answers(assessor: Assessor, papers: Iterator[Paper]) -> Iterator[dict[str, Answer] | Exception]:
    """The answers of each paper in order, or what went wrong."""
    if isinstance(assessor, ManyAssessor):
        yield from assessor.assess_many(papers)
        return
    for paper in papers:
        try:
            yield assessor.assess(paper)
        except Exception as error:
            yield error


def _read_ahead(
    papers: Sequence[Named], folder: Path, settings: Settings, assessor: Assessor, locate: Locate
) -> Generator[tuple[Named, _Found]]:
    """Each paper as it was read, in order, a few read ahead; an earlier record where it still holds; or the error."""
    run, digests = run_of(assessor), Digests()
    portable = assessor if isinstance(assessor, PortableAssessor) else None
    task = make if portable else None

    def one(named: Named) -> _Found:
        try:
            path = locate(named)
            if not settings.force:
                record = existing(folder / f"{named.name}.json")
                if record and record.paper.problem is None and same_run(record.run, run):
                    sha256 = digests.of(str(path))
                    if sha256 is not None and record.paper.sha256 == sha256:
                        return _with_known(record, named, folder)
            if portable is None:
                paper = readers.read(path)
            else:
                made = readers.run(path, options_for(portable, named.source, named.name, named.known))
                if not isinstance(made, Paper):
                    return _Fresh(taken(made))
                paper = made
        except OpenbookError as error:
            return error
        paper.source = named.source
        return paper

    ahead: deque[tuple[Named, Future[_Found]]] = deque()
    rest = iter(papers)
    with (
        ReaderPool(settings.jobs, seconds=settings.seconds, megabytes=settings.megabytes, task=task) as readers,
        ThreadPoolExecutor(settings.jobs) as threads,
    ):
        try:
            while True:
                while len(ahead) < 4 * settings.jobs and (named := next(rest, None)) is not None:
                    ahead.append((named, threads.submit(one, named)))
                if not ahead:
                    return
                named, future = ahead.popleft()
                yield named, future.result()
        finally:
            for _, future in ahead:
                future.cancel()


def _with_known(record: Record, named: Named, folder: Path) -> Record:
    """An earlier record, with what a list says by now of its paper."""
    if named.known is None:
        return record
    wanted = record.paper.model_copy(
        update={
            name: value
            for name, value in named.known.model_dump(include={"title", "authors", "venue", "year", "url"}).items()
            if value
        }
    )
    if wanted == record.paper:
        return record
    changed = record.model_copy(update={"paper": wanted})
    write_record(changed, folder / f"{named.name}.json")
    return changed
