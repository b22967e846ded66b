"""A figure: a chart, and the data behind it as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as SVG with the table of its data. ``name`` is its file name without ending."""

    name: str
    title: str
    description: str
    svg: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def csv(self) -> str:
        """The data as CSV, unrounded."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in self.rows)
        return out.getvalue()

    def table(self) -> Markup:
        """The data as an HTML table, rounded to four places."""
        return Markup(_templates().get_template("table.html.jinja").render(figure=self))

    def page(self, notice: str = "") -> str:
        """A self-contained page: the chart, what it shows in words, and its table."""
        return _templates().get_template("figure.html.jinja").render(figure=self, notice=notice)


@cache
def _templates() -> Environment:
    loader = PackageLoader("openbook.charts", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
