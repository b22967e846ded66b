"""Calls to a server that speaks OpenAI's protocol at an address of one's own: plain HTTP, nothing in between.

Client libraries walk through every part of a request and a reply, which takes them more processor time than all else
that happens to a call; with many calls under way at a fast server that time is the limit.
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

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


class OpenAIServer:
    """A ``Provider`` over one address. The key, where the server wants one, is OPENAI_API_KEY's."""

    def __init__(self, settings: LlmSettings) -> None:
        require_extra()
        import aiohttp

        assert settings.base_url is not None
        self._settings = settings
        self._address = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._proxy = _proxy(self._address)
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout)
        self._session: aiohttp.ClientSession | None = None

    async def complete(self, messages: list[dict[str, str]], schema: dict[str, Any], key: str) -> Completion:
        import aiohttp

        if self._session is None:  # made here, since it belongs to the event loop that uses it
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the asker limits how many are under way
                headers={
                    "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY') or 'none'}",
                    "Content-Type": "application/json",
                },
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        body = json.dumps(request(self._settings, messages, schema), ensure_ascii=False)
        try:
            async with self._session.post(
                self._address,
                data=body.encode("utf-8", "surrogatepass"),
                headers={"Idempotency-Key": key},
                proxy=self._proxy,
            ) as reply:
                content = await reply.read()
        except TimeoutError as error:
            raise CallFailed(f"no reply within {self._settings.timeout:g} s", passing=True, lost=True) from error
        except aiohttp.InvalidURL as error:
            raise CallFailed(f"{self._address} is no address", passing=False) from error
        except (aiohttp.ClientError, OSError) as error:
            reached = not isinstance(error, aiohttp.ClientConnectorError)
            raise CallFailed(str(error) or type(error).__name__, passing=True, lost=reached) from error
        return read_completion(reply.status, content, reply.headers.get("Retry-After"))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _proxy(address: str) -> str | None:
    """The proxy that the environment names for this address, if any: looked up once, not again for every call."""
    try:
        parts = urlsplit(address)
        return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    except ValueError:  # no address: the first call says so
        return None


def read_completion(status: int, content: bytes, retry_after: str | None) -> Completion:
    """What a server sent. Raises CallFailed where that is no completion."""
    try:
        said = json.loads(content)
    except ValueError:  # also where it is not UTF-8
        said = content[:300].decode("utf-8", "replace")
        if status < 400:
            raise CallFailed("the server's reply is not JSON", passing=True, lost=True) from None
    if status >= 400:
        raise CallFailed(f"HTTP {status}: {_message(said)}", passing=may_pass(status), wait=seconds_in(retry_after))
    return completion_of(said)


def _message(said: object) -> str:
    """What an error's body says, in one line."""
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and name in said:
            said = said[name]
    return shortened(str(said))
