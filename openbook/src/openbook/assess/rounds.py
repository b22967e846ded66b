"""Papers assessed through a provider's batch jobs, in rounds: collect the questions, submit them, wait, repeat.

A round looks at every paper that has no record yet. Questions that the ledger answers become records; the others go
into a batch job. A repair of absent quotes follows from an answer, so it is a question of the next round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from openbook.assess.batch import Locate, Outcome, Settings, Watch, assess_batch
from openbook.assess.naming import Named
from openbook.assessors.base import StopAssessing
from openbook.assessors.llm.batch_job import BatchAssessor, BatchRunner
from openbook.assessors.llm.client import CallFailed
from openbook.record.model import Record


def assess_in_rounds(
    papers: Sequence[Named],
    assessor: BatchAssessor,
    runner: BatchRunner,
    folder: Path,
    settings: Settings,
    *,
    locate: Locate,
    wait: bool = True,
    watch: Watch = lambda outcome, source: None,
    keep: Callable[[Record], None] = lambda record: None,
) -> Outcome:
    """Like ``assess_batch``. Without ``wait`` it ends when every open question is in a batch job.

    When the provider fails or the budget would be exceeded, papers stay ``waiting`` and ``stopped`` says why.
    """
    start = time.perf_counter()
    outcome = Outcome(papers=len(papers), waiting=list(papers))
    try:
        runner.sweep()
        while outcome.waiting and outcome.stopped is None:
            with assessor.new_round() as questions:
                _add(outcome, assess_batch(
                    outcome.waiting, assessor, folder, settings, locate=locate, watch=watch, keep=keep
                ))  # fmt: skip
                if not outcome.waiting:
                    break
                runner.submit(questions)
                if not wait:
                    break
                runner.wait(questions)
    except (CallFailed, StopAssessing) as error:
        outcome.stopped = str(error)
    outcome.seconds = time.perf_counter() - start
    return outcome


def _add(outcome: Outcome, one: Outcome) -> None:
    """Add what a round came to."""
    outcome.waiting = one.waiting
    outcome.stopped = one.stopped
    outcome.failures += one.failures
    outcome.records += one.records
    for name in ("assessed", "kept", "input_tokens", "output_tokens", "cost"):
        setattr(outcome, name, getattr(outcome, name) + getattr(one, name))
