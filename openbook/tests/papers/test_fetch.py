"""Downloads from a loopback server: cached, polite, limited."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from openbook.errors import OpenbookError
from openbook.papers.fetch import address_of, fetch, is_remote
from openbook.papers.reading import read_paper


class Server(ThreadingHTTPServer):
    seen: list[tuple[str, str]]
    body: bytes
    failures: int


@pytest.fixture
def server(plain_pdf: bytes) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        server: Server

        def do_GET(self) -> None:
            self.server.seen.append((self.path, self.headers["User-Agent"]))
            if self.server.failures > 0:
                self.server.failures -= 1
                self.send_response(503)
                self.send_header("Retry-After", "0")
            elif "missing" in self.path:
                self.send_response(404)
            elif self.path == "/loop":
                self.send_response(302)
                self.send_header("Location", "/loop")
            else:
                self.send_response(200)
                self.send_header("Content-Type", "application/pdf")
                self.end_headers()
                self.wfile.write(self.server.body)
                return
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    httpd = Server(("127.0.0.1", 0), Handler)
    httpd.seen, httpd.body, httpd.failures = [], plain_pdf, 0
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def base(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("OPENBOOK_ARXIV", url)
    monkeypatch.setenv("OPENBOOK_CACHE", str(tmp_path))
    return url


@pytest.mark.parametrize(
    "source", ["2309.06979", "arXiv:2309.06979v2", "math/0309136", "https://arxiv.org/abs/2309.06979"]
)
def test_arxiv_papers_are_read_and_cached(server: Server, base: str, source: str) -> None:
    assert is_remote(source)
    paper = read_paper(source)
    assert (paper.problem, paper.title, paper.source) == (None, "A Small Paper", source)
    assert read_paper(source).sha256 == paper.sha256
    assert len(server.seen) == 1
    path, agent = server.seen[0]
    assert path == "/pdf/" + source.split("/abs/")[-1].removeprefix("arXiv:")
    assert agent.startswith("openbook/")


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBOOK_ARXIV", raising=False)
    assert address_of("https://arxiv.org/pdf/2309.06979v3.pdf") == "https://export.arxiv.org/pdf/2309.06979v3"
    assert address_of("https://openreview.net/forum?id=abc-1") == "https://openreview.net/pdf?id=abc-1"
    assert address_of("https://example.org/x.pdf") == "https://example.org/x.pdf"
    assert not is_remote("paper.pdf")
    assert not is_remote("out/2309.06979.pdf")


def test_a_busy_server_is_asked_again(server: Server, base: str) -> None:
    server.failures = 2
    assert fetch(f"{base}/a.pdf", pause=0.01).read_bytes() == server.body
    assert len(server.seen) == 3


def test_failures_leave_nothing_behind(server: Server, base: str, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="404"):
        fetch(f"{base}/missing.pdf", pause=0.01)
    with pytest.raises(OpenbookError, match="cannot be downloaded"):
        fetch(f"{base}/loop", pause=0.01)
    server.body = b"x" * (2 << 20)
    with pytest.raises(OpenbookError, match="larger than 1 MB"):
        fetch(f"{base}/b.pdf", pause=0.01, megabytes=1)
    server.failures = 9
    with pytest.raises(OpenbookError, match="503"):
        fetch(f"{base}/c.pdf", pause=0.01, tries=2)
    with pytest.raises(OpenbookError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:9/x.pdf", pause=0.01, tries=1)
    assert list((tmp_path / "papers").iterdir()) == []
