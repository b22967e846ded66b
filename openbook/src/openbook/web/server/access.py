"""Who may write: a token for programs, a signed cookie for browsers, and for every form a value that only its page has.

The cookie is ``nonce.expiry.signed-in.mac``. Its MAC covers the token, so that a new token ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from openbook.web.server.problems import Problem

#: Seconds that a session lasts.
LASTS: Final = 12 * 3600
#: The header in which a page's script sends its form value.
FORM_HEADER: Final = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session. ``fresh``: it is new and must be sent as a cookie."""

    nonce: str
    expiry: int
    signed_in: bool
    fresh: bool = False


class Access:
    """Decides who may write. ``token`` None: this machine only, and anybody on it may."""

    def __init__(self, secret: bytes, token: str | None, cookie: str, *, private: bool = False) -> None:
        self._secret = secret
        self._token = token
        self.cookie = cookie
        self.private = private

    @property
    def guarded(self) -> bool:
        """Whether writing needs the token."""
        return self._token is not None

    def is_token(self, given: str) -> bool:
        """Whether this is the token; takes the same time whichever part of it is wrong."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    # --- sessions of browsers

    def session(self, request: HTTPConnection) -> Session:
        """The session that a request belongs to; a new one where it has none that holds."""
        parts = request.cookies.get(self.cookie, "").split(".")
        if len(parts) == 4:
            nonce, expiry, signed, mac = parts
            genuine = hmac.compare_digest(mac.encode(), self._mac("session", nonce, expiry, signed).encode())
            if genuine and int(expiry) > time.time():
                return Session(nonce, int(expiry), signed == "1")
        return self.new_session(signed_in=False)

    def new_session(self, *, signed_in: bool) -> Session:
        """A session that was never used before."""
        return Session(secrets.token_hex(16), int(time.time()) + LASTS, signed_in, fresh=True)

    def send(self, session: Session, response: Response, *, secure: bool) -> None:
        """Set the cookie of a session."""
        signed = "1" if session.signed_in else "0"
        mac = self._mac("session", session.nonce, str(session.expiry), signed)
        value = f"{session.nonce}.{session.expiry}.{signed}.{mac}"
        # lax, not strict: whoever follows a link to a page here stays signed in; posts from elsewhere bring no cookie
        response.set_cookie(self.cookie, value, max_age=LASTS, httponly=True, samesite="lax", secure=secure)

    def form_value(self, session: Session) -> str:
        """What forms of this session carry."""
        return self._mac("form", session.nonce)

    def _mac(self, *parts: str) -> str:
        told = "\n".join((*parts, hashlib.sha256((self._token or "").encode()).hexdigest()))
        return hmac.new(self._secret, told.encode(), hashlib.sha256).hexdigest()

    # --- decisions

    def may_read(self, request: HTTPConnection) -> bool:
        """Whether a request may see records."""
        return not self.private or self.signed_in(request)

    def signed_in(self, request: HTTPConnection) -> bool:
        """Whether a request brings the token or a signed-in session."""
        return self._bearer(request) is True or self.session(request).signed_in

    def check_reading(self, request: HTTPConnection) -> None:
        """Raises Problem 401 when reading is not allowed."""
        if not self.may_read(request):
            raise _unauthorised("Reading here needs the token.")

    def check_program(self, request: HTTPConnection) -> None:
        """Whether a request to the API may write. Raises Problem 401 or 403."""
        if not self.guarded:
            return
        given = self._bearer(request)
        if given is True:
            return
        session = self.session(request)
        if given is None and session.signed_in:
            self.check_form(session, request.headers.get(FORM_HEADER, ""))
            return
        raise _unauthorised("Writing here needs the token, as the header Authorization: Bearer TOKEN.")

    def check_form(self, session: Session, given: str) -> None:
        """Whether a form came from a page of this session. Raises Problem 403."""
        if not hmac.compare_digest(given.encode(), self.form_value(session).encode()):
            raise Problem(
                403,
                "Not from here",
                "This form is too old, or does not come from a page of this server; load it again.",
            )

    def check_page(self, session: Session, given: str) -> None:
        """Whether a form may write. Raises Problem 401 or 403."""
        if self.guarded and not session.signed_in:
            raise _unauthorised("Sign in with the token to change anything here.")
        self.check_form(session, given)

    def _bearer(self, request: HTTPConnection) -> bool | None:
        """Whether the token that a request brings is right; None where it brings none."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.is_token(given.strip())


def _unauthorised(detail: str) -> Problem:
    return Problem(401, "Not signed in", detail, headers={"WWW-Authenticate": "Bearer"})
