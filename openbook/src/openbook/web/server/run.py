"""Running the server: a socket first, so that a port in use is one clear line, then the application on it."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp

from openbook.errors import OpenbookError
from openbook.web.server.settings import ServerSettings, is_address


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
    ready: Callable[[str], None],
    *,
    log_level: str = "warning",
    make: Callable[[ServerSettings], ASGIApp] | None = None,
) -> None:
    """Serve until interrupted. ``ready`` is told the address once requests are answered.

    ``make`` makes what is served; by default it is the whole server. Raises OpenbookError when the port, the ledger or the
    folder of uploads cannot be used.
    """
    import uvicorn

    from openbook.web.server.app import create_app

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
        timeout_graceful_shutdown=5,
        limit_concurrency=1000,
        ws="none",
    )
    address = address_of(settings, listening)

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(address)

    server = Server(config)
    try:
        with contextlib.suppress(KeyboardInterrupt):  # it is raised once more after an orderly stop
            server.run(sockets=[listening])
    finally:
        listening.close()
    if not server.started:
        raise OpenbookError("the server did not start; the lines above say why")
