"""Jobs, records and events as the API and the pages show them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from openbook.ledger.jobs import Job
from openbook.record.model import Record
from openbook.web.server.board import STAGES, Progress
from openbook.web.server.house import House
from openbook.web.server.models import JobBody, Listed, Stage

API: Final = "/api/v1"


def record_path(key: str) -> str:
    """Where the API has a record."""
    return f"{API}/records/{quote(key, safe='')}"


def page_path(key: str) -> str:
    """Where the page of a paper is."""
    return f"/papers/{quote(key, safe='')}"


def job_body(house: House, job: Job) -> JobBody:
    """A job with its stages as far as they are known here."""
    done = job.state == "done" and job.paper is not None
    problem = None
    if done and not job.reused:
        record = house.ledger.of([str(job.paper)]).get(str(job.paper))
        problem = record.paper.problem if record else None
    return JobBody(
        id=job.id,
        state=job.state,
        name=job.name,
        bytes=job.size,
        sha256=job.sha256,
        assessor=job.assessor,
        stages=stages(job, house.board.progress(job.id)),
        ahead=house.jobs.ahead(job.id) if job.state == "waiting" else 0,
        record=record_path(str(job.paper)) if done else None,
        page=page_path(str(job.paper)) if done else None,
        problem=problem,
        error=job.error,
        reused=job.reused,
        created=job.created,
        finished=job.finished,
    )


def stages(job: Job, progress: Progress | None) -> list[Stage]:
    """The stages of a job in their order."""
    came = dict(progress.done) if progress else {}
    shown = []
    under_way = job.state == "working"
    for name in STAGES:
        state = "done" if name in came or (job.state == "done" and progress is None) else "waiting"
        if state == "waiting" and under_way:
            state, under_way = "working", False
        note = progress.note if progress and state == "working" else ""
        shown.append(Stage.model_validate({"name": name, "state": state, "came": came.get(name, note)}))
    return shown


def listed_body(key: str, record: Record) -> Listed:
    """A record as a list shows it."""
    paper = record.paper
    return Listed(
        key=key, id=paper.id, title=paper.title, authors=paper.authors, venue=paper.venue, year=paper.year,
        problem=paper.problem, documentation=record.scores.documentation, reproducibility=record.scores.reproducibility,
        assessor=record.run.assessor, created=record.run.created,
        corrected=sum(answer.correction is not None for answer in record.answers.values()),
        record=record_path(key), page=page_path(key),
    )  # fmt: skip


def is_over(job: Job | JobBody) -> bool:
    """Whether nothing will happen to a job any more."""
    return job.state in ("done", "failed")
