"""One call to a model, through a library that speaks to every provider; and which failures may pass."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from openbook.assessors.llm.extra import require_extra
from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError


class CallFailed(OpenbookError):
    """A call that came to nothing.

    ``passing`` says whether another attempt makes sense, ``wait`` how long to wait; ``lost`` that the reply went astray,
    so that the provider may charge for it.
    """

    def __init__(self, message: str, *, passing: bool, wait: float | None = None, lost: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
        self.wait = wait
        self.lost = lost


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's reply and what the provider counted. ``whole`` is False where the reply was cut at its limit."""

    text: str
    input_tokens: int
    output_tokens: int
    whole: bool = True


class Provider(Protocol):
    """Whatever completes a chat as JSON of a given schema."""

    async def complete(self, messages: list[dict[str, str]], schema: dict[str, Any], key: str) -> Completion:
        """One reply. ``key`` names the question, for servers that charge a repeated question once.

        Raises CallFailed.
        """
        ...

    async def close(self) -> None: ...


class AnyProvider:
    """OpenAI, Anthropic, Google, Ollama and the like, through a library that speaks to all of them."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._client = _client(settings)

    async def complete(self, messages: list[dict[str, str]], schema: dict[str, Any], key: str) -> Completion:
        settings = self._settings
        asked = request(settings, messages, schema)
        if settings.provider == "openai":
            asked["extra_headers"] = {"Idempotency-Key": key}
        try:
            reply = await asyncio.wait_for(self._client.acompletion(**asked), settings.timeout)
        except TimeoutError as error:
            raise CallFailed(f"no reply within {settings.timeout:g} s", passing=True, lost=True) from error
        except Exception as error:  # client libraries raise their own kinds; every one is a failed call
            raise _failure(error) from error
        return completion_of(reply.model_dump())

    async def close(self) -> None:
        inner = getattr(self._client, "client", None)
        if inner is not None and hasattr(inner, "close"):
            closing = inner.close()
            if asyncio.iscoroutine(closing):
                await closing


def _client(settings: LlmSettings) -> Any:
    require_extra()
    from any_llm import AnyLLM
    from any_llm.exceptions import AnyLLMError

    # Retries are ours: whoever else repeats a question does not know of the budget.
    options: dict[str, Any] = {"max_retries": 0} if settings.provider == "openai" else {}
    try:
        return AnyLLM.create(settings.provider, **options)
    except (AnyLLMError, ImportError, ValueError) as error:
        raise OpenbookError(f"model {settings.model!r} cannot be used: {shortened(str(error))}") from error


def request(settings: LlmSettings, messages: list[dict[str, str]], schema: dict[str, Any]) -> dict[str, Any]:
    """A chat in OpenAI's form, for a server of that protocol or for the library to translate."""
    asked: dict[str, Any] = {
        "model": settings.name,
        "messages": messages,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answers", "schema": schema, "strict": True},
        },
    }
    if settings.temperature is not None:
        asked["temperature"] = settings.temperature
    return asked | {"max_tokens": settings.max_output_tokens}


def completion_of(reply: Any) -> Completion:
    """The reply in a chat completion, as JSON has it. Raises CallFailed where there is none."""
    try:
        choice = reply["choices"][0]
        text = choice["message"]["content"]
        usage = reply.get("usage") or {}
        if not isinstance(text, str):
            raise CallFailed("the reply is empty", passing=True, lost=True)
        return Completion(
            text=text,
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            whole=choice.get("finish_reason") != "length",
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CallFailed("the server's reply is no chat completion", passing=True, lost=True) from error


def may_pass(status: int | None) -> bool:
    """Whether another attempt makes sense after this HTTP status (None: there was none).

    Rate limits, overload and broken connections may pass; a refused request does not.
    """
    return status is None or status < 400 or status in (408, 409, 425, 429) or status >= 500


def seconds_in(retry_after: object) -> float | None:
    """What a ``Retry-After`` says, in seconds from now."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(str(retry_after)))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(str(retry_after)).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def shortened(text: str) -> str:
    """The first line, without the bulk of a body that some errors carry."""
    line = (text.strip() or "no reason given").splitlines()[0]
    return line if len(line) <= 300 else line[:300] + "…"


def _failure(error: Exception) -> CallFailed:
    original: Any = getattr(error, "original_exception", None) or error
    status = getattr(error, "status_code", None) or getattr(original, "status_code", None)
    headers = getattr(getattr(original, "response", None), "headers", None)
    wait = getattr(error, "retry_after", None) or (headers.get("retry-after") if headers is not None else None)
    passing = may_pass(status) and not isinstance(original, (OpenbookError, TypeError))
    said = f"HTTP {status}: " if status and status >= 400 else ""
    return CallFailed(
        said + shortened(str(original) or type(original).__name__), passing=passing, wait=seconds_in(wait)
    )


def parse_json(text: str) -> Any:
    """The JSON value in a reply, fenced or not. Raises ValueError where there is none."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.strip("`").removeprefix("json").strip()
    try:
        return json.loads(stripped)
    except json.JSONDecodeError:
        start, end = stripped.find("{"), stripped.rfind("}")
        if start < 0 or end <= start:
            raise
        return json.loads(stripped[start : end + 1])
