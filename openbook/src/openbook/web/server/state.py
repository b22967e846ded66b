"""What a running server holds: the ledger, the queue, the uploads and the workers, opened and closed together."""

from __future__ import annotations

import secrets
from pathlib import Path

from openbook.assess.pipeline import text_hash
from openbook.errors import OpenbookError
from openbook.ledger import Ledger
from openbook.ledger.database import parse_url
from openbook.ledger.jobs import Job, JobQueue, QueueFull
from openbook.papers.paper import Paper
from openbook.papers.sandbox import read_safely
from openbook.record.model import Evidence, Record
from openbook.web.marked_pages import PageRenderer
from openbook.web.server.events import JobEvents
from openbook.web.server.excerpts import context_of, quotes_in
from openbook.web.server.problems import Fault, Problem
from openbook.web.server.sessions import Access
from openbook.web.server.settings import ServerSettings
from openbook.web.server.uploads import PartialUpload, Upload, UploadFolder
from openbook.web.server.workers import Assessors, Offer, Workers

#: Seconds that a stop waits for papers that are being read.
STOP_SECONDS = 10.0
#: The most seconds that one page may take to be drawn, or a paper to be marked.
PAGE_SECONDS = 20.0


class ServerState:
    """Everything that a server holds. Raises OpenbookError if a part of it cannot be opened."""

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
        self.pages = PageRenderer(seconds=min(settings.seconds, PAGE_SECONDS), megabytes=settings.megabytes)
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
        self.pages.close()
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

    def correct(self, paper: str, record: Record, variable: str, result: str, *, who: str, why: str) -> None:
        """Append a correction of a record. The quotes in its reason become evidence while the paper's file is here."""
        located: list[Evidence] = []
        if (found := self._paper_of(paper, record)) is not None:
            located = quotes_in(why, found)
            self._keep_contexts(paper, record, found, located)
        self.ledger.correct(paper, variable, result, who=who, why=why, evidence=located)

    def file_of(self, paper: str) -> Path | None:
        """The uploaded file of a paper; None if it is deleted."""
        job = self.jobs.kept(paper)
        path = self.uploads.path(job.file) if job and job.file else None
        return path if path is not None and path.is_file() else None

    def _paper_of(self, paper: str, record: Record) -> Paper | None:
        """The paper of a record, read again; None if its file is deleted or its text is another."""
        path = self.file_of(paper)
        if path is None:
            return None
        try:
            found = read_safely(path, seconds=self.settings.seconds, megabytes=self.settings.megabytes)
        except OpenbookError:  # it was deleted in this moment
            return None
        return found if found.problem is None and text_hash(found) == record.run.text_hash else None

    def _keep_contexts(self, key: str, record: Record, paper: Paper, quotes: list[Evidence]) -> None:
        """Add quotes to what the page shows of the paper."""
        if not quotes or record.run.text_hash is None:
            return
        kept = self.ledger.excerpts(key, record.run.text_hash) or {}
        contexts = kept.get("contexts", {}) | context_of(paper, quotes)
        self.ledger.keep_excerpts(key, record.run.text_hash, kept | {"contexts": contexts})

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
