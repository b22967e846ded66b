"""How close asking a model comes to the ideal rate, measured against a server on loopback that only waits."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.cached_client import LedgerReplyCache
from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError
from openbook.ledger import Ledger
from openbook.papers.paper import Paper
from openbook.papers.reading import read_text

_SENTENCES = (
    "We train every model on the same data with the same seed and report the mean of five runs.",
    "The learning rate is 0.001 and the batch size is 64 unless another value is given in the table.",
    "Our method needs no labels beyond those that the benchmark gives, and no change to the architecture.",
    "All experiments ran on a single GPU with 16 GB of memory, and each took less than three hours.",
)


@dataclass(frozen=True, slots=True)
class CallRate:
    """``rate`` and ``ideal`` in calls per second; ``ideal`` is that of ``concurrency`` calls always under way."""

    calls: int
    concurrency: int
    latency: float
    seconds: float
    rate: float
    ideal: float
    share_of_ideal: float
    cpu_milliseconds_per_call: float


def measure(
    *,
    calls: int = 3200,
    concurrency: int = 64,
    latency: float = 0.2,
    on_progress: Callable[[int], None] = lambda done: None,
) -> CallRate:
    """Ask a waiting server about this many synthetic papers, with the replies kept in a new SQLite ledger.

    The ideal is the time that rounds of ``concurrency`` calls take when only the server's latency counts.
    Raises OpenbookError when an answer is missing.
    """
    papers = [_paper(number) for number in range(calls)]
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "openbook.benchmarks.stub_model", str(latency)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        settings = LlmSettings(model="stub", base_url=url, concurrency=concurrency, retries=0)
        with tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder:
            store = Ledger.open(str(Path(folder) / "ledger.db")).reply_cache()
            assessor = LlmAssessor(settings, cache=lambda: LedgerReplyCache(store))
            assessor.assess(_paper(-1))  # connections, imports and the server's first reply are no part of the rate
            start, cpu = time.perf_counter(), time.process_time()
            failed = 0
            for done, answers in enumerate(assessor.assess_many(papers), 1):
                failed += isinstance(answers, OpenbookError)
                on_progress(done)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    finally:
        server.terminate()
        server.wait()
    if failed:
        raise OpenbookError(
            f"{failed} of {calls} calls failed; the figure would be meaningless; run the benchmark again on an idle machine"
        )
    return CallRate(
        calls=calls,
        concurrency=concurrency,
        latency=latency,
        seconds=seconds,
        rate=calls / seconds,
        ideal=calls / (math.ceil(calls / concurrency) * latency),
        share_of_ideal=math.ceil(calls / concurrency) * latency / seconds,
        cpu_milliseconds_per_call=1000 * cpu / calls,
    )


def _paper(number: int) -> Paper:
    body = " ".join(_SENTENCES)
    sections = "\n\n".join(f"{index} Section {index}\n{body} This is paper {number}." for index in range(1, 7))
    return read_text(
        f"A Synthetic Paper of Number {number}\n\nAbstract\n{body}\n\n{sections}\n", source=f"{number}.txt"
    )
