"""``arlearn bench generate``: tokens one at a time, ours against rerunning the dense layer for each."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from arlearn.decoding.generate import generate
from arlearn.errors import ArlearnError
from arlearn.predictors.base import State
from arlearn.predictors.linear import LinearPredictor
from arlearn.text import percent
from arlearn.training.processes import machine
from speed.dense import DensePredictor
from speed.machine import TOO_SMALL, Size, available_bytes, comparable, read_rate


@torch.no_grad()
def bench_generate(size: Size, budget: float, on_progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure at batch 1 up to T tokens; returns what ``--json`` prints.

    In turn, for several rounds: ours generates T - 1 tokens after one, each baseline some tokens of the same. Every
    baseline's cost is the same for each token, as it computes all T positions. The seconds are of medians a token.
    """
    began = time.monotonic()
    needed = 5 * 4 * (size.context * size.width) ** 2
    if available_bytes() < needed:
        raise ArlearnError(f"this needs about {needed / 1e9:.1f} GB of memory; {available_bytes() / 1e9:.1f} are free")
    on_progress("building")
    torch.manual_seed(0)
    ours = LinearPredictor.build(size.vocabulary, size.context, size.width)
    dense = DensePredictor(size.vocabulary, size.context, size.width)
    dense.mixing.weight.zero_()
    dense.load(ours)
    masked = dense.mixing.weight * dense.mask
    prompt = torch.tensor([[1]])
    count = size.context - 1
    expected = generate(ours, prompt, count)
    whole = torch.cat([prompt, expected], dim=1)
    steps = []
    state: State = ours.start(1)
    for place in range(size.context):
        logits, state = ours.step(state, whole[:, place])
        steps.append(logits)
    difference = float((torch.stack(steps, 1) - dense(whole)).abs().max())

    def ways(length: int) -> dict[str, Callable[[], object]]:
        padded = torch.nn.functional.pad(whole[:, :length], (0, size.context - length))
        return {
            "masked_in_each_forward": lambda: dense(padded)[:, length - 1].argmax(-1),
            "masked_once": lambda: dense.logits(padded, masked)[:, length - 1].argmax(-1),
            "packed_forward": lambda: ours(whole[:, :length])[:, -1].argmax(-1),
        }

    mine: list[float] = []
    rates: list[float] = []
    others: dict[str, list[float]] = {name: [] for name in ways(1)}
    agree = True
    while len(mine) < 3 or (len(mine) < 12 and time.monotonic() - began < 0.6 * budget):
        on_progress(f"round {len(mine) + 1}")
        rates.append(read_rate())
        start = time.perf_counter()
        made = generate(ours, prompt, count)
        mine.append((time.perf_counter() - start) / count)
        agree = agree and torch.equal(made, expected)
        # lengths spread over the context, since our own packed forward costs more the longer the text is
        for length in (size.context // 4, size.context // 2, size.context * 3 // 4):
            for name, way in ways(max(1, length)).items():
                start = time.perf_counter()
                way()
                others[name].append(time.perf_counter() - start)
    seconds = median(mine)
    baseline = {name: median(times) for name, times in others.items()}
    context, width, vocabulary = size.context, size.width, size.vocabulary
    rate = median(rates)
    # each weight that is needed is read once; the baseline reads its matrix and mask, and writes and reads the product
    read = 4 * ((context + 1) / 2 * width**2 + vocabulary * width)
    baseline_read = 4 * (4 * (context * width) ** 2 + vocabulary * width)
    return {
        "speedup": baseline["masked_in_each_forward"] / seconds,
        "speedup_masked_once": baseline["masked_once"] / seconds,
        "speedup_packed_forward": baseline["packed_forward"] / seconds,
        "tokens_per_second": 1 / seconds,
        "token_seconds": seconds,
        "baseline_token_seconds": baseline,
        "logits_difference": difference,
        "same_tokens": agree,
        "multiply_adds_per_token": (context + 1) / 2 * width**2 + vocabulary * width,
        "bytes_read_per_token": read,
        "baseline_bytes_per_token": baseline_read,
        "bytes_ratio": baseline_read / read,
        "read_rate": rate,
        "read_share": read / seconds / rate,
        "bound_tokens_per_second": rate / read,
        "rounds": len(mine),
        "size": {"context": context, "width": width, "vocabulary": vocabulary, "batch": 1},
        "machine": machine(),
        "measured_in_seconds": time.monotonic() - began,
    }


def describe(result: dict[str, Any]) -> str:
    """The result in lines for the terminal."""
    lines = [f"ours: {result['tokens_per_second']:,.1f} tokens/s, {1000 * result['token_seconds']:.2f} ms a token"]
    for name, way, key in (
        ("masked in each forward (the baseline)", "masked_in_each_forward", "speedup"),
        ("masked once", "masked_once", "speedup_masked_once"),
        ("our packed forward", "packed_forward", "speedup_packed_forward"),
    ):
        ratio = f"   {result[key]:7.1f}x" if comparable(result) else ""
        lines.append(f"  {name:38} {1000 * result['baseline_token_seconds'][way]:9.2f} ms{ratio}")
    lines.append(f"logits differ by at most {result['logits_difference']:.1e}")
    if not comparable(result):
        return "\n".join([*lines, TOO_SMALL])
    lines += [
        (
            f"memory is read at {result['read_rate'] / 1e9:.1f} GB/s: {result['bytes_read_per_token'] / 1e6:.0f} MB a token "
            f"allow {result['bound_tokens_per_second']:,.0f} tokens/s, of which {percent(result['read_share'])} are "
            f"reached; the baseline moves {result['bytes_ratio']:.0f} times as many bytes"
        ),
    ]
    return "\n".join(lines)
