"""The figures of a set of records: each a chart and the table behind it, from the rows of a cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from openbook.charts import Axis, Figure, Pair, Panel, Point, Series, draw, draw_pairs
from openbook.corpus.trends.report import ALL, UNKNOWN, ErrorModel
from openbook.corpus.trends.report import rows as cut
from openbook.corpus.validation.statistics import wilson
from openbook.files import write_atomically
from openbook.record.model import NOTICE
from openbook.text import percent
from openbook.variables import SCORED

NAMES: Final = {
    "pseudocode": "Pseudocode",
    "open_source_code": "Open source code",
    "open_datasets": "Open datasets",
    "dataset_splits": "Dataset splits",
    "hardware_specification": "Hardware specification",
    "software_dependencies": "Software dependencies",
    "experiment_setup": "Experiment setup",
    "code_and_data": "Code and data",
}
Row = dict[str, Any]
Interval = tuple[float, float] | None


def _score(value: float) -> str:
    return f"{value:g}" if value == int(value) else f"{value:.2f}"


def _share_axis(label: str = "Share of empirical papers", high: float = 1.0, step: float = 0.2) -> Axis:
    return Axis(0.0, high, [step * tick for tick in range(round(high / step) + 1)], label, _percent_axis(step))


def _percent_axis(step: float) -> Callable[[float], str]:
    return lambda value: percent(value, 0 if abs(value / step - round(value / step)) < 1e-9 else 1)


def _score_axis(rows: Iterable[Row], label: str) -> Axis:
    """0 to 7, or as much of it as the data needs: whole scores around them."""
    values = [row["documentation_mean"] for row in rows if row["documentation_mean"] is not None]
    low = 0 if not values or min(values) < 1.5 else 1
    high = 7 if not values or max(values) > 4.9 else 5
    return Axis(float(low), float(high), [float(tick) for tick in range(low, high + 1)], label, _score)


def _points(
    rows: Iterable[Row], value: Callable[[Row], float | None], interval: Callable[[Row], Interval]
) -> list[Point]:
    out = []
    for row in rows:
        y = value(row)
        if isinstance(row["year"], int) and y is not None:
            out.append(Point(row["year"], y, *(interval(row) or (None, None))))
    return out


def _plain(key: str, interval: str | None = None) -> tuple[Callable[[Row], float | None], Callable[[Row], Interval]]:
    return (lambda row: row[key]), (lambda row: row[interval] if interval else None)


def _share(key: str) -> tuple[Callable[[Row], float | None], Callable[[Row], Interval]]:
    """A share of the empirical papers, with its Wilson interval."""
    return (
        lambda row: row[key],
        lambda row: None if row[key] is None else wilson(row[key] * row["empirical"], row["empirical"]),
    )


def _corrected(key: str) -> tuple[Callable[[Row], float | None], Callable[[Row], Interval]]:
    def of(row: Row) -> Row:
        return row.get("corrected") or {}

    return (lambda row: of(row).get(key)), (lambda row: of(row).get("intervals", {}).get(key))


def _audited(key: str) -> tuple[Callable[[Row], float | None], Callable[[Row], Interval]]:
    return (lambda row: row.get("audited", {}).get(key)), (lambda row: None)


def _readings(rows: Sequence[Row], key: str, main: Series) -> list[Series]:
    """A line, and beside it what it becomes when corrected, and without the papers that the audit doubts."""
    found = [main]
    if any("corrected" in row for row in rows):
        found.append(Series("corrected", _points(rows, *_corrected(key)), second=True))
    if any("audited" in row for row in rows):
        found.append(Series("audited", _points(rows, *_audited(key))))
    return found


def _span(rows: Sequence[Row]) -> str:
    years = [row["year"] for row in rows if isinstance(row["year"], int)]
    return f"{min(years)} to {max(years)}" if years else "no year"


def _from_to(rows: Sequence[Row], key: str, form: Callable[[float], str]) -> str:
    known = [row for row in rows if isinstance(row["year"], int) and row[key] is not None]
    if not known:
        return "no values"
    return f"{form(known[0][key])} in {known[0]['year']}, {form(known[-1][key])} in {known[-1]['year']}"


def documentation(rows: Sequence[Row]) -> Figure:
    """Mean Documentation Score by year, from the rows of ``--by year``."""
    key = "documentation_mean"
    main = Series("as recorded", _points(rows, *_plain(key, "documentation_interval")))
    axis = _score_axis(
        [*rows, *(row["corrected"] for row in rows if row.get("corrected"))], "Variables documented, of 7"
    )
    description = (
        f"Mean Documentation Score of empirical papers by year, {_span(rows)}: {_from_to(rows, key, _score)}. "
        "The band is the 95 % interval of the mean."
    )
    title = "How much papers document, by year"
    svg = draw("documentation", title, description, [Panel(_readings(rows, key, main), axis)], note=_second_note(rows))
    columns = ["year", "papers", "empirical", key, "low", "high", *_extra(rows, key)]
    table = [
        [
            row["year"],
            row["papers"],
            row["empirical"],
            row[key],
            *_ends(row["documentation_interval"]),
            *_more(row, key, rows),
        ]
        for row in rows
    ]
    return Figure("documentation", title, description, svg, columns, table)


def reproducibility(rows: Sequence[Row]) -> Figure:
    """Estimated reproducibility by year, from the rows of ``--by year``."""
    key = "reproducibility_exact"
    main = Series("as recorded", _points(rows, *_plain(key, "interval")))
    series = [main]
    if any("corrected" in row for row in rows):
        values, _ = _corrected(key)
        series.append(Series("corrected", _points(rows, values, lambda row: row["corrected"]["interval"]), second=True))
    if any("audited" in row for row in rows):
        series.append(Series("audited", _points(rows, *_audited(key))))
    description = (
        f"Estimated share of empirical papers whose results can be reproduced, {_span(rows)}: "
        f"{_from_to(rows, key, partial(percent, digits=1))}. 6 of 7 papers with code and data and 5 of 15 with data only were reproduced "
        "in a replication study; the band carries the 95 % Wilson intervals of these two rates."
    )
    title = "Estimated reproducibility, by year"
    svg = draw("reproducibility", title, description, [Panel(series, _share_axis())], note=_second_note(rows))
    columns = ["year", "empirical", "code_and_data", "reproducibility", key, "low", "high", *_extra(rows, key)]
    table = [
        [
            *(row[name] for name in ("year", "empirical", "code_and_data", "reproducibility", key)),
            *_ends(row["interval"]),
            *_more(row, key, rows, "interval"),
        ]
        for row in rows
    ]
    return Figure("reproducibility", title, description, svg, columns, table)


def variables(rows: Sequence[Row]) -> Figure:
    """The share of each variable by year as small multiples, from the rows of ``--by year``."""
    keys = [*SCORED, "code_and_data"]
    panels = []
    for key in keys:
        main = Series("as recorded", _points(rows, *_share(key)))
        axis = _share_axis("", step=0.5)
        panels.append(Panel(_readings(rows, key, main), axis, NAMES[key]))
    said = "; ".join(f"{NAMES[key].lower()} {_from_to(rows, key, percent)}" for key in keys)
    description = (
        f"Share of empirical papers that document each variable, {_span(rows)}: {said}. Bands are 95 % intervals."
    )
    title = "What papers document, variable by variable"
    svg = draw("variables", title, description, panels, columns=4, panel_height=130, note=_second_note(rows))
    columns = ["year", "empirical", *(column for key in keys for column in (key, *_extra(rows, key, named=True)))]
    table = [
        [row["year"], row["empirical"], *(cell for key in keys for cell in (row[key], *_more(row, key, rows)))]
        for row in rows
    ]
    return Figure("variables", title, description, svg, columns, table)


def venues(rows: Sequence[Row]) -> Figure:
    """Documentation and code and data by venue and year, from the rows of ``--by venue,year``."""
    return _groups(
        rows, "venue", "venues", "Venues compared", "Bands are left out; the intervals are in the table.", bands=False
    )


def affiliations(rows: Sequence[Row]) -> Figure:
    """Academia against industry by year, from the rows of ``--by affiliation,year``."""
    return _groups(
        rows,
        "affiliation",
        "affiliations",
        "Academia and industry",
        "Industry: at least one author is affiliated with a company. Bands are 95 % intervals.",
        bands=True,
    )


def _groups(rows: Sequence[Row], by: str, name: str, title: str, remark: str, bands: bool) -> Figure:
    groups = list(dict.fromkeys(row[by] for row in rows if row[by] not in (ALL, UNKNOWN)))

    def panel(key: str, heading: str, axis: Axis, interval: Callable[[Row], Interval]) -> Panel:
        shown = interval if bands else (lambda row: None)
        series = [
            Series(group, _points((row for row in rows if row[by] == group), lambda row: row[key], shown))
            for group in groups
        ]
        return Panel(series, axis, heading)

    shares = _share("code_and_data")[1]
    panels = [
        panel(
            "documentation_mean",
            "Variables documented, of 7",
            _score_axis((row for row in rows if isinstance(row["year"], int) and row[by] != UNKNOWN), ""),
            lambda row: row["documentation_interval"],
        ),
        panel("code_and_data", "Papers with code and data", _share_axis(""), shares),
    ]
    of_group = [[row for row in rows if row[by] == group] for group in groups]
    said = "; ".join(
        f"{group}: code and data {_from_to(some, 'code_and_data', percent)}"
        for group, some in zip(groups, of_group, strict=True)
    )
    description = f"Mean Documentation Score and share of papers with code and data, by {by} and year. {said}. {remark}"
    svg = draw(name, title, description, panels, columns=2, panel_height=280)
    columns = [by, "year", "papers", "empirical", "documentation_mean", "low", "high", "code_and_data", "low", "high"]
    table = [
        [
            *(row[key] for key in (by, "year", "papers", "empirical", "documentation_mean")),
            *_ends(row["documentation_interval"]),
            row["code_and_data"],
            *_ends(shares(row)),
        ]
        for row in rows
    ]
    return Figure(name, title, description, svg, columns, table)


def affiliation_variables(rows: Sequence[Row]) -> Figure | None:
    """Each variable in academia and in industry over all years, from the rows of ``--by affiliation``; None without both."""
    of = {row["affiliation"]: row for row in rows}
    keys = [*SCORED, "code_and_data"]
    if any(of.get(name, {}).get("code_and_data") is None for name in ("academia", "industry")):
        return None
    pairs = [Pair(NAMES[key], of["academia"][key], of["industry"][key]) for key in keys]
    said = "; ".join(f"{one.label.lower()} {percent(one.first)} and {percent(one.second)}" for one in pairs)
    description = f"Share of empirical papers that document each variable, academia and industry, all years: {said}."
    title = "Academia and industry, variable by variable"
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    svg = draw_pairs(
        "affiliation_variables", title, description, pairs, ("academia", "industry"), _percent_axis(0.2), ticks
    )
    columns = ["affiliation", "empirical", *(column for key in keys for column in (key, f"{key}_low", f"{key}_high"))]
    table = [
        [
            name,
            of[name]["empirical"],
            *(cell for key in keys for cell in (of[name][key], *_ends(_share(key)[1](of[name])))),
        ]
        for name in ("academia", "industry")
    ]
    return Figure("affiliation_variables", title, description, svg, columns, table)


def _ends(interval: Interval) -> tuple[float | None, float | None]:
    return interval or (None, None)


def _extra(rows: Sequence[Row], key: str, named: bool = False) -> list[str]:
    stem = f"{key}_" if named else ""
    out = []
    if any("corrected" in row for row in rows):
        out += [f"{stem}corrected", f"{stem}corrected_low", f"{stem}corrected_high"]
    if any("audited" in row for row in rows):
        out.append(f"{stem}audited")
    return out


def _more(row: Row, key: str, rows: Sequence[Row], interval: str | None = None) -> list[object]:
    out: list[object] = []
    if any("corrected" in one for one in rows):
        corrected = row.get("corrected") or {}
        ends = corrected.get(interval) if interval else corrected.get("intervals", {}).get(key)
        out += [corrected.get(key), *_ends(ends)]
    if any("audited" in one for one in rows):
        out.append(row.get("audited", {}).get(key))
    return out


def _second_note(rows: Sequence[Row]) -> str:
    labelled = next((row["corrected"]["labelled_papers"] for row in rows if row.get("corrected")), None)
    if labelled is None:
        return ""
    return (
        f"Corrected for the assessor's errors as seen on {labelled} labelled papers, held to be the same in every year."
    )


def all_figures(records: Path, errors: ErrorModel | None = None, without: Iterable[str] | None = None) -> list[Figure]:
    """Every figure that the records have data for."""
    left_out = None if without is None else list(without)
    by_year = cut(records, ["year"], errors, left_out)
    made: list[Figure | None] = [
        documentation(by_year),
        reproducibility(by_year),
        variables(by_year),
        venues(cut(records, ["venue", "year"])),
        affiliations(cut(records, ["affiliation", "year"])),
        affiliation_variables(cut(records, ["affiliation"])),
    ]
    return [figure for figure in made if figure is not None]


def write_figures(figures: Iterable[Figure], folder: Path) -> list[Path]:
    """Write each figure as ``.svg``, its data as ``.csv``, and both on a page ``.html``; returns the files."""
    written = []
    for figure in figures:
        for ending, content in (("svg", figure.svg), ("csv", figure.csv()), ("html", figure.page(NOTICE))):
            path = folder / f"{figure.name}.{ending}"
            write_atomically(path, content)
            written.append(path)
    return written
