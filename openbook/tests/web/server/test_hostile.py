"""Uploads and requests that mean harm, or are merely broken."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.testclient import TestClient

from openbook.web.server.state import ServerState
from openbook.web.server.uploads import identifier, shown_name

V1 = "/api/v1"
Serve = Callable[..., AbstractContextManager[TestClient]]
Wait = Callable[..., dict[str, Any]]
Paper = Callable[..., bytes]
JSON = {"Content-Type": "application/json"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
NAMES = [
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\x.pdf",
    "/absolute/path.txt",
    "a\x00b.txt",
    "a\r\nX-Injected: 1.txt",
    ".hidden",
    "..",
    "con.txt",
    "x" * 3000 + ".txt",
    EVIL + ".txt",
    "$(reboot).txt;`id`.txt",
    "\u202egpj.exe.txt",
    "ü ß 漢字.txt",
    "",
]


def state_of(client: TestClient) -> ServerState:
    """What the server behind a client holds."""
    state: ServerState = client.app.app.app.state.server  # type: ignore[attr-defined]
    return state


def body_of(name: bytes, data: bytes, field: bytes = b"file") -> bytes:
    head = b'--B\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n' % (field, name)
    return head + data + b"\r\n--B--\r\n"


FORM = {"Content-Type": "multipart/form-data; boundary=B"}


@pytest.mark.parametrize("name", NAMES)
def test_no_path_comes_from_a_name(client: TestClient, wait: Wait, paper: Paper, name: str, tmp_path: Path) -> None:
    spool: Path = state_of(client).uploads.folder
    before = set(spool.parent.rglob("*"))
    raw = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22").encode()
    sent = client.post(f"{V1}/papers", content=body_of(raw, paper(300 + NAMES.index(name))), headers=FORM)
    if not name:
        assert sent.status_code in (202, 422)
    if sent.status_code == 422:
        return
    job = wait(client, sent.json())
    assert job["state"] == "done"
    new = set(spool.parent.rglob("*")) - before
    assert all(path.parent == spool or path.name.startswith("ledger.db") for path in new)
    record = client.get(job["record"]).json()
    assert re.fullmatch(r"[\w.-]+", record["paper"]["id"])
    assert not re.search(r"[/\\\x00-\x1f]", record["paper"]["source"])
    download = client.get(f"{job['page']}/record.json")
    assert download.headers["content-disposition"].count('"') == 2
    assert "X-Injected" not in {key.title() for key in download.headers}


def test_names_and_ids() -> None:
    assert shown_name("C:\\papers\\My  paper.pdf") == "My paper.pdf"
    assert shown_name("a\x00\x1b[31m\u202eb.pdf") == "a[31mb.pdf"
    assert shown_name("/..") == ""
    assert len(shown_name("x" * 999)) == 120
    assert identifier("My paper (final).pdf", "ab" * 32) == "My_paper_final__abababab"
    assert identifier("../..", "ab" * 32) == "paper__abababab"
    assert identifier(".pdf", "ab" * 32) == "pdf__abababab"


def test_nothing_of_a_paper_becomes_markup(client: TestClient, wait: Wait) -> None:
    text = f"# {EVIL}\n\n{EVIL}\n\n" + f"Our code is available at https://github.com/a/b {EVIL} and it is good. " * 30
    job = wait(client, client.post(f"{V1}/papers", files={"file": (f"{EVIL}.md", text.encode())}).json())
    wish = {"variable": "pseudocode", "result": "yes", "who": EVIL, "why": EVIL}
    assert client.post(f"{job['record']}/corrections", json=wish).status_code == 201
    waiting = client.post(f"{V1}/papers", files={"file": (f"{EVIL}.md", b"too short")}).json()
    pages = [
        job["page"],
        f"{job['page']}/history",
        f"{job['page']}/correct/pseudocode",
        "/",
        "/papers",
        f"/papers?q={EVIL}",
    ]
    for address in [*pages, f"/jobs/{waiting['id']}", f"/papers/{EVIL.replace('/', '%2F')}"]:
        page = client.get(address, headers={"Accept": "text/html"})
        tree = LexborHTMLParser(page.text)
        assert [node.attributes.get("src", "")[:8] for node in tree.css("script")] in ([], ["/static/"]), address
        assert not tree.css("img, iframe, object, style, base")
        assert not [node for node in tree.css("*") if any(key.startswith("on") for key in node.attributes)]
        assert "49" not in (tree.css_first("h1").text() if tree.css_first("h1") else "")
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy


@pytest.mark.parametrize("seed", range(3))
def test_garbage_that_calls_itself_a_pdf(client: TestClient, wait: Wait, seed: int) -> None:
    data = b"%PDF-1.7\n" + random.Random(seed).randbytes(20_000)
    job = wait(client, client.post(f"{V1}/papers", files={"file": ("g.pdf", data)}).json())
    assert job["state"] == "done"
    assert job["problem"]
    record = client.get(job["record"]).json()
    assert record["answers"]["pseudocode"]["result"] == "unread"
    assert "Not read" in client.get(job["page"]).text


def test_an_encrypted_pdf(client: TestClient, wait: Wait, a_pdf: bytes) -> None:
    """A real PDF to which an update adds a lock whose password nobody has."""
    padding = "28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A"
    lock = f"99 0 obj << /Filter /Standard /V 1 /R 2 /O <{padding}> /U <{padding}> /P -44 >> endobj\n".encode()
    place, before = len(a_pdf), int(a_pdf.split(b"startxref")[1].split()[0])
    table = b"xref\n99 1\n%010d 00000 n \n" % place
    trailer = b"trailer << /Size 100 /Root 1 0 R /Encrypt 99 0 R /ID [<00><00>] /Prev %d >>" % before
    data = a_pdf + lock + table + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % (place + len(lock))
    job = wait(client, client.post(f"{V1}/papers", files={"file": ("e.pdf", data)}).json())
    assert str(job["problem"]).startswith("encrypted")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, {"Content-Type": "application/pdf"}, 415),
        (b"hello", {"Content-Type": "image/png"}, 415),
        (b"hello", {}, 415),
        (b"", {"Content-Type": "text/plain"}, 422),
        (body_of(b"a.txt", b"text", field=b"paper"), FORM, 422),
        (body_of(b"a.txt", b""), FORM, 422),
        (body_of(b"a.txt", b"one")[:-7] + body_of(b"b.txt", b"two"), FORM, 422),
        (body_of(b"a.txt", b"cut off")[:-9], FORM, 400),
        (b"no form at all", FORM, 400),
        (b"", FORM, 400),
        (body_of(b"x" * 9000 + b".txt", b"text"), FORM, 400),
        (b"x", {"Content-Type": "multipart/form-data"}, 400),
        (b"x", {"Content-Type": "multipart/form-data; boundary=" + "b" * 500}, 400),
        (b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"y" * 9000 + b"\r\n--B--\r\n", FORM, 413),
    ],
)
def test_what_is_no_upload(client: TestClient, content: bytes, headers: dict[str, str], status: int) -> None:
    spool: Path = state_of(client).uploads.folder
    refused = client.post(f"{V1}/papers", content=content, headers=headers)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == status
    assert not list(spool.glob("*.part"))


def test_too_large(serve: Serve, tmp_path: Path) -> None:
    with serve(tmp_path, upload_megabytes=0.05) as client:
        folder = state_of(client).uploads.folder

        def endless() -> Any:
            for _ in range(100):
                yield b"word " * 2000

        for sent in (
            client.post(f"{V1}/papers", files={"file": ("a.txt", b"word " * 20_000)}),
            client.post(f"{V1}/papers", content=endless(), headers={"Content-Type": "text/plain"}),
            client.post(f"{V1}/records/x/corrections", content=b" " * 200_000, headers=JSON),
        ):
            assert sent.status_code == 413, sent.text
            assert sent.headers["content-type"] == "application/problem+json"
        assert sorted(path.name for path in folder.iterdir()) == ["id", "lock", "secret"]


def test_a_full_disk(serve: Serve, paper: Paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openbook.web.server.uploads import PartialUpload

    def full(self: PartialUpload, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with serve(tmp_path) as client:
        monkeypatch.setattr(PartialUpload, "write", full)
        refused = client.post(f"{V1}/papers", files={"file": ("a.txt", paper(1))})
        assert refused.status_code == 507
        assert "No space left" in refused.json()["detail"]
        assert not list(state_of(client).uploads.folder.glob("*.part"))


def test_a_bug_is_a_problem_without_its_secrets(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from openbook.web.server import api

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(api, "listed", broken)
    quiet = TestClient(client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    failed = quiet.get(f"{V1}/records")
    assert failed.status_code == 500
    assert "secret" not in failed.text
    assert failed.headers["content-type"] == "application/problem+json"
