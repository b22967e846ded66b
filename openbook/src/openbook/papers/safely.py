"""Reading files that nobody vouches for: in worker processes, under limits of time and memory.

A worker reads many papers, so that starting it costs little per paper. One that crashes, hangs or eats too much memory
is replaced, and its paper says so in ``Paper.problem``; the other papers are unharmed.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import queue
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.papers.wire import from_wire

SECONDS = 60.0
MEGABYTES = 1536
PAPERS_PER_WORKER = 200
"""A worker is replaced after this many papers, so that memory which a library loses does not add up."""


#: Told what a maker says on the way.
Watch = Callable[[object], None]


class _Gone(Exception):
    """The worker ended or was late; the message is the paper's problem."""


class Worker:
    """One reading process. Not safe to share between threads: ``Readers`` hands each out to one caller at a time."""

    def __init__(self, megabytes: int, maker: str | None = None) -> None:
        self.megabytes = megabytes
        self.maker = maker
        self.process: subprocess.Popen[bytes] | None = None
        self.done = 0
        self._rest = b""

    def read(self, path: Path, seconds: float) -> Paper:
        """The paper, whatever happens to the process. Raises ``OpenbookError`` when there is no such file."""
        paper = self.make(path, seconds, None)
        return paper if isinstance(paper, Paper) else unread(path, "damaged: the reading process gave no paper")

    def make(self, path: Path, seconds: float, options: object, watch: Watch = lambda step: None) -> object:
        """What the worker's maker makes of the paper; the paper itself without one, or where it could not be read.

        ``watch`` is told what the maker yields on the way. Raises ``OpenbookError`` when there is no such file.
        """
        if self.process is None or self.process.poll() is not None or self.done >= PAPERS_PER_WORKER:
            self.close()
            self._start()
        self.done += 1
        try:
            reply = self._ask({"path": str(path), "seconds": seconds, "options": options}, seconds, watch)
        except _Gone as gone:
            self.close()
            return unread(path, str(gone))
        if "error" in reply:
            raise OpenbookError(str(reply["error"]))
        if "made" in reply:
            return reply["made"]
        if "paper" in reply:
            with contextlib.suppress(TypeError, KeyError):
                return from_wire(reply["paper"])  # type: ignore[arg-type]
        if str(reply.get("problem", "")).startswith("too large"):
            self.close()
        return unread(path, str(reply.get("problem", "damaged: the reading process gave no answer")))

    def close(self) -> None:
        """End the process."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self.process = None

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "openbook.papers.worker",
                str(self.megabytes),
                *([self.maker] if self.maker else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self.done = 0
        self._rest = b""
        try:
            self._receive(60.0, time.monotonic() + 60.0)
        except _Gone as gone:
            self.close()
            raise OpenbookError(f"the process that reads papers does not start ({gone})") from None

    def _ask(self, request: dict[str, object], seconds: float, watch: Watch) -> dict[str, object]:
        assert self.process
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise _Gone("damaged: the reading process crashed") from None
        deadline = time.monotonic() + seconds
        while "progress" in (reply := self._receive(seconds, deadline)):
            watch(reply["progress"])
        return reply

    def _receive(self, seconds: float, deadline: float) -> dict[str, object]:
        assert self.process
        assert self.process.stdout
        pieces = [self._rest]
        descriptor = self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in pieces[-1]:
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise _Gone(f"too slow: reading it took more than {seconds:g} seconds")
                piece = os.read(descriptor, 1 << 20)
                if not piece:
                    code = self.process.wait()
                    raise _Gone(f"damaged: the reading process crashed (it ended with code {code})")
                pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise _Gone("damaged: the reading process gave no answer")
        return reply


class Readers:
    """A pool of workers; use it as a context manager, or ``close`` it.

    With ``maker``, the name ``package.module:function`` of a function of a paper and options, the workers can ``make``
    something of each paper where it was read, and send that instead of the paper.
    """

    def __init__(
        self, count: int = 1, *, seconds: float = SECONDS, megabytes: int = MEGABYTES, maker: str | None = None
    ) -> None:
        self.count = max(count, 1)
        self.seconds = seconds
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._workers = [Worker(megabytes, maker) for _ in range(self.count)]
        for worker in self._workers:
            self._idle.put(worker)

    def read(self, path: str | Path, *, seconds: float | None = None) -> Paper:
        """Read one paper; waits while all workers are busy. Raises ``OpenbookError`` when there is no such file."""
        worker = self._idle.get()
        try:
            return worker.read(Path(path), self.seconds if seconds is None else seconds)
        finally:
            self._idle.put(worker)

    def make(self, path: str | Path, options: object, watch: Watch = lambda step: None) -> object:
        """What the maker makes of one paper: JSON; or the unread paper. Raises as ``read`` does."""
        worker = self._idle.get()
        try:
            return worker.make(Path(path), self.seconds, options, watch)
        finally:
            self._idle.put(worker)

    def map(self, paths: Iterable[str | Path]) -> Iterator[Paper]:
        """The papers in the order of their paths, read by all workers at once. A missing file is a ``problem``."""

        def one(path: str | Path) -> Paper:
            try:
                return self.read(path)
            except OpenbookError as error:
                return Paper(text="", source=str(path), format="unknown", sha256="", problem=str(error))

        with ThreadPoolExecutor(self.count) as threads:
            yield from threads.map(one, paths)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


_shared: dict[int, Readers] = {}
_lock = threading.Lock()


def read_safely(path: str | Path, *, seconds: float = SECONDS, megabytes: int = MEGABYTES) -> Paper:
    """Read one paper in a worker process that is kept for the next call.

    A crash, a hang or hunger for memory becomes ``Paper.problem``. Raises ``OpenbookError`` when there is no such file.
    """
    if not Path(path).is_file():
        raise OpenbookError(f"there is no file {str(path)!r}: give the path of a paper")
    with _lock:
        readers = _shared.get(megabytes)
        if readers is None:
            readers = _shared[megabytes] = Readers(1, megabytes=megabytes)
    return readers.read(path, seconds=seconds)


@atexit.register
def _close_shared() -> None:
    for readers in _shared.values():
        readers.close()


def unread(path: Path, problem: str) -> Paper:
    """A paper that could not be read, with its reason and its hash."""
    digest = hashlib.sha256()
    with contextlib.suppress(OSError), path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    kind = path.suffix.lower().lstrip(".") or "unknown"
    return Paper(text="", source=str(path), format=kind, sha256=digest.hexdigest(), problem=problem)
