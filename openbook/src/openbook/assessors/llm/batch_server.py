"""A provider's batch interface in OpenAI's protocol, through OpenAI's library: files, batches, and what comes back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openbook.assessors.llm.extra import require_extra
from openbook.assessors.llm.provider import (
    CallFailed,
    Completion,
    completion_of,
    may_pass,
    request,
    seconds_in,
    shortened,
)
from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError

#: Under this name our id stands in a batch's metadata.
MARK = "openbook"
#: The states in which a provider does no more about a batch.
ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch as its provider shows it. ``counts`` is (completed, failed, total); ``files`` hold what came of it."""

    id: str
    status: str
    counts: tuple[int, int, int] = (0, 0, 0)
    files: tuple[str, ...] = ()
    error: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(slots=True)
class Results:
    """What a batch's files say: completions by question, reasons of failure by question, and lines that say nothing."""

    completions: dict[str, Completion] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    unreadable: int = 0


class BatchServer:
    """Batches at one address. Raises CallFailed where the server does; OpenbookError where it cannot be asked."""

    def __init__(self, settings: LlmSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        if settings.provider != "openai":
            raise OpenbookError(
                f"--batch speaks OpenAI's protocol so far, which {settings.provider!r} does not; use --model "
                "openai/NAME, or --base-url of a server that has /files and /batches, or leave --batch out"
            )
        require_extra()
        import openai

        key = os.environ.get("OPENAI_API_KEY") or ("none" if settings.base_url else None)
        if key is None:
            raise OpenbookError(f"model {settings.model!r} cannot be used: set OPENAI_API_KEY")
        self._settings = settings
        self._sleep = sleep
        self._client = openai.OpenAI(
            api_key=key, base_url=settings.base_url, timeout=settings.timeout, max_retries=settings.retries
        )
        self.address = str(self._client.base_url).rstrip("/")

    def close(self) -> None:
        self._client.close()

    def upload(self, path: Path) -> str:
        """Upload a file of requests; the provider's name for it."""
        with _translated("the questions were not uploaded"):
            return self._client.files.create(file=path, purpose="batch").id

    def create(self, file: str, mark: str) -> str:
        """Ask for a batch over an uploaded file; the provider's name for it.

        After a failure that may have come too late to prevent the batch, it is looked for before it is asked for again.
        """
        once = self._client.with_options(max_retries=0)
        for attempt in range(self._settings.retries + 1):
            try:
                with _translated("the batch was not begun"):
                    return once.batches.create(
                        input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h",
                        metadata={MARK: mark}, extra_headers={"Idempotency-Key": mark},
                    ).id  # fmt: skip
            except CallFailed as error:
                if not error.passing:
                    raise
                if attempt < self._settings.retries:
                    self._sleep(min(60.0, 0.5 * 2**attempt if error.wait is None else error.wait))
                found = self.find(file, mark)
                if found is not None:
                    return found
                if attempt == self._settings.retries:
                    raise
        raise AssertionError("the loop ends with a batch or an error")

    def find(self, file: str, mark: str) -> str | None:
        """The provider's name of the batch with our mark or our file, if it has one."""
        with _translated("the batches cannot be listed"):
            for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(MARK) == mark or batch.input_file_id == file:
                    return batch.id
        return None

    def look(self, provider_id: str) -> Seen:
        """How far a batch has come."""
        with _translated(f"batch {provider_id} cannot be looked at"):
            batch = self._client.batches.retrieve(provider_id)
        counts = batch.request_counts
        errors = [item.message or item.code or "" for item in (batch.errors.data or [])] if batch.errors else []
        return Seen(
            id=batch.id,
            status=batch.status,
            counts=(counts.completed, counts.failed, counts.total) if counts else (0, 0, 0),
            files=tuple(name for name in (batch.output_file_id, batch.error_file_id) if name),
            error=shortened("; ".join(filter(None, errors))) if errors else None,
        )

    def results(self, seen: Seen) -> Results:
        """What an ended batch came to. Lines that cannot be read are counted and left out."""
        results = Results()
        for file in seen.files:
            for line in self._lines(file):
                _read(line, results)
        return results

    def _lines(self, file: str) -> Iterator[bytes]:
        with _translated(f"file {file} cannot be fetched"):
            content = self._client.files.content(file).content
        return (line for line in content.split(b"\n") if line.strip())


def request_line(settings: LlmSettings, key: str, messages: list[dict[str, str]], schema: dict[str, Any]) -> bytes:
    """One question as a line of a batch's file, named by its key."""
    body = request(settings, messages, schema)
    if settings.base_url is None:  # as the library does that makes direct calls: newer models refuse the old name
        body["max_completion_tokens"] = body.pop("max_tokens")
    line = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


def _read(line: bytes, results: Results) -> None:
    try:
        said = json.loads(line)
        key = said["custom_id"]
        if not isinstance(key, str):
            raise TypeError
    except (ValueError, LookupError, TypeError):
        results.unreadable += 1
        return
    response, error = said.get("response"), said.get("error")
    status = response.get("status_code") if isinstance(response, dict) else None
    if status == 200:
        try:
            results.completions[key] = completion_of(response.get("body"))
        except CallFailed as failure:
            results.failures[key] = str(failure)
        return
    body = response.get("body") if isinstance(response, dict) else None
    reason = _message(error) or _message(body) or "no reason given"
    results.failures[key] = f"HTTP {status}: {reason}" if status else reason


def _message(said: object) -> str | None:
    """What an error says, in one line."""
    if isinstance(said, dict):
        inner = said.get("error") or said.get("message") or said.get("code")
        return _message(inner)
    return shortened(said) if isinstance(said, str) and said.strip() else None


class _translated:
    """Turns the library's errors into CallFailed."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import openai

        if isinstance(error, openai.APIStatusError):
            said = _message(error.body) or shortened(str(error))
            raise CallFailed(
                f"{self._what}: HTTP {error.status_code}: {said}",
                passing=may_pass(error.status_code),
                wait=seconds_in(error.response.headers.get("retry-after")),
            ) from error
        if isinstance(error, openai.APIConnectionError):
            raise CallFailed(f"{self._what}: {error.__cause__ or error}", passing=True, lost=True) from error
        if isinstance(error, (openai.OpenAIError, ValueError)):
            raise CallFailed(f"{self._what}: {shortened(str(error))}", passing=True, lost=True) from error
