"""One call to a model, through a library that speaks to every provider; and which failures may pass."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError


class CallFailed(OpenbookError):
    """A call that came to nothing. ``passing`` says whether another attempt makes sense, ``wait`` how long to wait."""

    def __init__(self, message: str, *, passing: bool, wait: float | None = None) -> None:
        super().__init__(message)
        self.passing = passing
        self.wait = wait


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
    """OpenAI, Anthropic, Google, Ollama and the like, or a server that speaks OpenAI's protocol."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._client = _client(settings)

    async def complete(self, messages: list[dict[str, str]], schema: dict[str, Any], key: str) -> Completion:
        from any_llm.exceptions import AnyLLMError

        settings = self._settings
        options: dict[str, Any] = {"max_tokens": settings.max_output_tokens}
        if settings.temperature is not None:
            options["temperature"] = settings.temperature
        if settings.provider == "openai":
            options["extra_headers"] = {"Idempotency-Key": key}
        try:
            reply = await asyncio.wait_for(
                self._client.acompletion(
                    model=settings.name,
                    messages=messages,
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "answers", "schema": schema, "strict": True},
                    },
                    **options,
                ),
                settings.timeout,
            )
        except TimeoutError as error:
            raise CallFailed(f"no reply within {settings.timeout:g} s", passing=True) from error
        except AnyLLMError as error:
            raise _failure(error, error.status_code) from error
        except Exception as error:  # client libraries raise their own kinds; every one is a failed call
            raise _failure(error, getattr(error, "status_code", None)) from error
        return _completion(reply)

    async def close(self) -> None:
        inner = getattr(self._client, "client", None)
        if inner is not None and hasattr(inner, "close"):
            closing = inner.close()
            if asyncio.iscoroutine(closing):
                await closing


def _client(settings: LlmSettings) -> Any:
    try:
        from any_llm import AnyLLM
        from any_llm.exceptions import AnyLLMError
    except ImportError as error:
        raise OpenbookError("asking a model needs the extra: pip install 'openbook[llm]'") from error
    options: dict[str, Any] = {}
    if settings.provider == "openai":
        import openai

        # An aiohttp transport, since httpx spends more time per call the more are under way. Retries are ours.
        options = {
            "max_retries": 0,
            "timeout": settings.timeout,
            "http_client": openai.DefaultAioHttpClient(timeout=settings.timeout),
        }
    if settings.base_url:
        import os

        options |= {"api_base": settings.base_url, "api_key": os.environ.get("OPENAI_API_KEY") or "none"}
    try:
        return AnyLLM.create(settings.provider, **options)
    except (AnyLLMError, ImportError, ValueError) as error:
        raise OpenbookError(f"model {settings.model!r} cannot be used: {_short(error)}") from error


def _completion(reply: Any) -> Completion:
    try:
        choice = reply.choices[0]
        text = choice.message.content
        usage = reply.usage
    except (AttributeError, IndexError, TypeError) as error:
        raise CallFailed("the server's reply is no chat completion", passing=True) from error
    if not isinstance(text, str):
        raise CallFailed("the reply is empty", passing=True)
    return Completion(
        text=text,
        input_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        output_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
        whole=getattr(choice, "finish_reason", "stop") != "length",
    )


def _failure(error: Exception, status: int | None) -> CallFailed:
    """Rate limits, overload, broken connections and unreadable replies may pass; a refused request does not."""
    original = getattr(error, "original_exception", None) or error
    status = status if status is not None else getattr(original, "status_code", None)
    passing = status is None or status < 400 or status in (408, 409, 425, 429) or status >= 500
    if isinstance(original, (OpenbookError, TypeError)):
        passing = False
    said = f"HTTP {status}: " if status and status >= 400 else ""
    return CallFailed(said + _short(original), passing=passing, wait=_retry_after(error, original))


def _retry_after(error: Exception, original: Exception) -> float | None:
    """What the server said of when to come back, in seconds."""
    said = getattr(error, "retry_after", None)
    headers = getattr(getattr(original, "response", None), "headers", None)
    if said is None and headers is not None:
        said = headers.get("retry-after")
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except (TypeError, ValueError):
        pass
    try:
        return max(0.0, parsedate_to_datetime(str(said)).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _short(error: Exception) -> str:
    """The first line of an error, without the bulk of a body that some libraries put into it."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if len(text) <= 300 else text[:300] + "…"


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
