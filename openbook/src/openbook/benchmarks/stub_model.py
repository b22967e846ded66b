"""A server on loopback that speaks OpenAI's chat protocol without a model, for benchmarks and tests.

It answers every variable alike, with a sentence of the paper as its quote, after a fixed wait.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: A short paper to ask about, by name: ``PAPER.format(name="Number 1")``.
PAPER = """A Paper Called {name}

Ada One, University of Somewhere

Abstract
We study small things and measure how they behave when nobody looks at them for quite a while.

1 Introduction
Small things are everywhere, and yet they are rarely written about in any depth. This one is {name}.

2 Experiments
All models of {name} were trained on a single NVIDIA A100 with 40 GB of memory for about six hours.
We split the data into 80% for training, 10% for validation and 10% for testing, with seed 7.
"""

#: What to send: an HTTP status, extra headers and a body; None: nothing, for as long as the client waits.
Sent = tuple[int, dict[str, str], bytes] | None


def paper_in(prompt: str) -> str:
    """The text between the fence lines of a prompt."""
    marks = [line for line in prompt.splitlines() if line.startswith("=====paper-") and line.endswith("=====")]
    if not marks:
        return ""
    return prompt.split(f"\n{marks[0]}\n", 2)[1]


def answers(body: dict[str, Any], result: str = "yes") -> dict[str, Any]:
    """Replies of the schema that was asked for, quoting the paper's longest line."""
    asked = body["response_format"]["json_schema"]["schema"]["properties"]
    lines = paper_in(body["messages"][-1]["content"]).splitlines() or [""]
    quote = max(lines, key=len).strip()
    said: dict[str, Any] = {}
    for name, shape in asked.items():
        allowed = shape["properties"]["result"]["enum"]
        chosen = result if result in allowed else allowed[0]
        said[name] = {"result": chosen, "quotes": [quote] * (chosen != "no"), "reason": f"By rule: {chosen}."}
    return said


def completion(said: object, *, finish: str = "stop") -> bytes:
    """A chat completion that says this (text as it is, anything else as JSON)."""
    content = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    message = {"role": "assistant", "content": content}
    return json.dumps(
        {
            "id": "stub",
            "object": "chat.completion",
            "created": 0,
            "model": "stub",
            "choices": [{"index": 0, "finish_reason": finish, "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
        }
    ).encode()


@dataclass(slots=True)
class Stub:
    """The server. ``behave(number, body)`` decides each reply, numbered from 0 in order of arrival.

    ``keys`` are the idempotency keys of the requests, in the same order. ``route(method, path, headers, content)``
    answers every request that is not a chat; such requests are not numbered.
    """

    latency: float = 0.0
    behave: Callable[[int, dict[str, Any]], Sent] | None = None
    route: Callable[[str, str, dict[str, str], bytes], Sent] | None = None
    port: int = 0
    seen: int = 0
    answered: int = 0
    busiest: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    keep_bodies: bool = False
    _busy: int = 0
    _open: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Stub:
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until every client has gone and all that it sent is counted. Raises TimeoutError."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(self._settled(), seconds), self._loop).result()

    async def _settled(self) -> None:
        quiet = 0
        while quiet < 3:  # turns of the loop, in which whoever waits at the door comes in
            await asyncio.sleep(0.005)
            quiet = 0 if self._open else quiet + 1

    async def _end(self) -> None:
        mine = asyncio.current_task()
        open_connections = [task for task in asyncio.all_tasks() if task is not mine]
        for task in open_connections:
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)

    def _run(self, ready: threading.Event) -> None:
        assert self._loop
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.listen())
        ready.set()
        self._loop.run_forever()

    async def listen(self) -> asyncio.Server:
        """Start to listen on loopback; ``port`` 0 takes any free one."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**26)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = _headers(head)
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                method, path = head.decode("latin-1").split(" ", 2)[:2]
                if self.route and not path.endswith("/chat/completions"):
                    if not await _send(writer, self.route(method, path.removeprefix("/v1"), headers, raw)):
                        return
                    continue
                due = asyncio.get_running_loop().time() + self.latency
                number, self.seen = self.seen, self.seen + 1
                self.keys.append(headers.get("idempotency-key", ""))
                self._busy += 1
                self.busiest = max(self.busiest, self._busy)
                try:
                    body = json.loads(raw) if raw else {}
                    if self.keep_bodies:
                        self.bodies.append(body)
                    sent = self.behave(number, body) if self.behave else (200, {}, completion(answers(body)))
                    await asyncio.sleep(due - asyncio.get_running_loop().time())
                    whole = await _send(writer, sent)
                    self.answered += 1
                    if not whole:
                        return
                finally:
                    self._busy -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open -= 1
            writer.close()


async def _send(writer: asyncio.StreamWriter, sent: Sent) -> bool:
    """Send a reply; whether it was as long as it said."""
    if sent is None:
        await asyncio.sleep(3600)
        return False
    status, more, content = sent
    announced = int(more.pop("X-Announced-Length", len(content)))
    lines = [f"HTTP/1.1 {status} Stub", f"Content-Length: {announced}"]
    lines += [f"{name}: {value}" for name, value in ({"Content-Type": "application/json"} | more).items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
    await writer.drain()
    return announced == len(content)


def _headers(head: bytes) -> dict[str, str]:
    """The headers of a request, by their names in lower case."""
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


async def _alone(latency: float) -> None:
    stub = Stub(latency=latency)
    server = await stub.listen()
    print(stub.url, flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_alone(float(sys.argv[1])))
