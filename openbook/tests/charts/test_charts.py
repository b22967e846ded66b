"""Charts: well-formed, escaped, described, and told apart without colour."""

from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from openbook.charts import Axis, Figure, Pair, Panel, Point, Series, draw, draw_pairs
from openbook.charts.svg import LOOKS

AXIS = Axis(0.0, 1.0, [0.0, 0.5, 1.0], "share", lambda value: f"{value:.2f}")
SVG = "{http://www.w3.org/2000/svg}"


def lines(count: int) -> list[Series]:
    points = [Point(2000 + year, year / 10, max(0, year / 10 - 0.1), year / 10 + 0.1) for year in range(5)]
    return [Series(f"line {number}", points) for number in range(count)]


def test_a_chart_is_described_and_not_by_colour_alone() -> None:
    svg = draw("x", "A & B", "What <it> shows", [Panel(lines(5), AXIS)])
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "A & B"
    assert root.findtext(f"{SVG}desc") == "What <it> shows"
    assert len({(look.dash, look.marker) for look in LOOKS}) == len(LOOKS)
    assert "prefers-color-scheme:dark" in svg


def test_a_gap_stays_a_gap() -> None:
    full = Series("full", [Point(year, 0.5) for year in range(2000, 2006)])
    gap = Series("gap", [Point(year, 0.5) for year in (2000, 2001, 2004, 2005)])
    root = ElementTree.fromstring(draw("x", "t", "d", [Panel([full, gap], AXIS)]))
    assert len([path for path in root.iter(f"{SVG}path") if path.get("class") == "ob-line"]) == 3


@given(st.text(max_size=30), st.lists(st.floats(0, 1), min_size=0, max_size=12))
def test_any_label_and_any_values_make_a_document(label: str, values: list[float]) -> None:
    label = "".join(sign for sign in label if sign.isprintable())
    panel = Panel([Series(label, [Point(2000 + place, value) for place, value in enumerate(values)])], AXIS)
    ElementTree.fromstring(draw("x", label, label, [panel, panel], columns=2))
    ElementTree.fromstring(draw("x", label, label, [panel]))


def test_pairs_write_their_values() -> None:
    svg = draw_pairs(
        "p", "t", "d", [Pair("one", 0.25, 0.75)], ("left", "right"), lambda value: f"{value:.2f}", [0.0, 1.0]
    )
    words = "".join(ElementTree.fromstring(svg).itertext())
    assert "0.25" in words
    assert "0.75" in words


def test_labels_at_the_ends_do_not_cover_each_other() -> None:
    same = [Series(f"line {number}", [Point(2000, 0.5), Point(2001, 0.5)]) for number in range(5)]
    root = ElementTree.fromstring(draw("x", "t", "d", [Panel(same, AXIS)]))
    heights = sorted(
        float(text.get("y", 0)) for text in root.iter(f"{SVG}text") if (text.text or "").startswith("line")
    )
    assert all(high - low > 14 for low, high in pairwise(heights))


def test_a_figure_escapes_its_table() -> None:
    figure = Figure("f", "<t>", "d", "<svg/>", ["a<b", "c"], [["<x>", 0.123456], [None, 1]])
    assert "&lt;x&gt;" in figure.table()
    assert "0.1235" in figure.table()
    assert figure.csv() == "a<b,c\n<x>,0.123456\n,1\n"
    assert "<title>&lt;t&gt;</title>" in figure.page()


def test_a_point_outside_the_axis_stays_inside() -> None:
    root = ElementTree.fromstring(
        draw("x", "t", "d", [Panel([Series("s", [Point(2000, 9.0), Point(2001, -9.0)])], AXIS)])
    )
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cy", -1)) <= 500
