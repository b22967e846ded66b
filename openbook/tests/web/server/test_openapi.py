"""Requests made up from the server's own description: nothing fails, and every answer is one that is described."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from openbook.benchmarks.stages import make_text

pytest.importorskip("fastapi", reason="the server's libraries are not installed (extra: server)")
pytest.importorskip("schemathesis", reason="schemathesis is not installed (extra: browser)")

#: Requests of each kind (right and wrong) for each operation.
EXAMPLES = 6
#: A job and a paper that are there.
known: dict[str, str] = {}
seen: Counter[tuple[str, int]] = Counter()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with one paper, in a thread of this process."""
    import uvicorn

    from openbook.web.server.run import run
    from openbook.web.server.settings import ServerSettings

    folder = tmp_path_factory.mktemp("openapi")
    ready = threading.Event()
    found: list[str] = []
    servers: list[uvicorn.Server] = []
    # the server must be told to stop; uvicorn takes signals only in the main thread
    startup = uvicorn.Server.startup

    async def noted(self: uvicorn.Server, sockets: Any = None) -> None:
        servers.append(self)
        await startup(self, sockets)

    def tell(address: str) -> None:
        found.append(address)
        ready.set()

    options = ServerSettings(ledger=f"sqlite:///{folder / 'l.db'}", port=0, jobs=1, rate=0, upload_megabytes=1)
    uvicorn.Server.startup = noted  # type: ignore[method-assign]
    thread = threading.Thread(target=run, args=(options, tell), daemon=True)
    thread.start()
    try:
        assert ready.wait(60)
        paper = {"file": ("a.txt", make_text(1, pages=1).encode())}
        job = httpx.post(f"{found[0]}/api/v1/papers", files=paper).json()
        while httpx.get(f"{found[0]}/api/v1/jobs/{job['id']}").json()["state"] not in ("done", "failed"):
            time.sleep(0.1)
        known.update(job=job["id"], paper=job["sha256"], number="1")
        yield found[0]
    finally:
        uvicorn.Server.startup = startup  # type: ignore[method-assign]
        for server in servers:
            server.should_exit = True
        thread.join(30)


def operations() -> list[tuple[str, str]]:
    """Every method and path of the API."""
    from fastapi import FastAPI

    from openbook.web.server import api, page_routes

    made = FastAPI()
    made.include_router(api.router)
    made.include_router(page_routes.router)
    return [(method.upper(), path) for path, methods in made.openapi()["paths"].items() for method in methods]


@pytest.mark.parametrize(("method", "path"), operations(), ids=lambda part: part)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_described(url: str, method: str, path: str, mode: str) -> None:
    import schemathesis
    from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

    operation = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")[path][method]
    if mode == "negative" and not operation.definition.raw.get("parameters"):
        pytest.skip("it takes nothing that could be wrong")
    strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(case: Any) -> None:
        if mode == "positive":
            case.path_parameters.update({name: known[name] for name in case.path_parameters or {}})
        # made-up papers are mostly no papers, and made-up names no names: 4xx is a right answer to what is well-formed
        answer = case.call_and_validate(
            base_url=url, timeout=30, excluded_checks=[positive_data_acceptance, ignored_auth]
        )
        seen[mode, answer.status_code] += 1

    check()


def test_they_were_of_many_kinds() -> None:
    if not seen:
        pytest.skip("the requests were made in another process")
    print(sorted(seen.items()))
    statuses = {status for _, status in seen}
    assert {200, 409, 422} <= statuses
    assert max(statuses) < 500
