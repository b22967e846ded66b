"""A figure: a chart, and the data behind it as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c2128; --muted: #57606a; --rule: #d8dee4; --paper: #ffffff; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6edf3; --muted: #9aa4af; --rule: #343b44; --paper: #0f141a; }}
}}
body {{ margin: 2rem auto; max-width: 50rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }}
figure {{ margin: 0 0 1.5rem; }}
figcaption, footer {{ color: var(--muted); }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; white-space: nowrap; }}
caption {{ text-align: left; font-weight: 600; padding: .25rem 0; }}
th, td {{ padding: .2rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
</style>
</head>
<body>
<figure>
{svg}
<figcaption>{description}</figcaption>
</figure>
<div class="scroll" tabindex="0" role="region" aria-label="Data">
{table}
</div>
<footer>{notice}</footer>
</body>
</html>
"""


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

    def table(self) -> str:
        """The data as an HTML table, rounded to four places."""
        head = "".join(f'<th scope="col">{escape(column.replace("_", " "))}</th>' for column in self.columns)
        body = "\n".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in self.rows)
        return (
            f"<table>\n<caption>The data behind this figure</caption>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>\n{body}\n</tbody>\n</table>"
        )

    def page(self, notice: str = "") -> str:
        """A self-contained page: the chart, what it shows in words, and its table."""
        return _PAGE.format(
            title=escape(self.title),
            svg=self.svg,
            description=escape(self.description),
            table=self.table(),
            notice=escape(notice),
        )


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))
