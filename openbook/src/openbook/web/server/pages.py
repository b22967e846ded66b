"""The pages. Each works without JavaScript; with it, uploads show their progress."""

from __future__ import annotations

import logging
from functools import cache
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment
from starlette.concurrency import run_in_threadpool

from openbook.advice.advising import by_place
from openbook.files import sha256
from openbook.ledger.queries import listed
from openbook.ledger.store import ALLOWED
from openbook.record.files import dump_record
from openbook.variables import VARIABLES
from openbook.variables.definitions import definition
from openbook.web.record.page import record_context
from openbook.web.record.view import RESULTS, answers_of
from openbook.web.server.api import Reader, correct_answer, job_of, record_of, state_of
from openbook.web.server.events import STAGES
from openbook.web.server.excerpts import in_context, open_advice, read_excerpts
from openbook.web.server.models import API, CorrectionBody, is_over, job_body, listed_body, page_path
from openbook.web.server.problems import Problem
from openbook.web.server.state import ServerState
from openbook.web.server.uploads import is_pdf, receive_upload
from openbook.web.templating import environment, static_text

log = logging.getLogger("openbook.web.server")
router = APIRouter(default_response_class=HTMLResponse)
#: What each stage is, for people.
STAGE_TITLES: Final = {
    "read": "Read the file",
    "passages": "Find its passages",
    "answers": "Answer nine questions",
    "evidence": "Look for each quote in the paper",
    "record": "Keep the record",
}
PER_PAGE: Final = 25


# --- rendering


@cache
def templates() -> Environment:
    """The templates with what the server's pages use in them."""
    return environment(asset=asset_path, results=RESULTS, page_path=page_path)


@cache
def _assets() -> dict[str, tuple[bytes, str, str]]:
    """Style and script: name -> content, type, and a hash that changes with the content."""
    kinds = {
        "theme.css": "text/css",
        "server.css": "text/css",
        "server.js": "text/javascript",
        "pages.js": "text/javascript",
        "questions.js": "text/javascript",
        "icon.svg": "image/svg+xml",
    }
    found = {name: (static_text(name).encode(), f"{kind}; charset=utf-8") for name, kind in kinds.items()}
    return {name: (data, kind, sha256(data)[:12]) for name, (data, kind) in found.items()}


def asset_path(name: str) -> str:
    """The address of a style sheet or script."""
    return f"/static/{name}?v={_assets()[name][2]}"


def page(request: Request, state: ServerState, template: str, status: int = 200, **shown: Any) -> Response:
    """A page, with what every page shows and the form value of its session."""
    access = state.access
    shared: dict[str, Any] = {
        "here": request.url.path,
        "form_value": access.form_value(request),
        "guarded": access.guarded,
        "signed_in": access.signed_in(request),
        "may_write": access.may_write(request),
        "offers": list(state.assessors.offers.values()),
        "settings": state.settings,
    }
    return HTMLResponse(templates().get_template(f"server/{template}").render(**shared | shown), status)


def problem_page(request: Request, problem: Problem, state: ServerState) -> Response:
    """An error as a page."""
    response = page(request, state, "problem.html.jinja", problem.status_code, problem=problem.body)
    for name, value in (problem.headers or {}).items():
        response.headers[name] = value
    return response


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form without files, its last value of each. Raises Problem for any other body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem(415, "Not a form", "Send the fields as application/x-www-form-urlencoded.")
    try:
        return dict(parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=20))
    except (UnicodeDecodeError, ValueError) as error:
        raise Problem(400, "Broken form", f"The form cannot be parsed: {error}.") from error


async def checked_form(request: Request) -> dict[str, str]:
    """The fields of a form that may write. Raises Problem."""
    fields = await form_fields(request)
    access = state_of(request).access
    access.check_signed_in(request)
    access.check_form(request, fields.get("form", ""))
    return fields


Form = Annotated[dict[str, str], Depends(checked_form)]


# --- looking


@router.get("/")
def home(request: Request, state: Reader) -> Response:
    """Drop a paper; the newest records."""
    return page(request, state, "home.html.jinja", **_newest(state))


@router.get("/newest")
def newest(request: Request, state: Reader) -> Response:
    """The list of the newest records, for a page that is open."""
    return page(request, state, "newest.html.jinja", **_newest(state))


def _newest(state: ServerState) -> dict[str, Any]:
    found, total = listed(state.ledger, limit=8)
    return {"entries": [listed_body(key, record) for key, record in found.items()], "total": total}


@router.get("/papers")
def papers(
    request: Request,
    state: Reader,
    q: Annotated[str, Query(max_length=200)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """All papers, newest record first, or those whose titles have some words."""
    words = " ".join(q.replace("\x00", " ").split())
    found, total = listed(state.ledger, words, limit=PER_PAGE, offset=PER_PAGE * (number - 1))
    shown = [listed_body(key, record) for key, record in found.items()]
    last = max(1, -(-total // PER_PAGE))
    query = f"q={quote(words)}&" if words else ""
    return page(
        request,
        state,
        "papers.html.jinja",
        entries=shown,
        total=total,
        words=words,
        number=number,
        last=last,
        query=query,
    )


@router.get("/papers/{paper}")
def paper(
    request: Request, state: Reader, paper: str, corrected: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """A paper's record."""
    key, record = record_of(state, paper)
    answers = answers_of(record)
    excerpts = read_excerpts(state.ledger.excerpts(key, record.run.text_hash))
    if excerpts is not None:
        answers = in_context(answers, excerpts)
    context = record_context(record, answers=answers)
    corrections = f"{page_path(key)}/correct/"
    may = state.access.may_write(request)
    file = state.file_of(key)
    paged = file is not None and is_pdf(file) and not record.paper.problem
    return page(
        request,
        state,
        "paper.html.jinja",
        **context | {"correct": corrections if may else None},
        advice=by_place(open_advice(record, excerpts)) if excerpts else [],
        key=key,
        corrected=definition(corrected).title if corrected in VARIABLES else "",
        others=[offer for offer in state.assessors.offers.values() if offer.name != record.run.assessor],
        kept=file is not None,
        pages_path=f"{API}/records/{key}" if paged else "",
    )


@router.get("/papers/{paper}/record.json")
def download(state: Reader, paper: str) -> Response:
    """The record as a file."""
    _, record = record_of(state, paper)
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in record.paper.id)[:120] or "record"
    return Response(
        dump_record(record),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{stem}.json"'},
    )


@router.get("/papers/{paper}/history")
def history(request: Request, state: Reader, paper: str) -> Response:
    """All that happened to a paper, and its readings beside each other."""
    key, record = record_of(state, paper)
    events = state.ledger.history(key)
    return page(
        request,
        state,
        "history.html.jinja",
        key=key,
        paper=record.paper,
        events=events,
        readings=[event for event in events if event.kind == "assessed"],
        variables=[definition(name) for name in VARIABLES],
        now={name: answer.result for name, answer in record.answers.items()},
    )


@router.get("/jobs/{job}")
def job(request: Request, state: Reader, job: str) -> Response:
    """A paper being read; once it is, its record."""
    known = job_of(state, job)
    body = job_body(state, known)
    if body.page is not None:
        return RedirectResponse(body.page, 303)
    return page(
        request,
        state,
        "job.html.jinja",
        job=body,
        over=is_over(known),
        stage_titles=STAGE_TITLES,
        stage_count=len(STAGES),
    )


@router.get("/api")
def about_api(request: Request, state: Reader) -> Response:
    """The HTTP API, described."""
    return page(
        request, state, "api.html.jinja", description=request.app.openapi(), base=str(request.base_url).rstrip("/")
    )


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Style and script; a browser may keep them, their addresses change with their content."""
    if name not in _assets():
        raise Problem(404, "Not Found", "There is no such file.")
    data, kind, _ = _assets()[name]
    return Response(data, media_type=kind, headers={"Cache-Control": "public, max-age=31536000, immutable"})


@router.get("/favicon.ico")
def favicon() -> Response:
    """The icon that every browser asks for."""
    return RedirectResponse(asset_path("icon.svg"), 308)


# --- changing


@router.post("/upload")
async def upload(request: Request) -> Response:
    """A paper from the form on the first page."""
    state = state_of(request)
    state.access.check_signed_in(request)
    with await run_in_threadpool(state.uploads.receive) as partial:
        arrived = await receive_upload(request, partial)
        state.access.check_form(request, arrived.fields.get("form", ""))
        job = await run_in_threadpool(state.accept, partial, arrived, arrived.fields.get("assessor", "linear"))
    return RedirectResponse(f"/jobs/{job.id}", 303)


@router.get("/papers/{paper}/correct/{variable}")
def correction(request: Request, state: Reader, paper: str, variable: str) -> Response:
    """The form for correcting one answer."""
    return _correction(request, state, paper, variable, {}, "")


@router.post("/papers/{paper}/correct/{variable}")
def correct(request: Request, fields: Form, paper: str, variable: str) -> Response:
    """A correction from the form."""
    state = state_of(request)
    if variable not in VARIABLES:
        raise Problem(404, "No such variable", f"There is no variable {variable!r}.")
    asked = {name: fields.get(name, "") for name in ("result", "who", "why")}
    try:
        body = CorrectionBody(variable=variable, replaces=fields.get("replaces") or None, **asked)
    except ValueError:
        return _correction(request, state, paper, variable, asked, "Choose an answer, and say who you are and why.")
    try:
        correct_answer(state, paper, body)
    except Problem as problem:
        if problem.status_code not in (409, 422):
            raise
        return _correction(request, state, paper, variable, asked, problem.body.detail)
    return RedirectResponse(f"{page_path(record_of(state, paper)[0])}?corrected={variable}", 303)


def _correction(
    request: Request, state: ServerState, paper: str, variable: str, asked: dict[str, str], wrong: str
) -> Response:
    if variable not in VARIABLES:
        raise Problem(404, "No such variable", f"There is no variable {variable!r}.")
    key, record = record_of(state, paper)
    view = next((view for view in answers_of(record) if view.variable == variable), None)
    return page(
        request,
        state,
        "correct.html.jinja",
        422 if wrong else 200,
        key=key,
        paper=record.paper,
        view=view,
        known=definition(variable),
        choices=ALLOWED[variable],
        asked={"result": "", "who": "", "why": ""} | asked,
        wrong=wrong,
    )


@router.post("/papers/{paper}/read-again")
def read_again(request: Request, fields: Form, paper: str) -> Response:
    """Ask another assessor to read a paper again."""
    state = state_of(request)
    key, _ = record_of(state, paper)
    return RedirectResponse(f"/jobs/{state.read_again(key, fields.get('assessor', '')).id}", 303)


@router.get("/sign-in")
def sign_in_form(request: Request, next_: Annotated[str, Query(alias="next", max_length=700)] = "/") -> Response:
    """The form that takes the token."""
    return page(request, state_of(request), "sign-in.html.jinja", next=_local(next_), wrong=False)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Exchange the token for a session."""
    state = state_of(request)
    fields = await form_fields(request)
    state.access.check_form(request, fields.get("form", ""))
    if not state.access.is_token(fields.get("token", "").strip()):
        return page(request, state, "sign-in.html.jinja", 403, next=_local(fields.get("next", "/")), wrong=True)
    state.access.sign_in(request)
    return RedirectResponse(_local(fields.get("next", "/")), 303)


@router.post("/sign-out")
def sign_out(request: Request, fields: Form) -> Response:
    """End a session."""
    state_of(request).access.sign_out(request)
    return RedirectResponse("/", 303)


def _local(address: str) -> str:
    """An address of this server, whatever is asked: nobody is sent elsewhere from here."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if plain and "\\" not in address else "/"
