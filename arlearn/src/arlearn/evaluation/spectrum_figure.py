"""A map's spectrum as a figure and as tables."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

from arlearn.errors import ArlearnError
from arlearn.evaluation.spectrum import Spectrum
from arlearn.predictors.saving import write_beside

FIGURES, TABLES = (".svg", ".png", ".pdf"), (".csv", ".json")
FLOOR = 1e-6  # of the largest singular value: what is below counts as zero
INK, SECOND, PALE = "#1f5f8b", "#b4552d", "#9db8c9"


def write_spectrum(spectrum: Spectrum, path: Path, title: str) -> list[Path]:
    """Write a figure (.svg, .png, .pdf) with its table (.csv) beside it, or a table alone (.csv, .json).

    Returns what was written. Raises ArlearnError for another ending, or if a file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in FIGURES + TABLES:
        raise ArlearnError(f"{path}: a spectrum is written as {', '.join(FIGURES + TABLES)}, not {ending or 'nothing'}")
    table = path if ending in TABLES else path.with_suffix(".csv")
    text = json.dumps(spectrum.as_json(), indent=1) + "\n" if ending == ".json" else as_csv(spectrum)
    writers: list[tuple[Path, Callable[[Path], object]]] = [(table, lambda place: place.write_text(text, "utf-8"))]
    if ending in FIGURES:
        writers.insert(0, (path, lambda place: draw(spectrum, place, ending[1:], title)))
    for place, write in writers:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_beside(place, write)
        except OSError as error:
            raise ArlearnError(f"cannot write {place}: {error.strerror or error}") from error
    return [place for place, _ in writers]


def as_csv(spectrum: Spectrum) -> str:
    """One line a distance, then one a singular value: ``what`` says which."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(
        ["what", "index", "blocks", "norm", "smallest", "largest", "effect", "effective_rank", "stable_rank", "value"]
    )
    for lag in spectrum.lags:
        effect = "" if lag.effect is None else lag.effect
        numbers = (lag.norm, lag.smallest, lag.largest, effect, lag.effective_rank, lag.stable_rank)
        lines.writerow(["distance", lag.distance, lag.blocks, *numbers, ""])
    for what, unfolding in (("row", spectrum.row), ("profiles", spectrum.profiles)):
        for index, value in enumerate(unfolding.values):
            lines.writerow([what, index, "", "", "", "", "", "", "", value])
    return out.getvalue()


def draw(spectrum: Spectrum, path: Path, format: str, title: str) -> None:
    """Three panels: strength at each distance, singular values, effective rank at each distance."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    strength, singular, rank = figure.subplots(1, 3)
    distances = [lag.distance for lag in spectrum.lags]
    effects = [lag.effect for lag in spectrum.lags if lag.effect is not None]
    few = {"marker": "o", "markersize": 3} if len(distances) <= 80 else {}

    of_norm = strength.twinx() if effects else strength
    if effects:
        strength.plot(distances, effects, color=INK, zorder=3, **few)
        strength.set_ylabel("effect on a logit (nats, r.m.s.)", color=INK)
        strength.set_ylim(bottom=0)
        of_norm.spines[["top"]].set_visible(False)
    if any(lag.blocks > 1 for lag in spectrum.lags):
        of_norm.fill_between(
            distances,
            [lag.smallest for lag in spectrum.lags],
            [lag.largest for lag in spectrum.lags],
            color=PALE,
            alpha=0.3,
            linewidth=0,
        )
    of_norm.plot(distances, [lag.norm for lag in spectrum.lags], color=SECOND if effects else INK, linewidth=1)
    of_norm.set_ylabel("Frobenius norm of the block", color=SECOND if effects else INK)
    of_norm.set_ylim(bottom=0)
    strength.set(xlabel="distance (tokens)", title="What each distance adds")

    smallest = 0.1
    for unfolding, colour, label in (
        (spectrum.row, INK, "directions of the output"),
        (spectrum.profiles, SECOND, "courses over distance"),
    ):
        largest = unfolding.values[0] or 1.0
        shown = [value / largest for value in unfolding.values]
        smallest = min([smallest, *(value for value in shown if value > FLOOR)])
        named = f"{label}: {unfolding.effective_rank:.1f} of {len(shown)}"
        dots = {"marker": "o", "markersize": 3} if len(shown) <= 20 else {}
        seen = [value if value > FLOOR else math.nan for value in shown]  # a zero has no place on this scale
        singular.plot(range(1, len(shown) + 1), seen, color=colour, label=named, **dots)
    singular.set(
        yscale="log",
        ylim=(smallest / 3, 1.3),
        xlabel="number",
        ylabel="singular value / largest",
        title="Singular values",
    )
    singular.legend(frameon=False, fontsize=8, title="effective rank", title_fontsize=8, loc="lower left")

    limit = min(spectrum.inputs, spectrum.outputs)
    rank.plot(distances, [lag.effective_rank for lag in spectrum.lags], color=INK, label="effective rank", **few)
    rank.plot(distances, [lag.stable_rank for lag in spectrum.lags], color=SECOND, label="stable rank", linewidth=1)
    rank.axhline(limit, color="0.7", linewidth=0.8, linestyle="--")
    rank.annotate(
        f"at most {limit}", (distances[-1], limit), (0, 3), textcoords="offset points", ha="right", fontsize=8
    )
    rank.set(xlabel="distance (tokens)", ylabel="rank of the block", title="Rank at each distance")
    rank.set_ylim(bottom=0, top=limit * 1.12)
    rank.legend(frameon=False, fontsize=8)

    for axes in (strength, singular, rank):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top"]].set_visible(False)
        if axes is not strength or not effects:
            axes.spines[["right"]].set_visible(False)
    figure.suptitle(
        f"{title}: {spectrum.kind} map, {spectrum.inputs} to {spectrum.outputs}, {spectrum.window} positions"
    )
    with matplotlib.rc_context({"svg.hashsalt": "arlearn"}):  # the same figure gives the same file
        figure.savefig(path, dpi=150, format=format, metadata={"Date": None} if format == "svg" else None)
