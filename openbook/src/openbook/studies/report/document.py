"""The parts of a report as plain data, and its figures, drawn with Matplotlib."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass, field
from typing import Any

from openbook.errors import OpenbookError


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class ReportTable:
    """A table; ``wide`` names the columns that hold sentences, the others are as narrow as they can be."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: tuple[int, ...] = ()
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class ReportFigure:
    """A picture: SVG, which holds no text of its own, and what it shows in words."""

    name: str
    caption: str
    svg: str
    alt: str


@dataclass(frozen=True)
class Pseudocode:
    """An algorithm: lines are indented by two spaces a level."""

    title: str
    takes: str
    gives: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class CodeListing:
    """Text as it was written or printed."""

    caption: str
    text: str


ReportBlock = Paragraph | Bullets | ReportTable | ReportFigure | Pseudocode | CodeListing


@dataclass(frozen=True)
class ReportSection:
    """A section; ``name`` is what ``--without`` calls it."""

    name: str
    title: str
    blocks: tuple[ReportBlock, ...]


@dataclass(frozen=True)
class ReportDocument:
    """A whole report."""

    title: str
    subtitle: str
    authors: tuple[str, ...]
    date: str
    abstract: tuple[str, ...]
    sections: tuple[ReportSection, ...] = field(default=())
    references: tuple[str, ...] = ()


_COLOURS = ("#1a587c", "#b3470b", "#1a7345", "#7a3e9d", "#4a525c")
_MARKERS = "os^Dv"
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)))


def draw(figure: dict[str, Any]) -> str:
    """The SVG of a figure that a command described: ``x``, ``y`` (axis titles), ``log_x``, ``log_y`` and ``series``, each
    with ``label``, ``points`` [[x, y], ...] and ``markers``.

    Raises OpenbookError if matplotlib is absent or the description is not one.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OpenbookError("a report needs matplotlib and typst; pip install 'openbook[report]'") from error
    look = {
        "svg.fonttype": "path",
        "svg.hashsalt": "openbook",
        "font.family": "DejaVu Sans",
        "font.size": 8.5,
        "axes.edgecolor": "#565e68",
        "axes.labelcolor": "#1b1f24",
        "xtick.color": "#565e68",
        "ytick.color": "#565e68",
    }
    try:
        with rc_context(look):
            drawn = Figure(figsize=(5.4, 2.7), layout="constrained")
            FigureCanvasSVG(drawn)
            axes = drawn.add_subplot()
            for number, series in enumerate(figure["series"]):
                points = [(float(x), float(y)) for x, y in series["points"]]
                points = [point for point in points if all(map(math.isfinite, point))]
                axes.plot(
                    [x for x, _ in points],
                    [y for _, y in points],
                    color=_COLOURS[number % 5],
                    linestyle=_DASHES[number % 5],
                    marker=_MARKERS[number % 5] if series.get("markers") else None,
                    markersize=4.5,
                    linewidth=1.5,
                    label=str(series["label"]),
                )
            if figure.get("log_x"):
                axes.set_xscale("log")
            if figure.get("log_y"):
                axes.set_yscale("log")
                _plain_ticks(axes.yaxis)
            axes.set(xlabel=str(figure["x"]), ylabel=str(figure["y"]))
            axes.grid(axis="y", color="#e4e0d7", linewidth=0.7)
            axes.spines[["top", "right"]].set_visible(False)
            if len(figure["series"]) > 1:
                axes.legend(frameon=False)
            out = io.StringIO()
            drawn.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    except (KeyError, TypeError, ValueError) as error:
        raise OpenbookError(f"the figure {figure.get('id', '')!r} cannot be drawn: {error}") from error
    return re.sub(r"^.*?(?=<svg)", "", out.getvalue(), flags=re.DOTALL)


def _plain_ticks(axis: Any) -> None:
    """Numbers such as 0.5 and 2,000 rather than powers, also between the powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}" if value >= 10 else f"{value:.4g}"))
    axis.set_minor_formatter(NullFormatter())


def describe(figure: dict[str, Any]) -> str:
    """What a figure shows, in a sentence for those who do not see it."""
    parts = []
    for series in figure["series"]:
        points = series["points"]
        if points:
            (x0, y0), (x1, y1) = points[0], points[-1]
            parts.append(f"{series['label']} goes from {y0:.4g} at {x0:,.6g} to {y1:.4g} at {x1:,.6g}")
    return f"{figure['y']} over {figure['x']}: {'; '.join(parts) or 'no points'}."
