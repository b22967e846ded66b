"""What ``assess`` needs to ask a model: the assessor with its cache in a ledger, the cost of a run, and batch jobs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.assess.batch import BatchOutcome, BatchSettings, FindFile, OnPaper, RecordHook
    from openbook.assess.papers_list import PaperSource
    from openbook.assessors.llm.assessor import LlmAssessor
    from openbook.assessors.llm.settings import LlmSettings
    from openbook.ledger import Ledger
    from openbook.papers.paper import Paper


def dry_run(
    assessor: LlmAssessor, papers: Sequence[PaperSource], find_file: FindFile, *, as_json: bool, batch: bool = False
) -> None:
    """Print what a run would ask and cost at most. Nothing is asked."""
    from openbook.assessors.llm.settings import batch_price_source
    from openbook.papers.sandbox import ReaderPool

    unread: list[dict[str, str]] = []

    def readable() -> Iterable[Paper]:
        with ReaderPool(2) as readers:
            for named in papers:
                try:
                    paper = readers.read(find_file(named))
                except OpenbookError as error:
                    unread.append({"source": named.source, "reason": str(error)})
                    continue
                if paper.problem is not None:
                    unread.append({"source": named.source, "reason": paper.problem})
                    continue
                yield paper

    estimate = assessor.estimate(readable())
    if as_json:
        report: dict[str, Any] = {"dry_run": True, "model": assessor.model} | asdict(estimate) | {"unread": unread}
        if batch:
            report["price"] = batch_price_source(assessor.settings)
        print(json.dumps(report, ensure_ascii=False))
        return
    cost = "unknown: no list here has its price; give --input-price and --output-price"
    if estimate.cost is not None:
        cost = f"at most ${estimate.cost:.4f}"
        if batch:
            cost += f" in a batch ({batch_price_source(assessor.settings)})"
    print(f"model          {assessor.model}")
    print(f"papers         {estimate.papers}" + (f" ({len(unread)} more cannot be read)" if unread else ""))
    print(f"calls          {estimate.calls}")
    print(f"input tokens   about {estimate.input_tokens}")
    print(f"output tokens  at most {estimate.output_tokens}")
    print(f"cost           {cost}")
    print("Nothing was asked. Answers that are in a ledger are free; repairs of absent quotes cost extra.")


def tell_calls(assessor: LlmAssessor) -> None:
    """On standard error: what this command asked and spent."""
    counts = assessor.counts
    retried = f", {counts.retried} retried" if counts.retried else ""
    print(
        f"openbook: {counts.calls} calls made{retried}, {counts.cached} answered before; "
        f"{counts.input_tokens} + {counts.output_tokens} tokens, ${counts.cost:.4f}",
        file=sys.stderr,
    )


class BatchJobRun:
    """The batch jobs of one command."""

    def __init__(self, settings: LlmSettings, ledger: Ledger, *, poll: float | None, wait: bool) -> None:
        from openbook.assessors.llm.batch_api import BatchApi
        from openbook.assessors.llm.batch_job import BatchAssessor, BatchRunner
        from openbook.assessors.llm.settings import batch_price_source

        self._api = BatchApi(settings)
        self._store = ledger.batch_jobs()
        self._assessor = BatchAssessor(settings, self._store)
        self._runner = BatchRunner(self._assessor, self._store, self._api, poll=poll, on_progress=_ProgressLines())
        self._wait = wait
        self._price = batch_price_source(settings)

    def close(self) -> None:
        self._api.close()

    def drop(self, batch: str) -> None:
        """Give a batch up. Raises OpenbookError if none of this name is under way."""
        found = self._store.get(batch)
        if found is None or self._store.drop(found.id, "dropped by hand") is None:
            raise OpenbookError(f"no batch {batch!r} is under way in this ledger")

    def run(
        self,
        papers: Sequence[PaperSource],
        out: Path,
        settings: BatchSettings,
        *,
        find_file: FindFile,
        on_progress: OnPaper,
        record_hook: RecordHook,
    ) -> BatchOutcome:
        """The papers' records, as far as their answers have come."""
        from openbook.assess.batch import assess_in_rounds

        try:
            outcome = assess_in_rounds(
                papers,
                self._assessor,
                self._runner,
                out,
                settings,
                find_file=find_file,
                wait=self._wait,
                on_progress=on_progress,
                record_hook=record_hook,
            )
        except KeyboardInterrupt:
            self._say("interrupted; what is under way is in the ledger, and the same command continues")
            raise
        counts = self._runner.counts
        self._say(
            f"{counts.submitted} batch{'' if counts.submitted == 1 else 'es'} submitted with {counts.questions} questions, {counts.collected} answers "
            f"collected, {counts.failed} failed; {counts.input_tokens} + {counts.output_tokens} tokens, "
            f"${counts.cost:.4f} ({self._price})"
        )
        if outcome.waiting and not outcome.stopped:
            self._say(
                f"{len(outcome.waiting)} papers are waiting for answers; run the same command again to collect them"
            )
        return outcome

    def report(self) -> dict[str, object]:
        """The account, for JSON; ``under_way`` are the provider's names of batches that are not collected."""
        waiting = [batch.provider_id or batch.id for batch in self._store.open(self._api.address)]
        return asdict(self._runner.counts) | {"price": self._price, "under_way": waiting}

    def _say(self, text: str) -> None:
        print(f"openbook: {text}", file=sys.stderr)


class _ProgressLines:
    """Progress lines on standard error; the same line is not printed twice in a row."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, text: str) -> None:
        if text != self._last:
            print(f"openbook: {text}", file=sys.stderr, flush=True)
            self._last = text
