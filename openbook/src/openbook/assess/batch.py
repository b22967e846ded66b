"""A batch of papers: read by several processes, assessed, each record written as soon as it is done.

Whatever ends the run, finished records stay, and the same command again does only what is missing. ``BatchWriter`` is the
part that a batch on this machine, on Ray and in rounds of batch jobs share: what is kept from before, written and counted.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.assess.papers_list import PaperSource
from openbook.assess.pipeline import Pipeline, run_of, same_run
from openbook.assessors.base import Assessor, StillWaiting, StopAssessing
from openbook.errors import OpenbookError
from openbook.files import file_sha256, sweep
from openbook.papers.paper import Paper
from openbook.papers.sandbox import MEGABYTES, SECONDS, ReaderPool
from openbook.record.files import read_folder, read_record, write_record
from openbook.record.model import Record

if TYPE_CHECKING:
    from types import TracebackType

    from openbook.assessors.llm.batch_job import BatchAssessor, BatchRunner


@dataclass(frozen=True, slots=True)
class Failure:
    """A paper that has no answers, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class EarlierRecord:
    """A record from an earlier run that still holds."""

    record: Record


@dataclass(slots=True)
class BatchOutcome:
    """The result of a batch.

    ``papers`` = assessed + kept (from an earlier run) + failed + waiting (for answers that are under way), unless it
    was ``stopped``. ``cost`` in US dollars.
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
    waiting: list[PaperSource] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How a batch runs. ``seconds`` and ``megabytes`` limit the reading of one paper."""

    jobs: int = 2
    force: bool = False
    seconds: float = SECONDS
    megabytes: int = MEGABYTES


#: Finds the file of a source, downloading it where need be. Raises OpenbookError.
FindFile = Callable[[PaperSource], Path]
#: Called after every paper with the outcome so far, and the source that is done.
OnPaper = Callable[[BatchOutcome, str], None]
#: Takes each record before it is written (into a ledger, say) and returns what is to be written.
RecordHook = Callable[[Record], Record]


def no_progress(outcome: BatchOutcome, source: str) -> None:
    """An ``OnPaper`` that does nothing."""


def unchanged(record: Record) -> Record:
    """A ``RecordHook`` that returns the record unchanged."""
    return record


def assess_batch(
    papers: Sequence[PaperSource],
    assessor: Assessor,
    folder: Path,
    settings: BatchSettings,
    *,
    find_file: FindFile,
    on_progress: OnPaper = no_progress,
    record_hook: RecordHook = unchanged,
    started: ReaderPool | None = None,
) -> BatchOutcome:
    """Assess papers into ``folder``, one JSON record each, and all records there into ``records.parquet``.

    A paper that fails is listed and the others go on. ``started`` is as in ``Pipeline``. Raises OpenbookError if the
    folder cannot be written.
    """
    jobs = min(settings.jobs, max(1, len(papers)))
    limits: dict[str, Any] = {"seconds": settings.seconds, "megabytes": settings.megabytes}
    with (
        Pipeline(assessor, jobs=jobs, started=started, **limits) as pipeline,
        BatchWriter(papers, assessor, folder, settings, on_progress=on_progress, record_hook=record_hook) as writer,
        contextlib.closing(_read_ahead(papers, writer, pipeline, jobs, find_file)) as found,
        contextlib.closing(pipeline.answer(writer.to_answer(found))) as answered,
    ):
        for source, result in answered:
            writer.add(source, result)
            if writer.outcome.stopped:
                break
    return writer.outcome


class BatchWriter:
    """The records of one batch: kept from before or written as they come, and counted. A context manager.

    At its end, also when the run is interrupted, the folder's table holds what was finished.
    """

    def __init__(
        self,
        papers: Sequence[PaperSource],
        assessor: Assessor,
        folder: Path,
        settings: BatchSettings,
        *,
        on_progress: OnPaper = no_progress,
        record_hook: RecordHook = unchanged,
    ) -> None:
        self.outcome = BatchOutcome(papers=len(papers))
        self._order = {paper.source: number for number, paper in enumerate(papers)}
        self._place = {folder / f"{paper.name}.json": number for number, paper in enumerate(papers)}
        self._assessor = assessor.name
        self._run = run_of(assessor)
        self._folder = folder
        self._force = settings.force
        self._on_progress = on_progress
        self._record_hook = record_hook
        self._start = time.perf_counter()
        self._changed = False
        _prepare(folder)

    def earlier(self, source: PaperSource, path: Path) -> EarlierRecord | None:
        """The record of an earlier run, where the same assessor would answer the same about the same file."""
        if self._force:
            return None
        try:
            record = read_record(self._path(source))
            if record.paper.problem is None and same_run(record.run, self._run):
                return EarlierRecord(record) if record.paper.sha256 == file_sha256(path) else None
        except (OpenbookError, OSError):
            pass
        return None

    def add(self, source: PaperSource, result: Record | EarlierRecord | Exception) -> None:
        """Add the result of one paper. An exception is a failure, a reason to wait, or a reason to stop."""
        outcome = self.outcome
        if isinstance(result, StillWaiting):
            outcome.waiting.append(source)
            return
        if isinstance(result, EarlierRecord):
            outcome.kept += 1
            self._write(source, _with_known(result.record, source), unless=result.record)
        elif isinstance(result, Record):
            self._write(source, result)
            outcome.input_tokens += result.run.input_tokens
            outcome.output_tokens += result.run.output_tokens
            outcome.cost += result.run.cost
            if result.paper.problem is None:
                outcome.assessed += 1
            else:
                outcome.failures.append(Failure(source.source, result.paper.problem))
        else:
            if isinstance(result, StopAssessing):
                outcome.stopped = str(result)
            reason = str(result)
            if not isinstance(
                result, OpenbookError
            ):  # one paper that breaks an assessor must not take the others along
                reason = f"the assessor {self._assessor} failed: {type(result).__name__}: {result}"
            outcome.failures.append(Failure(source.source, reason))
        self._on_progress(outcome, source.source)

    def to_answer(
        self, found: Iterable[tuple[PaperSource, Paper | Record | EarlierRecord | Exception]]
    ) -> Iterator[tuple[PaperSource, Paper]]:
        """The papers that are still to be answered; everything else is added."""
        for source, result in found:
            if isinstance(result, Paper):
                yield source, result
            else:
                self.add(source, result)

    def _write(self, source: PaperSource, record: Record, *, unless: Record | None = None) -> None:
        """Write a record as ``record_hook`` returns it; nothing where that is what stands there already."""
        path = self._path(source)
        kept = self._record_hook(record)
        if kept != unless:
            write_record(kept, path)
            self._changed = True
        self.outcome.records.append(path)

    def _path(self, source: PaperSource) -> Path:
        return self._folder / f"{source.name}.json"

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = self.outcome
        outcome.failures.sort(key=lambda failure: self._order[failure.source])
        outcome.records.sort(key=self._place.__getitem__)
        _write_table(self._folder, changed=self._changed)
        sweep(self._folder)
        outcome.seconds = time.perf_counter() - self._start


def _write_table(folder: Path, *, changed: bool) -> None:
    """Write all records of a folder to its table, where one of them changed or there is no table."""
    from openbook.record.parquet import TABLE_NAME, to_table, write_table

    if changed or not (folder / TABLE_NAME).exists():
        records = list(read_folder(folder))
        if records:
            write_table(to_table(records), folder / TABLE_NAME)


def _prepare(folder: Path) -> None:
    """Make the folder, and clear what a run left that was killed while it wrote."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OpenbookError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from error
    sweep(folder)


def _read_ahead(
    papers: Sequence[PaperSource], writer: BatchWriter, pipeline: Pipeline, jobs: int, find_file: FindFile
) -> Generator[tuple[PaperSource, Paper | Record | EarlierRecord | OpenbookError]]:
    """The result of each paper: its record where it was answered in the process that read it, else the paper.

    A few papers are read ahead. Records come as they are done. Papers to be answered here come in order, so that the same
    batch asks the same questions in the same order.
    """

    def one(source: PaperSource) -> Paper | Record | EarlierRecord | OpenbookError:
        try:
            path = find_file(source)
            return writer.earlier(source, path) or pipeline.read_or_assess(path, source)
        except OpenbookError as error:
            return error

    ahead: deque[tuple[PaperSource, Future[Paper | Record | EarlierRecord | OpenbookError]]] = deque()
    rest = iter(papers)
    with ThreadPoolExecutor(jobs) as threads:
        try:
            while True:
                while len(ahead) < 4 * jobs and (source := next(rest, None)) is not None:
                    ahead.append((source, threads.submit(one, source)))
                if not ahead:
                    return
                if pipeline.portable:
                    wait([future for _, future in ahead], return_when=FIRST_COMPLETED)
                    while not ahead[0][1].done():
                        ahead.rotate(-1)
                source, future = ahead.popleft()
                yield source, future.result()
        finally:
            for _, future in ahead:
                future.cancel()
            if ahead:  # an early end waits for no paper that is being read
                pipeline.close()


def _with_known(record: Record, source: PaperSource) -> Record:
    """An earlier record, with what the list says of its paper today."""
    if source.known is None:
        return record
    known = source.known.model_dump(include={"title", "authors", "venue", "year", "url"})
    wanted = record.paper.model_copy(update={name: value for name, value in known.items() if value})
    return record if wanted == record.paper else record.model_copy(update={"paper": wanted})


def assess_in_rounds(
    papers: Sequence[PaperSource],
    assessor: BatchAssessor,
    runner: BatchRunner,
    folder: Path,
    settings: BatchSettings,
    *,
    find_file: FindFile,
    wait: bool = True,
    on_progress: OnPaper = no_progress,
    record_hook: RecordHook = unchanged,
) -> BatchOutcome:
    """Like ``assess_batch``, through a provider's batch jobs, in rounds: collect the questions, submit them, wait, repeat.

    A round looks at every paper that has no record yet. Questions that the ledger answers become records; the others go
    into a batch job. A repair of absent quotes follows from an answer, so it is a question of the next round. Without
    ``wait`` it ends when every open question is in a batch job. When the provider fails or the budget would be exceeded,
    papers stay ``waiting`` and ``stopped`` says why.
    """
    from openbook.assessors.llm.client import CallFailed

    start = time.perf_counter()
    outcome = BatchOutcome(papers=len(papers), waiting=list(papers))
    try:
        runner.sweep()
        while outcome.waiting and outcome.stopped is None:
            with assessor.new_round() as questions:
                one = assess_batch(
                    outcome.waiting,
                    assessor,
                    folder,
                    settings,
                    find_file=find_file,
                    on_progress=on_progress,
                    record_hook=record_hook,
                )
                _add_round(outcome, one)
                if not outcome.waiting:
                    break
                runner.submit(questions)
                if not wait:
                    break
                runner.wait(questions)
    except (CallFailed, StopAssessing) as error:
        outcome.stopped = str(error)
    outcome.seconds = time.perf_counter() - start
    return outcome


def _add_round(outcome: BatchOutcome, one: BatchOutcome) -> None:
    outcome.waiting = one.waiting
    outcome.stopped = one.stopped
    outcome.failures += one.failures
    outcome.records += one.records
    for name in ("assessed", "kept", "input_tokens", "output_tokens", "cost"):
        setattr(outcome, name, getattr(outcome, name) + getattr(one, name))
