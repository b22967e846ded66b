"""A real SQLite file and a real PostgreSQL server, both for every test of the ledger."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from openbook.record.model import Answer, Evidence, PaperInfo, Record, Run, Scores
from openbook.variables import DESCRIPTIVE, SCORED


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, on loopback; skipped where PostgreSQL is not installed."""
    given = os.environ.get("OPENBOOK_TEST_POSTGRES")
    if given:
        yield given
        return
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("PostgreSQL is not installed (Debian package: postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")
    folder = Path(tempfile.mkdtemp(prefix="openbook-postgres-"))
    # PostgreSQL refuses to run as root: in a container, run it as the user that Debian's package made.
    become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if become:
        if subprocess.run(["id", "postgres"], capture_output=True).returncode:
            pytest.skip("PostgreSQL cannot run as root and there is no user named postgres")
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    run = {"check": True, "capture_output": True, "cwd": folder}
    subprocess.run([*become, initdb, "-D", str(data), "-U", "openbook", "-A", "trust", "-E", "UTF8"], **run)
    log = str(folder / "log")
    # not captured: the server would inherit the pipe, and reading it would wait for the server's end
    subprocess.run(
        [*become, pg_ctl, "-D", str(data), "-w", "-l", log, "-o", options, "start"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        yield f"postgresql://openbook@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*become, pg_ctl, "-D", str(data), "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty ledger: once each on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    from sqlalchemy import create_engine, text

    server = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    yield server.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """A record with evidence; keyword arguments change the paper's id, the run's model, and results by variable."""

    def make(paper_id: str = "a_paper", model: str | None = "m1", text: str = "t1", **results: str) -> Record:
        answers: dict[str, Answer] = {}
        for name in SCORED:
            result = results.get(name, "yes")
            quote = Evidence(quote=f"On {name}.", page=2, start=10, end=14 + len(name), match="exact", part="body")
            answers[name] = Answer(
                result=result, confidence=0.75, response=f"About {name}: “ü”", evidence=[quote] * (result == "yes")
            )
        for name in DESCRIPTIVE:
            answers[name] = Answer(result=results.get(name, "unknown"), confidence=None)
        documentation = sum(answers[name].result == "yes" for name in SCORED)
        return Record(
            paper=PaperInfo(
                id=paper_id,
                title="A Title",
                authors=["A. One", "B. Two"],
                venue="ICML",
                year=2024,
                pages=9,
                sha256=(paper_id.encode().hex() + "0" * 64)[:64],
                source=f"{paper_id}.pdf",
            ),
            answers=answers,
            scores=Scores(
                documentation=documentation, reproducibility=0.86, reproducibility_interval=(0.49, 0.97), unverified=0
            ),
            run=Run(
                assessor="llm",
                model=model,
                prompt_hash="p",
                parameters={"temperature": 0, "votes": 1},
                text_hash=text,
                input_tokens=100,
                output_tokens=20,
                cost=0.5,
                seconds=1.5,
                version="0.1.0",
                created="2026-01-02T03:04:05+00:00",
            ),
        )

    return make
