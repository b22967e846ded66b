"""One call to a model: two clients, what a call gives, and which failures may pass.

``HttpClient`` asks a server that speaks OpenAI's protocol at an address of one's own, over plain HTTP. Client libraries
walk through every part of a request and a reply, which takes more processor time than everything else about a call;
with many calls under way at a fast server that time is the limit. ``ProviderClient`` asks OpenAI, Anthropic, Google,
Ollama and others through a library that speaks to all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from openbook.assessors.llm.settings import LlmSettings, require_extra
from openbook.errors import OpenbookError
from openbook.text import shortened

#: The longest wait between two attempts, in seconds.
LONGEST_WAIT: Final = 60.0

Messages = list[dict[str, str]]
Schema = dict[str, Any]


class CallFailed(OpenbookError):
    """A call that gave no reply.

    ``retryable`` says whether another attempt may succeed, and ``wait`` how many seconds the server asked to wait.
    ``charged`` says that a reply may have been made and lost on the way, so that the provider may charge for it.
    """

    def __init__(self, message: str, *, retryable: bool, wait: float | None = None, charged: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.wait = wait
        self.charged = charged


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's reply and the tokens that the provider counted."""

    text: str
    input_tokens: int
    output_tokens: int


class Client(Protocol):
    """Completes a chat as JSON of a given schema."""

    async def complete(self, messages: Messages, schema: Schema, key: str) -> Completion:
        """One reply. ``key`` names the question, for servers that charge a repeated question once.

        Raises CallFailed.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def make_client(settings: LlmSettings) -> Client:
    """The client for these settings. Raises OpenbookError if the model or its key is not usable."""
    require_extra()
    return HttpClient(settings) if settings.base_url else ProviderClient(settings)


class HttpClient:
    """Asks one address over HTTP. The key, where the server wants one, is OPENAI_API_KEY."""

    def __init__(self, settings: LlmSettings) -> None:
        assert settings.base_url is not None
        self._settings = settings
        self._address = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._proxy = _proxy(self._address)
        self._session: Any = None

    async def complete(self, messages: Messages, schema: Schema, key: str) -> Completion:
        import aiohttp

        if self._session is None:  # made here, since it belongs to the event loop that uses it
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the caller limits how many are under way
                headers={
                    "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY') or 'none'}",
                    "Content-Type": "application/json",
                },
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        body = json.dumps(chat_request(self._settings, messages, schema), ensure_ascii=False)
        try:
            async with self._session.post(
                self._address,
                data=body.encode("utf-8", "surrogatepass"),
                headers={"Idempotency-Key": key},
                proxy=self._proxy,
            ) as reply:
                content = await reply.read()
        except TimeoutError as error:
            raise _timed_out(self._settings) from error
        except aiohttp.InvalidURL as error:
            raise CallFailed(f"{self._address} is not a valid address", retryable=False) from error
        except (aiohttp.ClientError, OSError) as error:
            reached = not isinstance(error, aiohttp.ClientConnectorError)
            raise CallFailed(str(error) or type(error).__name__, retryable=True, charged=reached) from error
        return _read_completion(reply.status, content, reply.headers.get("Retry-After"))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class ProviderClient:
    """Asks a named provider through the library any-llm."""

    def __init__(self, settings: LlmSettings) -> None:
        from any_llm import AnyLLM
        from any_llm.exceptions import AnyLLMError

        self._settings = settings
        # Retries are ours: a library that repeats a question does not know the budget.
        options: dict[str, Any] = {"max_retries": 0} if settings.provider == "openai" else {}
        try:
            self._client = AnyLLM.create(settings.provider, **options)
        except (AnyLLMError, ImportError, ValueError) as error:
            raise OpenbookError(f"model {settings.model!r} cannot be used: {first_line(str(error))}") from error

    async def complete(self, messages: Messages, schema: Schema, key: str) -> Completion:
        request = chat_request(self._settings, messages, schema)
        if self._settings.provider == "openai":
            request["extra_headers"] = {"Idempotency-Key": key}
        try:
            reply: Any = await asyncio.wait_for(self._client.acompletion(**request), self._settings.timeout)
        except TimeoutError as error:
            raise _timed_out(self._settings) from error
        except Exception as error:  # every library raises kinds of its own; each is a failed call
            raise _call_failed(error) from error
        return completion_of(reply.model_dump())

    async def close(self) -> None:
        inner = getattr(self._client, "client", None)
        if inner is not None and hasattr(inner, "close"):
            closing = inner.close()
            if asyncio.iscoroutine(closing):
                await closing


def chat_request(settings: LlmSettings, messages: Messages, schema: Schema) -> dict[str, Any]:
    """A chat in OpenAI's form, for a server of that protocol or for the library to translate."""
    request: dict[str, Any] = {
        "model": settings.name,
        "messages": messages,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answers", "schema": schema, "strict": True},
        },
    }
    if settings.temperature is not None:
        request["temperature"] = settings.temperature
    return request | {"max_tokens": settings.max_output_tokens}


def completion_of(reply: Any) -> Completion:
    """The reply in a chat completion, given as JSON. Raises CallFailed if it has none."""
    try:
        text = reply["choices"][0]["message"]["content"]
        usage = reply.get("usage") or {}
        if not isinstance(text, str):
            raise CallFailed("the reply is empty", retryable=True, charged=True)
        return Completion(text, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CallFailed("the server's reply is not a chat completion", retryable=True, charged=True) from error


def _read_completion(status: int, content: bytes, retry_after: str | None) -> Completion:
    try:
        reply = json.loads(content)
    except ValueError:  # also where it is not UTF-8
        reply = content[:300].decode("utf-8", "replace")
        if status < 400:
            raise CallFailed("the server's reply is not JSON", retryable=True, charged=True) from None
    if status >= 400:
        reason = error_text(reply) or "no reason given"
        raise CallFailed(f"HTTP {status}: {reason}", retryable=may_pass(status), wait=seconds_in(retry_after))
    return completion_of(reply)


def _timed_out(settings: LlmSettings) -> CallFailed:
    return CallFailed(f"no reply within {settings.timeout:g} s", retryable=True, charged=True)


def _call_failed(error: Exception) -> CallFailed:
    """Any exception of a client library as CallFailed."""
    original: Any = getattr(error, "original_exception", None) or error
    status = getattr(error, "status_code", None) or getattr(original, "status_code", None)
    headers = getattr(getattr(original, "response", None), "headers", None) or {}
    wait = getattr(error, "retry_after", None) or headers.get("retry-after")
    retryable = may_pass(status) and not isinstance(original, (OpenbookError, TypeError))
    prefix = f"HTTP {status}: " if status and status >= 400 else ""
    reason = first_line(str(original) or type(original).__name__)
    return CallFailed(prefix + reason, retryable=retryable, wait=seconds_in(wait))


def may_pass(status: int | None) -> bool:
    """Whether another attempt may succeed after this HTTP status (None: there was none).

    Rate limits, overload and broken connections may pass; a refused request does not.
    """
    return status is None or status < 400 or status in (408, 409, 425, 429) or status >= 500


def seconds_in(retry_after: object) -> float | None:
    """The seconds from now that a ``Retry-After`` header asks for, as a number or a date; None if it has neither."""
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


def wait_before_retry(state: Any) -> float:
    """Seconds until the next attempt, for tenacity: what the server asked for and a little more, else exponential."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception()
    if isinstance(error, CallFailed) and error.wait is not None:
        return min(error.wait, LONGEST_WAIT) + random.uniform(0, 0.5)
    return float(wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)(state))


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt may succeed after this exception."""
    return isinstance(error, CallFailed) and error.retryable


def error_text(body: object) -> str | None:
    """The message in the body of an error, on one line; None if it has none."""
    while isinstance(body, dict):
        body = next((body[name] for name in ("error", "message", "detail", "code") if body.get(name)), None)
    return first_line(str(body)) if body else None


def first_line(text: str) -> str:
    """The first line of a text, shortened: some errors carry a whole page."""
    line = (text.strip() or "no reason given").splitlines()[0]
    return shortened(line, 300)


def _proxy(address: str) -> str | None:
    """The proxy that the environment names for this address, looked up once instead of for every call."""
    try:
        parts = urlsplit(address)
        return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    except ValueError:  # not an address: the first call says so
        return None
