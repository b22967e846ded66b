"""Everything that a running server holds, opened and closed together."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.ledger import Ledger
from openbook.ledger.database import parse_url
from openbook.ledger.jobs import Job, JobBook, QueueFull
from openbook.server.access import Access
from openbook.server.board import Board
from openbook.server.problems import Fault, Problem
from openbook.server.readers import PaperReaders
from openbook.server.receiving import Upload
from openbook.server.settings import ServerSettings
from openbook.server.spool import Incoming, Spool
from openbook.server.workers import Workers

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
        self.jobs = JobBook(self.ledger.engine, self.spool.id)
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
        self._entering = threading.Lock()

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
            sha256=incoming.sha256, assessor=assessor, file=_kept(incoming, upload.ending),
        )  # fmt: skip
        return self._enter(job, offer.key)

    def read_again(self, paper: str, assessor: str) -> Job:
        """Have a paper of the ledger read by another assessor. Raises Problem; 410 when its upload is deleted."""
        offer = self._offer(assessor)
        before = self.jobs.kept(paper)
        if before is None or before.file is None or not self.spool.path(before.file).is_file():
            # without its file nothing can be read; but the answer may be there already
            if self.ledger.assessed_by(paper, offer.key):
                return self._enter(
                    Job(id=secrets.token_hex(16), name="", size=0, sha256=paper, assessor=assessor), offer.key
                )
            raise Problem(
                410, "No longer here", "Uploads are deleted some time after they were read; upload the paper again."
            )
        job = Job(
            id=secrets.token_hex(16), name=before.name, size=before.size, sha256=paper, assessor=assessor,
            file=self.spool.copy(before.file),
        )  # fmt: skip
        return self._enter(job, offer.key)

    def _offer(self, assessor: str):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def _enter(self, job: Job, run: str) -> Job:
        raise NotImplementedError


def _kept(incoming: Incoming, ending: str) -> str:
    raise NotImplementedError
