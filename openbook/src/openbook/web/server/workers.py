"""The threads that take jobs from the queue, one paper each at a time, and put records into the ledger; their assessors."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from openbook.assess.papers_list import PaperSource
from openbook.assess.pipeline import Pipeline, run_of
from openbook.assessors.base import Assessor
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.cached_client import CallCounts, LedgerReplyCache
from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError
from openbook.ledger import Ledger, LedgerError, run_key
from openbook.ledger.jobs import Job, JobQueue
from openbook.ledger.tables import paper_key
from openbook.record.model import Record, Run
from openbook.web.server.events import JobEvents
from openbook.web.server.excerpts import Excerpts, excerpts_of, read_excerpts
from openbook.web.server.uploads import UploadFolder, identifier

log = logging.getLogger("openbook.web.server")
#: Seconds between looks at the queue when no job is announced, and after the database failed.
LOOK: Final = 2.0
#: Seconds between looks for uploads to delete.
CLEAN_UP: Final = 30.0


#: Called with each stage that is done and its result; the stage is "" for a note on the one under way.
OnStage = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """An assessor by its short name, the run that its records will name, and one line about it."""

    name: str
    run: Run
    key: str
    about: str


class Assessors:
    """The assessors that a server offers. They read uploads in processes under limits.

    The linear assessor works in the process that read the paper, under the same limits. A language model is asked from
    this process, about one paper at a time.
    """

    def __init__(
        self, ledger: Ledger, *, count: int, seconds: float, megabytes: int, llm: LlmSettings | None = None
    ) -> None:
        linear = LinearAssessor()
        self.offers = {"linear": _offer("linear", linear, "on this machine, in a second or two")}
        limits: dict[str, Any] = {"seconds": seconds, "megabytes": megabytes, "extra": excerpts_of}
        self._pipelines = {"linear": Pipeline(linear, jobs=count, **limits)}
        self._asking = threading.Lock()
        self._on_progress: OnStage | None = None
        if llm is not None:
            asked = LlmAssessor(llm, cache=lambda: LedgerReplyCache(ledger.reply_cache()), on_progress=self._called)
            self.offers["llm"] = _offer("llm", asked, f"asks {llm.model}")
            self._pipelines["llm"] = Pipeline(asked, **limits)

    def record(
        self, path: Path, *, name: str, source: str, assessor: str, on_progress: OnStage
    ) -> tuple[Record, Excerpts | None]:
        """The record of a file, and what its page shows of the paper.

        ``name`` becomes the record's id, ``source`` what it calls its file.
        Raises OpenbookError if the assessor cannot answer or the file is gone.
        """
        with self._asking if assessor == "llm" else contextlib.nullcontext():
            self._on_progress = on_progress if assessor == "llm" else self._on_progress
            sent: list[object] = []
            record = self._pipelines[assessor].record(
                path, PaperSource(source, name), lambda step: on_progress(step.stage, step.result), sent.append
            )
            return record, read_excerpts(sent[0]) if sent and sent[0] is not None else None

    def _called(self, counts: CallCounts) -> None:
        if self._on_progress is not None:
            self._on_progress("", f"{counts.calls + counts.cached} replies of {self.offers['llm'].run.model} so far")

    def close(self) -> None:
        """End the reading processes at once."""
        for pipeline in self._pipelines.values():
            pipeline.close()


def _offer(name: str, assessor: Assessor, about: str) -> Offer:
    run = run_of(assessor)
    return Offer(name, run, run_key(run), about)


class Workers:
    """The threads: one for each reading process, and one more for the assessor that asks a model."""

    def __init__(
        self,
        ledger: Ledger,
        jobs: JobQueue,
        uploads: UploadFolder,
        events: JobEvents,
        assessors: Assessors,
        *,
        count: int,
        keep_minutes: float,
    ) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._uploads = uploads
        self._events = events
        self._assessors = assessors
        self._keep = timedelta(minutes=keep_minutes)
        self._stopping = threading.Event()
        self._woken = threading.Condition()
        self._wakes = 0
        kinds = [("linear",)] * count + [(name,) for name in assessors.offers if name != "linear"]
        self._threads = [
            threading.Thread(target=self._work, args=(kind,), name=f"reader-{number}", daemon=True)
            for number, kind in enumerate(kinds)
        ]
        self._threads.append(threading.Thread(target=self._clean_up, name="clean-up", daemon=True))

    def start(self) -> None:
        """Take up what an earlier server left, and begin. Raises LedgerError."""
        again = self._jobs.take_up()
        if again:
            log.warning("%d papers were being read when the server stopped; they are read again", again)
        swept = self._uploads.sweep({job.file for job in self._jobs.with_files() if job.file})
        if swept:
            log.info("%d uploads that were cut off are deleted", swept)
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Wake a thread for a new job."""
        with self._woken:
            self._wakes += 1
            self._woken.notify_all()

    def stop(self, patience: float) -> None:
        """Give papers that are being read ``patience`` seconds to finish; the others wait for the next start."""
        self._stopping.set()
        self.wake()
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._assessors.close()
        for thread in self._threads:
            thread.join(5.0)

    def _work(self, names: tuple[str, ...]) -> None:
        while not self._stopping.is_set():
            job, wakes = None, self._wakes
            try:
                job = self._jobs.claim(names)
                if job is not None:
                    self._one(job)
            except LedgerError as error:
                log.error("%s", error)
                self._stopping.wait(LOOK)
            except Exception:
                if not self._stopping.is_set():  # otherwise the stop ended its reading process
                    log.exception("a paper could not be dealt with")
                if job is not None:
                    self._give_up(job)
            if job is None:
                with self._woken:
                    self._woken.wait_for(lambda seen=wakes: self._wakes != seen, LOOK)  # type: ignore[misc]

    def _give_up(self, job: Job) -> None:
        with contextlib.suppress(LedgerError):
            if self._stopping.is_set():
                self._jobs.put_back(job.id)
            else:
                self._jobs.finish(job.id, error="the server failed; its log says how")
                self._events.notify(job.id)

    def _one(self, job: Job) -> None:
        """Read one paper. Its job ends done or failed, or waits again when the server is being stopped."""
        self._events.begin(job.id)
        path = self._uploads.path(job.file) if job.file else None
        try:
            if path is None or not path.is_file():
                raise OpenbookError("its file was deleted; upload it again")

            def on_progress(stage: str, result: str) -> None:
                if stage:
                    self._events.stage(job.id, stage, result)
                else:
                    self._events.note(job.id, result)

            record, excerpts = self._assessors.record(
                path,
                name=identifier(job.name, job.sha256),
                source=job.name,
                assessor=job.assessor,
                on_progress=on_progress,
            )
        except OpenbookError as error:
            if self._stopping.is_set():
                self._jobs.put_back(job.id)
                return
            self._jobs.finish(job.id, error=str(error))
        else:
            if record.paper.problem is not None and self._stopping.is_set():
                self._jobs.put_back(job.id)  # perhaps it was this server that ended the reading process
                return
            self._ledger.put(record)
            key = paper_key(record.paper)
            if excerpts is not None and record.run.text_hash:
                self._ledger.keep_excerpts(key, record.run.text_hash, excerpts.model_dump(mode="json"))
            self._events.stage(job.id, "record", "kept")
            self._jobs.finish(job.id, paper=key)
        if not self._keep:
            self._drop(job)
        self._events.notify(job.id)

    def _clean_up(self) -> None:
        """Delete uploads that were read long enough ago."""
        while not self._stopping.wait(CLEAN_UP):
            before = (datetime.now(UTC) - self._keep).isoformat(timespec="microseconds")
            try:
                for job in self._jobs.with_files(finished_before=before):
                    self._drop(job)
            except LedgerError as error:
                log.error("%s", error)

    def _drop(self, job: Job) -> None:
        if job.file:
            self._uploads.delete(job.file)
            self._jobs.forget_file(job.id)
