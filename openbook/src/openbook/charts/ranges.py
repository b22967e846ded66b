"""Pairs of values on one scale, such as the share of two groups for each variable: a dumbbell chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from openbook.charts.markup import document, element, line, marker, path, text
from openbook.charts.panels import WIDTH
from openbook.charts.style import LOOKS, paint

_ROW: Final = 34.0
_LEFT: Final = 190.0


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
    width = WIDTH - _LEFT - 150
    top = 86.0
    bottom = top + _ROW * len(pairs)

    def x(value: float) -> float:
        return _LEFT + width * (value - low) / (high - low)

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
        y = top + _ROW * (row + 0.5)
        body.append(text(pair.label, _LEFT - 14, y + 4, "end"))
        above, below = y - 4.5, y + 4.5  # apart, so that equal values do not cover each other
        joined = path([(x(pair.first), above), (x(pair.second), below)])
        body.append(element("path", d=joined, style=f"stroke:{paint('muted')};stroke-width:1.5;fill:none"))
        for look, label, value, height, column in zip(
            LOOKS, names, (pair.first, pair.second), (above, below), (WIDTH - 66, WIDTH - 12), strict=False
        ):
            body.append(marker(look, x(value), height, f"{pair.label}, {label}: {form(value)}", 4.4))
            body.append(text(form(value), column, y + 4, "end", "ob-tick"))
    return document(name, title, description, WIDTH, bottom + 14, body)
