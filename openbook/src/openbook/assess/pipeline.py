"""The one path from a paper to its record: read, answer, check the evidence, record.

``record_steps`` is that path, and tells each step as it is done. The command line, a batch, the server, Ray and the
library all take it: ``Pipeline`` starts with a file, ``assess_paper`` with a paper that was read. Files are read in the
sandbox (``openbook.papers.sandbox``). An assessor that other processes can make again answers there too
(``openbook.assess.sandbox_task``), so that a batch uses every processor.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import openbook
from openbook.assess.papers_list import PaperSource, stem_of
from openbook.assess.sandbox_task import assess_in_sandbox, extra_of
from openbook.assessors.base import Assessor, ManyAssessor, MeteredAssessor, PortableAssessor, Usage
from openbook.errors import OpenbookError
from openbook.files import sha256
from openbook.papers.paper import Paper
from openbook.papers.sandbox import MEGABYTES, SECONDS, ReaderPool
from openbook.record.model import Answer, PaperInfo, Record, Run, Scores
from openbook.variables import SCORED, VARIABLES

if TYPE_CHECKING:
    from types import TracebackType

StageName = Literal["read", "passages", "answers", "evidence"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done: its stage, and its result in words."""

    stage: StageName
    result: str


Steps = Generator[Step, None, Record]
OnStep = Callable[[Step], None]
#: Computes JSON values from a paper and its record, where the paper was read: a function at the top of a module.
Extra = Callable[[Paper, Record], Any]


def _ignore(value: object) -> None:
    pass


# --- what a record says of its paper and its run


def run_of(assessor: Assessor) -> Run:
    """What names a run of this assessor, before it has used anything."""
    version = assessor.version
    return Run(
        assessor=assessor.name,
        model=assessor.model,
        prompt_hash=assessor.prompt_hash,
        parameters=dict(assessor.parameters),
        version=version if version.startswith(openbook.__version__) else f"{openbook.__version__}+{version}",
    )


def same_run(one: Run, other: Run) -> bool:
    """Whether two runs would give the same answers to the same text."""
    names = ("assessor", "model", "prompt_hash", "parameters", "version")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def text_hash(paper: Paper) -> str:
    """SHA-256 of the text as it was understood, hexadecimal."""
    return sha256(paper.text)


def info_of(paper: Paper, source: PaperSource | None = None) -> PaperInfo:
    """What a record says of its paper: first what is known beforehand, then what stands in the paper itself."""
    name = source.name if source else stem_of(paper.source) or paper.sha256[:16]
    known = (source.known if source else None) or PaperInfo(id=name)
    remote = paper.source.startswith(("http://", "https://"))
    return PaperInfo(
        id=name,
        title=known.title or paper.title,
        authors=known.authors or paper.authors,
        venue=known.venue or paper.venue or None,
        year=known.year or paper.year,
        url=known.url or (paper.source if remote else None),
        pages=len(paper.pages) or None,
        sha256=paper.sha256 or None,
        source=paper.source,
        problem=paper.problem,
    )


# --- the path


def record_steps(paper: Paper, assessor: Assessor, info: PaperInfo | None = None) -> Steps:
    """The record of a paper, step by step. No assessor is asked about a paper that could not be read.

    Raises OpenbookError if the assessor cannot answer.
    """
    info = info or info_of(paper)
    if paper.problem is not None:
        return _unread_record(paper, info, run_of(assessor))
    words = _count(len(paper.text.split()), "word")
    yield Step("read", f"{_count(len(paper.pages), 'page')}, {words}" if paper.pages else words)
    parts = [_count(len(paper.sentences), "sentence"), _count(len(paper.sections), "section")]
    yield Step("passages", ", ".join([*parts, _count(len(paper.links), "link")]))
    start = time.perf_counter()
    answers = assessor.assess(paper)
    seconds = time.perf_counter() - start
    return (yield from _evidence_steps(paper, assessor, info, answers, seconds))


def _evidence_steps(
    paper: Paper, assessor: Assessor, info: PaperInfo, answers: Mapping[str, Answer], seconds: float
) -> Steps:
    """From answers to the record: each quote is located in the paper, and the scores are counted."""
    from openbook.evidence.checking import check_answers
    from openbook.record.model import score_answers

    usage = _usage_of(assessor)
    yes = sum(answer.result == "yes" for answer in answers.values())
    yield Step("answers", f"{_count(len(answers), 'question')} answered, {yes} with yes")
    checked = check_answers(paper, answers)
    quotes = [item for answer in checked.values() for item in answer.evidence]
    found = sum(item.match != "absent" for item in quotes)
    yield Step("evidence", f"{found} of {_count(len(quotes), 'quote')} found in the paper")
    run = run_of(assessor).model_copy(
        update={
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost": usage.cost,
            "text_hash": text_hash(paper),
            "seconds": seconds,
            "created": _now(),
        }
    )
    return Record(paper=info, answers=checked, scores=score_answers(checked), run=run)


def _unread_record(paper: Paper, info: PaperInfo, run: Run) -> Record:
    reason = paper.problem or "there is no text"
    return Record(
        paper=info,
        answers={
            variable: Answer(result="unread" if variable in SCORED else "unknown", response=f"Not read: {reason}")
            for variable in VARIABLES
        },
        scores=Scores(documentation=None, reproducibility=None),
        run=run.model_copy(update={"created": _now()}),
    )


def _usage_of(assessor: Assessor) -> Usage:
    """What the answers given last used; nothing where the assessor does not meter."""
    if not isinstance(assessor, MeteredAssessor):
        return Usage()
    usage = assessor.take_usage()
    if not isinstance(usage, Usage):
        raise OpenbookError(f"the assessor {assessor.name} reports its usage as {type(usage).__name__}, not Usage")
    return usage


def _finished(steps: Steps, on_step: OnStep = _ignore) -> Record:
    """The record at the end of its steps; ``on_step`` is called with each."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            record: Record = end.value
            return record
        on_step(step)


def assess_paper(paper: Paper, assessor: Assessor, info: PaperInfo | None = None) -> Record:
    """The record of one paper that was read. Raises OpenbookError if the assessor cannot answer."""
    return _finished(record_steps(paper, assessor, info))


# --- from files


class Pipeline:
    """Makes records of files with one assessor. Use it as a context manager, or call ``close``.

    ``jobs`` files are read at the same time, by processes that start at once; ``seconds`` and ``megabytes`` limit the
    reading of one. With a portable assessor the limits cover the answers too. ``started``: processes that the caller
    began already, with the task ``assess_in_sandbox``; they serve a portable assessor only. ``extra`` makes something
    more of each paper and its record, where the paper is at hand; ``record`` gives it to ``on_extra``.
    """

    def __init__(
        self,
        assessor: Assessor,
        *,
        jobs: int = 1,
        seconds: float = SECONDS,
        megabytes: int = MEGABYTES,
        started: ReaderPool | None = None,
        extra: Extra | None = None,
    ) -> None:
        self.assessor = assessor
        self._extra = extra
        self.portable = assessor if isinstance(assessor, PortableAssessor) else None
        task = assess_in_sandbox if self.portable else None
        self._pool = started or ReaderPool(jobs, seconds=seconds, megabytes=megabytes, task=task)
        self._pool.start()

    def record(
        self, path: Path, source: PaperSource, on_step: OnStep = _ignore, on_extra: Callable[[Any], None] = _ignore
    ) -> Record:
        """The record of one file. Raises OpenbookError if there is no such file or the assessor cannot answer.

        ``on_extra`` is not called for a paper that could not be read. What it gets may come from a hostile process.
        """
        found = self.read_or_assess(path, source, on_step, on_extra)
        if isinstance(found, Record):
            return found
        record = _finished(record_steps(found, self.assessor, info_of(found, source)), on_step)
        if self._extra is not None:
            on_extra(extra_of(self._extra, found, record))
        return record

    def read_or_assess(
        self, path: Path, source: PaperSource, on_step: OnStep = _ignore, on_extra: Callable[[Any], None] = _ignore
    ) -> Record | Paper:
        """The record, where the assessor answered in the process that read or the paper could not be read; else the paper.

        Raises OpenbookError if there is no such file or the assessor cannot answer.
        """
        if self.portable is None:
            paper = self._pool.read(path)
        else:
            result = self._pool.run(path, self._options(source), lambda step: on_step(_step(step)))
            if not isinstance(result, Paper):
                record = _record(result)
                if self._extra is not None and isinstance(result, dict):
                    on_extra(result.get("extra"))
                return record
            paper = result
        paper.source = source.source
        if paper.problem is not None:
            return _unread_record(paper, info_of(paper, source), run_of(self.assessor))
        return paper

    def answer(self, papers: Iterable[tuple[PaperSource, Paper]]) -> Generator[tuple[PaperSource, Record | Exception]]:
        """The records of papers that were read, in order, or what went wrong. The papers are taken lazily."""
        taken: deque[tuple[PaperSource, Paper]] = deque()

        def each() -> Iterator[Paper]:
            for source, paper in papers:
                taken.append((source, paper))
                yield paper

        last = time.perf_counter()
        with closing(self._answers(each())) as given:
            for answers in given:
                source, paper = taken.popleft()
                seconds, last = time.perf_counter() - last, time.perf_counter()
                if isinstance(answers, Exception):
                    yield source, answers
                    continue
                try:
                    steps = _evidence_steps(paper, self.assessor, info_of(paper, source), answers, seconds)
                    record = _finished(steps)
                except Exception as error:
                    yield source, error
                else:
                    yield source, record

    def _answers(self, papers: Iterator[Paper]) -> Generator[dict[str, Answer] | Exception]:
        if isinstance(self.assessor, ManyAssessor):
            yield from self.assessor.assess_many(papers)
            return
        for paper in papers:
            try:
                yield self.assessor.assess(paper)
            except Exception as error:
                yield error

    def _options(self, source: PaperSource) -> dict[str, Any]:
        """What ``assess_in_sandbox`` must know beside the paper, as JSON."""
        assert self.portable is not None
        recipe, arguments = self.portable.recipe
        return {
            "recipe": recipe,
            "arguments": json.dumps(arguments, sort_keys=True),
            "source": source.source,
            "name": source.name,
            "known": source.known.model_dump(mode="json") if source.known else None,
            "extra": f"{self._extra.__module__}:{self._extra.__qualname__}" if self._extra else None,
        }

    def close(self) -> None:
        """End the reading processes, whatever they do."""
        self._pool.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _step(sent: object) -> Step:
    """A step as ``assess_in_sandbox`` sent it; what a hostile process sends instead is shown as text."""
    if isinstance(sent, list) and len(sent) == 2 and sent[0] in ("read", "passages", "answers", "evidence"):
        return Step(sent[0], str(sent[1]))
    return Step("read", str(sent)[:200])


def _record(result: object) -> Record:
    """The record that ``assess_in_sandbox`` sent. Raises OpenbookError with the reason where it failed."""
    if isinstance(result, dict) and isinstance(result.get("record"), str):
        from openbook.record.files import parse_record

        return parse_record(result["record"], "what the reading process sent")
    failed = result.get("failed") if isinstance(result, dict) else None
    raise OpenbookError(str(failed or "the reading process gave no record"))


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
