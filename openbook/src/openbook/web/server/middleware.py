"""What every request passes first: checks of its host, its origin, its rate, its size and its time.

And what every response carries: a content security policy without inline script, and no framing, sniffing or caching.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from throttled import MemoryStore, RateLimiterType, Throttled, per_min

from openbook.web.server.problems import Problem
from openbook.web.server.settings import ServerSettings, is_address

SAFE: Final = ("GET", "HEAD", "OPTIONS")
#: Paths that take uploads; elsewhere a body is a form or a little JSON.
UPLOADS: Final = ("/api/v1/papers", "/upload")
SMALL: Final = 100_000
#: Room for the headings of a multipart body around the file.
FRAME: Final = 20_000
#: Seconds without a byte after which a body is given up.
IDLE: Final = 20.0
#: How many addresses the rate limits remember: those seen last.
REMEMBERED: Final = 20_000

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: with it browsers send Origin: null even to this very server
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class RateLimit:
    """Limits each address to ``per_minute`` requests on average and ``burst`` at once; 0 turns the limit off."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._limiter: Throttled | None = None
        if per_minute:
            self._limiter = Throttled(
                using=RateLimiterType.GCRA.value,
                quota=per_min(per_minute, burst=burst),
                store=MemoryStore(options={"MAX_SIZE": REMEMBERED}),
            )

    def wait(self, address: str) -> float:
        """Count a request: 0 if it may proceed, otherwise the seconds until the next one may."""
        if self._limiter is None:
            return 0.0
        result = self._limiter.limit(_network(address))
        return float(result.state.retry_after) if result.limited else 0.0


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: one household has as many of those as it likes."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address


class Guard:
    """The ASGI layer around the application. ``answer`` makes the response to a problem, in JSON or as a page."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, answer: Callable[[Problem, Scope], ASGIApp]) -> None:
        self.app = app
        self._settings = settings
        self._answer = answer
        self._names = {name.lower() for name in ("localhost", settings.host, *settings.names)}
        self._writing = RateLimit(settings.rate, settings.rate)
        self._reading = RateLimit(20 * settings.rate, 10 * settings.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
            body = _Body(receive, self._most(scope), self._settings.upload_seconds, Headers(scope=scope))
            await self.app(scope, body.receive if scope["method"] not in SAFE else receive, sending)
        except Problem as problem:
            if started:
                raise
            if problem.status_code == 413:
                await _drain(receive, 4 * self._settings.upload_bytes)
            await self._answer(problem, scope)(scope, receive, sending)

    def _most(self, scope: Scope) -> int:
        return self._settings.upload_bytes + FRAME if scope["path"] in UPLOADS else SMALL

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        method = scope["method"]
        client = (scope.get("client") or ("unknown", 0))[0]
        if not scope["path"].startswith("/static/"):
            wait = (self._reading if method in SAFE else self._writing).wait(client)
            if wait:
                raise Problem(
                    429,
                    "Too many requests",
                    f"Wait {math.ceil(wait)} seconds, then go on.",
                    headers={"Retry-After": str(math.ceil(wait))},
                )
        if method not in SAFE:
            _check_origin(headers)

    def _check_host(self, headers: Headers) -> None:
        """A page of another site may point its own name at this machine: only our names are answered.

        Starlette's TrustedHostMiddleware knows no addresses, which are safe here and which people use.
        """
        host = headers.get("host", "").lower()
        name = urlsplit(f"//{host}").hostname if _is_netloc(host) else None
        if name is None or not (is_address(name) or name in self._names or host in self._names):
            raise Problem(
                421, "Unknown host", "This server does not answer to that name; its operator can add it with --name."
            )


def _is_netloc(host: str) -> bool:
    with contextlib.suppress(ValueError):
        parts = urlsplit(f"//{host}")
        return parts.netloc == host and "@" not in host and (parts.port is None or parts.port > 0)
    return False


def _check_origin(headers: Headers) -> None:
    """Browsers say where a request was made; what was not made on this server's pages may not change anything."""
    site = headers.get("sec-fetch-site", "none").lower()
    origin = headers.get("origin")
    if site not in ("same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    ):
        raise Problem(
            403, "Not from here", "This request comes from a page of another site, which may not change anything here."
        )


class _Body:
    """A request's body under limits: its size, its whole time, and the time without a byte."""

    def __init__(self, receive: Receive, most: int, seconds: float, headers: Headers) -> None:
        self._receive = receive
        self._most = most
        self._deadline = time.monotonic() + seconds
        self._size = 0
        self._done = False
        said = headers.get("content-length", "")
        if said.isdigit() and int(said) > most:
            raise _too_large(most)

    async def receive(self) -> MutableMapping[str, Any]:
        if self._done:  # from here on the framework only waits for the client to go
            return await self._receive()
        patience = min(IDLE, self._deadline - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(patience, 0))
        except TimeoutError:
            raise Problem(
                408, "Too slow", "The request did not arrive in time.", headers={"Connection": "close"}
            ) from None
        self._size += len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._size > self._most:
            if not self._done:
                await _drain(self._receive, 4 * self._most)
            raise _too_large(self._most)
        return message


def _too_large(most: int) -> Problem:
    return Problem(413, "Too large", f"At most {most / 1e6:.3g} MB are accepted here.", headers={"Connection": "close"})


async def _drain(receive: Receive, most: int) -> None:
    """Read on for a while and throw away: a client that is still sending would not see the answer otherwise."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while most > 0:
                message = await receive()
                most -= len(message.get("body", b"")) or 1
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
