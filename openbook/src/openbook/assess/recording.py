"""From a paper and its answers to a record. Every assessor and every engine goes through here."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import openbook
from openbook.assessors.base import Assessor, MeteredAssessor, Usage
from openbook.errors import OpenbookError
from openbook.evidence.checking import check_answers
from openbook.papers.paper import Paper
from openbook.record.model import Answer, PaperInfo, Record, Run, Scores
from openbook.record.scores import score_answers
from openbook.variables import SCORED, VARIABLES


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
    return hashlib.sha256(paper.text.encode("utf-8", "surrogatepass")).hexdigest()


def info_of(paper: Paper, identifier: str, known: PaperInfo | None = None) -> PaperInfo:
    """What a record says of its paper: first what is known from a list, then what stands in the paper itself."""
    known = known or PaperInfo(id=identifier)
    remote = paper.source.startswith(("http://", "https://"))
    return PaperInfo(
        id=identifier,
        title=known.title or paper.title,
        authors=known.authors or paper.authors,
        venue=known.venue,
        year=known.year,
        url=known.url or (paper.source if remote else None),
        pages=len(paper.pages) or None,
        sha256=paper.sha256 or None,
        source=paper.source,
        problem=paper.problem,
    )


def unread_answers(reason: str) -> dict[str, Answer]:
    """The answers about a paper that could not be read; nobody was asked."""
    return {
        variable: Answer(result="unread" if variable in SCORED else "unknown", response=f"Not read: {reason}")
        for variable in VARIABLES
    }


def unread_record(paper: Paper, info: PaperInfo, run: Run) -> Record:
    """The record of a paper that could not be read."""
    return Record(
        paper=info,
        answers=unread_answers(paper.problem or "there is no text"),
        scores=Scores(documentation=None, reproducibility=None),
        run=run.model_copy(update={"created": _now()}),
    )


def make_record(
    paper: Paper, info: PaperInfo, answers: Mapping[str, Answer], run: Run, usage: Usage, seconds: float
) -> Record:
    """The record of a paper that was read: the answers with their evidence checked, and the scores they give."""
    checked = check_answers(paper, answers)
    spent = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost": usage.cost}
    own = {"text_hash": text_hash(paper), "seconds": seconds, "created": _now()}
    return Record(paper=info, answers=checked, scores=score_answers(checked), run=run.model_copy(update=spent | own))


def assess_paper(paper: Paper, assessor: Assessor, info: PaperInfo | None = None) -> Record:
    """The record of one paper. No assessor is asked about a paper that could not be read.

    Raises OpenbookError when the assessor cannot answer.
    """
    info = info or info_of(paper, _identifier(paper))
    run = run_of(assessor)
    if paper.problem is not None:
        return unread_record(paper, info, run)
    start = time.perf_counter()
    answers = assessor.assess(paper)
    seconds = time.perf_counter() - start
    return make_record(paper, info, answers, run, usage_of(assessor), seconds)


def usage_of(assessor: Assessor) -> Usage:
    """What the answers given last used; nothing where the assessor does not meter."""
    if not isinstance(assessor, MeteredAssessor):
        return Usage()
    usage = assessor.take_usage()
    if not isinstance(usage, Usage):
        raise OpenbookError(f"the assessor {assessor.name} reports its usage as {type(usage).__name__}, not Usage")
    return usage


def _identifier(paper: Paper) -> str:
    from openbook.assess.naming import stem_of

    return stem_of(paper.source) or paper.sha256[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
