"""A small site of made-up records, built once, and a browser to look at it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from site_records import ADDRESS, STUDY, VERDICTS, made_up, special, write_folder

from openbook.web.site import explore
from openbook.web.site.building import Report, SiteSettings, build


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plain = [made_up(number, "PLUM" if number % 3 else "PEAR & Co", 2020 + number % 4) for number in range(170)]
    return write_folder(tmp_path_factory.mktemp("records"), plain + special())


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    (folder / "orchard" / "results").mkdir(parents=True)
    (folder / "orchard" / "study.toml").write_text(STUDY, encoding="utf-8")
    (folder / "orchard" / "results" / "verdicts.json").write_text(VERDICTS, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, records: Path, studies: Path) -> tuple[Path, Report]:
    out = tmp_path_factory.mktemp("built") / "site"
    return out, build(SiteSettings(records, out, studies, base_url=ADDRESS, search=explore.available()))


@pytest.fixture(scope="session")
def site(built: tuple[Path, Report]) -> Path:
    return built[0]


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serves folders on this machine; gives their addresses."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    servers: list[ThreadingHTTPServer] = []

    def start(folder: Path) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="session")
def address(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site)
