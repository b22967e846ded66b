"""What ``assess --batch`` does: rounds of a provider's batch jobs, and lines that tell how they go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from openbook.assessors.llm.batch_api import BatchApi
from openbook.assessors.llm.batch_job import BatchAssessor, BatchRunner
from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.assess.batch import BatchOutcome, BatchSettings, Keep, Locate, Watch
    from openbook.assess.papers_list import PaperSource
    from openbook.assessors.llm.settings import LlmSettings
    from openbook.ledger import Ledger


class Batching:
    """The batch jobs of one command."""

    def __init__(self, settings: LlmSettings, ledger: Ledger, *, poll: float | None, wait: bool) -> None:
        self._api = BatchApi(settings)
        self._store = ledger.batch_jobs()
        self._assessor = BatchAssessor(settings, self._store)
        self._runner = BatchRunner(self._assessor, self._store, self._api, poll=poll, tell=_Lines())
        self._wait = wait

    def close(self) -> None:
        self._api.close()

    def drop(self, batch: str) -> None:
        """Give a batch up. Raises OpenbookError where none of this name is under way."""
        found = self._store.get(batch)
        if found is None or self._store.drop(found.id, "dropped by hand") is None:
            raise OpenbookError(f"no batch {batch!r} is under way in this ledger")

    def run(
        self,
        papers: Sequence[PaperSource],
        out: Path,
        settings: BatchSettings,
        *,
        locate: Locate,
        watch: Watch,
        keep: Keep,
    ) -> BatchOutcome:
        """The papers' records, as far as their answers have come."""
        from openbook.assess.batch import assess_in_rounds

        try:
            outcome = assess_in_rounds(
                papers, self._assessor, self._runner, out, settings,
                locate=locate, wait=self._wait, watch=watch, keep=keep,
            )  # fmt: skip
        except KeyboardInterrupt:
            self._say("interrupted; what is under way is in the ledger, and the same command goes on")
            raise
        counts = self._runner.counts
        self._say(
            f"{counts.submitted} batches submitted with {counts.questions} questions, {counts.collected} answers "
            f"collected, {counts.failed} failed; {counts.input_tokens} + {counts.output_tokens} tokens, "
            f"${counts.cost:.4f} ({self._runner.price_source})"
        )
        if outcome.waiting and not outcome.stopped:
            self._say(f"{len(outcome.waiting)} papers wait for answers; the same command collects them")
        return outcome

    def report(self) -> dict[str, object]:
        """The account, for JSON; ``under_way`` are the provider's names of batches that are not collected."""
        waiting = [batch.provider_id or batch.id for batch in self._runner.under_way]
        return asdict(self._runner.counts) | {"price": self._runner.price_source, "under_way": waiting}

    def _say(self, text: str) -> None:
        print(f"openbook: {text}", file=sys.stderr)


class _Lines:
    """How it goes, on standard error; the same line is not said twice in a row."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, text: str) -> None:
        if text != self._last:
            print(f"openbook: {text}", file=sys.stderr, flush=True)
            self._last = text
