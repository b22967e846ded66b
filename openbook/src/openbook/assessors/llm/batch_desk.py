"""The desk where batches are handed in and collected: entered in the ledger first, so that none is paid for twice.

A submission is four steps: enter the batch in the ledger and claim its questions for it; upload the questions; note the
file and ask for the batch, our id in its metadata; note the provider's name for it. Whoever dies between two of them,
the next run finds the entry. Without a file no batch was asked for, and the questions are freed. With a file the
provider's batches are looked through for our id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from openbook.assessors.llm.batch_books import Batches, KeptBatch
from openbook.assessors.llm.batch_server import BatchServer, Seen
from openbook.assessors.llm.fitting import tokens_in
from openbook.assessors.llm.gathering import Gathered, Part
from openbook.assessors.llm.prices import BudgetReached, Price, batch_price_source, price_of
from openbook.assessors.llm.provider import CallFailed
from openbook.assessors.llm.settings import LlmSettings

#: Seconds after a batch was asked for until its absence from the provider's list is believed.
BELIEVED_AFTER = 30.0
#: Seconds between looks: the first, by how much it grows, and the longest.
FIRST_LOOK, GROWTH, LONGEST_LOOK = 5.0, 1.5, 300.0


@dataclass(slots=True)
class Account:
    """What a command did with batches. ``cost`` in US dollars at the batch price, of the answers it collected."""

    submitted: int = 0
    questions: int = 0
    collected: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


class Desk:
    """Hands in and collects the batches of one ledger at one provider.

    ``failed`` is filled with the questions that an ended batch did not answer, and why. ``tell`` is told in words what
    happens. ``poll``: seconds between two looks; None for few at first and more with time.
    """

    def __init__(
        self,
        settings: LlmSettings,
        book: Batches,
        server: BatchServer,
        failed: dict[str, str],
        *,
        poll: float | None = None,
        tell: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account = Account()
        self._settings = settings
        self._book = book
        self._server = server
        self._failed = failed
        self._poll = poll
        self._tell = tell
        self._sleep = sleep
        self._price = price_of(settings, batch=True) or Price(0.0, 0.0)
        self._set_aside: dict[str, float] = {}  # at most, for each batch that this command submitted
        self._spent = 0.0

    @property
    def price_source(self) -> str:
        """Where the batch price is from, in words."""
        return batch_price_source(self._settings)

    @property
    def under_way(self) -> list[KeptBatch]:
        """The ledger's batches at this provider that are not collected."""
        return list(self._book.open(self._server.address))

    # --- handing in

    def submit(self, gathered: Gathered) -> None:
        """Submit a round's questions, all or none of them. Raises BudgetReached before anything is sent, CallFailed."""
        most = [self._most(part) for part in gathered.parts]
        limit, before = self._settings.budget, self._spent + sum(self._set_aside.values())
        if limit is not None and most and before + sum(most) > limit:
            raise BudgetReached(
                f"the budget of ${limit:.4f} could be passed by the next batch of "
                f"{sum(len(part.questions) for part in gathered.parts)} questions (at most ${sum(most):.4f}, spent or "
                f"under way ${before:.4f}), so it was not submitted; run the same command with a larger --budget"
            )
        for part, cost in zip(gathered.parts, most, strict=True):
            batch, ours = self._book.begin(self._server.address, part.questions)
            if not ours:  # another process was first
                continue
            self._set_aside[batch] = cost
            part.keep_only(ours)
            gathered.batched.add(batch)
            self._hand_in(batch, part, len(ours))

    def _hand_in(self, batch: str, part: Part, count: int) -> None:
        try:
            self._tell(f"uploading {count} questions")
            file = self._server.upload(part.path)
        except CallFailed as error:
            self._forget(batch, str(error))
            raise
        except KeyboardInterrupt:
            self._forget(batch, "interrupted before it was submitted")
            raise
        if not self._book.uploaded(batch, file):
            raise CallFailed("another process took the submission over; run the same command again", passing=False)
        try:
            provider_id = self._server.create(file, batch)
        except CallFailed as error:
            if not error.passing:  # refused, so there is no batch; otherwise the next run looks for it
                self._forget(batch, str(error))
            raise
        self._note(batch, provider_id)
        self.account.submitted += 1
        self.account.questions += count

    def _note(self, batch: str, provider_id: str) -> None:
        self._book.submitted(batch, provider_id)
        self._tell(f"batch {provider_id} is submitted")

    def _forget(self, batch: str, why: str) -> None:
        self._set_aside.pop(batch, None)
        self._book.drop(batch, why)

    def _most(self, part: Part) -> float:
        """US dollars that a part costs at most."""
        return self._price.of(part.input_tokens, len(part.questions) * self._settings.max_output_tokens)

    # --- finding again

    def sweep(self) -> None:
        """Finish or free what died while it was submitted, and collect what has ended. Raises CallFailed."""
        for batch in self.under_way:
            if batch.state == "submitting":
                self._recover(batch)
        for batch in self.under_way:
            if batch.provider_id is not None:
                try:
                    seen = self._look(batch.provider_id)
                except CallFailed as error:
                    if error.passing:
                        raise
                    self._tell(str(error))  # perhaps none of this run's papers needs it
                    continue
                if seen.ended:
                    self._collect(batch, seen)

    def _look(self, provider_id: str) -> Seen:
        try:
            return self._server.look(provider_id)
        except CallFailed as error:
            if error.passing:
                raise
            raise CallFailed(
                f"{error}; --drop-batch {provider_id} gives it up and asks its questions anew", passing=False
            ) from error

    def _recover(self, batch: KeptBatch) -> None:
        if not self._book.take_over(batch.id):
            return
        if batch.file is None:
            self._forget(batch.id, "its process ended before it was submitted")
            return
        found = self._server.find(batch.file, batch.id)
        while found is None and (rest := batch.claimed + BELIEVED_AFTER - time.time()) > 0:
            self._tell("looking for a batch whose submission was broken off")
            self._sleep(min(rest, 5.0))
            found = self._server.find(batch.file, batch.id)
        if found is None:
            self._forget(batch.id, "the provider never had it")
        else:
            self._note(batch.id, found)

    # --- waiting and collecting

    def wait(self, gathered: Gathered) -> None:
        """Wait until no batch holds a question of this round. Raises CallFailed when the provider cannot be reached."""
        pause, misses = self._poll or FIRST_LOOK, 0
        if not gathered.batched and gathered.elsewhere:
            self._tell(f"another process asks {gathered.elsewhere} of the questions")
            self._sleep(pause)
        while True:
            try:
                waiting = self._once(gathered.batched)
                misses = 0
            except CallFailed as error:
                misses += 1
                if not error.passing or misses > self._settings.retries:
                    raise
                waiting = [str(error)]
            if not waiting:
                return
            self._tell("; ".join(waiting))
            self._sleep(pause)
            if self._poll is None:
                pause = min(pause * GROWTH, LONGEST_LOOK)

    def _once(self, ids: Iterable[str]) -> list[str]:
        """Look at each of these batches, collect those that ended, and say how far the others have come."""
        waiting = []
        for name in sorted(ids):
            batch = self._book.get(name)
            if batch is None or batch.state in ("done", "dropped"):
                continue
            if batch.provider_id is None:
                self._recover(batch)
                waiting.append("a batch is being submitted")
                continue
            seen = self._look(batch.provider_id)
            if seen.ended:
                self._collect(batch, seen)
            else:
                completed, failed, total = seen.counts
                waiting.append(f"batch {seen.id}: {seen.status}, {completed + failed} of {total or batch.requests}")
        return waiting

    def _collect(self, batch: KeptBatch, seen: Seen) -> None:
        results = self._server.results(seen)
        replies = []
        for key, said in results.completions.items():
            outputs = said.output_tokens or tokens_in(said.text)
            cost = self._price.of(said.input_tokens, outputs)
            replies.append((key, said.text, said.input_tokens, said.output_tokens, cost, 0.0))
        general = f"batch {seen.id} {seen.status} without an answer to this question"
        if results.unreadable:
            general += f" ({results.unreadable} lines of its files cannot be read)"
        if seen.error:
            general = f"batch {seen.id} {seen.status}: {seen.error}"
        ended = self._book.complete(batch.id, replies, None if seen.status == "completed" else general)
        if ended is None:  # another process collected it
            return
        answered, lost = ended
        for key in lost:
            reason = results.failures.get(key)
            self._failed[key] = f"batch {seen.id}: {reason}" if reason else general
        mine = [reply for reply in replies if reply[0] in answered]
        self._add(mine, len(lost), ours=self._set_aside.pop(batch.id, None) is not None)
        self._tell(f"batch {seen.id}: {seen.status}, {len(answered)} answers" + f", {len(lost)} failed" * bool(lost))

    def _add(self, replies: list[tuple[str, str, int, int, float, float]], failed: int, *, ours: bool) -> None:
        cost = sum(reply[4] for reply in replies)
        self._spent += cost if ours else 0.0
        self.account.collected += len(replies)
        self.account.failed += failed
        self.account.input_tokens += sum(reply[2] for reply in replies)
        self.account.output_tokens += sum(reply[3] for reply in replies)
        self.account.cost += cost
