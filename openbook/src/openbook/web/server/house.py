"""Everything that a running server holds, opened and closed together."""

from __future__ import annotations

import secrets
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.ledger import Ledger
from openbook.ledger.database import parse_url
from openbook.ledger.jobs import Job, JobQueue, QueueFull
from openbook.web.server.access import Access
from openbook.web.server.board import Board
from openbook.web.server.problems import Fault, Problem
from openbook.web.server.readers import Offer, PaperReaders
from openbook.web.server.receiving import Upload
from openbook.web.server.settings import ServerSettings
from openbook.web.server.spool import Incoming, Spool
from openbook.web.server.workers import Workers

#: Seconds that a stop waits for papers that are being read.
PATIENCE = 10.0
#: Progress streams at the same time.
WATCHERS = 200


class House:
    """The ledger, the queue, the spool, the workers. Raises OpenbookError when one of them cannot be had."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.ledger = Ledger.open(settings.ledger, durable=True)
        try:
            self.spool = Spool(settings.spool or default_spool(settings.ledger))
        except OpenbookError:
            self.ledger.close()
            raise
        self.jobs = JobQueue(self.ledger.engine, self.spool.id)
        self.board = Board()
        self.readers = PaperReaders(
            self.ledger, count=settings.jobs, seconds=settings.seconds, megabytes=settings.megabytes, llm=settings.llm
        )
        self.access = Access(
            self.spool.secret, settings.token, f"openbook_{self.spool.id[:8]}", private=settings.private
        )
        self.workers = Workers(
            self.ledger, self.jobs, self.spool, self.board, self.readers,
            count=settings.jobs, keep_minutes=settings.keep_minutes,
        )  # fmt: skip

    def open(self) -> None:
        """Begin to read what waits."""
        self.workers.start()

    def close(self) -> None:
        """Stop; what is not finished waits for the next start."""
        self.workers.stop(PATIENCE)
        self.ledger.close()
        self.spool.close()

    # --- what both the API and the pages do

    def accept(self, incoming: Incoming, upload: Upload, assessor: str) -> Job:
        """Queue an upload that has arrived. It is accepted when its bytes and its job are on the disk.

        Raises Problem: 422 for an unknown assessor, 503 when the queue is full, 507 when the disk is.
        """
        offer = self._offer(assessor)
        job = Job(
            id=secrets.token_hex(16), name=upload.name or f"paper{upload.ending}", size=incoming.size,
            sha256=incoming.sha256, assessor=assessor, file=_keep(incoming, upload.ending),
        )  # fmt: skip
        return self._enter(job, offer.key)

    def read_again(self, paper: str, assessor: str) -> Job:
        """Have a paper of the ledger read by another assessor. Raises Problem as ``accept``; 410 without its upload."""
        offer = self._offer(assessor)
        before = self.jobs.kept(paper)
        file = self.spool.another(before.file) if before is not None and before.file else None
        if file is None and not self.jobs.was_read(paper, offer.key):
            raise Problem(
                410, "No longer here", "Uploads are deleted some time after they were read; upload the paper again."
            )
        job = Job(
            id=secrets.token_hex(16), name=before.name if before else "", size=before.size if before else 0,
            sha256=paper, assessor=assessor, file=file,
        )  # fmt: skip
        return self._enter(job, offer.key)

    def drop(self, job: Job) -> None:
        """Delete a job's file."""
        if job.file:
            self.spool.delete(job.file)
            self.jobs.forget_file(job.id)

    def _offer(self, assessor: str) -> Offer:
        offer = self.readers.offers.get(assessor)
        if offer is None:
            what = f"there is no {assessor!r} here; choose from {', '.join(self.readers.offers)}"
            raise Problem(422, "Unknown assessor", what, errors=[Fault(where="assessor", what=what)])
        return offer

    def _enter(self, job: Job, run: str) -> Job:
        """Put a job into the queue; its file is deleted when another job stands for it, or when it cannot be."""
        entered: Job | None = None
        try:
            entered = self.jobs.add(job, run, most=self.settings.queue)
        except QueueFull as full:
            raise Problem(503, "Busy", f"{full}.", headers={"Retry-After": "30"}) from full
        finally:
            if job.file and (entered is None or entered.file != job.file):
                self.spool.delete(job.file)
        self.workers.ring()
        return entered


def _keep(incoming: Incoming, ending: str) -> str:
    try:
        return incoming.keep(ending)
    except OSError as error:
        raise Problem(507, "The disk is full", f"The upload could not be kept ({error.strerror}).") from error


def default_spool(ledger: str) -> Path:
    """The folder beside a SQLite ledger, or where this user's programs keep their state."""
    url = parse_url(ledger)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return Path(f"{url.database}.spool")
    from platformdirs import user_state_path

    return user_state_path("openbook") / "spool"
