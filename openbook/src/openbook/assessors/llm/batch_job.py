"""Questions answered by a provider's batch jobs: collected, submitted, waited for, and never paid for twice.

A submission has four steps: enter the job in the ledger and claim its questions for it; upload the questions; note the
file and ask for the batch, with our id in its metadata; note the provider's name for it. If a process dies between two
steps, the next run finds the entry. An entry without a file was never asked for, and its questions are freed. For an
entry with a file, the provider's batches are searched for our id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from openbook.assessors.base import StillWaiting
from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.batch_api import ENDED, BatchApi, errors_of, request_line
from openbook.assessors.llm.cached_client import call_key, size_of
from openbook.assessors.llm.client import CallFailed, Completion, Messages, Schema
from openbook.assessors.llm.prompt_template import tokens_in
from openbook.assessors.llm.settings import BudgetReached, LlmSettings, Price, price_of
from openbook.files import replacing
from openbook.ledger.batch_jobs import BatchJob, BatchJobs
from openbook.ledger.reply_cache import CachedReply, Question

#: What a provider takes in one file, with some bytes to spare.
MOST_REQUESTS: Final = 50_000
MOST_BYTES: Final = 190_000_000
#: Seconds after a batch was asked for until its absence from the provider's list is believed.
BELIEVED_AFTER: Final = 30.0
#: Seconds between looks at a batch: the first, how much longer each next one is, and the longest.
FIRST_LOOK, GROWTH, LONGEST_LOOK = 5.0, 1.5, 300.0


@dataclass(slots=True)
class BatchFile:
    """A file of questions, one on each line."""

    path: Path
    questions: list[Question] = field(default_factory=list)
    input_tokens: int = 0
    bytes: int = 0

    def keep_only(self, keys: set[str]) -> None:
        """Remove all other questions from the file."""
        if len(keys) == len(self.questions):
            return
        with replacing(self.path) as chosen, self.path.open("rb") as lines, chosen.open("wb") as out:
            out.writelines(line for line, asked in zip(lines, self.questions, strict=True) if asked.key in keys)


class BatchRound:
    """The questions of one round: answered from the ledger, or written to files of a size that a provider takes.

    ``jobs`` are the ids of batch jobs that hold questions of this round, ``elsewhere`` the number of questions that
    another process is asking. Leaving its context deletes the files.
    """

    def __init__(
        self,
        settings: LlmSettings,
        store: BatchJobs,
        failed: Mapping[str, str],
        *,
        most_requests: int = MOST_REQUESTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._settings = settings
        self._store = store
        self._failed = failed
        self._most = (most_requests, most_bytes)
        self._folder = TemporaryDirectory(prefix="openbook-batch-")
        self._keys: set[str] = set()
        self.files: list[BatchFile] = []
        self.jobs: set[str] = set()
        self.elsewhere = 0

    async def ask(self, messages: Messages, schema: Schema, *, paper: str | None, nonce: list[Any]) -> CachedReply:
        """The reply in the ledger. Raises StillWaiting if there is none yet, CallFailed if a job gave none."""
        key = call_key(self._settings, messages, schema, nonce)
        states = self._store.status([key])
        if key in states.answered:
            return states.answered[key]
        if key in self._failed:
            raise CallFailed(self._failed[key], retryable=False)
        if key in states.batched:
            self.jobs.add(states.batched[key])
        elif states.elsewhere:
            self.elsewhere += 1
        else:
            question = Question(key, self._settings.model, paper)
            self.add(question, request_line(self._settings, key, messages, schema), size_of(messages))
        raise StillWaiting("the question waits for a batch")

    def add(self, question: Question, line: bytes, tokens: int) -> None:
        """Write a question down for the next batch job, once."""
        if question.key in self._keys:
            return
        self._keys.add(question.key)
        last = self.files[-1] if self.files else None
        if last is None or len(last.questions) >= self._most[0] or last.bytes + len(line) > self._most[1]:
            last = BatchFile(Path(self._folder.name) / f"{len(self.files)}.jsonl")
            self.files.append(last)
        with last.path.open("ab") as out:
            out.write(line)
        last.questions.append(question)
        last.input_tokens += tokens
        last.bytes += len(line)

    async def stop(self) -> None:
        """Nothing is under way."""

    async def close(self) -> None:
        """Nothing to close: the files are needed until the round ends."""

    def __enter__(self) -> BatchRound:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


class BatchAssessor(LlmAssessor):
    """The model assessor with its questions answered by batch jobs: a paper with open questions is ``StillWaiting``.

    ``failed`` holds the questions that a job of this run did not answer, with the reasons. Without a ``store`` it can
    only estimate. ``limits`` are ``most_requests`` and ``most_bytes`` of a file, where the provider's are others.
    """

    def __init__(self, settings: LlmSettings, store: BatchJobs | None = None, **limits: int) -> None:
        super().__init__(settings, questions=self._current_round)
        self._price = price_of(settings, batch=True)
        self._store = store
        self._limits = limits
        self._round: BatchRound | None = None
        self.failed: dict[str, str] = {}

    def new_round(self) -> BatchRound:
        """Begin a round, whose questions ``assess_many`` collects."""
        assert self._store is not None
        self._round = BatchRound(self.settings, self._store, self.failed, **self._limits)
        return self._round

    def _current_round(self) -> BatchRound:
        assert self._round is not None
        return self._round


@dataclass(slots=True)
class BatchCounts:
    """What a command did with batch jobs. ``cost`` in US dollars at the batch price, of the answers it collected."""

    submitted: int = 0
    questions: int = 0
    collected: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


class BatchRunner:
    """Submits and collects the batch jobs of one ledger at one provider, for an assessor.

    ``on_progress`` is called with each event in words. ``poll``: seconds between two looks; None looks often at first and less
    often later.
    """

    def __init__(
        self,
        assessor: BatchAssessor,
        store: BatchJobs,
        api: BatchApi,
        *,
        poll: float | None = None,
        on_progress: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.counts = BatchCounts()
        self._settings = assessor.settings
        self._failed = assessor.failed
        self._store = store
        self._api = api
        self._poll = poll
        self._on_progress = on_progress
        self._sleep = sleep
        self._price = price_of(self._settings, batch=True) or Price(0.0, 0.0)
        #: US dollars by job that this command submitted: what it costs at most, and once it was collected, what it cost.
        self._spent: dict[str, float] = {}

    def submit(self, round_: BatchRound) -> None:
        """Submit a round's questions, all or none of them. Raises BudgetReached before anything is sent, CallFailed."""
        most = [
            self._price.of(file.input_tokens, len(file.questions) * self._settings.max_output_tokens)
            for file in round_.files
        ]
        limit, before = self._settings.budget, sum(self._spent.values())
        if limit is not None and most and before + sum(most) > limit:
            raise BudgetReached(
                f"the budget of ${limit:.4f} could be exceeded by the next batch of "
                f"{sum(len(file.questions) for file in round_.files)} questions (at most ${sum(most):.4f}, spent or "
                f"under way ${before:.4f}), so it was not submitted; run the same command with a larger --budget"
            )
        for file, cost in zip(round_.files, most, strict=True):
            job, ours = self._store.begin(self._api.address, file.questions)
            if ours:  # otherwise another process was first
                self._spent[job] = cost
                round_.jobs.add(job)
                file.keep_only(ours)
                self._submit_file(job, file.path, len(ours))

    def _submit_file(self, job: str, path: Path, count: int) -> None:
        self._on_progress(f"uploading {count} questions")
        with self._dropped_when_refused(job):
            file = self._api.upload(path)
        if not self._store.uploaded(job, file):
            raise CallFailed("another process took the submission over; run the same command again", retryable=False)
        with self._dropped_when_refused(job):
            provider_id = self._api.create(file, job)
        self._store.submitted(job, provider_id)
        self._on_progress(f"batch {provider_id} is submitted")
        self.counts.submitted += 1
        self.counts.questions += count

    @contextmanager
    def _dropped_when_refused(self, job: str) -> Iterator[None]:
        """Drops a job that the provider refuses. After another failure the next run recovers it."""
        try:
            yield
        except CallFailed as error:
            if not error.retryable:
                self._spent.pop(job, None)
                self._store.drop(job, str(error))
            raise

    def sweep(self) -> None:
        """Recover submissions that were broken off, and collect every job that has ended. Raises CallFailed."""
        for job in self._store.open(self._api.address):
            try:
                self._advance(job)
            except CallFailed as error:
                if error.retryable:
                    raise
                self._on_progress(str(error))  # perhaps none of this run's papers needs it

    def wait(self, round_: BatchRound) -> None:
        """Wait until no job holds a question of this round. Raises CallFailed if the provider cannot be reached."""
        pause, failures = self._poll or FIRST_LOOK, 0
        if not round_.jobs and round_.elsewhere:
            self._on_progress(f"another process asks {round_.elsewhere} of the questions")
            self._sleep(pause)
        while True:
            try:
                jobs = [job for name in sorted(round_.jobs) if (job := self._store.get(name)) is not None]
                waiting = [state for job in jobs if (state := self._advance(job)) is not None]
                failures = 0
            except CallFailed as error:
                failures += 1
                if not error.retryable or failures > self._settings.retries:
                    raise
                waiting = [str(error)]
            if not waiting:
                return
            self._on_progress("; ".join(waiting))
            self._sleep(pause)
            if self._poll is None:
                pause = min(pause * GROWTH, LONGEST_LOOK)

    def _advance(self, job: BatchJob) -> str | None:
        """Recover a job, or collect it if it has ended. None when nothing of it is left to wait for."""
        if job.state == "submitting":
            self._recover(job)
            job = self._store.get(job.id) or job
        if job.state in ("done", "dropped"):
            return None
        if job.provider_id is None:
            return "a batch is being submitted"
        try:
            batch = self._api.status(job.provider_id)
        except CallFailed as error:
            if error.retryable:
                raise
            advice = f"--drop-batch {job.provider_id} drops it and asks its questions again"
            raise CallFailed(f"{error}; {advice}", retryable=False) from error
        if batch.status in ENDED:
            self._collect(job, batch)
            return None
        counts = batch.request_counts
        done, total = (counts.completed + counts.failed, counts.total) if counts else (0, 0)
        return f"batch {batch.id}: {batch.status}, {done} of {total or job.requests}"

    def _recover(self, job: BatchJob) -> None:
        """Finish or drop a submission whose process ended."""
        if not self._store.take_over(job.id):
            return
        if job.file is None:
            self._store.drop(job.id, "its process ended before it was submitted")
            return
        found = self._api.find(job.file, job.id)
        while found is None and (rest := job.claimed + BELIEVED_AFTER - time.time()) > 0:
            self._on_progress("looking for a batch whose submission was broken off")
            self._sleep(min(rest, 5.0))
            found = self._api.find(job.file, job.id)
        if found is None:
            self._store.drop(job.id, "the provider never had it")
        else:
            self._store.submitted(job.id, found)
            self._on_progress(f"batch {found} is submitted")

    def _collect(self, job: BatchJob, batch: Any) -> None:
        """Keep the answers of an ended batch, free the questions that it did not answer, and count both."""
        results, invalid = self._api.results(batch)
        replies = [
            CachedReply(
                key,
                said.text,
                said.input_tokens,
                said.output_tokens,
                self._price.of(said.input_tokens, said.output_tokens or tokens_in(said.text)),
            )
            for key, said in results.items()
            if isinstance(said, Completion)
        ]
        general = f"batch {batch.id} {batch.status} without an answer to this question"
        if error := errors_of(batch):
            general = f"batch {batch.id} {batch.status}: {error}"
        elif invalid:
            general += f" ({invalid} lines of its files cannot be read)"
        ended = self._store.complete(job.id, replies, None if batch.status == "completed" else general)
        if ended is None:  # another process collected it
            return
        answered, lost = ended
        for key in lost:
            reason = results.get(key)
            self._failed[key] = f"batch {batch.id}: {reason}" if isinstance(reason, str) else general
        kept = [reply for reply in replies if reply.key in answered]
        cost = sum(reply.cost for reply in kept)
        if job.id in self._spent:
            self._spent[job.id] = cost
        self.counts.collected += len(kept)
        self.counts.failed += len(lost)
        self.counts.input_tokens += sum(reply.input_tokens for reply in kept)
        self.counts.output_tokens += sum(reply.output_tokens for reply in kept)
        self.counts.cost += cost
        failed = f", {len(lost)} failed" if lost else ""
        self._on_progress(f"batch {batch.id}: {batch.status}, {len(answered)} answers{failed}")
