"""What a running server holds: the ledger, the queue, the uploads and the workers, opened and closed together."""

from __future__ import annotations

import secrets
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.ledger import Ledger
from openbook.ledger.database import parse_url
from openbook.ledger.jobs import Job, JobQueue, QueueFull
from openbook.web.server.events import JobEvents
from openbook.web.server.problems import Fault, Problem
from openbook.web.server.sessions import Access
from openbook.web.server.settings import ServerSettings
from openbook.web.server.uploads import PartialUpload, Upload, UploadFolder
from openbook.web.server.workers import Assessors, Offer, Workers

#: Seconds that a stop waits for papers that are being read.
STOP_SECONDS = 10.0
#: Progress streams at the same time.
WATCHERS = 200


class ServerState:
    """Everything that a server holds. Raises OpenbookError when a part of it cannot be opened."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.ledger = Ledger.open(settings.ledger, durable=True)
        try:
            self.uploads = UploadFolder(settings.spool or default_folder(settings.ledger))
        except OpenbookError:
            self.ledger.close()
            raise
        self.jobs = JobQueue(self.ledger.engine, self.uploads.id)
        self.events = JobEvents()
        self.assessors = Assessors(
            self.ledger, count=settings.jobs, seconds=settings.seconds, megabytes=settings.megabytes, llm=settings.llm
        )
        self.access = Access(settings.token, private=settings.private)
        self.workers = Workers(
            self.ledger,
            self.jobs,
            self.uploads,
            self.events,
            self.assessors,
            count=settings.jobs,
            keep_minutes=settings.keep_minutes,
        )

    def open(self) -> None:
        """Start to read what waits."""
        self.workers.start()

    def close(self) -> None:
        """Stop; what is not finished waits for the next start."""
        self.workers.stop(STOP_SECONDS)
        self.ledger.close()
        self.uploads.close()

    # --- what both the API and the pages do

    def accept(self, partial: PartialUpload, upload: Upload, assessor: str) -> Job:
        """Queue an upload that has arrived. When this returns, its bytes and its job are on the disk.

        Raises Problem: 422 for an unknown assessor, 503 when the queue is full, 507 when the disk is.
        """
        offer = self._offer(assessor)
        job = Job(
            id=secrets.token_hex(16),
            name=upload.name or f"paper{upload.ending}",
            size=partial.size,
            sha256=partial.sha256,
            assessor=assessor,
            file=partial.keep(upload.ending),
        )
        return self._enter(job, offer.key)

    def read_again(self, paper: str, assessor: str) -> Job:
        """Have a paper of the ledger read by another assessor. Raises Problem as ``accept`` does; 410 without its upload."""
        offer = self._offer(assessor)
        before = self.jobs.kept(paper)
        file = self.uploads.second_name(before.file) if before is not None and before.file else None
        if file is None and not self.jobs.was_read(paper, offer.key):
            raise Problem(
                410, "No longer here", "Uploads are deleted some time after they were read; upload the paper again."
            )
        job = Job(
            id=secrets.token_hex(16),
            name=before.name if before else "",
            size=before.size if before else 0,
            sha256=paper,
            assessor=assessor,
            file=file,
        )
        return self._enter(job, offer.key)

    def drop(self, job: Job) -> None:
        """Delete a job's file."""
        if job.file:
            self.uploads.delete(job.file)
            self.jobs.forget_file(job.id)

    def _offer(self, assessor: str) -> Offer:
        offer = self.assessors.offers.get(assessor)
        if offer is None:
            what = f"there is no {assessor!r} here; choose from {', '.join(self.assessors.offers)}"
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
                self.uploads.delete(job.file)
        self.workers.wake()
        return entered


def default_folder(ledger: str) -> Path:
    """The folder beside a SQLite ledger, or where this user's programs keep their state."""
    url = parse_url(ledger)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return Path(f"{url.database}.spool")
    from platformdirs import user_state_path

    return user_state_path("openbook") / "spool"
