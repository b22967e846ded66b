"""``arlearn bench program``: greedy tokens a second of compiled programs on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from arlearn.decoding.generate import generate
from arlearn.decoding.lookup import LookupDecoder
from arlearn.predictors.linear import LinearPredictor
from arlearn.programs.arithmetic import multiplication
from arlearn.programs.compiling import compile_program
from arlearn.programs.text import example_text
from arlearn.programs.turing import find_bounds, parse
from arlearn.programs.turing_programs import looped_program
from arlearn.programs.universal import Sizes, universal_program
from arlearn.programs.universal_prompts import UniversalInterface, prompt_of
from arlearn.tasks.program import ProgramTask
from arlearn.training.processes import machine

PRODUCTS = 500  # different products, one after the other
BATCH = 20_000  # products at once


@torch.no_grad()
def bench_programs(quick: bool, on_progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure each program by itself; returns what ``--json`` prints.

    A round begins with a new decoder, so that whatever it computes for later look-ups is counted. ``tokens_per_second``
    is the lower of the busy beaver's and the multiplier's single streams, each the median of its rounds.
    """
    began = time.monotonic()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rounds = 2 if quick else 7
    beaver_machine = parse(*example_text("busy-beaver-4", ".toml"))
    beaver = ProgramTask(looped_program(beaver_machine, find_bounds(beaver_machine, looped=True)))
    product = ProgramTask(multiplication(4))
    universal = ProgramTask(universal_program(Sizes(4, 2, 16)))
    assert isinstance(universal.interface, UniversalInterface)
    asked = universal.interface.inputs(prompt_of(beaver_machine, "", universal.interface.sizes))
    prompts = {
        "busy_beaver": (beaver, beaver.encode_prompts(beaver.parse_prompt(""))),
        "multiplication_4": (product, product.encode_prompts(product.draw(20 if quick else PRODUCTS, 0))),
        "universal_busy_beaver": (universal, universal.encode_prompts(torch.tensor([asked]))),
    }
    found: dict[str, Any] = {}
    try:
        for name, (task, given) in prompts.items():
            on_progress(name)
            predictor = compile_program(task.program)
            found[name] = _stream(predictor, task, given, rounds)
        on_progress("multiplication_4, many at once")
        predictor = compile_program(product.program)
        many = product.encode_prompts(product.draw(200 if quick else BATCH, 1))
        start = time.perf_counter()
        generate(predictor, many, product.generated)
        batched = len(many) / (time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return {
        "tokens_per_second": min(found[name]["tokens_per_second"] for name in ("busy_beaver", "multiplication_4")),
        "same_tokens": all(row["same_tokens"] for row in found.values()),
        "programs": found,
        "batched_products_per_second": batched,
        "threads": 1,
        "rounds": rounds,
        "machine": machine(),
        "measured_in_seconds": time.monotonic() - began,
    }


def _stream(predictor: LinearPredictor, task: ProgramTask, prompts: torch.Tensor, rounds: int) -> dict[str, Any]:
    """One prompt after the other: tokens a second, with a new decoder and once more with the same."""
    first, again = [], []
    made: list[torch.Tensor] = []
    for _ in range(rounds):
        start = time.perf_counter()
        decoder = LookupDecoder(predictor)
        made = [decoder.generate(row[None], task.generated, task.stop, None)[0] for row in prompts]
        first.append(time.perf_counter() - start)
        start = time.perf_counter()
        for row in prompts:
            decoder.generate(row[None], task.generated, task.stop, None)
        again.append(time.perf_counter() - start)
    tokens = sum(map(len, made))
    some = [torch.cat([prompt, row]) for prompt, row in zip(prompts[:20], made[:20], strict=True)]
    slots = task.prompt_length
    same = all(torch.equal(predictor(row[None, :-1])[0, slots - 1 :].argmax(-1), row[slots:]) for row in some)
    return {
        "tokens": tokens,
        "tokens_per_second": tokens / median(first),
        "tokens_per_second_again": tokens / median(again),
        "same_tokens": same,
        "parameters": predictor.parameter_count(),
    }


def describe(result: dict[str, Any]) -> str:
    """The result as a table for people."""
    lines = [f"{'one stream, one core':24}{'tokens':>10}{'tokens/s':>12}{'again':>12}{'weights':>12}"]
    for name, row in result["programs"].items():
        lines.append(
            f"{name:24}{row['tokens']:>10,}{row['tokens_per_second']:>12,.0f}"
            f"{row['tokens_per_second_again']:>12,.0f}{row['parameters']:>12,}"
        )
    same = "the tokens are those of forward" if result["same_tokens"] else "the tokens are NOT those of forward"
    lines.append(f"many products at once: {result['batched_products_per_second']:,.0f} products/s; {same}")
    return "\n".join(lines)
