"""The assessor that asks a language model."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import openbook
from openbook.assessors.agreement import combine
from openbook.assessors.base import Usage
from openbook.assessors.llm import prompts
from openbook.assessors.llm.asking import Asker, Asks, Kept, Shelf, Tally
from openbook.assessors.llm.extra import require_extra
from openbook.assessors.llm.fitting import CHARACTERS_PER_TOKEN, fit, tokens_in
from openbook.assessors.llm.prices import Budget, price_of
from openbook.assessors.llm.protocol import OpenAIServer
from openbook.assessors.llm.provider import AnyProvider, CallFailed, Provider
from openbook.assessors.llm.replies import Reply, read_reply, to_answer, unproven
from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError
from openbook.evidence.locating import Finder
from openbook.papers.paper import Paper
from openbook.record.model import Answer
from openbook.variables import VARIABLES

#: How often a question is asked whose reply cannot be read, before the paper is given up.
READABLE_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would use at most, before it starts. ``cost`` in US dollars, None where no price is known."""

    papers: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None


class LlmAssessor:
    """Asks a model for all nine variables of a paper, or for one at a time, and has it repair absent quotes once.

    ``shelf`` makes the place where replies are kept (a ledger's, or this run's memory). ``provider`` is whoever
    completes chats; the settings decide when it is not given. ``watch`` is told of every answered call.
    """

    def __init__(
        self,
        settings: LlmSettings,
        *,
        provider: Callable[[], Provider] | None = None,
        shelf: Callable[[], Shelf] = Shelf,
        watch: Callable[[Tally], None] | None = None,
    ) -> None:
        require_extra()
        self.settings = settings
        self.tally = Tally()
        self._make_provider = provider or (lambda: provider_of(settings))
        self._make_shelf = shelf
        self._watch = watch
        self._usage = Usage()
        self._price = price_of(settings)
        self._budget = Budget(settings.budget, self._price)
        if not provider:
            provider_of(settings)  # a wrong model or a missing key is said before anything is read

    @property
    def name(self) -> str:
        return "llm"

    @property
    def model(self) -> str:
        return self.settings.model

    @property
    def version(self) -> str:
        return f"{openbook.__version__}+prompts.{prompts.VERSION}"

    @property
    def parameters(self) -> dict[str, Any]:
        return self.settings.parameters()

    @property
    def prompt_hash(self) -> str:
        return prompts.prompt_hash()

    def assess(self, paper: Paper) -> dict[str, Answer]:
        """The answers for one paper. Raises OpenbookError when the model gave none that can be used."""
        for answers in self.assess_many([paper]):
            if isinstance(answers, OpenbookError):
                raise answers
            return answers
        raise AssertionError("one paper gives one set of answers")

    def assess_many(self, papers: Iterable[Paper]) -> Iterator[dict[str, Answer] | OpenbookError]:
        """The answers of each paper, in order, many papers under way at once; an error where one could not be had."""
        with _Loop() as loop:
            asker = loop.call(self._open())
            window = 2 * self.settings.concurrency
            waiting: deque[Future[tuple[dict[str, Answer], Usage]]] = deque()
            try:
                for paper in papers:
                    waiting.append(loop.submit(self._paper(asker, paper)))
                    while waiting and (len(waiting) >= window or waiting[0].done()):
                        yield self._result(waiting.popleft())
                while waiting:
                    yield self._result(waiting.popleft())
            finally:
                for future in waiting:
                    future.cancel()
                loop.call(self._close(asker))

    @property
    def spent(self) -> float:
        """US dollars that the calls made here cost, those included whose replies were lost on the way."""
        return self._budget.spent

    def take_usage(self) -> Usage:
        """What the answers given last used and cost, whenever their calls were made."""
        usage, self._usage = self._usage, Usage()
        return usage

    def estimate(self, papers: Iterable[Paper]) -> Estimate:
        """What asking about these papers would use at most, nothing repaired or kept from before."""
        calls = inputs = count = 0
        for paper in papers:
            count += 1
            for names in self._groups():
                calls += self.settings.votes
                inputs += self.settings.votes * tokens_in(
                    "x" * (prompts.overhead(names) + len(fit(paper, self._room(names))))
                )
        outputs = calls * self.settings.max_output_tokens
        return Estimate(count, calls, inputs, outputs, self._price.of(inputs, outputs) if self._price else None)

    def _groups(self) -> list[tuple[str, ...]]:
        return [VARIABLES] if self.settings.per == "paper" else [(name,) for name in VARIABLES]

    def _room(self, names: tuple[str, ...]) -> int:
        """Tokens left for the paper's text."""
        overhead = int(prompts.overhead(names) / CHARACTERS_PER_TOKEN) + 1
        room = self.settings.context_tokens - self.settings.max_output_tokens - overhead
        if room < 500:
            raise OpenbookError(
                f"a context of {self.settings.context_tokens} tokens leaves {max(room, 0)} for the paper (questions "
                f"{overhead}, reply {self.settings.max_output_tokens}); raise --context-tokens, lower "
                "--max-output-tokens, or ask --per variable"
            )
        return room

    async def _open(self) -> Asks:
        asker = Asker(self._make_provider(), self.settings, self._budget, self._make_shelf())
        asker.tally = self.tally
        if self._watch and self._watch not in self.tally.watchers:
            self.tally.watchers.append(self._watch)
        return asker

    async def _close(self, asker: Asks) -> None:
        await asker.close()

    def _result(self, future: Future[tuple[dict[str, Answer], Usage]]) -> dict[str, Answer] | OpenbookError:
        try:
            answers, self._usage = future.result()
        except OpenbookError as error:
            self._usage = Usage()
            return error
        return answers

    async def _paper(self, asker: Asks, paper: Paper) -> tuple[dict[str, Answer], Usage]:
        """Every vote of every group of variables, at once."""
        finder = Finder.of(paper)
        usage = Usage()
        jobs = [
            self._vote(asker, paper, finder, names, vote, usage)
            for vote in range(self.settings.votes)
            for names in self._groups()
        ]
        parts = await _all(jobs)
        groups = len(self._groups())
        votes = []
        for vote in range(self.settings.votes):
            merged: dict[str, Reply] = {}
            for part in parts[vote * groups : (vote + 1) * groups]:
                merged |= part
            votes.append({name: to_answer(finder, name, merged[name], None) for name in VARIABLES})
        return combine(votes), usage

    async def _vote(
        self, asker: Asks, paper: Paper, finder: Finder, names: tuple[str, ...], vote: int, usage: Usage
    ) -> dict[str, Reply]:
        """One vote on one group of variables, its absent quotes repaired once."""
        text = fit(paper, self._room(names))
        text_hash = hashlib.sha256(paper.text.encode(errors="surrogatepass")).hexdigest()
        messages = prompts.question(text, text_hash, names)
        said = await self._readable(asker, paper, messages, names, ["question", vote], usage)
        absent = unproven(finder, said)
        if absent:
            messages = prompts.repair(text, text_hash, absent)
            try:
                said |= await self._readable(asker, paper, messages, tuple(absent), ["repair", vote], usage)
            except CallFailed as error:
                if error.passing:  # the server is gone rather than the reply odd: better no record than half a one
                    raise
        return said

    async def _readable(
        self,
        asker: Asks,
        paper: Paper,
        messages: list[dict[str, str]],
        names: tuple[str, ...],
        nonce: list[Any],
        usage: Usage,
    ) -> dict[str, Reply]:
        """Ask until the reply is of the schema, a few times."""
        why = ""
        for attempt in range(READABLE_ATTEMPTS):
            kept: Kept = await asker.ask(
                messages,
                prompts.schema(names, bounded=self.settings.base_url is not None),
                paper=paper.sha256,
                nonce=[*nonce, attempt] if attempt else nonce,
            )
            usage.input_tokens += kept.input_tokens
            usage.output_tokens += kept.output_tokens
            usage.cost += kept.cost
            try:
                return read_reply(kept.text, names)
            except ValueError as error:
                why = str(error)
        raise CallFailed(f"the model's reply cannot be used after {READABLE_ATTEMPTS} attempts: {why}", passing=False)


async def _all(jobs: list[Coroutine[Any, Any, dict[str, Reply]]]) -> list[dict[str, Reply]]:
    """What all jobs give; or the first error, when none of them is under way any more.

    Questions that are under way are waited for, since their replies are paid for and will be kept; unless the server is
    gone.
    """
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        failed = [task.exception() for task in tasks if task.done()]
        if any(isinstance(error, CallFailed) and error.passing for error in failed):
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception())]
    if errors:
        raise errors[0]
    return [task.result() for task in tasks]


def provider_of(settings: LlmSettings) -> Provider:
    """Whoever is asked under these settings. Raises OpenbookError where nobody can be."""
    return OpenAIServer(settings) if settings.base_url else AnyProvider(settings)


class _Loop:
    """An event loop in a thread of its own, so that whoever iterates need not be asynchronous."""

    def __enter__(self) -> _Loop:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asking", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Any) -> Any:
        return self.submit(work).result()


async def _cancel_all() -> None:
    """End whatever is still under way."""
    mine = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not mine]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
