"""``arlearn bench processes``: one run by one process and by several, as torchrun starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from arlearn.benchmarks.machine import machine
from arlearn.errors import ArlearnError
from arlearn.training.metrics import Update, read_metrics
from arlearn.training.recipe import Recipe


def bench_processes(
    recipe: Recipe, counts: Sequence[int], updates: int, threads: int | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Train ``updates`` updates with each number of processes; returns what ``--json`` prints.

    Time is taken from the runs' own ``metrics.csv``, without their first quarter. Raises ArlearnError where a run fails.
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
            tell(f"{count} process{'es' if count > 1 else ''}")
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
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    command = [sys.executable, *launcher, "-m", "arlearn.cli", "train", str(file), "--out", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": str(threads)}
    )
    updates = read_metrics(out / "metrics.csv")
    if done.returncode != 0 or not updates:
        told = [line for line in done.stderr.splitlines() if line.startswith("arlearn: ")]
        raise ArlearnError(f"the run by {count} processes failed: {told[0][9:] if told else done.stderr[-300:]}")
    return updates
