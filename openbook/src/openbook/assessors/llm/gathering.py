"""Gathering questions for a batch: what the ledger answers is answered, what it does not is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from openbook.assessors.base import StillWaiting
from openbook.assessors.llm.asking import Asks, Kept, Tally, call_key
from openbook.assessors.llm.assessor import LlmAssessor
from openbook.assessors.llm.batch_books import Batches
from openbook.assessors.llm.batch_server import request_line
from openbook.assessors.llm.fitting import tokens_in
from openbook.assessors.llm.prices import price_of
from openbook.assessors.llm.provider import CallFailed
from openbook.assessors.llm.settings import LlmSettings

#: What a provider takes in one file: requests and bytes, the latter with some room left.
MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000


@dataclass(slots=True)
class Part:
    """A file of questions, one a line in the order of ``questions``: (key, model, paper)."""

    path: Path
    questions: list[tuple[str, str, str | None]] = field(default_factory=list)
    input_tokens: int = 0
    bytes: int = 0

    def keep_only(self, keys: set[str]) -> None:
        """Take out of the file whatever is not among these questions."""
        if len(keys) == len(self.questions):
            return
        chosen = self.path.with_suffix(".chosen")
        with self.path.open("rb") as lines, chosen.open("wb") as out:
            out.writelines(line for line, asked in zip(lines, self.questions, strict=True) if asked[0] in keys)
        chosen.replace(self.path)


class Gathered:
    """The questions of one round, on disk, in files that a provider takes. A context manager: the files go with it."""

    def __init__(self, *, most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES) -> None:
        self._most = (most_requests, most_bytes)
        self._folder = TemporaryDirectory(prefix="openbook-batch-")
        self._keys: set[str] = set()
        self.parts: list[Part] = []
        #: The batches that hold questions of this round, and how many others are being asked by another process.
        self.batched: set[str] = set()
        self.elsewhere = 0

    def add(self, key: str, model: str, paper: str | None, line: bytes, tokens: int) -> None:
        """Write a question down, once."""
        if key in self._keys:
            return
        self._keys.add(key)
        part = self.parts[-1] if self.parts else None
        if part is None or len(part.questions) >= self._most[0] or part.bytes + len(line) > self._most[1]:
            part = Part(Path(self._folder.name) / f"{len(self.parts)}.jsonl")
            self.parts.append(part)
        with part.path.open("ab") as out:
            out.write(line)
        part.questions.append((key, model, paper))
        part.input_tokens += tokens
        part.bytes += len(line)

    def __enter__(self) -> Gathered:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


class Gatherer:
    """Answers questions from the ledger, and writes down those that it does not answer."""

    def __init__(self, settings: LlmSettings, book: Batches, gathered: Gathered, failed: dict[str, str]) -> None:
        self._settings = settings
        self._book = book
        self._gathered = gathered
        self._failed = failed
        self.tally = Tally()

    async def ask(
        self, messages: list[dict[str, str]], schema: dict[str, Any], *, paper: str | None, nonce: list[Any]
    ) -> Kept:
        """The kept reply. Raises StillWaiting where there is none yet, CallFailed where a batch of this run had none."""
        key = call_key(self._settings, messages, schema, nonce)
        standing = self._book.status([key])
        if key in standing.answered:
            reply = standing.answered[key]
            return Kept(reply.response, reply.input_tokens, reply.output_tokens, reply.cost, fresh=False)
        if key in self._failed:
            raise CallFailed(self._failed[key], passing=False)
        if key in standing.batched:
            self._gathered.batched.add(standing.batched[key])
        elif standing.elsewhere:
            self._gathered.elsewhere += 1
        else:
            size = sum(tokens_in(message["content"]) for message in messages)
            line = request_line(self._settings, key, messages, schema)
            self._gathered.add(key, self._settings.model, paper, line, size)
        raise StillWaiting("the question waits for a batch")

    async def close(self) -> None: ...


class BatchAssessor(LlmAssessor):
    """The model assessor, its questions answered by batches: a paper with questions open is ``StillWaiting``.

    ``gathered`` is where the questions of the present round go; ``failed`` the questions that a batch of this run did
    not answer, with the reasons.
    """

    def __init__(self, settings: LlmSettings, book: Callable[[], Batches]) -> None:
        super().__init__(settings, provider=_nobody)
        self._price = price_of(settings, batch=True)
        self._book = book
        self.gathered: Gathered | None = None
        self.failed: dict[str, str] = {}

    async def _open(self) -> Asks:
        assert self.gathered is not None
        return Gatherer(self.settings, self._book(), self.gathered, self.failed)


def estimating(settings: LlmSettings) -> LlmAssessor:
    """An assessor that says what batches would cost; it has no ledger and can ask nothing."""
    return BatchAssessor(settings, _nobody)


def _nobody() -> Any:
    raise AssertionError("in a batch nobody is asked directly")
