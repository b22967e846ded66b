"""What went wrong with a request: one body for all errors, as RFC 9457 has it (``application/problem+json``)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"


class Fault(BaseModel):
    """One field of a request that is wrong."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(description="Where it stands, such as body.result.")
    what: str = Field(description="What is wrong with it.")


class ProblemBody(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    title: str = Field(description="What kind of problem it is, in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong here, and what to do.")
    errors: list[Fault] = Field(default=[], description="The fields that are wrong, if any.")


class Problem(HTTPException):
    """An error to send. ``title`` is short, ``detail`` says what is wrong here and what to do."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: list[Fault] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.body = ProblemBody(title=title, status=status, detail=detail, errors=errors or [])

    def response(self) -> Response:
        """The response in JSON."""
        return Response(
            self.body.model_dump_json(), self.status_code, headers=dict(self.headers or {}), media_type=MEDIA_TYPE
        )


def as_problem(error: HTTPException) -> Problem:
    """Any HTTP error of the framework as one of ours."""
    if isinstance(error, Problem):
        return error
    title = HTTPStatus(error.status_code).phrase
    return Problem(error.status_code, title, str(error.detail), headers=dict(error.headers or {}) or None)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These errors, for the description of an operation."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
