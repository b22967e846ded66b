"""What the HTTP API takes and gives, beside records."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from openbook.variables import VARIABLES

#: A line of text that every database can keep.
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$"),
]
Variable = Literal[VARIABLES]  # type: ignore[valid-type]


class ApiModel(BaseModel):
    """Base of all: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Stage(ApiModel):
    """One step from a paper to its record."""

    name: Literal["read", "passages", "answers", "evidence", "record"]
    state: Literal["waiting", "working", "done"]
    came: str = Field(default="", description="What came of it, or what is going on, in words.")


class JobBody(ApiModel):
    """An upload on its way to a record."""

    id: str
    state: Literal["waiting", "working", "done", "failed"]
    name: str = Field(description="What the uploader calls the file.")
    bytes: int
    sha256: str
    assessor: str
    stages: list[Stage]
    ahead: int = Field(description="Papers that wait longer, while this one waits.")
    record: str | None = Field(description="Where the record is, once the job is done.")
    page: str | None = Field(description="Where its page is.")
    problem: str | None = Field(description="Why the paper could not be read, though the job is done; or null.")
    error: str | None = Field(description="Why the job failed; or null.")
    reused: bool = Field(description="The paper had been read by this assessor before; it was not read again.")
    created: str = Field(description="UTC, ISO 8601.")
    finished: str | None


class Reading(ApiModel):
    """A wish: have a paper read once more."""

    assessor: Line = Field(description="One of those that /health lists.", examples=["linear"])


class CorrectionBody(ApiModel):
    """A person's correction of one answer."""

    variable: Variable
    result: Line = Field(description="What is right; /variables says what each can be.", examples=["yes"])
    who: Line = Field(description="Who says so.")
    why: Words = Field(description="Why: what the paper says, and where.")
    replaces: Line | None = Field(
        default=None,
        description="The result that is corrected. When it is another one by now, nothing is changed (409).",
    )


class Listed(ApiModel):
    """One paper of a list."""

    key: str
    id: str
    title: str
    authors: list[str]
    venue: str | None
    year: int | None
    problem: str | None
    documentation: int | None
    reproducibility: float | None
    assessor: str
    created: str | None
    corrected: int = Field(description="How many answers a person has corrected or confirmed.")
    record: str
    page: str


class Listing(ApiModel):
    """A stretch of the papers, newest record first."""

    total: int
    offset: int
    records: list[Listed]


class HistoryEvent(ApiModel):
    """One thing that happened to a paper: it was ``assessed``, or an answer was ``corrected``."""

    when: str
    kind: Literal["assessed", "corrected"]
    what: dict[str, Any]


class History(ApiModel):
    """All that happened to a paper, oldest first."""

    paper: str
    events: list[HistoryEvent]


class OfferBody(ApiModel):
    """An assessor that papers can be read with here."""

    name: str
    model: str | None
    version: str
    about: str


class Health(ApiModel):
    """Whether the server works, what it offers, and its limits."""

    status: Literal["ok", "failing"]
    version: str
    ledger: Literal["ok", "failing"]
    waiting: int
    working: int
    assessors: list[OfferBody]
    upload_bytes: int
    token_needed: bool


class VariableBody(ApiModel):
    """One of the nine variables."""

    name: str
    title: str
    question: str
    scored: bool
    yes: str = Field(description="What counts.")
    corrections: list[str] = Field(description="What a person may set it to.")
