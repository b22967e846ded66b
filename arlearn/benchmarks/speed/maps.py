"""``arlearn bench maps``: one training step with a block for each pair of positions, and with one for each distance."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.training.optimisation import build_optimiser
from arlearn.training.processes import machine
from arlearn.training.recipe import load_recipe
from speed.machine import TOO_SMALL, Size, available_bytes, comparable

MAPS = ("packed", "shift")


def bench_maps(size: Size, budget: float, on_progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure both maps in turn, a step each, on rows of random tokens; returns what ``--json`` prints.

    The seconds are medians of a step: loss, gradients, and the optimiser as the recipe tinystories-cpu has it.
    """
    began = time.monotonic()
    needed = 5 * 4 * size.map_weights
    if available_bytes() < needed:
        raise ArlearnError(f"this needs about {needed / 1e9:.1f} GB of memory; {available_bytes() / 1e9:.1f} are free")
    on_progress("building")
    rows = torch.randint(
        size.vocabulary, (size.batch, size.context + 1), generator=torch.Generator().manual_seed(0), dtype=torch.long
    )
    predictors = {kind: LinearPredictor.build(size.vocabulary, size.context, size.width, map=kind) for kind in MAPS}
    settings = load_recipe("tinystories-cpu").training
    optimisers = {kind: build_optimiser(settings, one, one.device) for kind, one in predictors.items()}
    times: dict[str, list[float]] = {kind: [] for kind in MAPS}
    rounds = 0
    while rounds < 4 or (rounds < 60 and time.monotonic() - began < budget):
        on_progress(f"round {rounds + 1}")
        for kind in MAPS:
            start = time.perf_counter()
            predictors[kind].loss(rows).backward()  # type: ignore[no-untyped-call]
            optimisers[kind].step()
            optimisers[kind].zero_grad()
            if rounds:  # the first step makes the optimiser's moments
                times[kind].append(time.perf_counter() - start)
        rounds += 1
    seconds = {kind: median(taken) for kind, taken in times.items()}
    tokens = size.batch * size.context
    return {
        "speedup": seconds["packed"] / seconds["shift"],
        "step_seconds": seconds,
        "tokens_per_second": {kind: tokens / taken for kind, taken in seconds.items()},
        "parameters": {kind: one.parameter_count() for kind, one in predictors.items()},
        "rounds": rounds - 1,
        "size": size.as_dict(),
        "machine": machine(),
        "measured_in_seconds": time.monotonic() - began,
    }


def describe(result: dict[str, Any]) -> str:
    """The result in lines for the terminal."""
    lines = [
        f"{kind:7} {result['parameters'][kind]:13,} weights  {rate:10,.0f} tokens/s"
        for kind, rate in result["tokens_per_second"].items()
    ]
    last = f"shift is {result['speedup']:.1f} times as fast" if comparable(result) else TOO_SMALL
    return "\n".join([*lines, last])
