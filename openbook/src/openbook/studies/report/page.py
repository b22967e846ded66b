"""A document as one self-contained HTML page, in the look of openbook's other pages."""

from __future__ import annotations

import base64
from collections import Counter
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

import openbook
from openbook.studies.report.document import Document, Figure
from openbook.studies.schema import VERDICTS


class _Numbers:
    """Counts tables, figures and algorithms while a page is written."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def next(self, kind: str) -> int:
        """The number of the next one of a kind."""
        self._seen[kind] += 1
        return self._seen[kind]


def to_html(document: Document) -> str:
    """The page. Figures are images inside it; whatever text says is escaped."""
    style = files("openbook.web.record").joinpath("theme.css").read_text(encoding="utf-8")
    here = files("openbook.studies.report")
    style += here.joinpath("report.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(here.joinpath("page.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        document=document,
        style=Markup(style),
        images={
            block.name: _image(block)
            for section in document.sections
            for block in section.blocks
            if isinstance(block, Figure)
        },
        numbers=_Numbers(),
        verdicts=VERDICTS,
        version=openbook.__version__,
    )


def _image(figure: Figure) -> Markup:
    data = base64.b64encode(figure.svg.encode()).decode()
    return Markup('<img alt="{}" src="data:image/svg+xml;base64,{}">').format(escape(figure.told), data)
