"""Assessing a paper in the process that reads it: only the record travels, and every processor is used."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from typing import Any

from openbook.assess.recording import assess_paper, info_of
from openbook.assessors.base import Assessor, PortableAssessor
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.record.model import PaperInfo, Record


def options_for(assessor: PortableAssessor, source: str, name: str, known: PaperInfo | None) -> dict[str, Any]:
    """What ``make`` needs to know beside the paper, as JSON."""
    recipe, arguments = assessor.recipe
    return {
        "recipe": recipe,
        "arguments": json.dumps(arguments, sort_keys=True),
        "source": source,
        "name": name,
        "known": known.model_dump(mode="json") if known else None,
    }


@cache
def cached_assessor(recipe: str, arguments: str) -> Assessor:
    """The assessor of a recipe, made once in this process. ``arguments`` is JSON."""
    module, _, attribute = recipe.partition(":")
    made: Assessor = getattr(import_module(module), attribute)(**json.loads(arguments))
    return made


def make(paper: Paper, options: dict[str, Any]) -> dict[str, str]:
    """The record of a paper (``record``), or why the assessor failed (``failed``)."""
    paper.source = options["source"]
    known = PaperInfo.model_validate(options["known"]) if options["known"] else None
    try:
        assessor = cached_assessor(options["recipe"], options["arguments"])
        record = assess_paper(paper, assessor, info_of(paper, options["name"], known))
    except OpenbookError as error:
        return {"failed": str(error)}
    except Exception as error:  # one paper that breaks an assessor must not take the others with it
        return {"failed": f"the assessor failed: {type(error).__name__}: {error}"}
    return {"record": record.model_dump_json()}


def taken(made: object) -> Record:
    """The record that ``make`` sent. Raises OpenbookError with the reason where it failed."""
    if not isinstance(made, dict) or "record" not in made:
        reason = made.get("failed") if isinstance(made, dict) else None
        raise OpenbookError(str(reason or "the process that assesses gave no record"))
    return Record.model_validate_json(made["record"])
