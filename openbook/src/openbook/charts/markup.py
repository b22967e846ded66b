"""SVG elements as text, escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from openbook.charts.style import Look, paint, stylesheet


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
