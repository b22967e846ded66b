"""The real server on loopback: 50 uploads at once, ``kill -9`` and start again, and the ways it refuses to start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

pytest.importorskip("uvicorn", reason="the server's libraries are not installed (extra: server)")

from openbook.benchmarks.stages import make_pdf, make_text
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.web.server.run import run
from openbook.web.server.settings import ServerSettings

UPLOADS = 50
Start = Callable[..., Any]


def wait_all(url: str, jobs: list[str], seconds: float = 240) -> list[dict[str, Any]]:
    """The jobs when all are over."""
    deadline = time.monotonic() + seconds
    over: dict[str, dict[str, Any]] = {}
    with httpx.Client(base_url=url, timeout=60) as client:
        while len(over) < len(jobs) and time.monotonic() < deadline:
            for job in jobs:
                if job not in over:
                    body = client.get(f"/api/v1/jobs/{job}").json()
                    if body["state"] in ("done", "failed"):
                        over[job] = body
                    else:
                        break
            time.sleep(0.1)
    return [over[job] for job in jobs if job in over]


def send_all(url: str, papers: list[tuple[str, bytes]], at_once: int) -> list[httpx.Response]:
    """Upload papers, so many at the same moment."""
    barrier = threading.Barrier(at_once)

    def send(paper: tuple[str, bytes]) -> httpx.Response:
        with httpx.Client(base_url=url, timeout=120) as client:
            if at_once == len(papers):
                barrier.wait(60)
            return client.post("/api/v1/papers", files={"file": paper})

    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(send, papers))


@pytest.fixture(scope="module")
def papers() -> list[tuple[str, bytes]]:
    """Fifty different papers, every fifth a PDF."""
    made = []
    for seed in range(UPLOADS):
        text = make_text(5000 + seed, pages=1)
        made.append((f"p{seed}.pdf", make_pdf(text)) if seed % 5 == 0 else (f"p{seed}.txt", text.encode()))
    return made


def test_fifty_at_once_and_none_is_lost(running: Start, papers: list[tuple[str, bytes]]) -> None:
    server = running()
    answers = send_all(server.url, papers, UPLOADS)
    assert {answer.status_code for answer in answers} == {202}
    jobs = wait_all(server.url, [answer.json()["id"] for answer in answers])
    assert [job["state"] for job in jobs] == ["done"] * UPLOADS
    assert not [job["problem"] for job in jobs if job["problem"]]
    listing = httpx.get(f"{server.url}/api/v1/records", params={"limit": 100}).json()
    assert listing["total"] == UPLOADS
    assert {record["key"] for record in listing["records"]} == {job["sha256"] for job in jobs}
    assert server.stop() == ""
    assert server.process.returncode == 0


def test_killed_in_the_middle_and_started_again(
    running: Start, papers: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    some = papers[:16]
    first = running("--jobs", "1")
    answers = send_all(first.url, some, 8)
    jobs = [answer.json()["id"] for answer in answers]
    first.kill()
    cut = tmp_path / "ledger.db.spool" / f"{'0' * 32}.part"
    cut.write_bytes(b"an upload that was cut off")
    second = running("--jobs", "1")
    assert not cut.exists()
    time.sleep(1.0)
    second.kill()
    third = running()
    done = wait_all(third.url, jobs)
    assert [job["state"] for job in done] == ["done"] * len(some)
    for job in done:
        history = httpx.get(f"{third.url}{job['record']}/history").json()["events"]
        assert len(history) == 1
    assert httpx.get(f"{third.url}/api/v1/health").json()["waiting"] == 0


def test_slow_and_large_uploads_are_given_up(running: Start) -> None:
    server = running("--jobs", "1", "--upload-seconds", "1", "--upload-megabytes", "1")
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as link:
        head = "POST /api/v1/papers HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n"
        link.sendall(head.encode() + b"some words")
        answer = b""
        while piece := link.recv(65536):
            answer += piece
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert json.loads(answer.split(b"\r\n\r\n")[1])["title"] == "Too slow"
    assert not list((server.folder / "ledger.db.spool").glob("*.part"))

    refused = httpx.post(f"{server.url}/api/v1/papers", files={"file": ("big.txt", b"word " * 500_000)}, timeout=60)
    assert refused.status_code == 413
    assert "1.02 MB" in refused.json()["detail"]
    assert httpx.get(f"{server.url}/api/v1/health").status_code == 200


def test_it_stops_while_it_is_watched(running: Start, papers: list[tuple[str, bytes]]) -> None:
    server = running("--jobs", "1")
    jobs = [answer.json()["id"] for answer in send_all(server.url, papers[:10], 5)]
    with httpx.stream("GET", f"{server.url}/api/v1/jobs/{jobs[-1]}/events", timeout=60) as stream:
        lines = stream.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        for _ in lines:
            pass
    said = server.process.communicate(timeout=60)[1]
    assert "Traceback" not in said
    again = running("--jobs", "2")
    assert [job["state"] for job in wait_all(again.url, jobs)] == ["done"] * 10


def test_a_client_lets_go_of_a_connection_before_the_server_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a request on a connection that was idle for as long meets the server's close, and is lost."""
    import uvicorn
    from httpx._config import DEFAULT_LIMITS

    made: list[uvicorn.Config] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: made.append(server.config))
    with pytest.raises(OpenbookError, match="did not start"):
        run(ServerSettings(ledger=f"sqlite:///{tmp_path / 'ledger.db'}", port=0), print)
    assert DEFAULT_LIMITS.keepalive_expiry is not None
    assert made[0].timeout_keep_alive > DEFAULT_LIMITS.keepalive_expiry


def test_a_second_server_is_told_why_it_cannot(running: Start, tmp_path: Path) -> None:
    server = running("--jobs", "1")
    port = int(server.url.rsplit(":", 1)[1])
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    with pytest.raises(OpenbookError, match="another openbook serve holds the folder"):
        run(ServerSettings(ledger=ledger, port=0), print)
    with pytest.raises(OpenbookError, match="choose another --port"):
        run(ServerSettings(ledger=ledger, port=port), print)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--host", "0.0.0.0"], 1, "OPENBOOK_TOKEN"),
        (["--ledger", "mysql://x/y"], 1, "not supported"),
        (["--ledger", "sqlite:///no/such/folder/l.db"], 1, "does not exist"),
        (["--ledger", "postgresql://nobody@127.0.0.1:1/none"], 1, "check that the server runs"),
        (["--host", "no-such-host.invalid", "--token", "x" * 20], 1, "--host"),
        (["--port", "70000"], 2, "--port"),
        (["--budget", "1"], 2, "--model"),
        (["--per", "page", "--model", "x/y"], 2, "--per"),
        (["--model", "nameless"], 1, "PROVIDER/NAME"),
        (["--spool", "file/below"], 1, "--spool"),
    ],
)
def test_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, said: str) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENBOOK_TOKEN", raising=False)
    refused = CliRunner().invoke(app, ["serve", "--port", "0", *options], env={"COLUMNS": "200"})
    if code == 1:
        assert isinstance(refused.exception, OpenbookError)
        assert said in str(refused.exception)
        assert "\n" not in str(refused.exception)
    else:
        assert refused.exit_code == code
        assert said in refused.output


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'uvicorn'\", name='uvicorn')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "openbook.cli", "serve", "--port", "0"]
    refused = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path}
    )
    assert refused.returncode == 1
    assert refused.stderr == "openbook: openbook serve needs uvicorn: pip install 'openbook[server]'\n"
