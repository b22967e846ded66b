"""How fast links are checked, and how politely, on a server of this machine."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

from openbook.repositories.links import PAUSE, LinkChecker


@dataclass(frozen=True, slots=True)
class LinkRate:
    """Links a second without a pause, and from the answers kept; ``gap`` is the shortest time between two requests with it.

    ``milliseconds`` of processor time a link cover asking and answering.
    """

    links: int
    rate: float
    kept_rate: float
    milliseconds: float
    pause: float
    gap: float


class _Answer(BaseHTTPRequestHandler):
    """Answers everything, and notes when it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[float]

    def do_HEAD(self) -> None:
        self.asked.append(time.monotonic())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def measure(links: int = 500, polite: int = 5) -> LinkRate:
    """Check this many links without a pause, again from what was kept, and ``polite`` more with the usual pause."""
    asked: list[float] = []
    handler = type("_Answer", (_Answer,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            urls = [f"{base}/{number}" for number in range(links)]
            with LinkChecker(folder, refuse=lambda url: None, pause=0) as checker:
                processor = time.process_time()
                first = _seconds(checker, urls)
                processor = time.process_time() - processor
                again = _seconds(checker, urls)
            asked.clear()
            with LinkChecker(folder, refuse=lambda url: None) as checker:
                _seconds(checker, [f"{base}/polite/{number}" for number in range(polite)])
    finally:
        server.shutdown()
        server.server_close()
    gap = min(later - earlier for earlier, later in pairwise(asked))
    return LinkRate(links, links / first, links / again, 1000 * processor / links, PAUSE, gap)


def _seconds(checker: LinkChecker, urls: list[str]) -> float:
    start = time.perf_counter()
    for url in urls:
        checker.check(url)
    return time.perf_counter() - start
