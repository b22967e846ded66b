"""Measures length complexity: how many examples and how much time a longer chain of thought saves.

Malach (ICML 2024), section 3, names the number of intermediate tokens a task needs its length complexity, and sets it
against sample and computational complexity. Here the same task is learned in several formats, from short and hard to
long and easy, by the same learner, and what is measured is how many examples and seconds it takes until 99.9 % of
held-out answers are right.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import exact_match
from arlearn.files import replacing, write_atomically
from arlearn.tasks.base import SequenceTask
from arlearn.text import percent

MARKS = "osD^vP*X"  # of the formats, shortest first


@dataclass(frozen=True)
class Learner:
    """How every format is learned: a linear predictor that the task supplies, by Adam, whose rate falls as
    1/sqrt(updates) after the first 100: the run's length is what is measured, so no schedule may know it.

    Attributes:
        head: ``one-hot``, which says nothing of the tokens, or ``structured``, see ``tasks.formats``.
        batch: examples in an update.
        learning_rate, eps: Adam's.
        seconds: after which a run is given up (its measurements not counted).
        target: exact match to reach.
        questions: held-out questions at each measurement.
    """

    head: str = "structured"
    batch: int = 256
    learning_rate: float = 0.3
    eps: float = 7e-5
    seconds: float = 60.0
    target: float = 0.999
    questions: int = 2000


@dataclass(frozen=True)
class Cell:
    """One format, learned once.

    Attributes:
        format: its name.
        head: the output layer.
        seed: of the examples.
        generated_tokens: length of the chain of thought, answer included.
        vocabulary, parameters: of the predictor.
        reached: whether the target was.
        examples, seconds: until then; where it was not, until the run was given up.
        exact_match: at the last measurement.
    """

    format: str
    head: str
    seed: int
    generated_tokens: int
    vocabulary: int
    parameters: int
    reached: bool
    examples: int
    seconds: float
    exact_match: float


def measure(task: SequenceTask, format: str, learner: Learner, seed: int = 0) -> Cell:
    """Learn a task until the target accuracy is reached or the time is up.

    It is measured after 2^(k/2) updates, k = 4, 5, ...: what is reported as needed is at most 41 % too much. Time is
    that of the updates alone, in seconds of wall-clock time. Raises ArlearnError if the task supplies no predictor.
    """
    predictor = task.predictor({"head": learner.head}, seed)
    if predictor is None:
        raise ArlearnError(f"the {task.kind} task supplies no predictor, so its formats cannot be compared")
    weights = [weight for weight in predictor.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=learner.learning_rate, eps=learner.eps, fused=True)
    questions = task.everything("held-out")
    if questions is None or len(questions) > learner.questions:
        questions = task.draw(learner.questions, (seed, 2), "held-out")
    spent, updates, power, score = 0.0, 0, 4, 0.0
    while spent < learner.seconds:
        until = round(2 ** (power / 2))
        while updates < until and spent < learner.seconds:
            began = time.perf_counter()
            for group in optimiser.param_groups:
                group["lr"] = learner.learning_rate * min(1.0, math.sqrt(100 / (updates + 1)))
            batch = task.batch(updates, learner.batch, seed)
            loss = predictor.loss(batch.tokens, batch.counted)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            updates += 1
            spent += time.perf_counter() - began
        with torch.no_grad():
            score = exact_match(predictor, task, questions).exact_match
        if score >= learner.target:
            break
        power += 1
    return Cell(
        format=format,
        head=learner.head,
        seed=seed,
        generated_tokens=task.generated,
        vocabulary=task.vocabulary,
        parameters=predictor.parameter_count(),
        reached=score >= learner.target,
        examples=updates * learner.batch,
        seconds=round(spent, 3),
        exact_match=score,
    )


def measure_all(
    tasks: Sequence[tuple[str, SequenceTask]],
    learners: Sequence[Learner],
    seeds: Sequence[int],
    directory: Path,
    on_progress: Callable[[str], None],
) -> list[Cell]:
    """Measure every format with every learner and seed. Results of an earlier, equal run in ``directory`` are reused.

    Raises ArlearnError if the directory cannot be written or holds a cell that cannot be read.
    """
    cells = []
    for learner in learners:
        for name, task in tasks:
            for seed in seeds:
                wanted = {"task": {"kind": task.kind, **task.configuration()}, "learner": asdict(learner), "seed": seed}
                path = directory / "cells" / f"{name}-{learner.head}-{seed}.json"
                cell = _kept(path, wanted)
                if cell is None:
                    on_progress(f"{name}, {learner.head} head, seed {seed}: {task.generated} generated tokens")
                    cell = measure(task, name, learner, seed)
                    write_atomically(path, json.dumps({"wanted": wanted, "cell": asdict(cell)}, indent=1))
                else:
                    on_progress(f"{name}, {learner.head} head, seed {seed}: kept from an earlier run")
                cells.append(cell)
    return cells


def _kept(path: Path, wanted: dict[str, object]) -> Cell | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Cell(**found["cell"]) if found["wanted"] == wanted else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArlearnError(f"{path} is not a measurement of this benchmark ({error}); remove it") from error


def paragraph(cells: Sequence[Cell], target: float) -> str:
    """What the measurements say, in words."""
    parts = []
    for head in dict.fromkeys(cell.head for cell in cells):
        mine = sorted((cell for cell in cells if cell.head == head), key=lambda cell: cell.generated_tokens)
        reached = [cell for cell in mine if cell.reached]
        missed = list(dict.fromkeys(cell.format for cell in mine if not cell.reached))
        text = f"With a {head} head, "
        if reached:
            cheapest = min(reached, key=lambda cell: cell.examples)
            quickest = min(reached, key=lambda cell: cell.seconds)
            shortest = reached[0]
            text += (
                f"the shortest chain that reached {percent(target, None)} is {shortest.format} ({shortest.generated_tokens} "
                f"tokens, {shortest.examples:,} examples, {shortest.seconds:.1f} s); fewest examples took "
                f"{cheapest.format} ({cheapest.generated_tokens} tokens, {cheapest.examples:,} examples), least time "
                f"{quickest.format} ({quickest.generated_tokens} tokens, {quickest.seconds:.1f} s)"
            )
        else:
            text += f"no format reached {percent(target, None)}"
        if missed:
            best = {name: max(cell.exact_match for cell in mine if cell.format == name) for name in missed}
            text += "; given up: " + ", ".join(f"{name} (best {percent(best[name], 1)})" for name in missed)
        parts.append(text + ".")
    return " ".join(parts)


def table(cells: Sequence[Cell]) -> str:
    """The measurements as a Markdown table; ``>`` marks a run that was given up."""
    lines = [
        "| head | format | tokens generated | vocabulary | weights | examples | seconds | exact match % |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for cell in cells:
        more = "" if cell.reached else "> "
        lines.append(
            f"| {cell.head} | {cell.format} | {cell.generated_tokens} | {cell.vocabulary} | {cell.parameters:,} "
            f"| {more}{cell.examples:,} | {more}{cell.seconds:.1f} | {100 * cell.exact_match:.2f} |"
        )
    return "\n".join(lines)


def draw(cells: Sequence[Cell], path: Path, title: str) -> None:
    """Tokens generated against examples and against seconds: a colour for each head, a mark for each format.

    A hollow mark with an arrow stands for a run that was given up. Raises ArlearnError if the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    heads = list(dict.fromkeys(cell.head for cell in cells))
    lengths = {cell.format: cell.generated_tokens for cell in sorted(cells, key=lambda cell: cell.generated_tokens)}
    marks = dict(zip(lengths, itertools.cycle(MARKS), strict=False))
    for axes, what in zip(figure.subplots(1, 2), ("examples", "seconds"), strict=True):
        for number, head in enumerate(heads):
            mine = [cell for cell in cells if cell.head == head]
            reached: dict[int, list[float]] = {}
            for cell in mine:
                x, y, colour = cell.generated_tokens, getattr(cell, what), f"C{number}"
                face = colour if cell.reached else "white"
                axes.plot(x, y, marks[cell.format], color=colour, markerfacecolor=face, markersize=7, zorder=3)
                if cell.reached:
                    reached.setdefault(x, []).append(math.log(y))
                else:
                    arrow = {"arrowstyle": "->", "color": colour}
                    axes.annotate(
                        "", (x, y), (0, 18), textcoords="offset points", arrowprops=arrow | {"arrowstyle": "<-"}
                    )
            middle = [(x, math.exp(sum(logs) / len(logs))) for x, logs in sorted(reached.items())]
            axes.plot(*zip(*middle, strict=True) if middle else ([], []), color=f"C{number}", linewidth=1.2)
        axes.set(xscale="log", yscale="log", xlabel="tokens generated", ylabel=f"{what} to the target")
        axes.set_xticks(_apart(sorted(set(lengths.values()))))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.margins(0.08, 0.16)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    named = [Line2D([], [], color=f"C{number}", label=f"{head} head") for number, head in enumerate(heads)]
    for format, mark in marks.items():
        label = f"{format}, {lengths[format]} token{'' if lengths[format] == 1 else 's'}"
        named.append(Line2D([], [], marker=mark, color="0.35", linestyle="", label=label))
    if not all(cell.reached for cell in cells):
        hollow = Line2D(
            [], [], marker="o", color="0.35", markerfacecolor="white", linestyle="", label="given up: more than this"
        )
        named.append(hollow)
    figure.legend(handles=named, loc="outside right upper", fontsize=9, frameon=False)
    figure.suptitle(title)
    kind = path.suffix.removeprefix(".")
    with replacing(path) as beside:
        figure.savefig(beside, format=kind, metadata={"Date": None} if kind == "svg" else None)


def _apart(values: Sequence[int]) -> list[int]:
    """Those of these ascending numbers whose labels do not touch on a logarithmic axis."""
    kept = list(values[:1])
    for value in values[1:]:
        if value > 1.12 * kept[-1]:
            kept.append(value)
    return kept
