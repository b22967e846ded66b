"""Servers to talk to: one in this process, shared by a module's tests, and real ones on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openbook.benchmarks.stages import make_pdf, make_text

pytest.importorskip("fastapi", reason="the server's libraries are not installed (extra: server)")

from starlette.testclient import TestClient

from openbook.web.server.run import create_app
from openbook.web.server.settings import ServerSettings

BASE = "http://127.0.0.1"
TOKEN = "a-token-of-more-than-sixteen-letters"


@contextlib.contextmanager
def serving(tmp_path: Path, **changed: Any) -> Iterator[TestClient]:
    """A server in this process."""
    given = {"ledger": f"sqlite:///{tmp_path / 'ledger.db'}", "jobs": 1, "rate": 0} | changed
    with TestClient(create_app(ServerSettings(**given)), base_url=BASE, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server as it is without options, for the whole module."""
    with serving(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server that others reach: writing needs TOKEN."""
    with serving(tmp_path_factory.mktemp("guarded"), token=TOKEN, names=("book.example",)) as made:
        yield made


@pytest.fixture(scope="session")
def token() -> str:
    """The token of guarded servers."""
    return TOKEN


@pytest.fixture(scope="session")
def serve() -> Callable[..., contextlib.AbstractContextManager[TestClient]]:
    """Makes a server in this process, with options."""
    return serving


@pytest.fixture(scope="session")
def wait() -> Callable[..., dict[str, Any]]:
    """Waits for a job to be over."""
    return wait_for


@pytest.fixture(scope="session")
def paper() -> Callable[..., bytes]:
    """Makes up papers as text, another for every seed."""
    return lambda seed, pages=2: make_text(seed, pages=pages).encode()


def wait_for(client: TestClient, job: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """The job when it is over."""
    deadline = time.monotonic() + seconds
    while job["state"] not in ("done", "failed") and time.monotonic() < deadline:
        time.sleep(0.05)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    return job


@pytest.fixture(scope="session")
def a_pdf() -> bytes:
    """A made-up paper as PDF."""
    return make_pdf(make_text(77, pages=3))


class Running:
    """A server in a process of its own."""

    def __init__(self, folder: Path, *options: str, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "openbook.cli", "serve", "--json", "--port", "0", "--rate", "0", *options]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout
        reader = threading.Thread(
            target=lambda out: lines.put(out.readline()), args=(self.process.stdout,), daemon=True
        )
        reader.start()
        try:
            line = lines.get(timeout=120)
        except queue.Empty:
            line = ""
        if not line:
            self.process.kill()
            raise AssertionError(f"the server did not start: {self.process.communicate()[1]}")
        self.url: str = json.loads(line)["url"]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> str:
        """End it as Ctrl-C does; what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[1]


@pytest.fixture(scope="session")
def start_server() -> Callable[..., Running]:
    """Starts a server in a folder; whoever starts it ends it."""
    return Running


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts servers in ``tmp_path``; ends them with the test."""
    made: list[Running] = []

    def start(*options: str, **more: Any) -> Running:
        made.append(Running(tmp_path, *options, **more))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()
