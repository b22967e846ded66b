"""The HTTP API, under ``/api/v1``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import anyio
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

import openbook
from openbook.ledger import LedgerError
from openbook.ledger.database import AmbiguousPaper, UnknownPaper
from openbook.ledger.jobs import Job
from openbook.ledger.queries import listed
from openbook.ledger.store import ALLOWED
from openbook.record.files import dump_record, record_schema
from openbook.record.model import Record
from openbook.variables.definitions import definitions
from openbook.web.server.models import (
    API,
    CorrectionBody,
    Health,
    History,
    JobBody,
    Listing,
    OfferBody,
    Reading,
    VariableBody,
    is_over,
    job_body,
    listed_body,
)
from openbook.web.server.problems import Fault, Problem, documented
from openbook.web.server.state import ServerState
from openbook.web.server.uploads import BODIES, FORM, receive_upload

#: Progress streams at the same time.
WATCHERS: Final = 200
#: Seconds between looks at a job that another server works on, or that only moves up in the queue.
LOOK: Final = 1.0
#: What any operation can answer: no such host, too many requests, the ledger is away.
ALWAYS: Final = (421, 429, 503)
#: The parameter that names a paper.
PAPER: Any = Path(
    description="The paper: the SHA-256 of its file or 8 or more digits of it, or its id.",
    min_length=1,
    max_length=600,
    pattern=r"^[^\x00-\x1f\x7f]+$",
)
_JOB = Path(description="The job's id.", pattern="^[0-9a-f]{32}$")


def state_of(request: Request) -> ServerState:
    """What the running server holds."""
    state: ServerState = request.app.state.server
    return state


def reader(request: Request) -> ServerState:
    """What the server holds, for a request that reads. Raises Problem 401."""
    state = state_of(request)
    state.access.check_reading(request)
    return state


def _writer(request: Request) -> ServerState:
    state = state_of(request)
    state.access.check_program(request)
    return state


Reader = Annotated[ServerState, Depends(reader)]
Writer = Annotated[ServerState, Depends(_writer)]
router = APIRouter(prefix=API)


def find(state: ServerState, paper: str) -> str:
    """The key of a paper. Raises Problem 404, or 409 when the name means several."""
    if not paper.isprintable():  # not every database takes such
        raise Problem(404, "No such paper", "There is no such paper here.")
    try:
        return state.ledger.find(paper)
    except AmbiguousPaper as error:
        raise Problem(409, "Several papers", str(error)) from error
    except UnknownPaper as error:
        raise Problem(404, "No such paper", f"There is no paper {paper!r} here.") from error


def record_of(state: ServerState, paper: str) -> tuple[str, Record]:
    """A paper's key and record. Raises Problem 404 or 409."""
    key = find(state, paper)
    record = state.ledger.of([key]).get(key)
    if record is None:
        raise Problem(404, "No record", f"The paper {paper!r} has not been assessed.")
    return key, record


def job_of(state: ServerState, job: str) -> Job:
    """A job. Raises Problem 404."""
    found = state.jobs.get(job)
    if found is None:
        raise Problem(404, "No such job", "There is no such job here.")
    return found


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "A form with the paper as its field `file`, or the paper itself as the whole body.",
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The paper."},
                        "assessor": {"type": "string", "description": "Who reads it, instead of the query's."},
                    },
                }
            },
            **dict.fromkeys(BODIES, _BINARY),
        },
    }
}
_ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": JobBody, "description": "This paper was read by this assessor before: the job is done."},
    202: {"model": JobBody, "description": "The paper is in the queue; no crash of the server loses it."},
}


def _accepted(state: ServerState, job: Job) -> Response:
    body = job_body(state, job)
    return JSONResponse(
        body.model_dump(), 200 if body.state == "done" else 202, headers={"Location": f"{API}/jobs/{job.id}"}
    )


@router.post(
    "/papers",
    status_code=202,
    tags=["papers"],
    openapi_extra=_UPLOAD,
    responses=_ACCEPTED | documented(400, 401, 403, 408, 413, 415, 422, 507, *ALWAYS),
    response_model=None,
    operation_id="upload",
)
async def upload(
    request: Request,
    state: Writer,
    assessor: Annotated[str, Query(description="Who reads it; /health lists them.", max_length=64)] = "linear",
    name: Annotated[
        str, Query(description="What to call the file, when the body is the paper itself.", max_length=500)
    ] = "",
) -> Response:
    """Upload a paper to be read. The same file and assessor again give the same record, without reading again."""
    with await run_in_threadpool(state.uploads.receive) as partial:
        arrived = await receive_upload(request, partial)
        chosen = arrived.fields.get("assessor", assessor)
        job = await run_in_threadpool(state.accept, partial, arrived, chosen)
    return await run_in_threadpool(_accepted, state, job)


@router.get("/jobs/{job}", tags=["jobs"], responses=documented(401, 404, 422, *ALWAYS), operation_id="job")
def job(state: Reader, job: Annotated[str, _JOB]) -> JobBody:
    """How far an upload has come."""
    return job_body(state, job_of(state, job))


@router.delete(
    "/jobs/{job}",
    tags=["jobs"],
    status_code=204,
    responses=documented(401, 403, 404, 408, 409, 413, 422, *ALWAYS),
    operation_id="cancel",
)
def cancel(state: Writer, job: Annotated[str, _JOB]) -> Response:
    """Cancel an upload that is still waiting, and delete its file."""
    known = job_of(state, job)
    if not state.jobs.cancel(job):
        raise Problem(409, "Too late", f"The job is not waiting any more: it is {job_of(state, job).state}.")
    state.drop(known)
    state.events.notify(job)
    return Response(status_code=204)


@router.get(
    "/jobs/{job}/events",
    tags=["jobs"],
    responses=documented(401, 404, 422, *ALWAYS)
    | {
        200: {
            "description": "Events named `job`, the whole job as JSON each time it has come further, until it is over.",
            "content": {
                "text/event-stream": {
                    "schema": {
                        "type": "object",
                        "properties": {"event": {"const": "job"}, "id": {"type": "string"}, "data": {"type": "string"}},
                    }
                }
            },
        }
    },
    response_class=EventSourceResponse,
    operation_id="events",
)
async def events(state: Reader, job: Annotated[str, _JOB]) -> EventSourceResponse:
    """Watch an upload being read, as server-sent events."""
    await run_in_threadpool(job_of, state, job)
    if state.events.watching >= WATCHERS:
        raise Problem(
            503,
            "Busy",
            "Too many clients watch jobs already; request the job from time to time instead.",
            headers={"Retry-After": "10"},
        )
    stopping = anyio.Event()
    return EventSourceResponse(_watch(state, job, stopping), ping=15, shutdown_event=stopping, shutdown_grace_period=3)


async def _watch(state: ServerState, id_: str, stopping: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """The job as it is, then each time it changes, until it is over or gone, or the server stops."""
    before: JobBody | None = None
    number = 0
    with state.events.watch(id_) as changed:
        while True:
            changed.clear()
            found = await run_in_threadpool(state.jobs.get, id_)
            if found is None:
                return
            body = await run_in_threadpool(job_body, state, found)
            if body != before:
                number += 1
                yield ServerSentEvent(body.model_dump_json(), event="job", id=str(number))
                before = body
            if is_over(body) or stopping.is_set():
                return
            try:
                await asyncio.wait_for(changed.wait(), LOOK)
            except TimeoutError:
                continue


@router.get("/records", tags=["records"], responses=documented(401, 422, *ALWAYS), operation_id="records")
def records(
    state: Reader,
    q: Annotated[
        str, Query(description="Words of the title or the id.", max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Listing:
    """The papers, newest record first."""
    found, total = listed(state.ledger, q, limit=limit, offset=offset)
    return Listing(total=total, offset=offset, records=[listed_body(key, record) for key, record in found.items()])


@router.get(
    "/records/{paper}",
    tags=["records"],
    responses=documented(401, 404, 409, 422, *ALWAYS) | {200: {"model": Record}},
    response_model=None,
    operation_id="record",
)
def record(state: Reader, paper: Annotated[str, PAPER]) -> Response:
    """A paper's record, as `openbook show --json` prints it, people's corrections applied."""
    return Response(dump_record(record_of(state, paper)[1]), media_type="application/json")


@router.get(
    "/records/{paper}/history",
    tags=["records"],
    responses=documented(401, 404, 409, 422, *ALWAYS),
    operation_id="history",
)
def history(state: Reader, paper: Annotated[str, PAPER]) -> History:
    """All that happened to a paper: how it was assessed, and what people corrected."""
    key = find(state, paper)
    return History(paper=key, events=state.ledger.history(key))


@router.post(
    "/records/{paper}/corrections",
    status_code=201,
    tags=["records"],
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422, *ALWAYS) | {201: {"model": Record}},
    response_model=None,
    operation_id="correct",
)
def correct(state: Writer, paper: Annotated[str, PAPER], body: CorrectionBody) -> Response:
    """Correct (or confirm) one answer. Corrections are appended, never changed, and win over any assessor."""
    return Response(dump_record(correct_answer(state, paper, body)), 201, media_type="application/json")


def correct_answer(state: ServerState, paper: str, body: CorrectionBody) -> Record:
    """Append a correction; the record as it is then. Raises Problem 404, 409, 422."""
    key, before = record_of(state, paper)
    allowed = ALLOWED[body.variable]
    if body.result not in allowed:
        what = f"{body.variable} can be {', '.join(allowed)}, not {body.result!r}"
        raise Problem(422, "Not an answer", f"{what}.", errors=[Fault(where="body.result", what=what)])
    now = before.answers[body.variable].result if body.variable in before.answers else "unread"
    if body.replaces is not None and body.replaces != now:
        raise Problem(409, "Changed meanwhile", f"The answer is now {now}, not {body.replaces}; load the page again.")
    state.correct(key, before, body.variable, body.result, who=body.who, why=body.why)
    return record_of(state, key)[1]


@router.post(
    "/records/{paper}/readings",
    status_code=202,
    tags=["records"],
    responses=_ACCEPTED | documented(400, 401, 403, 404, 408, 409, 410, 413, 422, *ALWAYS),
    response_model=None,
    operation_id="read_again",
)
def read_again(state: Writer, paper: Annotated[str, PAPER], body: Reading) -> Response:
    """Have a paper read by another assessor, while its upload is still here (410 when it is not)."""
    key, _ = record_of(state, paper)
    return _accepted(state, state.read_again(key, body.assessor))


@router.get("/schema", tags=["about"], responses=documented(421, 429), operation_id="schema")
def schema() -> dict[str, Any]:
    """The JSON Schema of a record, as `openbook schema` prints it."""
    return record_schema()


@router.get("/variables", tags=["about"], responses=documented(421, 429), operation_id="variables")
def variables() -> list[VariableBody]:
    """The nine variables: what each asks, what counts, and what a correction may say."""
    return [
        VariableBody(
            name=name,
            title=known.title,
            question=known.question,
            scored=known.scored,
            yes=known.yes,
            corrections=list(ALLOWED[name]),
        )
        for name, known in definitions().items()
    ]


@router.get(
    "/health",
    tags=["about"],
    responses=documented(421, 429) | {503: {"model": Health, "description": "The ledger cannot be reached."}},
    response_model=Health,
    operation_id="health",
)
def health(request: Request) -> Response:
    """Whether the server works, what it offers, and its limits."""
    state = state_of(request)
    counts, working = {"waiting": 0, "working": 0}, True
    try:
        counts = state.jobs.counts()
    except LedgerError:
        working = False
    body = Health(
        status="ok" if working else "failing",
        version=openbook.__version__,
        ledger="ok" if working else "failing",
        waiting=counts["waiting"],
        working=counts["working"],
        assessors=[
            OfferBody(name=offer.name, model=offer.run.model, version=offer.run.version, about=offer.about)
            for offer in state.assessors.offers.values()
        ],
        upload_bytes=state.settings.upload_bytes,
        token_needed=state.access.guarded,
    )
    return JSONResponse(body.model_dump(), 200 if working else 503)
