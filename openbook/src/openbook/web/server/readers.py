"""The assessors that a server offers, and how a spooled paper becomes a record with each."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openbook.assess.papers_list import PaperSource
from openbook.assess.pipeline import Pipeline, run_of
from openbook.assessors.base import Assessor
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.cached_client import CallCounts
from openbook.assessors.llm.reply_cache import LedgerReplyCache
from openbook.assessors.llm.settings import LlmSettings
from openbook.ledger import Ledger, run_key
from openbook.record.model import Record, Run

#: Told of each stage that is done and what came of it; the stage is "" for a remark on the one under way.
Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """An assessor by its short name, the run that its records will name, and one line about it."""

    name: str
    run: Run
    key: str
    about: str


class PaperReaders:
    """Reads spooled papers in processes under limits, and has them assessed.

    The linear assessor works in the process that read the paper, under the same limits. A language model is asked from
    this process, about one paper at a time.
    """

    def __init__(
        self, ledger: Ledger, *, count: int, seconds: float, megabytes: int, llm: LlmSettings | None = None
    ) -> None:
        linear = LinearAssessor()
        self.offers = {"linear": _offer("linear", linear, "on this machine, in a second or two")}
        self._pipelines = {"linear": Pipeline(linear, jobs=count, seconds=seconds, megabytes=megabytes)}
        self._asking = threading.Lock()
        self._tell: Tell | None = None
        if llm is not None:
            asked = LlmAssessor(llm, cache=lambda: LedgerReplyCache(ledger.reply_cache()), watch=self._called)
            self.offers["llm"] = _offer("llm", asked, f"asks {llm.model}")
            self._pipelines["llm"] = Pipeline(asked, seconds=seconds, megabytes=megabytes)

    def record(self, path: Path, *, name: str, source: str, assessor: str, tell: Tell) -> Record:
        """The record of a file. ``name`` becomes its id, ``source`` what the record calls its file.

        Raises OpenbookError when the assessor cannot answer or the file is gone.
        """
        with self._asking if assessor == "llm" else contextlib.nullcontext():
            self._tell = tell if assessor == "llm" else self._tell
            return self._pipelines[assessor].record(
                path, PaperSource(source, name), lambda step: tell(step.stage, step.result)
            )

    def _called(self, counts: CallCounts) -> None:
        if self._tell is not None:
            self._tell("", f"{counts.calls + counts.cached} replies of {self.offers['llm'].run.model} so far")

    def close(self) -> None:
        """End the reading processes, whatever they do."""
        for pipeline in self._pipelines.values():
            pipeline.close()


def _offer(name: str, assessor: Assessor, about: str) -> Offer:
    run = run_of(assessor)
    return Offer(name, run, run_key(run), about)
