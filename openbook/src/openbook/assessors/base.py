"""What an assessor promises: a paper goes in, an answer to each variable comes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper, Sentence
from openbook.record.model import Answer, Evidence


@dataclass(slots=True)
class Usage:
    """What a call to a paid or local model used. Zero for assessors that call none."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


@runtime_checkable
class Assessor(Protocol):
    """Answers the nine variables.

    ``name`` (``linear``, ``llm``), ``model`` (which weights, or which model of which provider), ``version``,
    ``parameters`` (whatever else changes answers; JSON values) and ``prompt_hash`` (None where there is no prompt) go
    into the record's run and its cache key: two assessors that could answer differently must differ in one of them.

    An assessor proposes; it does not have to prove. Whatever quotes it gives, the engine locates each again in the
    paper and turns a ``yes`` without a located quote into ``unverified``: evidence is enforced in one place, for all
    assessors alike (``openbook.evidence.checking``).
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

        A ``yes`` to one of the seven carries at least one ``Evidence`` whose ``quote`` is meant to be in the paper. An
        assessor that knows where its quote stands makes it with ``sentence_evidence``; one that does not gives
        ``Evidence(quote=..., match="absent")``, and the engine looks. Raises OpenbookError when it cannot answer.
        """
        ...


@runtime_checkable
class ManyAssessor(Assessor, Protocol):
    """An assessor that is faster on many papers at once."""

    def assess_many(self, papers: Iterable[Paper]) -> Iterator[dict[str, Answer] | OpenbookError]:
        """The answers of each paper, in order; an error where one could not be had. The papers are taken lazily."""
        ...


@runtime_checkable
class MeteredAssessor(Assessor, Protocol):
    """An assessor that uses tokens or money and says how much."""

    def take_usage(self) -> Usage:
        """What the answers given last used."""
        ...


@runtime_checkable
class PortableAssessor(Assessor, Protocol):
    """An assessor that other processes can make again, so that a batch assesses where it reads."""

    @property
    def recipe(self) -> tuple[str, dict[str, Any]]:
        """``package.module:callable`` and the arguments (JSON) that give an equal assessor."""
        ...


class StopAssessing(OpenbookError):
    """Raised (or yielded) by an assessor that can answer no more papers, such as when its budget is spent."""


class StillWaiting(OpenbookError):
    """Yielded by an assessor whose answers to a paper are under way: no failure, but to be asked for again later."""


def sentence_evidence(paper: Paper, sentence: Sentence) -> Evidence:
    """A sentence of the paper as evidence: it is its own proof."""
    return Evidence(
        quote=paper.words(sentence),
        page=sentence.page,
        start=sentence.start,
        end=sentence.end,
        match="exact",
        part=paper.part_at(sentence.start),
    )
