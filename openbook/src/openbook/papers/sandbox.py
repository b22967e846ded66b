"""Reading untrusted files in worker processes, under limits of time and memory.

A worker reads many papers, so that its start costs little per paper. A worker that crashes, hangs or takes too much memory
is replaced, and the paper it was reading says so in ``Paper.problem``. The other papers are unharmed. Only JSON
comes back through the pipe, never pickle, because a hostile PDF may have taken the worker over.

To compute something from each paper inside the worker, give the pool a ``task``: a function at the top of a module
that takes the paper and the options of the call, and returns JSON values. A task that is a generator reports what it
yields as progress, and returns its result at the end::

    def count_words(paper: Paper, options: dict[str, Any]) -> int:
        return len(paper.text.split())

    with ReaderPool(2, task=count_words) as pool:
        words = pool.run("paper.pdf", options={})
"""

from __future__ import annotations

import atexit
import contextlib
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
from typing import Any

from openbook.errors import OpenbookError
from openbook.files import file_sha256
from openbook.papers.paper import Paper

SECONDS = 60.0
MEGABYTES = 1536
PAPERS_PER_WORKER = 200
"""A worker is replaced after this many papers, so that memory which a library leaks does not add up."""

Task = Callable[[Any, Any], Any]
"""Computes JSON values from a paper, or from its path, and the options of the call, in the reading process."""
OnProgress = Callable[[object], None]
"""Receives each value that a task yields before its end."""


class _WorkerLost(Exception):
    """The worker ended or was late; the message becomes the paper's problem."""


class Worker:
    """One reading process. Not safe to share between threads: ``ReaderPool`` lends each to one caller at a time."""

    def __init__(self, megabytes: int, task: Task | None = None, *, by_path: bool = False) -> None:
        self.megabytes = megabytes
        self.task = task
        self.by_path = by_path
        self.process: subprocess.Popen[bytes] | None = None
        self.done = 0
        self._ready = False
        self._unparsed = b""

    def run(self, path: Path, seconds: float, options: object = None, on_progress: OnProgress | None = None) -> object:
        """The task's result for this file. The paper itself if there is no task or the file could not be read.

        Raises ``OpenbookError`` when there is no such file.
        """
        if self.process is None or self.process.poll() is not None or self.done >= PAPERS_PER_WORKER:
            self.close()
            self.start()
        self._wait_until_ready()
        self.done += 1
        try:
            reply = self._ask({"path": str(path), "seconds": seconds, "options": options}, seconds, on_progress)
        except _WorkerLost as lost:
            self.close()
            return unread(path, str(lost))
        if "error" in reply:
            raise OpenbookError(str(reply["error"]))
        if "result" in reply:
            return reply["result"]
        if "paper" in reply:
            with contextlib.suppress(TypeError, KeyError):
                return Paper.unpacked(reply["paper"])  # type: ignore[arg-type]
        problem = str(reply.get("problem", "damaged: the reading process gave no answer"))
        if problem.startswith("too large"):
            self.close()
        return unread(path, problem)

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

    def start(self) -> None:
        """Begin the process, and do not wait for it."""
        command = [sys.executable, "-P", "-m", "openbook.papers.worker_entry", str(self.megabytes)]
        if self.task is not None:
            command.append(f"{self.task.__module__}:{self.task.__qualname__}")
            command += ["path"] if self.by_path else []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self.done = 0
        self._unparsed = b""
        self._ready = False

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        try:
            self._receive(60.0, time.monotonic() + 60.0)
            self._ready = True
        except _WorkerLost as lost:
            self.close()
            raise OpenbookError(f"the process that reads papers does not start ({lost})") from None

    def _ask(self, request: dict[str, object], seconds: float, on_progress: OnProgress | None) -> dict[str, object]:
        assert self.process
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise _WorkerLost("damaged: the reading process crashed") from None
        deadline = time.monotonic() + seconds
        while "progress" in (reply := self._receive(seconds, deadline)):
            if on_progress is not None:
                on_progress(reply["progress"])
        return reply

    def _receive(self, seconds: float, deadline: float) -> dict[str, object]:
        assert self.process
        assert self.process.stdout
        chunks = [self._unparsed]
        descriptor = self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in chunks[-1]:
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise _WorkerLost(f"too slow: reading it took more than {seconds:g} seconds")
                chunk = os.read(descriptor, 1 << 20)
                if not chunk:
                    code = self.process.wait()
                    raise _WorkerLost(f"damaged: the reading process crashed (it ended with code {code})")
                chunks.append(chunk)
        line, _, self._unparsed = b"".join(chunks).partition(b"\n")
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise _WorkerLost("damaged: the reading process gave no answer")
        return reply


class ReaderPool:
    """A pool of reading processes. Use it as a context manager, or call ``close``.

    ``seconds`` and ``megabytes`` limit one paper. ``task`` is what ``run`` computes from each paper; ``by_path``: it is
    given the path instead and reads what it needs itself. Raises ``ValueError`` for a task that a new process could not import.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        seconds: float = SECONDS,
        megabytes: int = MEGABYTES,
        task: Task | None = None,
        by_path: bool = False,
    ) -> None:
        if task is not None and ("." in task.__qualname__ or task.__module__ == "__main__"):
            raise ValueError(f"the task {task.__qualname__!r} is invalid: it must be a function at the top of a module")
        self.count = max(count, 1)
        self.seconds = seconds
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._workers = [Worker(megabytes, task, by_path=by_path) for _ in range(self.count)]
        for worker in self._workers:
            self._idle.put(worker)

    def start(self) -> None:
        """Begin all processes now, so that they load what they need while the caller does something else."""
        for worker in self._workers:
            if worker.process is None:
                worker.start()

    def run(self, path: str | Path, options: object = None, on_progress: OnProgress | None = None) -> object:
        """The task's result for one file: JSON values; or a ``Paper`` with its problem where it could not be read.

        Waits while all workers are busy. Raises ``OpenbookError`` when there is no such file.
        """
        return self._lend(path, self.seconds, options, on_progress)

    def read(self, path: str | Path, *, seconds: float | None = None) -> Paper:
        """Read one paper, in a pool without a task. Raises ``OpenbookError`` when there is no such file."""
        paper = self._lend(path, self.seconds if seconds is None else seconds)
        if isinstance(paper, Paper):
            return paper
        return unread(Path(path), "damaged: the reading process gave no paper")

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

    def _lend(
        self, path: str | Path, seconds: float, options: object = None, on_progress: OnProgress | None = None
    ) -> object:
        worker = self._idle.get()
        try:
            return worker.run(Path(path), seconds, options, on_progress)
        finally:
            self._idle.put(worker)

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


_shared: dict[int, ReaderPool] = {}
_lock = threading.Lock()


def read_safely(path: str | Path, *, seconds: float = SECONDS, megabytes: int = MEGABYTES) -> Paper:
    """Read one paper in a worker process that is kept for the next call.

    A crash, a hang or too much memory becomes ``Paper.problem``. Raises ``OpenbookError`` when there is no such file.
    """
    if not Path(path).is_file():
        raise OpenbookError(f"there is no file {str(path)!r}: give the path of a paper")
    with _lock:
        pool = _shared.get(megabytes)
        if pool is None:
            pool = _shared[megabytes] = ReaderPool(1, megabytes=megabytes)
    return pool.read(path, seconds=seconds)


def read(source: str | Path, *, seconds: float = SECONDS, megabytes: int = MEGABYTES) -> Paper:
    """Read a paper from a file, an arXiv id or an address, in a worker process under limits.

    Whatever is wrong with its content is ``Paper.problem``. Raises ``OpenbookError`` when there is no such file or it
    cannot be downloaded.
    """
    from openbook.papers.fetch import local_path

    paper = read_safely(local_path(source), seconds=seconds, megabytes=megabytes)
    paper.source = str(source)
    return paper


@atexit.register
def _close_shared() -> None:
    for pool in _shared.values():
        pool.close()


def unread(path: Path, problem: str) -> Paper:
    """A paper that could not be read, with the reason and the file's hash."""
    try:
        digest = file_sha256(path)
    except OSError:
        digest = ""
    kind = path.suffix.lower().lstrip(".") or "unknown"
    return Paper(text="", source=str(path), format=kind, sha256=digest, problem=problem)
