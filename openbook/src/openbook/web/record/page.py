"""A record as one self-contained page: no script, no request, everything that comes from a paper escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from openbook.assess.pipeline import text_hash
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.record.model import CODE_AND_DATA, DATA_ONLY, Record, count_unclear
from openbook.web.addresses import is_web, source_name
from openbook.web.record.view import AnswerView, answers_of, code_view, interval_text, plain_title
from openbook.web.templating import environment, static_text


def render_page(record: Record, paper: Paper | None = None, no_context: str | None = None) -> str:
    """The page. With ``paper`` each quote stands in its context; otherwise ``no_context`` says why not."""
    style = static_text("theme.css")
    return (
        environment()
        .get_template("record/page.html.jinja")
        .render(
            **record_context(record, paper, no_context),
            style=Markup(style),
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        )
    )


def record_context(
    record: Record,
    paper: Paper | None = None,
    no_context: str | None = None,
    answers: Sequence[AnswerView] | None = None,
) -> dict[str, Any]:
    """What ``record/record.html.jinja`` shows: ``answers``, or the record's own with their quotes in the paper.

    A ``correct`` there is where each answer can be corrected.
    """
    answers = answers or answers_of(record, paper)
    kind = record.answers.get("research_type")
    return {
        "record": record,
        "paper": record.paper,
        "link": record.paper.url if is_web(record.paper.url) else None,
        "title": plain_title(record.paper.title) or record.paper.id,
        "source": source_name(record.paper.source),
        "scores": record.scores,
        "unclear": count_unclear(record.answers),
        "run": record.run,
        "scored": [view for view in answers if view.scored],
        "described": [view for view in answers if not view.scored],
        "answers": answers,
        "interval": interval_text(record.scores.reproducibility_interval),
        "theoretical": kind is not None and kind.result == "theoretical",
        "no_context": no_context,
        "code": code_view(record.code) if record.code else None,
        "replications": (CODE_AND_DATA, DATA_ONLY),
        "correct": None,
    }


def paper_of(record: Record, given: Path | None = None, beside: Path | None = None) -> tuple[Paper | None, str | None]:
    """The paper a record was made from, read again for the context of its quotes; or None and why not.

    ``given`` is where the user says that it is; else its source is tried, as it stands and from the folder ``beside``.
    Offsets only fit the very text that was assessed, so a paper whose text differs is not used.
    """
    from openbook.papers.sandbox import read_safely

    if record.paper.problem is not None:
        return None, f"the paper could not be read: {record.paper.problem}"
    path = given or _source(record, beside)
    if path is None:
        return None, f"the paper is not at {record.paper.source}; say where it is with --paper"
    try:
        paper = read_safely(path)
    except OpenbookError as error:
        return None, str(error)
    if paper.problem is not None:
        return None, f"{path} cannot be read: {paper.problem}"
    if record.run.text_hash and text_hash(paper) != record.run.text_hash:
        return None, f"{path} does not have the text that was assessed; assess it again"
    return paper, None


def _source(record: Record, beside: Path | None) -> Path | None:
    if not record.paper.source:
        return None
    source = Path(record.paper.source)
    for path in [source, *([] if beside is None else [beside / source, beside / source.name])]:
        if path.is_file():
            return path
    from openbook.papers.fetch import is_remote, local_path

    if is_remote(record.paper.source):
        try:
            return local_path(record.paper.source)
        except OpenbookError:
            return None
    return None
