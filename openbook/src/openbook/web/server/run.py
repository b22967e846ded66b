"""The application (sessions, the guard around the API and the pages, one shape for every error) and the running of it.

A socket is opened first, so that a port in use is one clear line.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

import openbook
from openbook.errors import OpenbookError
from openbook.ledger import LedgerError
from openbook.web.server import api, page_routes, pages
from openbook.web.server.middleware import Guard
from openbook.web.server.models import API
from openbook.web.server.problems import Fault, Problem, ProblemBody, as_problem
from openbook.web.server.sessions import Sessions
from openbook.web.server.settings import ServerSettings, is_address
from openbook.web.server.state import ServerState


def create_app(settings: ServerSettings) -> ASGIApp:
    """The server as an ASGI application. Raises OpenbookError if the ledger or the folder of uploads cannot be opened."""
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


#: Seconds that a connection without requests stays open. A client that sends its next request in the moment in which the
#: server closes is told that the connection was closed, so the client has to be the first to let go: httpx does after 5
#: seconds, nginx after 60.
KEEP_ALIVE: Final = 75


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises OpenbookError that says why it cannot and what to do."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OpenbookError(f"--host {host} is not a host of this machine ({error.strerror}); use 127.0.0.1") from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(512)
    except OSError as error:
        made.close()
        advice = {
            errno.EADDRINUSE: "another program has it; choose another --port, or 0 for any free one",
            errno.EACCES: "only the administrator may; choose a --port above 1023",
            errno.EADDRNOTAVAIL: "this machine has no such address; use 127.0.0.1",
        }.get(error.errno or 0, "choose another --host or --port")
        raise OpenbookError(f"cannot listen on {host} port {port}: {error.strerror}; {advice}") from error
    made.setblocking(False)
    return made


def address_of(settings: ServerSettings, listening: socket.socket) -> str:
    """Where a browser on this machine finds the server."""
    port = listening.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{port}" if ":" in host and is_address(host) else f"http://{host}:{port}"


def run(
    settings: ServerSettings,
    on_ready: Callable[[str], None],
    *,
    log_level: str = "warning",
    make: Callable[[ServerSettings], ASGIApp] | None = None,
) -> None:
    """Serve until interrupted. ``on_ready`` is called with the address once requests are answered.

    ``make`` makes what is served; by default it is the whole server. Raises OpenbookError if the port, the ledger or the
    folder of uploads cannot be used.
    """
    import uvicorn

    from openbook.web.server.run import create_app

    logging.basicConfig(level=log_level.upper(), format="openbook: %(message)s")
    listening = listen(settings.host, settings.port)
    try:
        app = (make or create_app)(settings)
    except BaseException:
        listening.close()
        raise
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=log_level,
        access_log=log_level in ("info", "debug"),
        server_header=False,
        proxy_headers=settings.proxied,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=5,
        limit_concurrency=1000,
        ws="none",
    )
    address = address_of(settings, listening)

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                on_ready(address)

    server = Server(config)
    try:
        with contextlib.suppress(KeyboardInterrupt):  # it is raised once more after an orderly stop
            server.run(sockets=[listening])
    finally:
        listening.close()
    if not server.started:
        raise OpenbookError("the server did not start; the lines above say why")
