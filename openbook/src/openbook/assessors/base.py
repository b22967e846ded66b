"""What every assessor does: it takes a paper and answers each variable."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper, Sentence
from openbook.record.model import Answer, Evidence


@dataclass(slots=True)
class Usage:
    """What asking a model used; ``cost`` in US dollars. Zero for assessors that ask none."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


@runtime_checkable
class Assessor(Protocol):
    """Answers the nine variables.

    Five properties go into the record's run and its cache key: ``name`` (``linear``, ``llm``), ``model`` (which
    weights, or which model of which provider), ``version``, ``parameters`` (JSON values: everything else that changes
    answers) and ``prompt_hash`` (None if there is no prompt). Two assessors that could answer differently must
    differ in one of them.

    An assessor does not have to prove its answers. ``openbook.evidence.checking`` locates every quote in the paper and
    turns a ``yes`` without a located quote into ``unverified``, in one place and for all assessors.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str | None: ...

    @property
    def version(self) -> str: ...

    @property
    def parameters(self) -> dict[str, Any]: ...

    @property
    def prompt_hash(self) -> str | None: ...

    def assess(self, paper: Paper) -> dict[str, Answer]:
        """The answers for one paper that was read (``paper.problem`` is None), keyed by variable.

        A ``yes`` to one of the seven carries at least one ``Evidence`` with a ``quote`` from the paper. An assessor
        that knows the quote's place makes it with ``sentence_evidence``. One that does not gives
        ``Evidence(quote=..., match="absent")``, and the check searches for it. Raises OpenbookError if it cannot
        answer.
        """
        ...


@runtime_checkable
class ManyAssessor(Assessor, Protocol):
    """An assessor that is faster on many papers at once."""

    def assess_many(self, papers: Iterable[Paper]) -> Iterator[dict[str, Answer] | OpenbookError]:
        """The answers of each paper, in order, or the error that a paper ended in. Papers are read as they are needed."""
        ...


@runtime_checkable
class MeteredAssessor(Assessor, Protocol):
    """An assessor that uses tokens or money and says how much."""

    def take_usage(self) -> Usage:
        """What the answers given last used."""
        ...


@runtime_checkable
class PortableAssessor(Assessor, Protocol):
    """An assessor that other processes can make again, so that a paper is assessed in the process that reads it."""

    @property
    def recipe(self) -> tuple[str, dict[str, Any]]:
        """``package.module:callable`` and the arguments (JSON) that make an equal assessor."""
        ...


@runtime_checkable
class WeighingAssessor(Assessor, Protocol):
    """An assessor that says which sentences bear on an answer, and foresees its answer without some of them."""

    def weigh(self, paper: Paper) -> Weighing:
        """How it weighs the sentences of a paper that was read. Raises OpenbookError if it cannot answer."""
        ...


class Weighing(Protocol):
    """The weight of each sentence of one paper. Sentences are indices of ``Paper.sentences``."""

    def heaviest(self, variable: str) -> list[int]:
        """The sentences that the answer may rest on, the one that counts most first."""
        ...

    def probability_without(self, variable: str, places: Collection[int]) -> float:
        """The approximate probability of yes without these sentences.

        It ignores that their neighbours are then read differently.
        """
        ...


class StopAssessing(OpenbookError):
    """The assessor can answer no more papers, for example because its budget is spent."""


class StillWaiting(OpenbookError):
    """The answers to a paper are still under way. This is not a failure: ask for them again later."""


def sentence_evidence(paper: Paper, sentence: Sentence) -> Evidence:
    """A sentence of the paper as evidence, with its place."""
    return Evidence(
        quote=paper.words(sentence),
        page=sentence.page,
        start=sentence.start,
        end=sentence.end,
        match="exact",
        part=paper.part_at(sentence.start),
    )
