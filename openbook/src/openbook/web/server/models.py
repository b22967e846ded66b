"""What the HTTP API takes and gives beside records, and how jobs and records become that."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from openbook.ledger import Event
from openbook.ledger.jobs import Job
from openbook.record.model import Record
from openbook.variables import VARIABLES
from openbook.web.server.events import STAGES, JobProgress
from openbook.web.server.state import ServerState

API: Final = "/api/v1"

#: A line of text that every database can keep.
OneLine = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$"),
]
Variable = Literal[VARIABLES]  # type: ignore[valid-type]


class ApiModel(BaseModel):
    """The base of all bodies. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Stage(ApiModel):
    """One step from a paper to its record."""

    name: Literal["read", "passages", "answers", "evidence", "record"]
    state: Literal["waiting", "working", "done"]
    came: str = Field(default="", description="What came of it, or what is going on, in words.")


class JobBody(ApiModel):
    """An upload on its way to a record."""

    id: str
    state: Literal["waiting", "working", "done", "failed"]
    name: str = Field(description="What the uploader calls the file.")
    bytes: int
    sha256: str
    assessor: str
    stages: list[Stage]
    ahead: int = Field(description="Papers that wait longer, while this one waits.")
    record: str | None = Field(description="Where the record is, once the job is done.")
    page: str | None = Field(description="Where its page is.")
    problem: str | None = Field(description="Why the paper could not be read, though the job is done; or null.")
    error: str | None = Field(description="Why the job failed; or null.")
    documentation: int | None = Field(description="The record's Documentation Score, 0 to 7, once the job is done.")
    reproducibility: float | None = Field(description="The record's Reproducibility Score, once the job is done.")
    reused: bool = Field(description="The paper had been read by this assessor before; it was not read again.")
    created: str = Field(description="UTC, ISO 8601.")
    finished: str | None


class Reading(ApiModel):
    """A request to have a paper read by another assessor."""

    assessor: OneLine = Field(description="One of those that /health lists.", examples=["linear"])


class CorrectionBody(ApiModel):
    """A person's correction of one answer."""

    variable: Variable
    result: OneLine = Field(description="What is right; /variables says what each can be.", examples=["yes"])
    who: OneLine = Field(description="Who says so.")
    why: Words = Field(description="Why: what the paper says, and where.")
    replaces: OneLine | None = Field(
        default=None,
        description="The result that is corrected. When it is another one by now, nothing is changed (409).",
    )


class ListedRecord(ApiModel):
    """One paper of a list."""

    key: str
    id: str
    title: str
    authors: list[str]
    venue: str | None
    year: int | None
    problem: str | None
    documentation: int | None
    reproducibility: float | None
    assessor: str
    created: str | None
    corrected: int = Field(description="How many answers a person has corrected or confirmed.")
    record: str
    page: str


class Listing(ApiModel):
    """A part of the list of papers, newest record first."""

    total: int
    offset: int
    records: list[ListedRecord]


class History(ApiModel):
    """Everything that happened to a paper, oldest first."""

    paper: str
    events: list[Event]


class OfferBody(ApiModel):
    """An assessor that papers can be read with here."""

    name: str
    model: str | None
    version: str
    about: str


class Health(ApiModel):
    """Whether the server works, what it offers, and its limits."""

    status: Literal["ok", "failing"]
    version: str
    ledger: Literal["ok", "failing"]
    waiting: int
    working: int
    assessors: list[OfferBody]
    upload_bytes: int
    token_needed: bool


class VariableBody(ApiModel):
    """One of the nine variables."""

    name: str
    title: str
    question: str
    scored: bool
    yes: str = Field(description="What counts.")
    corrections: list[str] = Field(description="What a person may set it to.")


# --- from jobs and records


def record_path(key: str) -> str:
    """Where the API has a record."""
    return f"{API}/records/{quote(key, safe='')}"


def page_path(key: str) -> str:
    """Where the page of a paper is."""
    return f"/papers/{quote(key, safe='')}"


def job_body(state: ServerState, job: Job) -> JobBody:
    """A job with its stages as far as they are known here."""
    done = job.state == "done" and job.paper is not None
    record = state.ledger.of([str(job.paper)]).get(str(job.paper)) if done else None
    return JobBody(
        id=job.id,
        state=job.state,
        name=job.name,
        bytes=job.size,
        sha256=job.sha256,
        assessor=job.assessor,
        stages=stages(job, state.events.progress(job.id)),
        ahead=state.jobs.ahead(job.id) if job.state == "waiting" else 0,
        record=record_path(str(job.paper)) if done else None,
        page=page_path(str(job.paper)) if done else None,
        problem=record.paper.problem if record and not job.reused else None,
        error=job.error,
        documentation=record.scores.documentation if record else None,
        reproducibility=record.scores.reproducibility if record else None,
        reused=job.reused,
        created=job.created,
        finished=job.finished,
    )


def stages(job: Job, progress: JobProgress | None) -> list[Stage]:
    """The stages of a job in their order."""
    results = dict(progress.done) if progress else {}
    shown = []
    under_way = job.state == "working"
    for name in STAGES:
        state = "done" if name in results or (job.state == "done" and progress is None) else "waiting"
        if state == "waiting" and under_way:
            state, under_way = "working", False
        note = progress.note if progress and state == "working" else ""
        shown.append(Stage.model_validate({"name": name, "state": state, "came": results.get(name, note)}))
    return shown


def listed_body(key: str, record: Record) -> ListedRecord:
    """A record as a list shows it."""
    paper = record.paper
    return ListedRecord(
        key=key,
        id=paper.id,
        title=paper.title,
        authors=paper.authors,
        venue=paper.venue,
        year=paper.year,
        problem=paper.problem,
        documentation=record.scores.documentation,
        reproducibility=record.scores.reproducibility,
        assessor=record.run.assessor,
        created=record.run.created,
        corrected=sum(answer.correction is not None for answer in record.answers.values()),
        record=record_path(key),
        page=page_path(key),
    )


def is_over(job: Job | JobBody) -> bool:
    """Whether nothing will happen to a job any more."""
    return job.state in ("done", "failed")
