"""Links are asked politely and judged by what comes back. A stub server on this machine answers; no network is used."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from openbook.assessors.linear.weight_files import SHIPPED
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.record.files import read_record, write_record
from openbook.record.model import Answer, Evidence, NearMiss, PaperInfo, Record, Run, score_answers
from openbook.record.parquet import from_row, to_table
from openbook.repositories.links import LinkChecker, check_links, links_of
from openbook.variables import VARIABLES
from openbook.web.record.page import render_page
from openbook.web.record.terminal import show_record


class Stub(BaseHTTPRequestHandler):
    """Paths: ``/ok``, ``/gone``, ``/moved`` and ``/away`` (301, 302 to ``/ok``), ``/loop``, ``/inside``, ``/shy`` (no HEAD)."""

    asked: list[tuple[str, str, float]]

    def answer(self) -> None:
        self.asked.append((self.command, self.path, time.monotonic()))
        codes = {"/ok": 200, "/gone": 404, "/moved": 301, "/away": 302, "/loop": 302, "/inside": 301, "/busy": 503}
        code = codes.get(self.path, 200)
        if self.path == "/shy":
            code = 405 if self.command == "HEAD" else 200
        self.send_response(code)
        targets = {"/moved": "/ok", "/away": "/ok", "/loop": "/loop", "/inside": "http://10.0.0.1/secret"}
        if self.path in targets:
            self.send_header("Location", targets[self.path])
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[tuple[str, list[tuple[str, str, float]]]]:
    """The address of a server on this machine, and what it was asked."""
    handler = type("OneStub", (Stub,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler.asked
    server.shutdown()
    server.server_close()


def refuse_ten(url: str) -> None:
    """The address check of the tests: this machine is allowed, 10.x is private."""
    if "//10." in url:
        raise OpenbookError("private")


def test_what_comes_back_gives_the_state(stub: tuple[str, list[tuple[str, str, float]]], tmp_path: Path) -> None:
    base, asked = stub
    with LinkChecker(tmp_path, refuse=refuse_ten, pause=0) as checker:
        found = {
            name: checker.check(f"{base}/{name}")
            for name in ("ok", "gone", "moved", "away", "shy", "busy", "loop", "inside")
        }
    states = {name: link.status for name, link in found.items()}
    assert states == {
        **{"ok": "answered", "gone": "gone", "moved": "moved", "away": "answered", "shy": "answered"},
        **{"busy": "unknown", "loop": "unknown", "inside": "unknown"},
    }
    assert found["moved"].target == f"{base}/ok"
    assert found["gone"].code == 404
    assert found["busy"].code == 503
    assert ("GET", "/ok") not in [(method, path) for method, path, _ in asked], "its head was enough"
    assert ("GET", "/shy") in [(method, path) for method, path, _ in asked]
    assert sum(path == "/loop" for _, path, _ in asked) <= 6


def test_a_host_is_asked_with_pauses_and_once_a_week(
    stub: tuple[str, list[tuple[str, str, float]]], tmp_path: Path
) -> None:
    base, asked = stub
    with LinkChecker(tmp_path, refuse=refuse_ten, pause=0.2) as checker:
        checker.check(f"{base}/ok")
        checker.check(f"{base}/moved")
        count = len(asked)
        times = [at for _, _, at in asked]
        assert all(later - earlier >= 0.19 for earlier, later in pairwise(times))
        checker.check(f"{base}/ok")
    with LinkChecker(tmp_path, refuse=refuse_ten, pause=0) as checker:
        assert checker.check(f"{base}/moved").status == "moved"
        assert len(asked) == count, "what is known is not asked again"
        (next(tmp_path.glob("*.json"))).write_text("{broken", encoding="utf-8")
        checker.check(f"{base}/ok")
        checker.check(f"{base}/moved")
        assert len(asked) > count


def test_private_addresses_and_other_schemes_are_never_asked(
    stub: tuple[str, list[tuple[str, str, float]]], tmp_path: Path
) -> None:
    base, asked = stub
    with LinkChecker(tmp_path, pause=0) as checker:
        for url in (
            f"{base}/ok",
            "http://localhost/x",
            "file:///etc/passwd",
            "http://[::1]/",
            "http://[bad",
            "ftp://a/b",
        ):
            assert checker.check(url).status == "unknown"
    assert asked == []


def test_a_server_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    with LinkChecker(tmp_path, refuse=refuse_ten, pause=0, seconds=2) as checker:
        assert checker.check("http://127.0.0.1:9/x").status == "unknown"
    assert not list(tmp_path.glob("*.json")), "what is unknown is asked again"


def record(base: str) -> Record:
    answers = {name: Answer(result="no") for name in VARIABLES}
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}
    answers["open_source_code"] = Answer(
        result="yes",
        confidence=0.9,
        evidence=[Evidence(quote=f"Our code is at {base}/gone.", page=3, match="exact", start=0, end=9)],
    )
    answers["open_datasets"] = Answer(
        result="no", near_miss=NearMiss(quote=f"Some of the data ({base}/ok) will follow.", page=4, kind="a promise")
    )
    return Record(paper=PaperInfo(id="p"), answers=answers, scores=score_answers(answers), run=Run(assessor="linear"))


def test_a_record_takes_the_state_of_its_links(stub: tuple[str, list[tuple[str, str, float]]], tmp_path: Path) -> None:
    base, _ = stub
    before = record(base)
    with LinkChecker(tmp_path, refuse=refuse_ten, pause=0) as checker:
        after = check_links(before, checker)
    assert before.answers["open_source_code"].links is None
    code, data = (after.answers[name].links or [] for name in ("open_source_code", "open_datasets"))
    assert [(link.url, link.page, link.status) for link in code + data] == [
        (f"{base}/gone", 3, "gone"),
        (f"{base}/ok", 4, "answered"),
    ]
    assert from_row(to_table([after]).to_pylist()[0]) == after
    console = Console(record=True, width=200, file=(tmp_path / "out").open("w", encoding="utf-8"))
    show_record(after, console)
    assert "it is gone (HTTP 404)" in console.export_text()
    assert "it is gone (HTTP 404)" in render_page(after)


def test_addresses_are_read_out_of_quotes() -> None:
    answer = Answer(
        result="no",
        response="No: nothing. Links found: https://github.com/ada/pebbles (p. 7), https://zenodo.org/record/1 (p. 8).",
        evidence=[Evidence(quote="See (github.com/ada/stones.git), or https://x.org/a_(b).", page=2, match="exact")],
    )
    assert links_of(answer) == [
        ("https://github.com/ada/stones.git", 2),
        ("https://x.org/a_(b)", 2),
        ("https://github.com/ada/pebbles", 7),
        ("https://zenodo.org/record/1", 8),
    ]


def test_the_command_writes_the_record(
    stub: tuple[str, list[tuple[str, str, float]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, asked = stub
    monkeypatch.setenv("OPENBOOK_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "r.json"
    write_record(record(base), path)
    run = CliRunner().invoke(app, ["code", "--record", str(path), "--check-links"])
    assert run.exit_code == 0, run.output
    assert asked == [], "the stub is on this machine, which the command never asks"
    links = read_record(path).answers["open_source_code"].links
    assert links is not None
    assert [link.status for link in links] == ["unknown"]
    missing = CliRunner().invoke(app, ["code", "--check-links"])
    assert isinstance(missing.exception, OpenbookError)


@pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of the linear assessor are not built")
def test_assess_checks_links_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_CACHE", str(tmp_path / "cache"))
    words = "Sorting Pebbles\n\n1 Experiments\n\nOur code is available at https://localhost/github.com/ada/pebbles for all. "
    (tmp_path / "p.txt").write_text(words + "We sort pebbles by colour, and we do so with care. " * 9, encoding="utf-8")
    assess = ["assess", str(tmp_path / "p.txt"), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, assess).exit_code == 0
    path = tmp_path / "out" / "p.json"
    assert all(answer.links is None for answer in read_record(path).answers.values()), "off by default"
    assert CliRunner().invoke(app, [*assess, "--check-links"]).exit_code == 0
    links = read_record(path).answers["open_source_code"].links
    assert links is not None
    assert [(link.url, link.status) for link in links] == [("https://localhost/github.com/ada/pebbles", "unknown")]


BODY = "We sort pebbles by colour, and we do so with great care and patience. " * 12
HIDDEN = "https://localhost/github.com/ada/pebbles"
FORMATS = {
    "p.html": f"<html><body><h1>Sorting Pebbles</h1><h2>1 Experiments</h2><p>{BODY}</p>"
    f'<p>Our code is publicly available on <a href="{HIDDEN}">GitHub</a>. We thank Bob.</p></body></html>',
    "p.tex": "\\documentclass{article}\\title{Sorting Pebbles}\\begin{document}\\maketitle\\section{Experiments}\n"
    f"{BODY}\n\nOur code is publicly available on \\href{{{HIDDEN}}}{{GitHub}}. We thank Bob.\n\\end{{document}}\n",
}


@pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of the linear assessor are not built")
@pytest.mark.parametrize("name", FORMATS)
def test_a_link_behind_a_word_is_the_papers_and_is_checked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBOOK_CACHE", str(tmp_path / "cache"))
    (tmp_path / name).write_text(FORMATS[name], encoding="utf-8")
    assess = ["assess", str(tmp_path / name), "--out", str(tmp_path / "out"), "--check-links"]
    run = CliRunner().invoke(app, assess)
    assert run.exit_code == 0, run.output
    answer = read_record(tmp_path / "out" / name.replace(".tex", ".json").replace(".html", ".json")).answers[
        "open_source_code"
    ]
    assert answer.result == "yes"
    assert answer.evidence[0].links == [HIDDEN]
    assert [(link.url, link.status) for link in answer.links or []] == [(HIDDEN, "unknown")]
