"""Jobs: papers that were uploaded and are to be read. A job is in the database before its uploader hears of it.

Each server has a spool, the folder of its uploads, and takes only jobs of its own spool; servers may share a ledger.
A job that was under way when its server died is taken up again, a few times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from openbook.errors import OpenbookError
from openbook.ledger.database import now, reading, writing
from openbook.ledger.tables import assessments, jobs

JobState = Literal["waiting", "working", "done", "failed"]
#: How often a job is begun before it is given up: its paper may be what brings the server down.
ATTEMPTS = 3


class QueueFull(OpenbookError):
    """As many jobs wait as may."""


@dataclass(frozen=True, slots=True)
class Job:
    """One upload. ``file`` is its name in the spool, None once deleted; ``paper`` the key of its record when done."""

    id: str
    name: str
    size: int
    sha256: str
    assessor: str
    file: str | None = None
    state: JobState = "waiting"
    attempts: int = 0
    reused: bool = False
    paper: str | None = None
    error: str | None = None
    created: str = ""
    finished: str | None = None


class JobQueue:
    """The queue of one spool in a ledger. It also shows the jobs of the other spools."""

    def __init__(self, engine: Engine, spool: str) -> None:
        self._engine = engine
        self.spool = spool

    def add(self, job: Job, run: str, *, most: int) -> Job:
        """Keep a new job. Returns it, or the one that stands for it.

        That is a job already done when the paper was read by this ``run`` (``openbook.ledger.run_key``) before, or the
        job under way that asks the same. In both cases the new file is not needed: the returned job names another.
        Raises QueueFull if ``most`` jobs wait.
        """
        live = f"{job.sha256}:{job.assessor}:{run}"
        insert = (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(jobs)
        row = {
            "id": job.id,
            "spool": self.spool,
            "file": job.file,
            "name": job.name,
            "size": job.size,
            "sha256": job.sha256,
            "assessor": job.assessor,
            "attempts": 0,
            "created": now(),
        }
        with writing(self._engine) as connection:
            if _was_read(connection, job.sha256, run):
                row |= {"state": "done", "file": None, "reused": True, "paper": job.sha256, "finished": now()}
                connection.execute(jobs.insert(), row)
                return _job(connection.execute(select(jobs).where(jobs.c.id == job.id)).one())
            under_way = connection.execute(select(jobs).where(jobs.c.live == live)).first()
            if under_way is not None:
                return _job(under_way)
            waiting = connection.execute(self._count("waiting")).scalar_one()
            if waiting >= most:
                raise QueueFull(f"{waiting} papers wait to be read already; come back in a few minutes")
            row |= {"state": "waiting", "live": live, "reused": False}
            connection.execute(insert.on_conflict_do_nothing(index_elements=["live"]), row)
            kept = connection.execute(select(jobs).where(jobs.c.live == live)).first()
        # None: another server asked the same in this moment, and has finished since
        return self.add(job, run, most=most) if kept is None else _job(kept)

    def was_read(self, paper: str, run: str) -> bool:
        """Whether a paper was read, not only refused, by this run."""
        with reading(self._engine) as connection:
            return _was_read(connection, paper, run)

    def claim(self, assessors: Sequence[str]) -> Job | None:
        """The job that has waited longest for one of these assessors, now being worked on; None when none waits."""
        with writing(self._engine) as connection:
            oldest = (
                select(jobs.c.number)
                .where(jobs.c.spool == self.spool, jobs.c.state == "waiting", jobs.c.assessor.in_(assessors))
                .order_by(jobs.c.number)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            number = connection.execute(oldest).scalar()
            if number is None:
                return None
            mine = jobs.c.number == number
            connection.execute(update(jobs).where(mine).values(state="working", attempts=jobs.c.attempts + 1))
            return _job(connection.execute(select(jobs).where(mine)).one())

    def finish(self, id_: str, *, paper: str | None = None, error: str | None = None) -> None:
        """Say that a job is done (its record is the one of ``paper``) or has failed (``error``)."""
        values = {"state": "failed" if error else "done", "live": None, "paper": paper, "error": error}
        with writing(self._engine) as connection:
            connection.execute(update(jobs).where(jobs.c.id == id_).values(finished=now(), **values))

    def put_back(self, id_: str) -> None:
        """Let a job wait again that could not be finished through no fault of its own."""
        with writing(self._engine) as connection:
            connection.execute(
                update(jobs)
                .where(jobs.c.id == id_, jobs.c.state == "working")
                .values(state="waiting", attempts=jobs.c.attempts - 1)
            )

    def cancel(self, id_: str) -> bool:
        """Cancel a job that still waits. Returns whether it was cancelled."""
        with writing(self._engine) as connection:
            waiting = (jobs.c.id == id_) & (jobs.c.state == "waiting")
            values = {"state": "failed", "live": None, "error": "cancelled", "finished": now()}
            return connection.execute(update(jobs).where(waiting).values(**values)).rowcount == 1

    def take_up(self) -> int:
        """After a start: jobs that were under way when the server stopped wait again; how many do.

        One that was begun ``ATTEMPTS`` times is given up.
        """
        broken = (jobs.c.spool == self.spool) & (jobs.c.state == "working")
        reason = f"the server stopped {ATTEMPTS} times while it read this paper; it is not tried again"
        with writing(self._engine) as connection:
            connection.execute(
                update(jobs)
                .where(broken, jobs.c.attempts >= ATTEMPTS)
                .values(state="failed", live=None, error=reason, finished=now())
            )
            return connection.execute(update(jobs).where(broken).values(state="waiting")).rowcount

    def forget_file(self, id_: str) -> None:
        """Note that a job's file is deleted."""
        with writing(self._engine) as connection:
            connection.execute(update(jobs).where(jobs.c.id == id_).values(file=None))

    def get(self, id_: str) -> Job | None:
        """One job, of any spool."""
        with reading(self._engine) as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == id_)).first()
        return None if row is None else _job(row)

    def ahead(self, id_: str) -> int:
        """How many jobs of its spool wait longer than this one."""
        with reading(self._engine) as connection:
            this = select(jobs.c.number, jobs.c.spool).where(jobs.c.id == id_).subquery()
            return int(
                connection.execute(
                    select(func.count())
                    .select_from(jobs.join(this, jobs.c.spool == this.c.spool))
                    .where(jobs.c.state == "waiting", jobs.c.number < this.c.number)
                ).scalar_one()
            )

    def counts(self) -> dict[str, int]:
        """How many jobs of this spool wait, and how many are being worked on."""
        with reading(self._engine) as connection:
            return {state: connection.execute(self._count(state)).scalar_one() for state in ("waiting", "working")}

    def with_files(self, *, finished_before: str | None = None) -> list[Job]:
        """The jobs of this spool whose files are not deleted; only those finished before a moment, where given."""
        wanted = (jobs.c.spool == self.spool) & jobs.c.file.is_not(None)
        if finished_before is not None:
            wanted &= jobs.c.finished < finished_before
        with reading(self._engine) as connection:
            return [_job(row) for row in connection.execute(select(jobs).where(wanted).order_by(jobs.c.number))]

    def kept(self, sha256: str) -> Job | None:
        """A job of this spool that still has the file with this content."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(jobs)
                .where(jobs.c.spool == self.spool, jobs.c.sha256 == sha256, jobs.c.file.is_not(None))
                .order_by(jobs.c.number.desc())
            ).first()
        return None if row is None else _job(row)

    def _count(self, state: str) -> Any:
        return select(func.count()).select_from(jobs).where(jobs.c.spool == self.spool, jobs.c.state == state)


def _was_read(connection: Connection, paper: str, run: str) -> bool:
    this = (assessments.c.paper == paper) & (assessments.c.run == run) & (assessments.c.text_hash != "")
    return connection.execute(select(assessments.c.id).where(this)).first() is not None


def _job(row: Any) -> Job:
    return Job(**{name: getattr(row, name) for name in Job.__dataclass_fields__})
