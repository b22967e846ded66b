"""Charts as SVG text: plain functions from data to markup, readable in greyscale, in dark mode and by screen readers."""

from openbook.charts.drawing import Axis, Figure, Pair, Panel, Point, Series, draw, draw_pairs

__all__ = ["Axis", "Figure", "Pair", "Panel", "Point", "Series", "draw", "draw_pairs"]
