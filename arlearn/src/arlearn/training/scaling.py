"""What more hardware gains: GPUs by calculation (``bench estimate``), processes by measurement (``bench processes``).

The formulas for weights and operations are exact for linear and MLP predictors (a test counts them on small ones); memory
and time rest on the assumptions in ``ASSUMPTIONS``, which every report repeats.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from arlearn.errors import ArlearnError
from arlearn.predictors.maps.blocks import SHORT
from arlearn.training.processes import machine
from arlearn.training.progress import Update, read_metrics
from arlearn.training.recipe import Recipe

ASSUMPTIONS = (
    "the operations are done at `utilisation` of the GPU's dense peak rate for the recipe's precision",
    "the optimiser reads weight, gradient and two moments and writes all but the gradient, at the memory's full rate",
    "gradients are exchanged once an update, in float32, by a ring all-reduce over the link, after the backward pass",
    "a GPU holds weights, gradients and two moments in float32, and the largest tensors of one pass; 1 GB is set aside",
    "reading data, checkpoints and measurements take no time",
)
ASIDE = 1e9  # CUDA's own memory


@dataclass(frozen=True)
class Gpu:
    """A GPU's data sheet; the default is NVIDIA's for the A100 80 GB (SXM).

    Attributes:
        peak: dense operations a second in bfloat16 and float16; peak32: in float32, without TF32, as PyTorch has it.
        memory: bytes. bandwidth: of the memory, bytes a second. link: to other GPUs, bytes a second each way.
    """

    peak: float = 312e12
    peak32: float = 19.5e12
    memory: float = 80e9
    bandwidth: float = 2039e9
    link: float = 300e9
    utilisation: float = 0.4


@dataclass(frozen=True)
class Shape:
    """The sizes that decide the numbers of weights and operations.

    Attributes:
        kind: linear or mlp. map: packed or shift.
        length: inputs of a row; counted: targets of a row that count.
    """

    kind: str
    map: str
    context: int
    width: int
    vocabulary: int
    bias: bool
    length: int
    counted: float

    @property
    def weights(self) -> dict[str, int]:
        """Of each layer."""
        blocks = self.context * (self.context + 1) // 2 if self.map == "packed" else self.context
        found = {"embedding": self.vocabulary * self.width, "map": blocks * self.width**2}
        if self.kind == "mlp":
            found["middle"] = self.width**2 + self.width
        found["head"] = self.vocabulary * (self.width + self.bias)
        return found

    def operations(self, rows: int) -> dict[str, float]:
        """Of one forward and backward pass over ``rows`` rows, in each layer; a multiply-add is two."""
        square = self.width**2
        found = {"map": self._map_operations(rows)}
        if self.kind == "mlp":
            found["middle"] = 3.0 * 2 * rows * self.length * square
        # three products, and the sum over rows that is a bias's gradient
        found["head"] = 2.0 * rows * self.counted * self.vocabulary * (3 * self.width + self.bias)
        return found

    def _map_operations(self, rows: int) -> float:
        square, length = self.width**2, self.length
        size = min(self.context, length)
        if self.map == "packed":
            return 3.0 * 2 * rows * length * (length + 1) / 2 * square
        if size <= SHORT:
            return 3.0 * 2 * rows * sum(length - k for k in range(size)) * square
        # by frequencies (predictors/maps/blocks.py): there and back have no weights, so their backward is one product
        blocks = -(-length // size)
        seen = size if blocks == 1 else 2 * size
        there = 2.0 * 2 * (size + 1) * seen * blocks * rows * self.width
        back = 2.0 * 2 * (size + 1) * size * blocks * rows * self.width
        kernel = 2.0 * 2 * (size + 1) * size * square
        products = 4 * 2.0 * (size + 1) * blocks * rows * square
        return 2 * (there + back + kernel) + 3 * products

    def activation_bytes(self, rows: int, element: int) -> float:
        """The largest tensors of a pass over ``rows`` rows: what a position keeps, and a chunk of the softmax.

        ``element``: bytes of a number in the products, 4 or 2.
        """
        positions = rows * self.length
        kept = 4 if self.kind == "linear" else 9  # of width numbers: each layer's output, and the gradients with it
        chunk = max(128, 2**27 // self.vocabulary)
        return positions * (4 * kept * self.width + 16) + min(chunk, rows * self.counted) * self.vocabulary * element


def shape_of(recipe: Recipe, vocabulary: int | None) -> Shape:
    """The recipe's sizes. Raises ArlearnError if its kind of predictor cannot be estimated, or its vocabulary is not known."""
    predictor = recipe.predictor
    if predictor.kind not in ("linear", "mlp"):
        raise ArlearnError(
            f"the predictor of recipe {recipe.name} is {predictor.kind!r}; only linear and mlp can be estimated"
        )
    if recipe.task["kind"] == "text":
        if vocabulary is None and recipe.task["tokenizer"]:
            raise ArlearnError(
                f"recipe {recipe.name} takes the vocabulary {recipe.task['tokenizer']}; give --vocabulary"
            )
        context = int(recipe.task["context"])
        size, counted = vocabulary or int(recipe.task["vocabulary"]), float(context)
    else:
        from arlearn.tasks import load_task

        task = load_task(recipe.task["kind"], {key: value for key, value in recipe.task.items() if key != "kind"})
        context, size = task.context, vocabulary or task.vocabulary
        counted = float(task.batch(0, 1, 0).counted[:, 1:].sum())
    bias, width, kind = predictor.bias, predictor.width, predictor.kind
    return Shape(kind, predictor.map, context, width, size, bias, context, counted)


def estimate(recipe: Recipe, gpus: int, gpu: Gpu, vocabulary: int | None, tokens: float | None) -> dict[str, Any]:
    """What ``--json`` prints for one number of GPUs. ``tokens``: of an epoch, where the recipe counts epochs.

    Raises ArlearnError if something must be told.
    """
    shape, training = shape_of(recipe, vocabulary), recipe.training
    weights = sum(shape.weights.values())
    share = -(-training.batch // gpus)
    low = training.precision != "float32"
    element = 2 if low else 4
    memory = {
        "weights": 4.0 * weights,
        "gradients": 4.0 * weights,
        "moments": 8.0 * weights,
        "average": 4.0 * weights if training.average else 0.0,
        "cast": 2.0 * weights if low else 0.0,
        "activations": shape.activation_bytes(share, element),
        "aside": ASIDE,
    }
    operations = training.accumulation * sum(shape.operations(training.batch).values())
    exchanged = 2 * (gpus - 1) / gpus * 4 * weights
    seconds = {
        "operations": operations
        * share
        * gpus
        / training.batch
        / gpus
        / ((gpu.peak if low else gpu.peak32) * gpu.utilisation),
        "optimiser": 28 * weights / gpu.bandwidth,
        "exchange": exchanged / gpu.link,
    }
    update = sum(seconds.values())
    updates, told = _updates(recipe, shape, update, tokens)
    targets = training.batch * training.accumulation * shape.counted
    return {
        "gpus": gpus,
        "parameters": weights,
        "parameters_by_layer": shape.weights,
        "operations_per_update": operations,
        "operations_per_token": operations / targets,
        "memory_bytes": sum(memory.values()),
        "memory_by_part": memory,
        "fits": sum(memory.values()) <= gpu.memory,
        "exchanged_bytes_per_update": exchanged,
        "seconds_per_update": update,
        "seconds_by_part": seconds,
        "tokens_per_second": targets / update,
        "updates": updates,
        "limited_by": told,
        "hours": updates * update / 3600,
        "examples": updates * training.batch * training.accumulation,
        "shape": asdict(shape),
    }


def _updates(recipe: Recipe, shape: Shape, seconds: float, tokens: float | None) -> tuple[float, str]:
    training = recipe.training
    limits = [] if training.steps is None else [(float(training.steps), "steps")]
    if training.epochs is not None and tokens is not None:
        rows = tokens / shape.counted
        limits.append((training.epochs * rows / (training.batch * training.accumulation), "epochs"))
    if training.max_minutes is not None:
        limits.append((training.max_minutes * 60 / seconds, "max_minutes"))
    if not limits:
        raise ArlearnError(f"recipe {recipe.name} is limited by epochs; give --tokens, how many an epoch has")
    return min(limits)


def bench_processes(
    recipe: Recipe, counts: Sequence[int], updates: int, threads: int | None, on_progress: Callable[[str], None]
) -> dict[str, Any]:
    """Train ``updates`` updates with each number of processes; returns what ``--json`` prints.

    Time is taken from the runs' own ``metrics.csv``, without their first quarter. Raises ArlearnError if a run fails.
    """
    recipe = recipe.with_changes(
        [f"steps={updates}", "max_minutes=none", "epochs=none", f"checkpoint_steps={updates}", "checkpoint_minutes=0"]
    )
    recipe = replace(recipe, training=replace(recipe.training, evaluate_every=0, evaluate_data=""))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        file = place / f"{recipe.name}.toml"
        first: list[Update] = []
        for count in counts:
            on_progress(f"{count} process{'es' if count > 1 else ''}")
            share = threads or max(1, (os.cpu_count() or 1) // count)
            made = _train(file, recipe, place / str(len(rows)), count, share)
            first = first or made
            begin = made[len(made) // 4 - 1]
            speed = (made[-1].tokens - begin.tokens) / (made[-1].seconds - begin.seconds)
            rows.append(
                {
                    "processes": count,
                    "threads": share,
                    "tokens_per_second": speed,
                    "speedup": speed / rows[0]["tokens_per_second"] if rows else 1.0,
                    "loss_difference": max(abs(a.loss - b.loss) / b.loss for a, b in zip(made, first, strict=True)),
                }
            )
    return {"recipe": recipe.name, "updates": updates, "runs": rows, "machine": machine()}


def _train(file: Path, recipe: Recipe, out: Path, count: int, threads: int) -> list[Update]:
    file.write_text(recipe.to_toml(), encoding="utf-8")
    launcher = ["-P", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    command = [sys.executable, *launcher, "-m", "arlearn.cli", "train", str(file), "--out", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": str(threads)}
    )
    updates = read_metrics(out / "metrics.csv")
    if done.returncode != 0 or not updates:
        told = [line for line in done.stderr.splitlines() if line.startswith("arlearn: ")]
        raise ArlearnError(f"the run by {count} processes failed: {told[0][9:] if told else done.stderr[-300:]}")
    return updates
