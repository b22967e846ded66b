"""The assessors that a server offers, and how a spooled paper becomes a record with each."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.assess.recording import info_of, run_of, unread_record
from openbook.assessors.base import Assessor, PortableAssessor
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.cached_client import CallCounts
from openbook.assessors.llm.reply_cache import LedgerReplyCache
from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError
from openbook.ledger import Ledger, run_key
from openbook.papers.paper import Paper
from openbook.papers.sandbox import ReaderPool
from openbook.record.model import PaperInfo, Record, Run
from openbook.web.server.steps import assessing_steps, make

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
        self._readers = ReaderPool(count + (llm is not None), seconds=seconds, megabytes=megabytes, task=make)
        linear = LinearAssessor()
        self._portable: dict[str, PortableAssessor] = {"linear": linear}
        self.offers = {"linear": _offer("linear", linear, "on this machine, in a second or two")}
        self._llm: LlmAssessor | None = None
        self._asking = threading.Lock()
        self._tell: Tell | None = None
        if llm is not None:
            self._llm = LlmAssessor(llm, cache=lambda: LedgerReplyCache(ledger.reply_cache()), watch=self._called)
            self.offers["llm"] = _offer("llm", self._llm, f"asks {llm.model}")

    def record(self, path: Path, *, name: str, source: str, assessor: str, tell: Tell) -> Record:
        """The record of a file. ``name`` becomes its id, ``source`` what the record calls its file.

        Raises OpenbookError when the assessor cannot answer or the file is gone.
        """
        portable = self._portable.get(assessor)
        options: dict[str, Any] = {"source": source, "name": name, "recipe": None}
        if portable is not None:
            recipe, arguments = portable.recipe
            options |= {"recipe": recipe, "arguments": json.dumps(arguments, sort_keys=True)}

        def watch(step: object) -> None:
            if isinstance(step, list) and len(step) == 2:
                tell(str(step[0]), str(step[1]))

        made = self._readers.run(path, options, watch)
        if isinstance(made, Paper):  # the process ended: too slow, too large, or crashed
            made.source = source
            return unread_record(made, info_of(made, name), self.offers[assessor].run)
        if isinstance(made, dict) and "record" in made:
            return Record.model_validate_json(made["record"])
        if isinstance(made, dict) and "paper" in made:
            paper = Paper.unpacked(made["paper"])
            return self._ask(paper, info_of(paper, name), tell)
        raise OpenbookError(str(made.get("failed") if isinstance(made, dict) else "the reading process gave no record"))

    def _ask(self, paper: Paper, info: PaperInfo, tell: Tell) -> Record:
        assert self._llm is not None
        with self._asking:
            self._tell = tell
            try:
                steps = assessing_steps(paper, self._llm, info)
                while True:
                    try:
                        stage, came = next(steps)
                    except StopIteration as end:
                        record: Record = end.value
                        return record
                    tell(stage, came)
            finally:
                self._tell = None

    def _called(self, counts: CallCounts) -> None:
        if self._tell is not None:
            answered = counts.calls + counts.cached
            self._tell("", f"{answered} replies of {self._llm.model if self._llm else 'the model'} so far")

    def close(self) -> None:
        """End the reading processes, whatever they do."""
        self._readers.close()


def _offer(name: str, assessor: Assessor, about: str) -> Offer:
    run = run_of(assessor)
    return Offer(name, run, run_key(run), about)
