"""A provider's batch interface in OpenAI's protocol, through OpenAI's library: files, batches and their results."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openbook.assessors.llm.client import (
    CallFailed,
    Completion,
    Messages,
    Schema,
    chat_request,
    completion_of,
    error_text,
    first_line,
    is_retryable,
    may_pass,
    seconds_in,
    wait_before_retry,
)
from openbook.assessors.llm.settings import LlmSettings, require_extra
from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openai.types import Batch

#: Our id of a batch job stands under this name in its metadata.
METADATA: Final = "openbook"
#: The states in which a provider does no more work on a batch.
ENDED: Final = ("completed", "failed", "expired", "cancelled")


class BatchApi:
    """Batches at one address. Raises CallFailed if a request fails; OpenbookError where none can be made."""

    def __init__(self, settings: LlmSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        if settings.provider != "openai":
            raise OpenbookError(
                f"--batch speaks OpenAI's protocol only, which {settings.provider!r} does not; use --model "
                "openai/NAME, or --base-url of a server that has /files and /batches, or leave --batch out"
            )
        require_extra()
        import openai

        key = os.environ.get("OPENAI_API_KEY") or ("none" if settings.base_url else None)
        if key is None:
            raise OpenbookError(f"model {settings.model!r} cannot be used: set OPENAI_API_KEY")
        self._retries = settings.retries
        self._sleep = sleep
        self._client = openai.OpenAI(
            api_key=key, base_url=settings.base_url, timeout=settings.timeout, max_retries=settings.retries
        )
        self.address = str(self._client.base_url).rstrip("/")

    def close(self) -> None:
        self._client.close()

    def upload(self, path: Path) -> str:
        """Upload a file of requests; the provider's name for it."""
        with _as_call_failed("the questions were not uploaded"):
            return self._client.files.create(file=path, purpose="batch").id

    def create(self, file: str, job: str) -> str:
        """Ask for a batch over an uploaded file, with our id of the job; the provider's name for it.

        After a failure that may have come too late to prevent the batch, it is looked for before it is asked for again.
        """
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        once = self._client.with_options(max_retries=0)
        for attempt in Retrying(
            retry=retry_if_exception(is_retryable),
            stop=stop_after_attempt(self._retries + 1),
            wait=wait_before_retry,
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                if attempt.retry_state.attempt_number > 1 and (found := self.find(file, job)):
                    return found
                with _as_call_failed("the batch was not begun"):
                    return once.batches.create(
                        input_file_id=file,
                        endpoint="/v1/chat/completions",
                        completion_window="24h",
                        metadata={METADATA: job},
                        extra_headers={"Idempotency-Key": job},
                    ).id
        raise AssertionError("tenacity ends with a result or an error")

    def find(self, file: str, job: str) -> str | None:
        """The provider's name of the batch with this job's id or file, if it has one."""
        with _as_call_failed("the batches cannot be listed"):
            for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(METADATA) == job or batch.input_file_id == file:
                    return batch.id
        return None

    def status(self, provider_id: str) -> Batch:
        """A batch as its provider shows it now."""
        with _as_call_failed(f"batch {provider_id} cannot be looked at"):
            return self._client.batches.retrieve(provider_id)

    def results(self, batch: Batch) -> tuple[dict[str, Completion | str], int]:
        """The results of an ended batch: each question's completion or why it has none, and how many lines are invalid."""
        results: dict[str, Completion | str] = {}
        invalid = 0
        for file in filter(None, (batch.output_file_id, batch.error_file_id)):
            with _as_call_failed(f"file {file} cannot be fetched"):
                content = self._client.files.content(file).content
            for line in filter(bytes.strip, content.split(b"\n")):
                try:
                    row = json.loads(line)
                    results[str(row["custom_id"])] = _result(row)
                except (ValueError, LookupError, TypeError, AttributeError):
                    invalid += 1
        return results, invalid


def request_line(settings: LlmSettings, key: str, messages: Messages, schema: Schema) -> bytes:
    """One question as a line of a batch's file, named by its key."""
    body = chat_request(settings, messages, schema)
    if settings.base_url is None:  # as the library for direct calls does: newer models refuse the old name
        body["max_completion_tokens"] = body.pop("max_tokens")
    line = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


def errors_of(batch: Batch) -> str | None:
    """What the provider says went wrong with a whole batch."""
    found = [item.message or item.code or "" for item in (batch.errors.data or [])] if batch.errors else []
    return first_line("; ".join(filter(None, found))) if found else None


def _result(row: dict[str, dict[str, object] | None]) -> Completion | str:
    """The completion in a line of a batch's results, or why there is none."""
    response = row.get("response") or {}
    status, body = response.get("status_code"), response.get("body")
    if status == 200:
        try:
            return completion_of(body)
        except CallFailed as error:
            return str(error)
    reason = error_text(row.get("error")) or error_text(body) or "no reason given"
    return f"HTTP {status}: {reason}" if status else reason


@contextmanager
def _as_call_failed(what: str) -> Iterator[None]:
    """Turns the library's errors into CallFailed; ``what`` says what failed."""
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        reason = error_text(error.body) or first_line(str(error))
        raise CallFailed(
            f"{what}: HTTP {error.status_code}: {reason}",
            retryable=may_pass(error.status_code),
            wait=seconds_in(error.response.headers.get("retry-after")),
        ) from error
    except openai.APIConnectionError as error:
        raise CallFailed(f"{what}: {error.__cause__ or error}", retryable=True, charged=True) from error
    except (openai.OpenAIError, ValueError) as error:
        raise CallFailed(f"{what}: {first_line(str(error))}", retryable=True, charged=True) from error
