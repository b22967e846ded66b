"""Who may do what: host names, origins, forms, the token, sessions, and how often."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import throttled.utils
from itsdangerous import TimestampSigner
from starlette.testclient import TestClient

from openbook.errors import OpenbookError
from openbook.web.server import middleware
from openbook.web.server.middleware import RateLimit
from openbook.web.server.settings import ServerSettings

V1 = "/api/v1"
Serve = Callable[..., AbstractContextManager[TestClient]]
Wait = Callable[..., dict[str, Any]]
Paper = Callable[..., bytes]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8765", 200),
        ("localhost:1", 200),
        ("[::1]:8765", 200),
        ("192.168.0.7", 200),
        ("evil.example", 421),
        ("evil.example:8765", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("user@127.0.0.1", 421),
        ("127.0.0.1:notaport", 421),
        ("", 421),
    ],
)
def test_only_our_names_are_answered(client: TestClient, host: str, status: int) -> None:
    assert client.get(f"{V1}/health", headers={"Host": host}).status_code == status
    assert client.get("/", headers={"Host": host}).status_code == status


def test_a_name_that_was_given_is_answered(guarded: TestClient) -> None:
    assert guarded.get("/", headers={"Host": "book.example"}).status_code == 200
    assert guarded.get("/", headers={"Host": "BOOK.example:443"}).status_code == 200
    assert guarded.get("/", headers={"Host": "other.example"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
    ],
)
def test_other_sites_change_nothing(client: TestClient, paper: Paper, headers: dict[str, str]) -> None:
    refused = client.post(f"{V1}/papers", files={"file": ("a.txt", paper(1))}, headers=headers)
    assert refused.status_code == 403
    assert client.post("/upload", files={"file": ("a.txt", paper(1))}, headers=headers).status_code == 403
    own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"{V1}/papers", files={"file": ("a.txt", paper(1))}, headers=own).status_code in (200, 202)


def form_value(client: TestClient, address: str = "/") -> str:
    found = re.search(r'name="form" (?:value|content)="([0-9a-f]{64})"', client.get(address).text)
    assert found
    return found.group(1)


def test_a_form_needs_its_value(client: TestClient, wait: Wait, paper: Paper) -> None:
    client.cookies.clear()
    value = form_value(client)
    cookie = next(cookie for cookie in client.cookies.jar)
    assert {"httponly": None, "samesite": "lax"}.items() <= {
        name.lower(): value for name, value in vars(cookie)["_rest"].items()
    }.items()
    for given in ("", "0" * 64, value[:-1] + ("0" if value[-1] != "0" else "1")):
        refused = client.post("/upload", files={"file": ("a.txt", paper(400))}, data={"form": given})
        assert refused.status_code == 403
    sent = client.post("/upload", files={"file": ("a.txt", paper(400))}, data={"form": value})
    assert sent.status_code == 303
    job = wait(client, client.get(f"{V1}{sent.headers['location']}").json())
    page = client.get(sent.headers["location"])
    assert (page.status_code, page.headers["location"]) == (303, job["page"])
    fields = {"result": "yes", "who": "Ada", "why": "So it says.", "replaces": ""}
    address = f"{job['page']}/correct/pseudocode"
    assert client.post(address, data=fields).status_code == 403
    done = client.post(address, data=fields | {"form": value})
    assert (done.status_code, done.headers["location"]) == (303, f"{job['page']}?corrected=pseudocode")
    assert "is kept" in client.get(done.headers["location"]).text
    missing = client.post(address, data=fields | {"form": value, "why": ""})
    assert missing.status_code == 422
    assert 'value="Ada"' in missing.text
    stale = client.post(address, data=fields | {"form": value, "replaces": "no"})
    assert "The answer is now" in stale.text
    client.cookies.clear()
    assert client.post("/upload", files={"file": ("a.txt", paper(401))}, data={"form": value}).status_code == 403


def test_a_form_of_another_kind_is_refused(client: TestClient) -> None:
    value = form_value(client)
    address = "/papers/x/correct/pseudocode"
    assert client.post(address, json={"form": value}).status_code == 415
    assert client.post(address, files={"form": ("x", b"y")}).status_code == 415
    assert client.post(address, data={"form": value}).status_code in (404, 422)


def test_writing_needs_the_token(guarded: TestClient, paper: Paper, token: str) -> None:
    guarded.cookies.clear()
    files = {"file": ("a.txt", paper(1))}
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": token},
    ):
        refused = guarded.post(f"{V1}/papers", files=files, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    wish = {"variable": "pseudocode", "result": "yes", "who": "x", "why": "y"}
    assert guarded.post(f"{V1}/records/x/corrections", json=wish).status_code == 401
    assert guarded.post(f"{V1}/records/x/readings", json={"assessor": "linear"}).status_code == 401
    assert guarded.delete(f"{V1}/jobs/{'0' * 32}").status_code == 401
    assert guarded.post("/upload", files=files, data={"form": form_value(guarded)}).status_code == 401
    sent = guarded.post(f"{V1}/papers", files=files, headers={"Authorization": f"bearer {token}"})
    assert sent.status_code in (200, 202)
    assert guarded.get(f"{V1}/records").status_code == 200
    assert "Sign in to upload" in guarded.get("/").text


def test_signing_in_and_out(guarded: TestClient, paper: Paper, token: str) -> None:
    guarded.cookies.clear()
    value = form_value(guarded, "/sign-in")
    files = {"file": ("b.txt", paper(2))}
    assert guarded.post("/sign-in", data={"token": token}).status_code == 403, "signing in is a form too"
    wrong = guarded.post("/sign-in", data={"token": "wrong", "form": value, "next": "/papers"})
    assert wrong.status_code == 403
    assert "not the token" in wrong.text
    signed = guarded.post("/sign-in", data={"token": token, "form": value, "next": "/papers"})
    assert (signed.status_code, signed.headers["location"]) == (303, "/papers")
    assert form_value(guarded) != value, "a session from before is not taken over"
    value = form_value(guarded)
    assert guarded.post(f"{V1}/papers", files=files).status_code == 403, "the cookie alone is not enough"
    assert guarded.post(f"{V1}/papers", files=files, headers={"X-CSRF-Token": value}).status_code in (200, 202)
    assert guarded.post("/upload", files=files, data={"form": value}).status_code == 303
    assert guarded.post("/sign-out", data={"form": value}).status_code == 303
    assert guarded.post("/upload", files=files, data={"form": form_value(guarded)}).status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_signing_in_leads_nowhere_else(guarded: TestClient, token: str, target: str) -> None:
    guarded.cookies.clear()
    value = form_value(guarded, "/sign-in")
    signed = guarded.post("/sign-in", data={"token": token, "form": value, "next": target})
    assert signed.headers["location"] == "/"


def test_a_cookie_that_was_changed_is_nobody(guarded: TestClient, token: str) -> None:
    guarded.cookies.clear()
    form_value(guarded)
    cookie = next(cookie for cookie in guarded.cookies.jar)
    content, moment, signature = str(cookie.value).split(".")
    session = json.loads(base64.b64decode(content))
    assert not session.get("signed_in")
    signed_in = base64.b64encode(json.dumps(session | {"signed_in": True}).encode()).decode()
    stranger = str(TimestampSigner("another key").sign(signed_in).decode())
    for forged in (
        f"{signed_in}.{moment}.{signature}",
        f"{content}.9{moment}.{signature}",
        f"{signed_in}..{signature}",
        signed_in,
        stranger,
        "a.b.c.d",
        "....",
        "ü.1.1.x",
        "",
    ):
        page = guarded.get("/", headers={"Cookie": f"{cookie.name}={forged}".encode()})
        assert "Sign in to upload" in page.text
    guarded.cookies.clear()


def test_private_reading(serve: Serve, token: str, tmp_path: Path) -> None:
    with serve(tmp_path, token=token, private=True) as client:
        assert client.get(f"{V1}/records").status_code == 401
        page = client.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 401
        assert "/sign-in" in page.text
        assert client.get(f"{V1}/records", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.get(f"{V1}/health").status_code == 200


def test_too_often(serve: Serve, tmp_path: Path) -> None:
    with serve(tmp_path, rate=5) as client:
        answers = [client.post(f"{V1}/records/x/readings", json={"assessor": "linear"}) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [404] * 5 + [429] * 2
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
        assert client.get(f"{V1}/health").status_code == 200, "reading has a bucket of its own"


def test_rate_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(throttled.utils, "now_mono_f", lambda: clock[0])
    rate = RateLimit(60, 2)
    assert [rate.wait("a") > 0 for _ in range(3)] == [False, False, True]
    assert not rate.wait("b")
    clock[0] += 1
    assert not rate.wait("a")
    assert 0 < rate.wait("a") <= 1
    assert rate.wait("2001:db8::1") == rate.wait("2001:db8::2") == 0
    assert rate.wait("2001:db8::3") > 0, "one network, one limit"
    assert not any(RateLimit(0, 0).wait("a") for _ in range(9))
    monkeypatch.setattr(middleware, "REMEMBERED", 3)
    few = RateLimit(60, 1)
    assert not few.wait("first")
    for number in range(50):
        few.wait(str(number))
    assert few.wait("49") > 0
    assert not few.wait("first"), "only the addresses seen last are remembered"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "0.0.0.0"}, "token"),
        ({"host": "::"}, "token"),
        ({"host": "192.168.1.5"}, "token"),
        ({"host": "my-machine"}, "token"),
        ({"names": ("a.example",)}, "token"),
        ({"private": True}, "token"),
        ({"proxied": True}, "token"),
        ({"token": "short"}, "16 or more"),
        ({"token": "with spaces in it, long"}, "16 or more"),
        ({"token": "x" * 16, "names": ("https://a.example/",)}, "--name"),
    ],
)
def test_unsafe_settings_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(OpenbookError, match=said):
        ServerSettings(**given)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_loopback_needs_no_token(host: str) -> None:
    assert ServerSettings(host=host).token is None
