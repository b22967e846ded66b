"""What a reading process does beside reading: it answers too, with an assessor that it makes itself.

This module imports nothing heavy, so that a command can start its reading processes before it loads anything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.assessors.base import Assessor
    from openbook.papers.paper import Paper
    from openbook.record.model import Record


def warm_up() -> None:
    """Load what the first paper will need. The reading process calls this when it starts."""
    import openbook.assess.pipeline
    import openbook.assessors.linear.answers
    import openbook.evidence.checking
    import openbook.papers.pdf  # noqa: F401
    from openbook.assessors.linear.assessor import LinearAssessor

    LinearAssessor().load()


@cache
def _made_assessor(recipe: str, arguments: str) -> Assessor:
    """The assessor of a recipe, made once in this process. ``arguments`` is JSON."""
    made: Assessor = _named(recipe)(**json.loads(arguments))
    return made


def _named(name: str) -> Any:
    """What ``package.module:attribute`` names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def extra_of(extra: Callable[[Paper, Record], Any], paper: Paper, record: Record) -> Any:
    """What ``extra`` makes of a paper that was read and its record; None if it fails: the record counts more."""
    if paper.problem is not None:
        return None
    try:
        return extra(paper, record)
    except Exception:
        return None


def assess_in_sandbox(paper: Paper, options: dict[str, Any]) -> Generator[list[str], None, dict[str, Any]]:
    """The sandbox's task: the record of a paper as JSON (``record``), or why the assessor failed (``failed``).

    Yields the stage and the result of each step. ``extra`` in the result is what the function that the options name
    so (``package.module:function``) makes of the paper and its record.
    """
    from openbook.assess.papers_list import PaperSource
    from openbook.assess.pipeline import info_of, record_steps
    from openbook.record.model import PaperInfo

    paper.source = options["source"]
    known = PaperInfo.model_validate(options["known"]) if options["known"] else None
    try:
        assessor = _made_assessor(options["recipe"], options["arguments"])
        steps = record_steps(paper, assessor, info_of(paper, PaperSource(paper.source, options["name"], known)))
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                record: Record = end.value
                extra = _named(options["extra"]) if options.get("extra") else None
                return {"record": record.model_dump_json(), "extra": extra and extra_of(extra, paper, record)}
            yield [step.stage, step.result]
    except OpenbookError as error:
        return {"failed": str(error)}
    except Exception as error:  # one paper that breaks an assessor must not take the others with it
        return {"failed": f"the assessor failed: {type(error).__name__}: {error}"}
