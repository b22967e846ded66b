"""The threads that take jobs from the queue, one paper each at a time, and put records into the ledger."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from openbook.errors import OpenbookError
from openbook.ledger import Ledger, LedgerError
from openbook.ledger.jobs import Job, JobQueue
from openbook.ledger.store import paper_key
from openbook.web.server.board import Board
from openbook.web.server.readers import PaperReaders
from openbook.web.server.spool import Spool

log = logging.getLogger("openbook.web.server")
#: Seconds between looks at the queue when nobody calls, and after the database failed.
LOOK: Final = 2.0
#: Seconds between looks for uploads to delete.
TIDY: Final = 30.0


class Workers:
    """Reads what waits. One thread per reading process, and one more for the assessor that asks a model."""

    def __init__(
        self,
        ledger: Ledger,
        jobs: JobQueue,
        spool: Spool,
        board: Board,
        readers: PaperReaders,
        *,
        count: int,
        keep_minutes: float,
    ) -> None:
        self._ledger, self._jobs, self._spool, self._board, self._readers = ledger, jobs, spool, board, readers
        self._keep = timedelta(minutes=keep_minutes)
        self._stopping = threading.Event()
        self._bell = threading.Condition()
        self._rung = 0
        kinds = [("linear",)] * count + [(name,) for name in readers.offers if name != "linear"]
        self._threads = [
            threading.Thread(target=self._work, args=(kind,), name=f"reader-{number}", daemon=True)
            for number, kind in enumerate(kinds)
        ]
        self._threads.append(threading.Thread(target=self._tidy, name="tidy", daemon=True))

    def start(self) -> None:
        """Take up what an earlier server left, and begin. Raises LedgerError."""
        again = self._jobs.take_up()
        if again:
            log.warning("%d papers were being read when the server stopped; they are read again", again)
        swept = self._spool.sweep({job.file for job in self._jobs.with_files() if job.file})
        if swept:
            log.info("%d uploads that were cut off are deleted", swept)
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """There is a new job."""
        with self._bell:
            self._rung += 1
            self._bell.notify_all()

    def stop(self, patience: float) -> None:
        """Let papers that are being read be finished, for ``patience`` seconds; the others wait for the next start."""
        self._stopping.set()
        self.ring()
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._readers.close()
        for thread in self._threads:
            thread.join(5.0)

    def _work(self, assessors: tuple[str, ...]) -> None:
        while not self._stopping.is_set():
            job, rung = None, self._rung
            try:
                job = self._jobs.claim(assessors)
                if job is not None:
                    self._one(job)
            except LedgerError as error:
                log.error("%s", error)
                self._stopping.wait(LOOK)
            except Exception:
                if not self._stopping.is_set():  # else the reading process was ended under its hands
                    log.exception("a paper could not be dealt with")
                if job is not None:
                    self._give_up(job)
            if job is None:
                with self._bell:
                    self._bell.wait_for(lambda seen=rung: self._rung != seen, LOOK)  # type: ignore[misc]

    def _give_up(self, job: Job) -> None:
        with contextlib.suppress(LedgerError):
            if self._stopping.is_set():
                self._jobs.put_back(job.id)
            else:
                self._jobs.finish(job.id, error="the server failed; its log says how")
                self._board.tell(job.id)

    def _one(self, job: Job) -> None:
        """Read one paper. Its job ends done or failed, or waits again when the server is being stopped."""
        self._board.begin(job.id)
        path = self._spool.path(job.file) if job.file else None
        try:
            if path is None or not path.is_file():
                raise OpenbookError("its file is gone; upload it again")

            def tell(stage: str, came: str) -> None:
                if stage:
                    self._board.stage(job.id, stage, came)
                else:
                    self._board.note(job.id, came)

            record = self._readers.record(
                path, name=identifier(job.name, job.sha256), source=job.name, assessor=job.assessor, tell=tell
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
            self._board.stage(job.id, "record", "kept")
            self._jobs.finish(job.id, paper=key)
        if not self._keep:
            self._drop(job)
        self._board.tell(job.id)

    def _tidy(self) -> None:
        """Delete uploads that were read long enough ago."""
        while not self._stopping.wait(TIDY):
            before = (datetime.now(UTC) - self._keep).isoformat(timespec="microseconds")
            try:
                for job in self._jobs.with_files(finished_before=before):
                    self._drop(job)
            except LedgerError as error:
                log.error("%s", error)

    def _drop(self, job: Job) -> None:
        if job.file:
            self._spool.delete(job.file)
            self._jobs.forget_file(job.id)


def identifier(name: str, sha256: str) -> str:
    """The id of an upload's record: its name without the ending, as far as it is letters, and eight hex digits."""
    stem = name[: name.rindex(".")] if "." in name[1:] else name
    plain = re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:80]
    return f"{plain or 'paper'}__{sha256[:8]}"
