"""SVG elements as escaped text, and how charts look: each series has a colour, a dash and a marker, never colour alone.

A page may set ``--chart-ink``, ``--chart-muted``, ``--chart-grid``, ``--chart-paper`` and ``--chart-1`` to ``--chart-5``;
an SVG that stands alone follows the reader's light or dark preference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

_LIGHT: Final = {
    **{"ink": "#1c2128", "muted": "#57606a", "grid": "#d8dee4", "paper": "#ffffff"},
    **{"1": "#0a5394", "2": "#b3470b", "3": "#1a7f4b", "4": "#7a3e9d", "5": "#444c56"},
}
_DARK: Final = {
    **{"ink": "#e6edf3", "muted": "#9aa4af", "grid": "#343b44", "paper": "#0f141a"},
    **{"1": "#79b8ff", "2": "#ffab70", "3": "#7ee2a8", "4": "#d2a8ff", "5": "#c9d1d9"},
}


@dataclass(frozen=True, slots=True)
class Look:
    """How one series is told from the others: colour, dash pattern, marker shape."""

    colour: str
    dash: str
    marker: str


LOOKS: Final = (
    Look("1", "", "circle"),
    Look("2", "7 4", "square"),
    Look("3", "2 3", "triangle"),
    Look("4", "10 3 2 3", "diamond"),
    Look("5", "14 4", "cross"),
)
#: A second reading of the same thing, such as a corrected share: grey, dashed, hollow.
SECOND: Final = Look("5", "4 3", "ring")


def stylesheet() -> str:
    """The ``<style>`` of a chart. Variables carry a private prefix, so that charts on one page do not disturb it."""

    def variables(values: dict[str, str]) -> str:
        return "".join(f"--ob-{name}:var(--chart-{name},{value});" for name, value in values.items())

    return (
        f"<style>.ob-chart{{{variables(_LIGHT)}font-family:{FONT};color:var(--ob-ink);background:var(--ob-paper)}}"
        f"@media (prefers-color-scheme:dark){{.ob-chart{{{variables(_DARK)}}}}}"
        ".ob-chart text{fill:var(--ob-ink);font-size:12.5px}"
        ".ob-chart .ob-title{font-size:17px;font-weight:650}"
        ".ob-chart .ob-note,.ob-chart .ob-tick{fill:var(--ob-muted)}"
        ".ob-chart .ob-tick{font-size:11.5px;font-variant-numeric:tabular-nums}"
        ".ob-chart .ob-head{font-size:13px;font-weight:600}"
        ".ob-chart .ob-grid{stroke:var(--ob-grid);stroke-width:1;shape-rendering:crispEdges}"
        ".ob-chart .ob-axis{stroke:var(--ob-muted);stroke-width:1;shape-rendering:crispEdges}"
        ".ob-chart .ob-line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}"
        "@media print{.ob-chart{--ob-paper:#fff}}</style>"
    )


def paint(colour: str) -> str:
    """The CSS value of a colour of the palette."""
    return f"var(--ob-{colour})"


def element(tag: str, content: str | Iterable[str] = "", **attributes: object) -> str:
    """An element; ``content`` is markup already, attributes are escaped and ``_`` in their names becomes ``-``."""
    inner = content if isinstance(content, str) else "".join(content)
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{named}>{inner}</{tag}>" if inner else f"<{tag}{named}/>"


def _value(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def text(
    words: str, x: float, y: float, anchor: str = "start", kind: str | None = None, colour: str | None = None
) -> str:
    """A line of text; ``anchor`` is start, middle or end."""
    style = f"fill:{paint(colour)};font-weight:600" if colour else None
    return element("text", escape(words), x=float(x), y=float(y), text_anchor=anchor, class_=kind, style=style)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line of a class of the stylesheet."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=kind)


def path(points: Iterable[tuple[float, float]]) -> str:
    """Path data through points in pixels."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def marker(look: Look, x: float, y: float, tip: str = "", size: float = 3.6) -> str:
    """A marker of a series at a point, with a tooltip that screen readers can reach."""
    fill = f"fill:{paint(look.colour)};stroke:{paint('paper')};stroke-width:1"
    hollow = f"fill:{paint('paper')};stroke:{paint(look.colour)};stroke-width:1.6"
    title = element("title", escape(tip)) if tip else ""
    match look.marker:
        case "circle":
            return element("circle", title, cx=float(x), cy=float(y), r=size, style=fill)
        case "ring":
            return element("circle", title, cx=float(x), cy=float(y), r=size - 0.6, style=hollow)
        case "square":
            return element("rect", title, x=x - size, y=y - size, width=2 * size, height=2 * size, style=fill)
        case "triangle":
            corners = [(x, y - 1.3 * size), (x + 1.2 * size, y + size), (x - 1.2 * size, y + size)]
        case "diamond":
            corners = [(x, y - 1.4 * size), (x + 1.4 * size, y), (x, y + 1.4 * size), (x - 1.4 * size, y)]
        case _:
            stroke = f"fill:none;stroke:{paint(look.colour)};stroke-width:2"
            cross = path([(x - size, y - size), (x + size, y + size)]) + path(
                [(x - size, y + size), (x + size, y - size)]
            )
            return element("path", title, d=cross, style=stroke)
    return element("path", title, d=path(corners) + "Z", style=fill)


def document(name: str, title: str, description: str, width: float, height: float, body: Iterable[str]) -> str:
    """A whole SVG: scales with its container, and says in words what it shows."""
    ids = f"{name}-title", f"{name}-desc"
    return element(
        "svg",
        [
            element("title", escape(title), id=ids[0]),
            element("desc", escape(description), id=ids[1]),
            stylesheet(),
            *body,
        ],
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        aria_labelledby=" ".join(ids),
        class_="ob-chart",
        style="max-width:100%;height:auto",
    )
