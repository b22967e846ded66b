"""What the tests of batches share: papers, a stub server with batches, a ledger, and the command as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from openbook.assess.batch import BatchOutcome, BatchSettings, assess_batch, assess_in_rounds
from openbook.assess.papers_list import PaperFiles, name_sources
from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.batch_api import BatchApi
from openbook.assessors.llm.batch_job import BatchAssessor, BatchCounts, BatchRunner
from openbook.assessors.llm.cached_client import LedgerReplyCache
from openbook.assessors.llm.settings import LlmSettings
from openbook.benchmarks.stub_model import PAPER, Sent, Stub
from openbook.ledger import Ledger
from openbook.papers.paper import Paper
from openbook.papers.reading import read_paper
from openbook.record.model import Record

PRICES = {"input_price": 100.0, "output_price": 1000.0}  # a reply of the stub costs $0.30, in a batch $0.15


class Bench:
    """Some papers, a stub server with batches, a ledger; ``batched`` runs a command's work in this process."""

    def __init__(self, folder: Path, stub: Stub, server: Any, count: int = 4) -> None:
        self.folder, self.stub, self.server = folder, stub, server
        self.url = f"sqlite:///{folder / 'l.db'}"
        (folder / "in").mkdir()
        self.files = [folder / "in" / f"paper_{number}.txt" for number in range(count)]
        for number, path in enumerate(self.files):
            path.write_text(PAPER.format(name=f"Number {number}"))
        self.told: list[str] = []

    def settings(self, **changed: Any) -> LlmSettings:
        return LlmSettings(
            **{"model": "stub", "base_url": self.stub.url, "retries": 2, "timeout": 20.0, **PRICES} | changed
        )

    def batched(
        self, out: str, *, wait: bool = True, limits: dict[str, int] | None = None, **changed: Any
    ) -> tuple[BatchOutcome, BatchCounts]:
        settings = self.settings(**changed)
        with Ledger.open(self.url) as ledger:
            api = BatchApi(settings, sleep=lambda seconds: None)
            assessor = BatchAssessor(settings, ledger.batch_jobs(), **(limits or {}))
            runner = BatchRunner(
                assessor, ledger.batch_jobs(), api, poll=0.001, on_progress=self.told.append, sleep=lambda seconds: None
            )
            outcome = assess_in_rounds(
                self._named(out),
                assessor,
                runner,
                self.folder / out,
                BatchSettings(jobs=1),
                find_file=PaperFiles(),
                wait=wait,
                record_hook=ledger.keep,
            )
            api.close()
        return outcome, runner.counts

    def direct(self, out: str, ledger: str = "direct.db", **changed: Any) -> BatchOutcome:
        with Ledger.open(f"sqlite:///{self.folder / ledger}") as kept:
            assessor = LlmAssessor(self.settings(**changed), cache=lambda: LedgerReplyCache(kept.reply_cache()))
            return assess_batch(
                self._named(out), assessor, self.folder / out, BatchSettings(jobs=1), find_file=PaperFiles()
            )

    def _named(self, out: str) -> list[Any]:
        return name_sources([str(path) for path in self.files], self.folder / out)

    def records(self, out: str) -> list[Record]:
        return [Record.model_validate_json(path.read_text()) for path in sorted((self.folder / out).glob("*.json"))]

    def sql(self, statement: str) -> list[Any]:
        with Ledger.open(self.url) as ledger, ledger.engine.begin() as connection:
            return list(connection.execute(text(statement)))

    def same_as_direct(self, out: str, **changed: Any) -> None:
        """The records are those of direct calls, but for half the cost."""
        self.direct("direct", **changed)
        one, other = self.records(out), self.records("direct")
        assert len(one) == len(other) == len(self.files)
        for mine, theirs in zip(one, other, strict=True):
            assert (mine.paper, mine.answers, mine.scores) == (theirs.paper, theirs.answers, theirs.scores)
            free = {"cost": 0.0, "seconds": 0.0, "created": None}
            assert mine.run.model_copy(update=free) == theirs.run.model_copy(update=free)
            assert mine.run.cost == pytest.approx(theirs.run.cost / 2)
            assert mine.run.cost > 0


class Reading:
    """Reads papers in this process: starting another for each run is most of the time here, and shows nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def start(self) -> None: ...

    def close(self) -> None: ...

    def read(self, path: Path) -> Paper:
        return read_paper(path)


def error(status: int, message: str, **headers: str) -> Sent:
    return status, dict(headers), json.dumps({"error": {"message": message}}).encode()


def command(bench: Bench, out: str, *more: object) -> list[str]:
    given = (
        "assess",
        *bench.files,
        "--assessor",
        "llm",
        "--model",
        "stub",
        "--base-url",
        bench.stub.url,
        "--out",
        bench.folder / out,
        "--batch",
        "--ledger",
        bench.url,
        "--jobs",
        1,
        "--json",
        *more,
    )
    return [sys.executable, "-m", "openbook.cli", *map(str, given)]


def run(bench: Bench, *more: object, code: int = 0) -> tuple[dict[str, Any], str]:
    done = subprocess.run(command(bench, "a", *more), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else {}, done.stderr
