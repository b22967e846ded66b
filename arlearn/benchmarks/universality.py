"""Is a universal machine learned? Predictors trained on runs of random machines, tested on machines they never saw.

    python arlearn/benchmarks/universality.py --out runs/universality --figure docs/figures/learned-universality.svg

The sequences are those of ``arlearn compile universal --states 2 --symbols 2 --cells 4``: a machine's table and tape, then
its run, 13 tokens a step. One table in ten is held out. Every model is trained by teacher forcing on the first
four steps of runs, all models on the same sequences in the same order, each for the same processor time on one thread:

- learned: embedding, map and head of the compiled model's sizes, all learned. Its map is periodic and has a block for each
  phase and each distance of the compiled one's window, so the compiled weights are among those that it can take.
- structured head: the same, with the compiled model's output layer, which is not trained.
- only the map: the compiled embedding is given as well.
- transformer: about as many weights.

The learned model is also trained on runs of 30, 100 and 1,000 machines alone.

The test is to run held-out machines, greedily and without help, for up to 16 steps. ``--only NAME`` trains one model (with
``--tables 30`` on 30 machines), so that several can run at once. Without it the missing ones are trained and all reported.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arlearn.decoding.generate import generate
from arlearn.files import replacing, write_atomically
from arlearn.predictors.base import ABSENT, Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps import PeriodicMap
from arlearn.predictors.transformer import TransformerPredictor
from arlearn.programs.compiling import compile_program
from arlearn.programs.universal import HALT, Sizes, universal_program
from arlearn.tasks.program import ProgramTask
from arlearn.text import percent
from arlearn.training.optimisation import build_optimiser, rate
from arlearn.training.settings import TrainingSettings

NAMES = ("learned", "structured head", "only the map", "transformer")
SIZES = Sizes(states=2, symbols=2, cells=4)
TRAINED, TESTED = 4, 16  # steps of a machine: in training, and at most in the test
HELD_OUT = 10  # one table in so many
FEW = (30, 100, 1000)  # machines that the learned model is trained on alone
CHUNK = 8192  # sequences drawn at once
SETTINGS = {
    "learned": TrainingSettings(batch=256, learning_rate=1e-2, warmup=0.02, optimiser="adam"),
    "structured head": TrainingSettings(batch=256, learning_rate=1e-2, warmup=0.02, optimiser="adam"),
    "only the map": TrainingSettings(batch=256, learning_rate=0.1, warmup=0.02, optimiser="adam"),
    "transformer": TrainingSettings(batch=32, learning_rate=1e-3, warmup=0.05, optimiser="adam", clip=1.0),
}


class Machines:
    """Random machines of the sizes, and their runs as tokens of the universal program.

    ``tables`` limits how many different machines the training sequences have; 0: all that are not held out.
    """

    def __init__(self, sizes: Sizes = SIZES, tables: int = 0) -> None:
        self.sizes, self.tables, self.task = sizes, tables, ProgramTask(universal_program(sizes))
        self.period, self.prompt_length = self.task.semantics.period, self.task.prompt_length
        places = len(sizes.heads)
        count = len(sizes.rules) ** places
        self._radix = len(sizes.rules) ** np.arange(places)
        self._held_out = np.zeros(count, dtype=bool)
        self._held_out[np.random.default_rng(0).permutation(count)[: count // HELD_OUT]] = True
        # as arlearn's random machines: one rule in ten is missing, one in ten halts
        halting = np.array([rule[-1] == HALT for rule in sizes.rules])
        self._chance = np.where(halting, 0.1 / halting.sum(), 0.8 / (len(sizes.rules) - 1 - halting.sum()))
        self._chance[-1] = 0.1
        self._trained: np.ndarray | None = None
        if tables:
            some = self._draw(20 * tables, np.random.default_rng([2, tables]), False)
            self._trained = np.unique(some, axis=0)
            self._trained = np.random.default_rng(3).permutation(self._trained)[:tables]

    def is_held_out(self, tables: np.ndarray) -> np.ndarray:
        """Of (count, heads) numbers of rules, which tables no training sequence has."""
        return np.asarray(self._held_out[tables @ self._radix])

    def _draw(self, count: int, random: np.random.Generator, held_out: bool) -> np.ndarray:
        many = 20 * count if held_out else 2 * count
        tables = random.choice(len(self._chance), (many, len(self._radix)), p=self._chance)
        return np.asarray(tables[self.is_held_out(tables) == held_out][:count])

    def prompts(self, count: int, seed: tuple[int, ...], held_out: bool) -> np.ndarray:
        """(count, slots) indices: a table, a state, a random tape, and the head somewhere on it."""
        random, semantics = np.random.default_rng([int(held_out), *seed]), self.task.semantics
        if held_out or self._trained is None:
            tables = self._draw(count, random, held_out)
        else:
            tables = self._trained[random.integers(0, len(self._trained), count)]
        rule, found, cell = (semantics.index[name] for name in ("rule", "found", "cell"))
        rules = np.array([rule[each] for each in self.sizes.rules])[tables]
        starts = np.array([found[f"->0S{state}"] for state in "AB"[: self.sizes.states]])
        prompts = np.full((count, self.prompt_length), found["->"])
        prompts[:, 0 : 2 * rules.shape[1] : 2] = rules
        prompts[:, 2 * rules.shape[1] - 1] = random.choice(starts, count)
        tape, head = (
            random.integers(0, self.sizes.symbols, (count, self.sizes.cells)),
            random.integers(0, self.sizes.cells, count),
        )
        for row in range(count):
            under = tape[row, head[row]]
            for c, symbol in enumerate(tape[row]):
                word = f"={symbol}" if c == head[row] else str(symbol) if c < head[row] else f"{symbol}~{under}"
                prompts[row, 2 * rules.shape[1] + c] = cell[word]
        return prompts

    def runs(self, count: int, seed: tuple[int, ...], held_out: bool, steps: int) -> Tensor:
        """(count, length) tokens: prompts with their runs of up to so many steps, then -1."""
        semantics = self.task.semantics
        indices = semantics.run(self.prompts(count, seed, held_out), steps * self.period)
        return torch.from_numpy(semantics.tokens(indices))

    def counted(self, tokens: Tensor) -> Tensor:
        """Which tokens the run wrote."""
        return (torch.arange(tokens.shape[1]) >= self.prompt_length) & (tokens != ABSENT)

    def batches(self, size: int) -> Iterator[Tensor]:
        """Training batches, without end, the same for every model but for their size."""
        chunk = 0
        while True:
            tokens = self.runs(CHUNK, (chunk,), False, TRAINED)
            yield from tokens.split(size)
            chunk += 1


def build(name: str, machines: Machines, seed: int = 0) -> Predictor:
    """One of the models, untrained."""
    compiled = compile_program(machines.task.program)
    assert isinstance(compiled.map, PeriodicMap)
    vocabulary, inputs, outputs = machines.task.vocabulary, compiled.map.inputs, compiled.map.outputs
    if name == "transformer":
        context = machines.prompt_length + TESTED * machines.period
        return TransformerPredictor.build(vocabulary, context, width=96, layers=4, heads=4, seed=seed)
    random = torch.Generator().manual_seed(seed)
    causal = PeriodicMap.dense(inputs, outputs, machines.period, compiled.map.window)
    embedding = torch.randn(vocabulary, inputs, generator=random)
    head = torch.empty(vocabulary, outputs).uniform_(-(outputs**-0.5), outputs**-0.5, generator=random)
    with torch.no_grad():
        bound = (causal.window * inputs) ** -0.5
        causal.weight.uniform_(-bound, bound, generator=random)
    given = {"learned": (), "structured head": ("head",), "only the map": ("embedding", "head")}[name]
    return LinearPredictor(
        compiled.embedding if "embedding" in given else embedding,
        causal,
        compiled.head if "head" in given else head,
        frozen=given,
    )


@dataclass(frozen=True)
class Measured:
    """What a model does with machines that it has not seen.

    Attributes:
        tokens: share of the run's tokens that are right when all earlier ones are given.
        kinds: the same for each kind of token: head, rule, found, cell.
        passes: share of runs of which it writes the first 1, 2, ... steps without a mistake, up to ``TESTED``.
        trained_length: share of runs that it writes without a mistake up to their end or the 4 steps of training.
        whole: the same up to their end or 16 steps.
    """

    machines: int
    tokens: float
    kinds: dict[str, float]
    passes: list[float]
    trained_length: float
    whole: float


@torch.no_grad()
def measure(predictor: Predictor, machines: Machines, count: int, seed: int = 0) -> Measured:
    """Run held-out machines; every share is of the same ``count`` of them."""
    tokens = machines.runs(count, (seed,), True, TESTED)
    counted = machines.counted(tokens)
    begin, period = machines.prompt_length, machines.period
    # by teacher forcing: the length of training only, so that no model is judged on places it has never had
    end = begin + TRAINED * period
    told = torch.cat([predictor(part[:, : end - 1].clamp(min=0)).argmax(-1) for part in tokens.split(250)])
    right, some = (told == tokens[:, 1:end])[counted[:, 1:end]], counted[:, 1:end]
    rows = torch.arange(1, end).expand(some.shape)[some] % period
    table = 2 * len(machines.sizes.heads)
    # the head's token stands last in the row's count, as the prompt is a pass without it
    kind = torch.where(rows == table + machines.sizes.cells, 0, torch.where(rows >= table, 3, 1 + rows % 2))
    kinds = {name: float(right[kind == k].double().mean()) for k, name in enumerate(("head", "rule", "found", "cell"))}
    made = generate(predictor, tokens[:, :begin], TESTED * period, stop=machines.task.stop)
    wide = torch.full_like(tokens[:, begin:], ABSENT)
    wide[:, : made.shape[1]] = made[:, : wide.shape[1]]
    same = wide == tokens[:, begin:]
    passes = [float(same[:, : k * period].all(1).double().mean()) for k in range(1, TESTED + 1)]
    return Measured(
        machines=count,
        tokens=float(right.double().mean()),
        kinds=kinds,
        passes=passes,
        trained_length=passes[TRAINED - 1],
        whole=passes[-1],
    )


def train(
    name: str, machines: Machines, seconds: float, test: int, points: int = 8, elapsed: float = float("inf")
) -> dict[str, Any]:
    """Train one model on one thread, and measure it on the way and at the end.

    It ends after so many ``seconds`` of processor time, or after so much ``elapsed`` time, the earlier of the two; the
    learning rate falls to 0 by then.
    """
    torch.set_num_threads(1)
    settings, predictor = SETTINGS[name], build(name, machines)
    optimiser = build_optimiser(settings, predictor, torch.device("cpu"))
    began, spent, progress, examples, curve = time.time(), 0.0, 0.0, 0, []
    for batch in machines.batches(settings.batch):
        started = time.process_time()
        for group in optimiser.param_groups:
            group["lr"] = rate(settings, progress)
        optimiser.zero_grad(set_to_none=True)
        loss = predictor.loss(batch.clamp(min=0), machines.counted(batch))
        loss.backward()  # type: ignore[no-untyped-call]
        if settings.clip:
            torch.nn.utils.clip_grad_norm_(predictor.parameters(), settings.clip)
        optimiser.step()
        examples += len(batch)
        spent += time.process_time() - started
        progress = max(spent / seconds, (time.time() - began) / elapsed)
        if progress >= (len(curve) + 1) / points:
            last = progress >= 1
            found = measure(predictor, machines, test if last else min(test, 200), seed=0 if last else 1)
            curve.append(
                {"seconds": spent, "examples": examples, "loss": loss.item(), "trained_length": found.trained_length}
            )
            print(f"{name}: {curve[-1]}", flush=True)
            if last:
                break
    weights = predictor.parameter_count()
    learned = sum(weight.numel() for weight in predictor.parameters() if weight.requires_grad)
    return {
        "name": name if not machines.tables else f"{name}, {machines.tables:,} machines",
        "weights": weights,
        "learned_weights": learned,
        "examples": examples,
        "processor_seconds": spent,
        "elapsed_seconds": time.time() - began,
        "measured": asdict(found),
        "curve": curve,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The results in Markdown."""
    lines = [
        f"| model | weights learned | processor s | runs seen | tokens right | runs right, {TRAINED} steps | {TESTED} steps |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        found = row["measured"]
        shares = [f"{percent(found[key], 2)}" for key in ("tokens", "trained_length", "whole")]
        spent = f"{row['processor_seconds']:.0f} | {row['examples']:,}"
        lines.append(f"| {row['name']} | {row['learned_weights']:,} | {spent} | {' | '.join(shares)} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Left: runs right in the course of training. Right: runs right up to each step of the machine."""
    from matplotlib import pyplot

    figure, (course, steps) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for number, row in enumerate(rows):
        style = {"color": f"C{number}", "label": row["name"], "markersize": 4}
        curve = row["curve"]
        course.plot([p["examples"] / 1000 for p in curve], [100 * p["trained_length"] for p in curve], "o-", **style)
        passes = row["measured"]["passes"]
        steps.plot(range(1, len(passes) + 1), [100 * share for share in passes], "o-", **style)
    course.set(xlabel="thousand runs seen in training", ylabel="% of runs right", title=f"the first {TRAINED} steps")
    steps.axvspan(0.5, TRAINED + 0.5, color="0.92", zorder=0)
    steps.set(xlabel="steps of the machine (grey: as in training)", xlim=(0.5, TESTED + 0.5), title="after training")
    for axis in (course, steps):
        axis.set_ylim(-3, 103)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*course.get_legend_handles_labels(), loc="outside right upper", fontsize=9, frameon=False)
    kind = path.suffix.removeprefix(".")
    with replacing(path) as beside:
        figure.savefig(beside, format=kind, metadata={"Date": None} if kind == "svg" else None)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="Folder for one JSON file a model.")
    parser.add_argument("--only", choices=NAMES, help="Train this model and report nothing.")
    parser.add_argument("--seconds", type=float, default=30, help="Train each model for so much processor time.")
    parser.add_argument("--elapsed", type=float, default=float("inf"), help="Stop a training after so many seconds.")
    parser.add_argument("--tables", type=int, default=0, help="Train on this many machines only; 0: on all of them.")
    parser.add_argument("--test", type=int, default=1000, help="Run this many held-out machines.")
    parser.add_argument("--figure", type=Path, help="Draw the figure into this file.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = (
        [(options.only, options.tables)] if options.only else [*((n, 0) for n in NAMES), *((NAMES[0], k) for k in FEW)]
    )
    rows = []
    for name, tables in wanted:
        place = options.out / f"{name.replace(' ', '-')}{f'-{tables}' if tables else ''}.json"
        if options.only or not place.exists():
            found = train(name, Machines(tables=tables), options.seconds, options.test, elapsed=options.elapsed)
            write_atomically(place, json.dumps(found, indent=1))
        rows.append(json.loads(place.read_text(encoding="utf-8")))
    print(table(rows))
    if options.figure:
        draw(rows, options.figure)


if __name__ == "__main__":
    main()
