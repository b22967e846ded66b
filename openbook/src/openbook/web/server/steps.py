"""From a paper to its record step by step, in the process that read it, telling what came of each step."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from openbook.assess.inside import cached_assessor
from openbook.assess.recording import info_of, make_record, run_of, unread_record, usage_of
from openbook.assessors.base import Assessor
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.record.model import PaperInfo, Record

#: Each step that is done: its stage and what came of it.
Steps = Generator[tuple[str, str], None, Record]


def make(paper: Paper, options: dict[str, Any]) -> Generator[tuple[str, str], None, dict[str, Any]]:
    """The record of a paper (``record``), or why there is none (``failed``).

    Without a ``recipe`` among the options the paper itself (``paper``), for an assessor that lives elsewhere.
    """
    paper.source = options["source"]
    try:
        if options["recipe"] is None:
            yield from reading_steps(paper)
            return {"paper": paper.packed()}
        assessor = cached_assessor(options["recipe"], options["arguments"])
        yield from reading_steps(paper)
        record = yield from assessing_steps(paper, assessor, info_of(paper, options["name"]))
    except OpenbookError as error:
        return {"failed": str(error)}
    except Exception as error:
        return {"failed": f"the assessor failed: {type(error).__name__}: {error}"}
    return {"record": record.model_dump_json()}


def reading_steps(paper: Paper) -> Generator[tuple[str, str], None, None]:
    """What was read, and the passages it falls into."""
    if paper.problem is not None:
        return
    words = _count(len(paper.text.split()), "word")
    yield "read", f"{_count(len(paper.pages), 'page')}, {words}" if paper.pages else words
    parts = [_count(len(paper.sentences), "sentence"), _count(len(paper.sections), "section")]
    yield "passages", ", ".join([*parts, _count(len(paper.links), "link")])


def assessing_steps(paper: Paper, assessor: Assessor, info: PaperInfo) -> Steps:
    """The answers, their evidence, and the record. Raises OpenbookError when the assessor cannot answer."""
    run = run_of(assessor)
    if paper.problem is not None:
        return unread_record(paper, info, run)
    start = time.perf_counter()
    answers = assessor.assess(paper)
    seconds = time.perf_counter() - start
    usage = usage_of(assessor)
    said = sum(answer.result == "yes" for answer in answers.values())
    yield "answers", f"{_count(len(answers), 'question')} answered, {said} with yes"
    record = make_record(paper, info, answers, run, usage, seconds)
    quotes = [item for answer in record.answers.values() for item in answer.evidence]
    found = sum(item.match != "absent" for item in quotes)
    yield "evidence", f"{found} of {_count(len(quotes), 'quote')} found in the paper"
    return record


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
