"""A record as one self-contained page: no script, no request, everything that comes from a paper escaped."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import openbook
from openbook.model.record import Record
from openbook.papers.paper import Paper
from openbook.reporting.view import answers_of, interval_text
from openbook.scores import CODE_AND_DATA, DATA_ONLY


def render_page(record: Record, paper: Paper | None = None, no_context: str | None = None) -> str:
    """The page. With ``paper`` each quote stands in its context; else ``no_context`` says why it does not."""
    here = files("openbook.reporting")
    style = here.joinpath("theme.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(here.joinpath("page.html.jinja").read_text(encoding="utf-8"))
    answers = answers_of(record, paper)
    kind = record.answers.get("research_type")
    return template.render(
        record=record,
        paper=record.paper,
        link=_safe(record.paper.url),
        scores=record.scores,
        run=record.run,
        scored=[view for view in answers if view.scored],
        described=[view for view in answers if not view.scored],
        answers=answers,
        interval=interval_text(record.scores.reproducibility_interval),
        theoretical=kind is not None and kind.result == "theoretical",
        no_context=no_context,
        replications=(CODE_AND_DATA, DATA_ONLY),
        style=Markup(style),
        style_hash=digest,
        version=openbook.__version__,
    )


def _safe(url: str | None) -> str | None:
    """An address that a page may link to: only the web's own schemes."""
    return url if url and url.lower().startswith(("https://", "http://")) else None
