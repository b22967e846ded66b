"""The same batch on a Ray cluster: papers are read and assessed by its workers, records written here."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.assess.batch import (
    BatchOutcome,
    BatchSettings,
    BatchWriter,
    FindFile,
    OnPaper,
    RecordHook,
    no_progress,
    unchanged,
)
from openbook.assess.papers_list import PaperSource
from openbook.assess.pipeline import Pipeline
from openbook.assessors.base import Assessor, StopAssessing
from openbook.errors import OpenbookError
from openbook.record.model import Record

if TYPE_CHECKING:
    from openbook.assessors.llm.settings import LlmSettings

#: Papers that one task reads and assesses; a worker's start-up is paid once per task at most.
CHUNK = 8

#: Makes the assessor, in whichever process is to use it.
MakeAssessor = Callable[[], Assessor]
#: A source and the path of its file, as every worker sees it.
PaperFile = tuple[PaperSource, str]


class AssessorFactory:
    """Makes the assessor in whichever process is to use it; holds only what can be sent there."""

    def __init__(self, settings: LlmSettings | None, ledger: str | None) -> None:
        self.settings = settings
        self.ledger = ledger

    def __call__(self, *, batch: bool = False) -> Assessor:
        if self.settings is None:
            from openbook.assessors.linear.assessor import LinearAssessor

            return LinearAssessor()
        from openbook.assessors.llm.assessor import LlmAssessor
        from openbook.assessors.llm.cached_client import LedgerReplyCache

        if batch:  # for an estimate: nobody is asked
            from openbook.assessors.llm.batch_api import BatchApi
            from openbook.assessors.llm.batch_job import BatchAssessor

            BatchApi(self.settings).close()  # says what is wrong with the model or the key
            return BatchAssessor(self.settings)
        if self.ledger is None:
            return LlmAssessor(self.settings)
        from openbook.ledger import Ledger

        ledger: Ledger = Ledger.open(self.ledger)
        return LlmAssessor(self.settings, cache=lambda: LedgerReplyCache(ledger.reply_cache()))

    @property
    def budget(self) -> float | None:
        """US dollars that may be spent; None for no limit."""
        return self.settings.budget if self.settings else None

    def portion(self, budget: float | None, parts: int) -> AssessorFactory:
        """The same with another budget, and its share of the provider's limits as one of ``parts`` at once."""
        if self.settings is None:
            return self
        limits = {
            name: max(1, limit // parts)
            for name in ("concurrency", "requests_per_minute", "tokens_per_minute")
            if (limit := getattr(self.settings, name)) is not None
        }
        return AssessorFactory(replace(self.settings, budget=budget, **limits), self.ledger)


def assess_on_ray(
    papers: Sequence[PaperSource],
    make_assessor: MakeAssessor,
    folder: Path,
    settings: BatchSettings,
    *,
    find_file: FindFile,
    on_progress: OnPaper = no_progress,
    record_hook: RecordHook = unchanged,
) -> BatchOutcome:
    """Assess papers as ``assess_batch`` does, on the cluster at ``RAY_ADDRESS``, else on one started here.

    Workers must see the papers under the same paths. Records equal those of one machine, but for the run's seconds
    and date. Raises OpenbookError if Ray is missing or cannot be reached.
    """
    ray = _connected(settings.jobs)
    with BatchWriter(
        papers, make_assessor(), folder, settings, on_progress=on_progress, record_hook=record_hook
    ) as writer:
        todo: list[PaperFile] = []
        for source in papers:
            try:
                path = find_file(source)
            except OpenbookError as error:
                writer.add(source, error)
                continue
            kept = writer.earlier(source, path)
            if kept is None:
                todo.append((source, str(path.resolve())))
            else:
                writer.add(source, kept)
        for source, result in _results(ray, todo, make_assessor, settings):
            if isinstance(result, StopAssessing):
                writer.outcome.stopped = str(result)
                break
            writer.add(source, result)
    return writer.outcome


def require_ray() -> None:
    """Raise OpenbookError, naming the extra, where Ray is not installed."""
    if find_spec("ray") is None:
        raise OpenbookError("--engine ray needs the extra: pip install 'openbook[ray]'")


def _connected(jobs: int) -> Any:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    require_ray()
    import ray

    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS")
        options: dict[str, Any] = {"address": address} if address else {"num_cpus": jobs, "include_dashboard": False}
        for last in (address is not None, True):  # a busy machine may need longer than the half minute that Ray waits
            try:
                ray.init(log_to_driver=False, logging_level="ERROR", **options)
                break
            except Exception as error:  # Ray raises its bare base class where a node is slow to start
                ray.shutdown()
                if last:
                    where = f"at RAY_ADDRESS={address}" if address else "on this machine"
                    said = (str(error).strip() or type(error).__name__).splitlines()[0]
                    raise OpenbookError(f"cannot use Ray {where}: {said}") from error
    return ray


def _results(
    ray: Any, todo: Sequence[PaperFile], make_assessor: MakeAssessor, settings: BatchSettings
) -> Iterator[tuple[PaperSource, Record | OpenbookError]]:
    """The result of each paper, as tasks finish; ``StopAssessing`` is the reason to stop.

    A budget is shared out: each task gets a part of what is left and gives back what it did not spend. Papers for which
    a part was too small wait until nothing else is under way and all that is left is theirs.
    """
    task = ray.remote(_assess_chunk)
    parts = 2 * settings.jobs
    chunks = deque(todo[first : first + CHUNK] for first in range(0, len(todo), CHUNK))
    short: deque[Sequence[PaperFile]] = deque()
    budget = _SharedBudget(make_assessor)
    under_way: dict[Any, tuple[Sequence[PaperFile], float]] = {}

    def send(chunk: Sequence[PaperFile], share: int) -> None:
        make, part = budget.part(share, parts)
        under_way[task.remote(chunk, make, settings)] = chunk, part

    try:
        while chunks or short or under_way:
            while chunks and len(under_way) < parts:
                send(chunks.popleft(), parts - len(under_way))
            last = not under_way
            if last:
                send(short.popleft(), 1)
            done, _ = ray.wait(list(under_way), num_returns=1)
            chunk, part = under_way.pop(done[0])
            try:
                results, spent = ray.get(done[0])
            except ray.exceptions.RayError as error:
                failed = OpenbookError(f"the Ray worker failed: {str(error).strip().splitlines()[-1]}")
                results, spent = [failed] * len(chunk), part
            budget.take_back(part - spent)
            answered = next((at for at, one in enumerate(results) if isinstance(one, StopAssessing)), len(results))
            if answered < len(results) and not last:
                short.append(chunk[answered:])
                results = results[:answered]
            yield from zip((source for source, _ in chunk), results, strict=False)
    finally:
        for reference in under_way:
            ray.cancel(reference, force=True)


class _SharedBudget:
    """What is left of the budget, if there is one."""

    def __init__(self, make_assessor: MakeAssessor) -> None:
        self._make = make_assessor
        self._factory = make_assessor if isinstance(make_assessor, AssessorFactory) else None
        self._left = self._factory.budget if self._factory else None

    def part(self, share: int, parts: int) -> tuple[MakeAssessor, float]:
        """An assessor that may spend one ``share``-th of what is left, as one of ``parts`` at once; and that amount."""
        part = None if self._left is None else self._left / share
        self.take_back(-(part or 0.0))
        return self._factory.portion(part, parts) if self._factory else self._make, part or 0.0

    def take_back(self, dollars: float) -> None:
        if self._left is not None:
            self._left += dollars


def _assess_chunk(
    papers: Sequence[PaperFile], make_assessor: MakeAssessor, settings: BatchSettings
) -> tuple[list[Record | OpenbookError], float]:
    """On a worker: read and assess some papers. Also what that may have cost, in US dollars."""
    assessor = make_assessor()
    results: list[Record | OpenbookError] = []
    with Pipeline(assessor, seconds=settings.seconds, megabytes=settings.megabytes) as pipeline:
        for source, path in papers:
            try:
                results.append(pipeline.record(Path(path), source))
            except StopAssessing as error:
                results += [error] * (len(papers) - len(results))
                break
            except OpenbookError as error:
                results.append(error)
            except Exception as error:  # one paper that breaks an assessor must not take the others with it
                results.append(OpenbookError(f"{type(error).__name__}: {error}"))
    return results, float(getattr(assessor, "spent", 0.0))
