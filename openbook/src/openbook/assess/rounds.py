"""Papers assessed by a model whose questions go out in batches: gather, submit, wait, and again for what follows.

A round looks at every paper that has no record yet. What the ledger answers becomes a record; what it does not goes
into a batch. A repair of absent quotes follows from an answer, so it is a question of the next round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from openbook.assess.batch import Locate, Outcome, Settings, Watch, assess_batch
from openbook.assess.naming import Named
from openbook.assessors.base import StopAssessing
from openbook.assessors.llm.batch_desk import Desk
from openbook.assessors.llm.gathering import BatchAssessor, Gathered
from openbook.assessors.llm.provider import CallFailed
from openbook.record.model import Record


def assess_in_rounds(
    papers: Sequence[Named],
    assessor: BatchAssessor,
    desk: Desk,
    folder: Path,
    settings: Settings,
    *,
    locate: Locate,
    wait: bool = True,
    watch: Watch = lambda outcome, source: None,
    keep: Callable[[Record], None] = lambda record: None,
    gather: Callable[[], Gathered] = Gathered,
) -> Outcome:
    """Like ``assess_batch``. Without ``wait`` it ends when every open question is in a batch.

    A provider that fails, and a budget that would be passed, leave the papers ``waiting`` and say why in ``stopped``.
    """
    start = time.perf_counter()
    outcome = Outcome(papers=len(papers), waiting=list(papers))
    try:
        desk.sweep()
        while outcome.waiting and outcome.stopped is None:
            with gather() as gathered:
                assessor.gathered = gathered
                _add(outcome, assess_batch(
                    outcome.waiting, assessor, folder, settings, locate=locate, watch=watch, keep=keep
                ))  # fmt: skip
                if not outcome.waiting:
                    break
                desk.submit(gathered)
                if not wait:
                    break
                desk.wait(gathered)
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
