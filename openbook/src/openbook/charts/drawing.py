"""Figures, each with the data behind it as a table: line charts with bands, and dumbbell charts of pairs of values.

Line charts have one panel, or several that share their axes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from openbook.charts.svg import LOOKS, SECOND, Look, document, element, line, marker, paint, path, text

WIDTH: Final = 760.0
_TOP: Final = 66.0
_GAP: Final = 15.0
_PAIR_ROW: Final = 34.0
_PAIR_LEFT: Final = 190.0


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a place of the horizontal axis, with its interval where there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A named line. ``second`` marks another reading of the line before it, drawn grey, dashed and hollow."""

    label: str
    points: Sequence[Point]
    second: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """The vertical axis: its ends, its ticks, how values are written, and what it measures."""

    low: float
    high: float
    ticks: Sequence[float]
    label: str
    form: Callable[[float], str] = str


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines in one frame, with a heading where there are several panels."""

    series: Sequence[Series]
    axis: Axis
    heading: str = ""


@dataclass(frozen=True, slots=True)
class _Frame:
    left: float
    top: float
    width: float
    height: float
    axis: Axis
    years: tuple[float, float]
    looks: Sequence[Look] = field(default=())

    def x(self, value: float) -> float:
        first, last = self.years
        return self.left + (self.width * (value - first) / (last - first) if last > first else self.width / 2)

    def y(self, value: float) -> float:
        share = (min(max(value, self.axis.low), self.axis.high) - self.axis.low) / (self.axis.high - self.axis.low)
        return self.top + self.height * (1 - share)


def draw(
    name: str,
    title: str,
    description: str,
    panels: Sequence[Panel],
    columns: int = 1,
    panel_height: float = 300.0,
    note: str = "",
    label_room: float = 128.0,
) -> str:
    """A chart of one panel or of a grid of panels, as SVG.

    ``description`` says in words what the chart shows. Lines are named at their right end, or in a legend above when a
    grid of panels repeats the same lines. ``name`` makes the ids inside unique on a page.
    """
    rows = -(-len(panels) // columns)
    room = label_room if columns == 1 else 14.0
    across = (WIDTH - 12) / columns
    down = panel_height + (52 if columns > 1 else 44)
    legend = _legend(panels) if columns > 1 else []
    top = _TOP - (0 if columns > 1 and legend else 18)
    years = sorted({point.x for panel in panels for series in panel.series for point in series.points})
    body = [text(title, 12, 27, kind="ob-title"), *legend]
    for place, panel in enumerate(panels):
        frame = _Frame(
            left=12 + across * (place % columns) + 40,
            top=top + down * (place // columns) + (22 if columns > 1 else 14),
            width=across - 40 - room,
            height=panel_height,
            axis=panel.axis,
            years=(years[0], years[-1]) if years else (0.0, 1.0),
        )
        body += _draw_panel(panel, frame, years, named=columns == 1)
    height = top + down * rows + (26 if note else 8)
    if note:
        body.append(text(note, 12, height - 10, kind="ob-note"))
    return document(name, title, description, WIDTH, height, body)


def _looks(panel: Panel) -> list[Look]:
    main = iter(LOOKS * (1 + len(panel.series) // len(LOOKS)))
    return [SECOND if series.second else next(main) for series in panel.series]


def _draw_panel(panel: Panel, frame: _Frame, years: Sequence[float], named: bool) -> list[str]:
    axis = panel.axis
    right = frame.left + frame.width
    out: list[str] = []
    if panel.heading:
        out.append(text(panel.heading, frame.left, frame.top - 10, kind="ob-head"))
    elif axis.label:
        out.append(text(axis.label, frame.left - 40, frame.top - 12, kind="ob-note"))
    for tick in axis.ticks:
        kind = "ob-axis" if tick == axis.low else "ob-grid"
        out.append(line(frame.left, frame.y(tick), right, frame.y(tick), kind))
        out.append(text(axis.form(tick), frame.left - 7, frame.y(tick) + 4, "end", "ob-tick"))
    every = 1 if frame.width > 44 * len(years) else 2 if frame.width > 22 * len(years) else 5
    for place, year in enumerate(years):
        if (len(years) - 1 - place) % every == 0:
            out.append(text(f"{year:.0f}", frame.x(year), frame.top + frame.height + 18, "middle", "ob-tick"))
    looks = _looks(panel)
    for series, look in zip(panel.series, looks, strict=True):
        out += [_band(part, look, frame) for part in _runs(series.points, years) if len(part) > 1]
    for series, look in zip(panel.series, looks, strict=True):
        out += _line(series, look, frame, years)
    if named:
        ends = [
            (series.label, look, frame.y(series.points[-1].y))
            for series, look in zip(panel.series, looks, strict=True)
            if series.points
        ]
        out += [text(label, right + 10, y + 4, colour=look.colour) for label, look, y in _spread(ends)]
    return out


def _runs(points: Sequence[Point], years: Sequence[float]) -> list[list[Point]]:
    """Stretches of points without a missing year between them: a gap stays a gap."""
    place = {year: index for index, year in enumerate(years)}
    ordered = sorted(points, key=lambda point: point.x)
    return [
        [point for _, point in group]
        for _, group in groupby(enumerate(ordered), key=lambda pair: place[pair[1].x] - pair[0])
    ]


def _band(points: Sequence[Point], look: Look, frame: _Frame) -> str:
    known = [point for point in points if point.low is not None and point.high is not None]
    if len(known) < 2:
        return ""
    upper = [(frame.x(point.x), frame.y(point.high or 0)) for point in known]
    lower = [(frame.x(point.x), frame.y(point.low or 0)) for point in reversed(known)]
    if look is SECOND:  # its edges only, so that two bands over each other stay readable
        edges = f"fill:none;stroke:{paint(look.colour)};stroke-width:1;stroke-dasharray:1 3"
        return element("path", d=path(upper) + path(lower), style=edges)
    return element("path", d=path(upper + lower) + "Z", style=f"fill:{paint(look.colour)};fill-opacity:0.14")


def _line(series: Series, look: Look, frame: _Frame, years: Sequence[float]) -> list[str]:
    out = []
    for part in _runs(series.points, years):
        if len(part) > 1:
            style = f"stroke:{paint(look.colour)}" + (f";stroke-dasharray:{look.dash}" if look.dash else "")
            places = [(frame.x(point.x), frame.y(point.y)) for point in part]
            out.append(element("path", d=path(places), class_="ob-line", style=style))
    size = 3.6 if frame.width > 250 else 2.6
    for point in series.points:
        value = frame.axis.form(point.y)
        if point.low is not None and point.high is not None:
            value += f" [{frame.axis.form(point.low)}, {frame.axis.form(point.high)}]"
        tip = f"{series.label}, {point.x:.0f}: {value}"
        out.append(marker(look, frame.x(point.x), frame.y(point.y), tip, size))
    return out


def _spread(ends: Sequence[tuple[str, Look, float]]) -> list[tuple[str, Look, float]]:
    """Labels at the ends of lines, moved apart until none covers another."""
    ordered = sorted(ends, key=lambda end: end[2])
    places = [end[2] for end in ordered]
    for _ in range(50):
        moved = False
        for one in range(len(places) - 1):
            short = _GAP - (places[one + 1] - places[one])
            if short > 0.01:
                places[one] -= short / 2
                places[one + 1] += short / 2
                moved = True
        if not moved:
            break
    return [(label, look, place) for (label, look, _), place in zip(ordered, places, strict=True)]


def _legend(panels: Sequence[Panel]) -> list[str]:
    """One line of samples above a grid of panels; nothing when every panel has one line."""
    if all(len(panel.series) < 2 for panel in panels):
        return []
    longest = max(panels, key=lambda panel: len(panel.series))
    out, x = [], 12.0
    for series, look in zip(longest.series, _looks(longest), strict=True):
        style = f"stroke:{paint(look.colour)}" + (f";stroke-dasharray:{look.dash}" if look.dash else "")
        out.append(element("path", d=path([(x, 47), (x + 30, 47)]), class_="ob-line", style=style))
        out.append(marker(look, x + 15, 47))
        out.append(text(series.label, x + 38, 51))
        x += 38 + 7.2 * len(series.label) + 26
    return out


@dataclass(frozen=True, slots=True)
class Pair:
    """Two values of one thing."""

    label: str
    first: float
    second: float


def draw_pairs(
    name: str,
    title: str,
    description: str,
    pairs: Sequence[Pair],
    names: tuple[str, str],
    form: Callable[[float], str],
    ticks: Sequence[float],
) -> str:
    """A dumbbell chart as SVG: per row two markers on a common scale, joined, with both values written out."""
    low, high = ticks[0], ticks[-1]
    width = WIDTH - _PAIR_LEFT - 150
    top = 86.0
    bottom = top + _PAIR_ROW * len(pairs)

    def x(value: float) -> float:
        return _PAIR_LEFT + width * (value - low) / (high - low)

    body = [text(title, 12, 27, kind="ob-title")]
    place = 12.0
    for look, label in zip(LOOKS, names, strict=False):
        body += [marker(look, place + 6, 47, size=4.4), text(label, place + 18, 51)]
        place += 18 + 7.2 * len(label) + 26
    for tick in ticks:
        body.append(line(x(tick), top - 8, x(tick), bottom, "ob-grid"))
        body.append(text(form(tick), x(tick), top - 14, "middle", "ob-tick"))
    for label, column in zip(names, (WIDTH - 66, WIDTH - 12), strict=True):
        body.append(text(label, column, top - 14, "end", "ob-tick"))
    for row, pair in enumerate(pairs):
        y = top + _PAIR_ROW * (row + 0.5)
        body.append(text(pair.label, _PAIR_LEFT - 14, y + 4, "end"))
        above, below = y - 4.5, y + 4.5  # apart, so that equal values do not cover each other
        joined = path([(x(pair.first), above), (x(pair.second), below)])
        body.append(element("path", d=joined, style=f"stroke:{paint('muted')};stroke-width:1.5;fill:none"))
        for look, label, value, height, column in zip(
            LOOKS, names, (pair.first, pair.second), (above, below), (WIDTH - 66, WIDTH - 12), strict=False
        ):
            body.append(marker(look, x(value), height, f"{pair.label}, {label}: {form(value)}", 4.4))
            body.append(text(form(value), column, y + 4, "end", "ob-tick"))
    return document(name, title, description, WIDTH, bottom + 14, body)


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
