"""Questions to one person in the browser, one page each, one key an answer: ``review --browser`` and ``label --browser``.

Only this machine reaches the page. Its forms pass the same guard as the server's.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from openbook.corpus.validation.questions import QuestionQueue
from openbook.errors import OpenbookError
from openbook.web.record.view import RESULTS
from openbook.web.server.middleware import Guard
from openbook.web.server.pages import form_fields, static, templates
from openbook.web.server.problems import Problem
from openbook.web.server.run import run
from openbook.web.server.sessions import Access, Sessions
from openbook.web.server.settings import ServerSettings

#: Keys that do something else than answer.
COMMANDS: Final = {"s": "skip", "b": "back"}


def serve_questions(queue: QuestionQueue, port: int, on_ready: Callable[[str], None]) -> None:
    """Ask until interrupted. ``on_ready`` is called with the address. Raises OpenbookError if the port cannot be used."""
    settings = ServerSettings(port=port, rate=0)
    run(settings, on_ready, make=lambda settings: question_app(queue, settings))


def question_app(queue: QuestionQueue, settings: ServerSettings) -> ASGIApp:
    """The application that asks the questions of a queue."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, default_response_class=HTMLResponse)
    access = Access(None)
    turn = threading.Lock()  # a queue takes one request at a time

    def page(request: Request, status: int = 200, wrong: str = "") -> Response:
        question = queue.current()
        shown = templates().get_template("server/question.html.jinja")
        return HTMLResponse(
            shown.render(
                form_value=access.form_value(request),
                heading=queue.heading,
                done=queue.done,
                question=question,
                choices=[(key, RESULTS.get(result, result)) for key, result in question.keys.items()]
                if question
                else [],
                commands=COMMANDS,
                wrong=wrong,
            ),
            status,
        )

    @app.get("/")
    def ask(request: Request) -> Response:
        with turn:
            return page(request)

    def take(request: Request, fields: dict[str, str]) -> Response:
        with turn:
            question = queue.current()
            key = fields.get("key", "")
            if question is None or fields.get("id") != question.id:  # sent twice, or from an old page
                return RedirectResponse("/", 303)
            try:
                if key in COMMANDS:
                    (queue.skip if key == "s" else queue.back)()
                elif key in question.keys or (key == "keep" and question.may_keep):
                    proof = fields.get("proof", "")
                    places = question.passages
                    queue.answer(
                        question.keys.get(key, question.now),
                        fields.get("why", "")[:4000],
                        places[int(proof)] if proof.isdecimal() and int(proof) < len(places) else None,
                    )
                else:
                    return page(request, 422, "Choose one of the answers.")
            except OpenbookError as error:
                return page(request, 500, str(error))
            return RedirectResponse("/", 303)

    @app.post("/")
    async def answer(request: Request) -> Response:
        fields = await form_fields(request)
        access.check_form(request, fields.get("form", ""))
        return await run_in_threadpool(take, request, fields)

    app.get("/static/{name}")(static)
    app.add_exception_handler(Problem, lambda request, error: error.response())
    guard = Guard(app, settings, lambda found, scope: found.response())
    return Sessions(guard, secrets.token_bytes(32), None, "openbook_questions")
