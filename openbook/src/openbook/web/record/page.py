"""A record as one self-contained page: no script, no request, everything that comes from a paper escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

import openbook
from openbook.papers.paper import Paper
from openbook.record.model import Record
from openbook.record.scores import CODE_AND_DATA, DATA_ONLY
from openbook.web.record.view import answers_of, interval_text


def render_page(record: Record, paper: Paper | None = None, no_context: str | None = None) -> str:
    """The page. With ``paper`` each quote stands in its context; else ``no_context`` says why it does not."""
    style = theme()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = environment().get_template("page.html.jinja")
    return template.render(
        **record_context(record, paper, no_context),
        style=Markup(style),
        style_hash=digest,
        version=openbook.__version__,
    )


def theme() -> str:
    """The style sheet that all pages share."""
    return files("openbook.web.record").joinpath("theme.css").read_text(encoding="utf-8")


def environment(*rooms: str) -> Environment:
    """Templates of this room, after those of ``rooms`` (packages). Everything is escaped, nothing may be undefined."""
    loaders = [FunctionLoader(partial(_source, room)) for room in (*rooms, "openbook.web.record")]
    return Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _source(room: str, name: str) -> str | None:
    place = files(room).joinpath(name)
    return place.read_text(encoding="utf-8") if place.is_file() else None


def record_context(record: Record, paper: Paper | None = None, no_context: str | None = None) -> dict[str, Any]:
    """What ``record.html.jinja`` shows. A ``correct`` there is where each answer can be corrected."""
    answers = answers_of(record, paper)
    kind = record.answers.get("research_type")
    return {
        "record": record,
        "paper": record.paper,
        "link": _safe(record.paper.url),
        "scores": record.scores,
        "run": record.run,
        "scored": [view for view in answers if view.scored],
        "described": [view for view in answers if not view.scored],
        "answers": answers,
        "interval": interval_text(record.scores.reproducibility_interval),
        "theoretical": kind is not None and kind.result == "theoretical",
        "no_context": no_context,
        "replications": (CODE_AND_DATA, DATA_ONLY),
        "correct": None,
    }


def _safe(url: str | None) -> str | None:
    """An address that a page may link to: only the web's own schemes."""
    return url if url and url.lower().startswith(("https://", "http://")) else None
