"""Identifiers of archives are recognised, and asked on a stub server on this machine; nothing is downloaded."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.record.model import Answer, Evidence, LinkCheck, PaperInfo, Record, Run, score_answers
from openbook.repositories import archived_ids, links
from openbook.repositories.archived_ids import archive_of
from openbook.repositories.links import LinkChecker, links_of
from openbook.repositories.own_code import CodeVisitor
from openbook.variables import VARIABLES
from openbook.web.record.view import link_text

COMMIT = "94a9ed024d3859793618152ea559a168bbcbb5e2"


@pytest.mark.parametrize(
    ("source", "url", "what"),
    [
        ("doi:10.5281/zenodo.1234567", "https://doi.org/10.5281/zenodo.1234567", "a DOI of Zenodo"),
        ("10.5281/zenodo.1234567", "https://doi.org/10.5281/zenodo.1234567", "a DOI of Zenodo"),
        ("https://doi.org/10.6084/m9.figshare.12", "https://doi.org/10.6084/m9.figshare.12", "a DOI of figshare"),
        ("http://dx.doi.org/10.17605/OSF.IO/AB1CD", "https://doi.org/10.17605/OSF.IO/AB1CD", "a DOI of OSF"),
        ("https://doi.org/10.1145/3292500", "https://doi.org/10.1145/3292500", "a DOI"),
        (f"swh:1:rev:{COMMIT}", f"https://archive.softwareheritage.org/swh:1:rev:{COMMIT}", "a commit in"),
        (
            f"swh:1:cnt:{COMMIT};origin=https://x.org/a;lines=9-15",
            f"https://archive.softwareheritage.org/swh:1:cnt:{COMMIT};origin=https://x.org/a;lines=9-15",
            "a file in Software Heritage",
        ),
        (
            f"https://archive.softwareheritage.org/swh:1:dir:{COMMIT}/",
            f"https://archive.softwareheritage.org/swh:1:dir:{COMMIT}/",
            "a folder in",
        ),
        ("https://zenodo.org/records/77", "https://zenodo.org/records/77", "record 77 of Zenodo"),
        ("https://zenodo.org/badge/latestdoi/65", "https://zenodo.org/badge/latestdoi/65", "the newest version"),
        ("https://osf.io/ab1cd/", "https://osf.io/ab1cd/", "project ab1cd of OSF"),
        ("https://figshare.com/articles/software/x/99", "https://figshare.com/articles/software/x/99", "item"),
    ],
)
def test_identifiers(source: str, url: str, what: str) -> None:
    found = archive_of(source)
    assert found is not None
    assert found.url == url
    assert found.what.startswith(what)


@pytest.mark.parametrize(
    "source", ["https://github.com/a/b", ".", "code", "/tmp/10.5281", "https://zenodo.org/communities/x", "swh", "doi"]
)
def test_what_is_no_identifier(source: str) -> None:
    assert archive_of(source) is None


@pytest.mark.parametrize(
    "source",
    ["doi:zenodo.12", "https://doi.org/", "swh:1:rev:12", f"swh:1:abc:{COMMIT}", f"swh:2:rev:{COMMIT}x", "swh:1:"],
)
def test_half_an_identifier_is_one_clear_error(source: str) -> None:
    with pytest.raises(OpenbookError, match="is not a complete"):
        archive_of(source)


class Stub(BaseHTTPRequestHandler):
    """A resolver and an archive: 302 to the record, 301 to another place, 404 for what is gone."""

    def do_HEAD(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        code = {"zenodo.1": 302, "zenodo.2": 301, "zenodo.3": 404}.get(name, 200)
        self.send_response(code)
        if code in (301, 302):
            self.send_header("Location", "/records/1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on this machine in the place of doi.org and Software Heritage."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(archived_ids, "DOIS", address)
    monkeypatch.setattr(archived_ids, "HERITAGE", address)
    checker = partial(LinkChecker, tmp_path / "links", refuse=lambda url: None, pause=0)
    monkeypatch.setattr(links, "LinkChecker", checker)
    yield address
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("number", "status", "code"), [(1, "answered", 0), (2, "moved", 0), (3, "gone", 4)])
def test_the_command_asks_for_an_identifier(base: str, number: int, status: str, code: int) -> None:
    source = f"doi:10.5281/zenodo.{number}"
    run = CliRunner().invoke(app, ["code", source, "--json", "--strict"])
    assert run.exit_code == code, run.output
    found = json.loads(run.output)
    assert (found["source"], found["what"], found["status"]) == (source, "a DOI of Zenodo", status)
    assert found["url"] == f"{base}10.5281/zenodo.{number}"
    said = CliRunner().invoke(app, ["code", source]).output
    assert {"answered": "it answers", "moved": "it has moved to", "gone": "it is gone"}[status] in said
    assert "not downloaded" in said


def test_what_is_in_software_heritage_is_archived(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_ARCHIVES", re.compile(r"^127\."))
    found = json.loads(CliRunner().invoke(app, ["code", f"swh:1:rel:{COMMIT}", "--json"]).output)
    assert (found["what"], found["status"]) == ("a release in Software Heritage", "archived")


def test_without_a_network_nothing_is_known(tmp_path: Path) -> None:
    with LinkChecker(tmp_path, refuse=lambda _: None, pause=0, seconds=2) as checker:
        assert checker.check("http://127.0.0.1:9/10.5281/zenodo.1").status == "unknown"


def test_identifiers_in_a_quote_are_its_links() -> None:
    quote = f"Our code (swh:1:dir:{COMMIT}) and data (doi:10.5281/zenodo.12) are archived."
    answer = Answer(
        result="yes", evidence=[Evidence(quote=quote, page=2, match="exact", links=["https://osf.io/ab1cd"])]
    )
    assert links_of(answer) == [
        (f"https://archive.softwareheritage.org/swh:1:dir:{COMMIT}", 2),
        ("https://doi.org/10.5281/zenodo.12", 2),
        ("https://osf.io/ab1cd", 2),
    ]
    state = LinkCheck(url="https://doi.org/10.5281/zenodo.12", status="answered", code=200, checked="2026-11-26T10:00")
    assert link_text(state) == "a DOI of Zenodo; it answers, asked 2026-11-26"


def test_own_code_in_an_archive_is_named_and_not_downloaded(base: str, tmp_path: Path) -> None:
    answers = {name: Answer(result="no") for name in VARIABLES}
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}
    quote = "Our code is available at https://doi.org/10.5281/zenodo.1."
    answers["open_source_code"] = Answer(result="yes", evidence=[Evidence(quote=quote, match="exact")])
    record = Record(paper=PaperInfo(id="p"), answers=answers, scores=score_answers(answers), run=Run(assessor="t"))
    with CodeVisitor(checker=links.LinkChecker()) as visitor:
        code = visitor.visit(record).code
    assert code is not None
    assert code.source == "https://doi.org/10.5281/zenodo.1"
    assert code.problem == "It is a DOI of Zenodo, which answers; archives are not downloaded."
