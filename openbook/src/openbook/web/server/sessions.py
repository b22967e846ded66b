"""Who may write: a token for programs, a signed session for browsers, and in every form a value of its session.

Starlette's sessions keep the state of a browser in a cookie that itsdangerous signs. The signing key covers the token,
so that a new token ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from openbook.web.server.problems import Problem

#: How long a session lasts without a new sign-in, in seconds.
SESSION_SECONDS: Final = 12 * 3600
#: The header in which a page's script sends the value of its session.
FORM_HEADER: Final = "x-csrf-token"


class Sessions:
    """The ASGI layer of sessions. Their cookie is ``Secure`` where the request came by HTTPS.

    It is lax, not strict: whoever follows a link to a page here stays signed in, while posts from other sites bring no
    cookie.
    """

    def __init__(self, app: ASGIApp, secret: bytes, token: str | None, cookie: str) -> None:
        self.app = app
        key = hmac.new(secret, (token or "").encode(), hashlib.sha256).hexdigest()
        self._plain = SessionMiddleware(app, key, cookie, SESSION_SECONDS, same_site="lax")
        self._secure = SessionMiddleware(app, key, cookie, SESSION_SECONDS, same_site="lax", https_only=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await (self._secure if scope["scheme"] == "https" else self._plain)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class Access:
    """Decides who may read and write. Without a ``token``, everybody on this machine may, and nobody else can reach the server."""

    def __init__(self, token: str | None, *, private: bool = False) -> None:
        self._token = token
        self._private = private

    @property
    def guarded(self) -> bool:
        """Whether writing needs the token."""
        return self._token is not None

    def is_token(self, given: str) -> bool:
        """Whether this is the token. Takes the same time whichever part of it is wrong."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    # --- sessions of browsers

    def form_value(self, request: HTTPConnection) -> str:
        """What the forms of a browser's session carry: 64 hex digits."""
        return str(request.session.setdefault("form", secrets.token_hex(32)))

    def sign_in(self, request: HTTPConnection) -> None:
        """Begin a signed-in session. Nothing of the session before is taken over."""
        request.session.clear()
        request.session["signed_in"] = True

    def sign_out(self, request: HTTPConnection) -> None:
        """End the session."""
        request.session.clear()

    def signed_in(self, request: HTTPConnection) -> bool:
        """Whether a browser's session is signed in."""
        return request.session.get("signed_in") is True

    def may_write(self, request: HTTPConnection) -> bool:
        """Whether a browser may write."""
        return not self.guarded or self.signed_in(request)

    # --- checks

    def check_reading(self, request: HTTPConnection) -> None:
        """Raises Problem 401 when reading is not allowed."""
        if self._private and not (self._bearer(request) or self.signed_in(request)):
            raise _unauthorised("Reading here needs the token.")

    def check_program(self, request: HTTPConnection) -> None:
        """Whether a request to the API may write. Raises Problem 401 or 403."""
        if not self.guarded:
            return
        bearer = self._bearer(request)
        if bearer is None and self.signed_in(request):
            self.check_form(request, request.headers.get(FORM_HEADER, ""))
        elif not bearer:
            raise _unauthorised("Writing here needs the token, as the header Authorization: Bearer TOKEN.")

    def check_signed_in(self, request: HTTPConnection) -> None:
        """Raises Problem 401 when a browser may not write."""
        if not self.may_write(request):
            raise _unauthorised("Sign in with the token to change anything here.")

    def check_form(self, request: HTTPConnection, given: str) -> None:
        """Whether a form came from a page of its browser's session. Raises Problem 403."""
        expected = str(request.session.get("form", ""))
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Problem(
                403,
                "Not from here",
                "This form is too old, or does not come from a page of this server; load it again.",
            )

    def _bearer(self, request: HTTPConnection) -> bool | None:
        """Whether the token that a request brings is right; None if it brings none."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return self.is_token(given.strip()) if scheme.lower() == "bearer" else None


def _unauthorised(detail: str) -> Problem:
    return Problem(401, "Not signed in", detail, headers={"WWW-Authenticate": "Bearer"})
