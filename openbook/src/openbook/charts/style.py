"""How charts look: colours as CSS variables, and for each series a dash and a marker, so that colour is never alone.

A page may set ``--chart-ink``, ``--chart-muted``, ``--chart-grid``, ``--chart-paper`` and ``--chart-1`` to ``--chart-5``;
an SVG that stands alone follows the reader's light or dark preference.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def percent(
    share: float | None, digits: int = 0, *, interval: tuple[float, float] | None = None, sign: str = "\u00a0%"
) -> str:
    """A fraction as a percentage, with its interval; a dash where there is none. ``sign`` stands after the number."""
    if share is None:
        return "-"
    low_and_high = f" [{100 * interval[0]:.{digits}f}, {100 * interval[1]:.{digits}f}]" if interval else ""
    return f"{100 * share:.{digits}f}{low_and_high}{sign}"
