"""The application: sessions and the guard around the API and the pages, and one shape for every error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

import openbook
from openbook.ledger import LedgerError
from openbook.web.server import api, page_routes, pages
from openbook.web.server.middleware import Guard
from openbook.web.server.models import API
from openbook.web.server.problems import Fault, Problem, ProblemBody, as_problem
from openbook.web.server.sessions import Sessions
from openbook.web.server.settings import ServerSettings
from openbook.web.server.state import ServerState


def create_app(settings: ServerSettings) -> ASGIApp:
    """The server as an ASGI application. Raises OpenbookError when the ledger or the folder of uploads cannot be opened."""
    state = ServerState(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(state.open)
        yield
        await run_in_threadpool(state.close)

    app = FastAPI(
        title="openbook",
        version=openbook.__version__,
        description="Upload AI papers and get records of what they document, with every answer tied to a sentence that is "
        "really there. Scores are estimates made by a program from the text of a paper.",
        lifespan=lifespan,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # the framework's documentation pages fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.server = state
    app.include_router(api.router)
    app.include_router(page_routes.router)
    app.include_router(pages.router, include_in_schema=False)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(LedgerError, _on_ledger_error)
    app.add_exception_handler(Exception, _on_bug)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    guard = Guard(app, settings, lambda problem, scope: answer(problem, scope, state))
    return Sessions(guard, state.uploads.secret, settings.token, f"openbook_{state.uploads.id[:8]}")


def answer(problem: Problem, scope: Scope, state: ServerState) -> Response:
    """A problem as JSON, or as a page for whoever looks at pages."""
    request = Request(scope)
    if scope["path"].startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return problem.response()
    return pages.problem_page(request, problem, state)


def _respond(request: Request, problem: Problem) -> Response:
    return answer(problem, request.scope, api.state_of(request))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _respond(request, as_problem(error))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        Fault(where=".".join(str(step) for step in fault["loc"]), what=str(fault["msg"])) for fault in error.errors()
    ]
    detail = "; ".join(f"{fault.where}: {fault.what}" for fault in faults)[:2000]
    return _respond(request, Problem(422, "Invalid request", detail, errors=faults))


async def _on_ledger_error(request: Request, error: Exception) -> Response:
    pages.log.error("%s", error)
    detail = "The ledger cannot be used at the moment; try again soon, or tell the operator."
    return _respond(request, Problem(503, "Ledger away", detail, headers={"Retry-After": "10"}))


async def _on_bug(request: Request, error: Exception) -> Response:
    return _respond(request, Problem(500, "A bug", "The server failed; its log says how."))


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with the body of errors and the token."""
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = described["components"]["schemas"]
        problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs")
        schemas["Problem"] = problem
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        described["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "Needed where the server says token_needed."}
        }
        for operations in described["paths"].values():
            for method, operation in operations.items():
                if method in ("post", "delete"):
                    operation["security"] = [{}, {"token": []}]
        app.openapi_schema = described
    return app.openapi_schema
