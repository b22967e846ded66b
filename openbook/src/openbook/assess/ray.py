"""The same batch on a Ray cluster: papers are read and assessed by its workers, records written here."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from openbook.assess.batch import Failure, Locate, Outcome, Settings, Watch, prepare, write_folder_table
from openbook.assess.naming import Digests, Named, existing
from openbook.assess.recording import assess_paper, info_of, run_of, same_run
from openbook.assessors.base import Assessor, StopAssessing
from openbook.errors import OpenbookError
from openbook.papers.sandbox import ReaderPool
from openbook.record.files import write_record
from openbook.record.model import Record

#: Papers that one task reads and assesses; a worker's start-up is paid once per task at most.
CHUNK = 8

#: Makes the assessor, in whichever process is to use it.
MakeAssessor = Callable[[], Assessor]


@runtime_checkable
class Portioned(Protocol):
    """Makes an assessor that has a budget (US dollars, None: no limit) and a provider's limits to keep."""

    @property
    def budget(self) -> float | None: ...

    def portion(self, budget: float | None, parts: int) -> MakeAssessor:
        """Makes one that may spend this much and, being one of so many at once, uses its share of the limits."""
        ...


def assess_on_ray(
    papers: Sequence[Named],
    make_assessor: MakeAssessor,
    folder: Path,
    settings: Settings,
    *,
    locate: Locate,
    watch: Watch = lambda outcome, source: None,
    keep: Callable[[Record], None] = lambda record: None,
) -> Outcome:
    """Assess papers as ``assess_batch`` does, on the cluster at ``RAY_ADDRESS``, else on one started here.

    Workers must see the papers under the same paths. Records equal those of one machine, but for the run's seconds
    and date. Raises OpenbookError when Ray is missing or cannot be reached.
    """
    ray = _ray(settings.jobs)
    start = time.perf_counter()
    outcome = Outcome(papers=len(papers))
    prepare(folder)
    run, digests = run_of(make_assessor()), Digests()
    todo: list[tuple[Named, str]] = []
    for named in papers:
        try:
            path = locate(named)
        except OpenbookError as error:
            outcome.failures.append(Failure(named.source, str(error)))
            watch(outcome, named.source)
            continue
        record = None if settings.force else existing(folder / f"{named.name}.json")
        if record and record.paper.problem is None and same_run(record.run, run):
            sha256 = digests.of(str(path))
            if sha256 is not None and sha256 == record.paper.sha256:
                outcome.kept += 1
                outcome.records.append(folder / f"{named.name}.json")
                watch(outcome, named.source)
                continue
        todo.append((named, str(path.resolve())))
    try:
        for named, found in _stream(ray, todo, make_assessor, settings):
            if isinstance(found, Failure):
                outcome.failures.append(found)
                watch(outcome, named.source)
                continue
            if isinstance(found, str):
                outcome.stopped = found
                break
            record_path = folder / f"{named.name}.json"
            write_record(found, record_path)
            keep(found)
            outcome.records.append(record_path)
            if found.paper.problem is not None:
                outcome.failures.append(Failure(named.source, found.paper.problem))
            else:
                outcome.assessed += 1
            outcome.input_tokens += found.run.input_tokens
            outcome.output_tokens += found.run.output_tokens
            outcome.cost += found.run.cost
            watch(outcome, named.source)
    finally:
        write_folder_table(folder)
    outcome.seconds = time.perf_counter() - start
    return outcome


def require_ray() -> None:
    """Raise OpenbookError, naming the extra, where Ray is not installed."""
    if find_spec("ray") is None:
        raise OpenbookError("--engine ray needs the extra: pip install 'openbook[ray]'")


def _ray(jobs: int) -> Any:
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


def _stream(
    ray: Any, todo: Sequence[tuple[Named, str]], make_assessor: MakeAssessor, settings: Settings
) -> Iterator[tuple[Named, Record | Failure | str]]:
    """What became of each paper, as tasks finish; a string is the reason to stop.

    A budget is shared out: each task gets a part of what is left and gives back what it did not spend. Papers for which
    a part was too small wait until nothing else is under way and all that is left is theirs.
    """
    task = ray.remote(_chunk)
    parts = 2 * settings.jobs
    chunks = deque(todo[first : first + CHUNK] for first in range(0, len(todo), CHUNK))
    short: deque[Sequence[tuple[Named, str]]] = deque()
    purse = _Purse(make_assessor)
    under_way: dict[Any, tuple[Sequence[tuple[Named, str]], float]] = {}

    def send(chunk: Sequence[tuple[Named, str]], share: int) -> None:
        make, part = purse.part(share, parts)
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
                reason = f"the Ray worker failed: {str(error).strip().splitlines()[-1]}"
                results, spent = [Failure(named.source, reason) for named, _ in chunk], part
            purse.take_back(part - spent)
            answered = next((at for at, found in enumerate(results) if isinstance(found, str)), len(results))
            if answered < len(results) and not last:
                short.append(chunk[answered:])
                results = results[:answered]
            yield from zip((named for named, _ in chunk), results, strict=False)
    finally:
        for reference in under_way:
            ray.cancel(reference, force=True)


class _Purse:
    """What is left of the budget, if there is one."""

    def __init__(self, make_assessor: MakeAssessor) -> None:
        self._make = make_assessor
        given: object = make_assessor
        self._portions = given if isinstance(given, Portioned) else None
        self._left = self._portions.budget if self._portions else None

    def part(self, share: int, parts: int) -> tuple[MakeAssessor, float]:
        """Whoever may spend one ``share``-th of what is left, as one of ``parts`` at once; and how much that is."""
        part = None if self._left is None else self._left / share
        self.take_back(-(part or 0.0))
        return self._portions.portion(part, parts) if self._portions else self._make, part or 0.0

    def take_back(self, dollars: float) -> None:
        if self._left is not None:
            self._left += dollars


def _chunk(
    papers: Sequence[tuple[Named, str]], make_assessor: MakeAssessor, settings: Settings
) -> tuple[list[Record | Failure | str], float]:
    """On a worker: read and assess some papers. Also what that may have cost, in US dollars."""
    assessor = make_assessor()
    results: list[Record | Failure | str] = []
    with ReaderPool(1, seconds=settings.seconds, megabytes=settings.megabytes) as readers:
        for named, path in papers:
            try:
                paper = readers.read(Path(path))
                paper.source = named.source
                results.append(assess_paper(paper, assessor, info_of(paper, named.name, named.known)))
            except StopAssessing as error:
                results += [str(error)] * (len(papers) - len(results))
                break
            except Exception as error:  # one paper that breaks an assessor must not take the others with it
                reason = str(error) if isinstance(error, OpenbookError) else f"{type(error).__name__}: {error}"
                results.append(Failure(named.source, reason))
    return results, float(getattr(assessor, "spent", 0.0))
