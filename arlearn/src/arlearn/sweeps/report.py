"""What a sweep shows: a table as CSV and JSON, a figure, and the best recipe."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arlearn.files import write_atomically
from arlearn.sweeps.space import Over

# what can rank trials: whether less is better
LESS_IS_BETTER = {"bits_per_byte": True, "exact_match": False, "digit_accuracy": False, "loss": True, "seconds": True}
TABLE, RECORD, FIGURE, BEST = "sweep.csv", "sweep.json", "sweep.png", "best.toml"


@dataclass(frozen=True)
class Row:
    """One trial in the table.

    Attributes:
        values: of the settings the sweep goes over, as ``--set`` takes them.
        metrics: the trial's card's.
    """

    number: int
    state: str
    values: dict[str, str]
    directory: str
    seconds: float | None = None
    parameters: int | None = None
    error: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)

    def measure(self, name: str) -> float | None:
        found = self.seconds if name == "seconds" else self.metrics.get(name)
        return None if found is None else float(found)

    def as_dict(self, measure: str) -> dict[str, Any]:
        return {
            "trial": self.number,
            "state": self.state,
            **self.values,
            measure: self.measure(measure),
            "loss": self.metrics.get("loss"),
            "parameters": self.parameters,
            "tokens": self.metrics.get("tokens"),
            "seconds": self.seconds,
            "error": self.error,
            "directory": self.directory,
        }


def ranked(rows: Sequence[Row], measure: str) -> list[Row]:
    """Finished trials, the best first; of equals the faster one."""
    sign = 1 if LESS_IS_BETTER[measure] else -1
    keyed = [
        (sign * value, row.seconds or 0.0, row.number, row)
        for row in rows
        if row.state == "finished" and (value := row.measure(measure)) is not None
    ]
    return [row for *_, row in sorted(keyed)]


def write_report(
    out: Path, space: Sequence[Over], rows: Sequence[Row], about: dict[str, Any], draw: bool
) -> dict[str, Any]:
    """Write the table, and where asked the figure, to ``out``; what ``--json`` prints. Raises ArlearnError if they cannot be written."""
    measure: str = about["measure"]
    best = next(iter(ranked(rows, measure)), None)
    told = [row.as_dict(measure) for row in rows]
    record = {
        **about,
        "over": [str(over) for over in space],
        "finished": sum(row.state == "finished" for row in rows),
        "failed": sum(row.state == "failed" for row in rows),
        "best": None if best is None else best.as_dict(measure),
        "table": str(out / TABLE),
        "figure": str(out / FIGURE),
        "recipe": None if best is None else str(out / BEST),
        "trials": told,
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, list(told[0]) if told else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(told)
    replace(out / TABLE, text.getvalue().encode())
    replace(out / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    if best is not None and draw:
        replace(out / FIGURE, _figure(space, rows, best, measure, str(about["title"])))
    return record


def replace(path: Path, content: bytes) -> None:
    """Write beside and rename. Raises ArlearnError if that fails."""
    write_atomically(path, content)


def _figure(space: Sequence[Over], rows: Sequence[Row], best: Row, measure: str, title: str) -> bytes:
    """For each setting a panel: every trial at its value, the best one of each value joined by a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    done = ranked(rows, measure)
    columns = min(len(space), 3)
    lines = -(-len(space) // columns)
    figure = Figure(figsize=(3.6 * columns + 1.2, 3.4 * lines + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(space):
            axes.set_visible(False)
            continue
        over = space[place]
        where, labels = _places(over, done)
        heights = {row.number: row.measure(measure) for row in done}
        axes.scatter([where[row.number] for row in done], list(heights.values()), s=26, color="0.65", zorder=2)
        if over.choices:
            tops: dict[float, float | None] = {}
            for row in done:  # the best come first
                tops.setdefault(where[row.number], heights[row.number])
            axes.plot(*zip(*sorted(tops.items()), strict=True), color="0.45", linewidth=1.2, zorder=1)
        axes.scatter(where[best.number], heights[best.number], s=70, color="#c2410c", zorder=3, label="best")
        if over.wide or (over.choices and _wide(list(where.values()), labels)):
            axes.set_xscale("log")
        if labels is not None:
            axes.set_xticks(range(len(labels)), labels)
        axes.set_xlabel(over.key)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.92", zorder=0)
        if place % columns == 0:
            axes.set_ylabel(f"{measure.replace('_', ' ')} ({'less' if LESS_IS_BETTER[measure] else 'more'} is better)")
    grid[0][0].legend(frameon=False)
    figure.suptitle(title, fontsize=11)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150, format="png")
    return drawn.getvalue()


def _places(over: Over, rows: Sequence[Row]) -> tuple[dict[int, float], list[str] | None]:
    """Where each trial stands on the axis: at its number, or where values are words, at the place in their list."""
    try:
        return {row.number: float(row.values[over.key]) for row in rows}, None
    except ValueError:
        labels = list(over.choices)
        return {row.number: float(labels.index(row.values[over.key])) for row in rows}, labels


def _wide(values: Sequence[float], labels: list[str] | None) -> bool:
    return labels is None and min(values) > 0 and max(values) / min(values) >= 10
