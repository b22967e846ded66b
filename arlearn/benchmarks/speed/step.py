"""``arlearn bench step``: one training step, ours against the dense masked layer as it is usually written down."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.text import percent
from arlearn.training.processes import machine
from speed.contestant import DECAY, RATE, Process
from speed.dense import DensePredictor
from speed.machine import TOO_SMALL, Size, available_bytes, comparable
from speed.text import sample_rows

CHECKED = Size(context=16, width=32, vocabulary=3_000, batch=8)  # where the losses of 20 steps are compared
OnProgress = Callable[[str], None]


def bench_step(
    size: Size, budget: float, text: Path | None, real_text: bool, on_progress: OnProgress
) -> dict[str, Any]:
    """Measure; returns what ``--json`` prints. ``budget`` in seconds bounds the whole.

    Baseline and ours take alternate steps in separate processes; every ratio is one of medians. The baseline's
    optimiser alternates between the default and the fused one. Raises ArlearnError where memory does not suffice.
    """
    began = time.monotonic()
    threads = torch.get_num_threads()
    if available_bytes() < size.baseline_bytes * 1.1:
        raise ArlearnError(
            f"the baseline needs about {size.baseline_bytes / 1e9:.1f} GB, {available_bytes() / 1e9:.1f} GB are free; "
            "take a smaller --batch"
        )
    on_progress("losses of 20 steps from equal weights")
    difference = loss_difference(CHECKED, steps=20)
    base: list[dict[str, float]] = []
    fused: list[dict[str, float]] = []
    ours: list[dict[str, float]] = []
    rates: list[float] = []
    side = 2048 if size.step_operations > 1e11 else 256  # a tiny step must not wait for a large product
    with Process("baseline", size, threads) as baseline, Process("packed", size, threads) as packed:
        on_progress("warming up")
        packed.ask("step")
        slowest = baseline.ask("step", optimiser="default")["seconds"]
        # one round is two steps of the baseline and two of ours; the text rows get what is left of the budget
        share = 0.5 if real_text else 0.9
        while not base or (len(base) < 5 and time.monotonic() - began + 2.8 * slowest < share * budget):
            on_progress(f"round {len(base) + 1}")
            rates.append(packed.ask("gemm", side=side))
            ours.append(packed.ask("step"))
            base.append(baseline.ask("step", optimiser="default"))
            rates.append(packed.ask("gemm", side=side))
            ours.append(packed.ask("step"))
            fused.append(baseline.ask("step", optimiser="fused"))
        memory, baseline_memory = packed.ask("peak"), baseline.ask("peak")
    # forward and backward do not depend on the optimiser, so all of the baseline's steps tell of them
    passes = median(step["forward"] + step["backward"] for step in base + fused)
    seconds = median(step["seconds"] for step in ours)
    baseline_seconds = passes + median(step["optimiser"] for step in base)
    rate = median(rates)
    result: dict[str, Any] = {
        "speedup": baseline_seconds / seconds,
        "speedup_equal_optimiser": (passes + median(step["optimiser"] for step in fused)) / seconds,
        "memory_ratio": memory / baseline_memory,
        "loss_difference": difference,
        "gemm_share": size.step_operations / seconds / rate,
        "seconds": {name: median(step[name] for step in ours) for name in ("forward", "backward", "optimiser")},
        "baseline_seconds": {
            name: median(step[name] for step in base) for name in ("forward", "backward", "optimiser")
        },
        "step_seconds": seconds,
        "baseline_step_seconds": baseline_seconds,
        "peak_bytes": memory,
        "baseline_peak_bytes": baseline_memory,
        "operations": size.step_operations,
        "gemm_rate": rate,
        "bound_seconds": size.step_operations / rate,
        "bound_speedup": baseline_seconds * rate / size.step_operations,
        "rounds": len(base),
        "size": size.as_dict(),
        "loss_check_size": CHECKED.as_dict(),
        "machine": machine(),
    }
    if real_text:
        left = budget - (time.monotonic() - began)
        result["real_text"] = _real_text(size, threads, text, left, baseline_seconds, seconds, on_progress)
    result["measured_in_seconds"] = time.monotonic() - began
    return result


def loss_difference(size: Size, steps: int) -> float:
    """The largest difference of the loss over these steps, from equal weights and on equal batches."""
    ours = LinearPredictor.build(size.vocabulary, size.context, size.width, seed=1)
    dense = DensePredictor(size.vocabulary, size.context, size.width)
    torch.nn.init.zeros_(dense.mixing.weight)
    dense.load(ours)
    first = torch.optim.AdamW(ours.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    second = torch.optim.AdamW(dense.parameters(), lr=RATE, weight_decay=DECAY)
    worst = 0.0
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        tokens = torch.randint(size.vocabulary, (size.batch, size.context + 1), generator=generator)
        losses = []
        for loss, optimiser in ((ours.loss(tokens), first), (dense.loss(tokens), second)):
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad()
            losses.append(loss.item())
        worst = max(worst, abs(losses[0] - losses[1]))
    return worst


def _real_text(
    size: Size, threads: int, given: Path | None, left: float, baseline: float, ours: float, on_progress: OnProgress
) -> dict[str, Any]:
    """Beyond the bound: fewer tokens in the softmax. What a row changes is said in it.

    The speed-ups are over the baseline's step of this run, whose time does not depend on what the tokens are.
    """
    with tempfile.TemporaryDirectory() as directory:
        on_progress("tokens of real text")
        rows, described, used = sample_rows(given, size)
        # numbered by frequency, rare tokens share tiles; which number a token has makes no other difference
        counts = torch.bincount(rows.flatten().long(), minlength=size.vocabulary)
        rank = torch.empty_like(counts)
        rank[counts.argsort(descending=True, stable=True)] = torch.arange(size.vocabulary)
        rows = rank[rows.long()].to(torch.int32)
        result: dict[str, Any] = {"text": described}
        if left < 12 * ours:
            return result | {"skipped": f"{left:.0f} s were left, too little for these rows"}
        tokens = Path(directory) / "tokens.pt"
        torch.save(rows, tokens)
        on_progress("the whole vocabulary")
        with Process("packed", size, threads, str(tokens)) as process:
            result["exact"] = _timed(process, baseline)
        on_progress("the tokens that occur")
        # by frequency, the tokens that occur are the first
        smaller = Size(size.context, size.width, len(used), size.batch)
        with Process("packed", smaller, threads, str(tokens)) as process:
            compact = _timed(process, baseline)
    result["compact"] = compact | {
        "vocabulary": len(used),
        "changes": "tokens that the text never uses have no logits: exact for this text, impossible to generate",
    }
    return result


def _timed(process: Process, baseline: float) -> dict[str, float]:
    """The median of two steps after one to warm up."""
    process.ask("step")
    steps = [process.ask("step") for _ in range(2)]
    seconds = median(step["seconds"] for step in steps)
    return {"step_seconds": seconds, "speedup": baseline / seconds, "loss": steps[-1]["loss"]}


def describe(result: dict[str, Any]) -> str:
    """The result in lines for the terminal."""
    lines = ["seconds          forward  backward  optimiser     step   peak GB"]
    for name, row, total, peak in (
        ("baseline", result["baseline_seconds"], result["baseline_step_seconds"], result["baseline_peak_bytes"]),
        ("ours", result["seconds"], result["step_seconds"], result["peak_bytes"]),
    ):
        times = f"{row['forward']:8.2f}  {row['backward']:8.2f}  {row['optimiser']:9.2f}  {total:7.2f}"
        lines.append(f"{name:15} {times}   {peak / 1e9:7.2f}")
    same = f"losses over 20 steps differ by at most {result['loss_difference']:.1e} (at a smaller size)"
    if not comparable(result):
        return "\n".join([*lines, same, TOO_SMALL])
    lines += [
        f"speed-up {result['speedup']:.2f}x, with fused AdamW on both sides {result['speedup_equal_optimiser']:.2f}x",
        f"peak memory {percent(result['memory_ratio'])} of the baseline's",
        same,
        (
            f"{result['operations'] / 1e9:,.0f} GFLOP at this machine's {result['gemm_rate'] / 1e9:.0f} GFLOP/s: "
            f"{result['bound_seconds']:.2f} s, {result['bound_speedup']:.2f}x; reached {percent(result['gemm_share'])}"
        ),
    ]
    rows = result.get("real_text", {})
    if rows:
        lines.append(f"\non real text ({rows['text']['source']}, {rows['text']['tokens']:,} tokens):")
        if "skipped" in rows:
            lines.append(f"  not measured: {rows['skipped']}")
    for name in ("exact", "compact"):
        if name in rows:
            row = rows[name]
            occur = f"{row['vocabulary']:,} tokens occur" if "vocabulary" in row else ""
            lines.append(f"  {name:17} {row['step_seconds']:6.2f} s  {row['speedup']:5.2f}x  {occur}")
    return "\n".join(lines)
