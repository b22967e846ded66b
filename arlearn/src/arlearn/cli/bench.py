"""``arlearn bench``: measurements that can be repeated.

``step``, ``generate`` and ``maps`` compare this code with the usual dense layer, ``program`` times compiled programs.
They are for those who change it, so they lie in the checkout's ``arlearn/benchmarks/`` and not in the installed package.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import arlearn
from arlearn.cli import app
from arlearn.errors import ArlearnError

bench_app = typer.Typer(
    no_args_is_help=True, help="Measurements that can be repeated: speed, memory, length complexity."
)
app.add_typer(bench_app, name="bench")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quick = Annotated[
    bool,
    typer.Option(
        "--quick", help="Run a tiny size, which shows that the measurement works but is too small to compare speeds."
    ),
]
Context = Annotated[int, typer.Option(min=1, help="The context length T.")]
Width = Annotated[int, typer.Option(min=1, help="The width d.")]
Vocabulary = Annotated[int, typer.Option(min=300, help="The number of tokens V.")]
BatchSize = Annotated[
    int, typer.Option(min=1, help="The number of sequences in a batch. 128 at the default size need 16 GB of memory.")
]
Seconds = Annotated[float, typer.Option(min=1, help="Take about this many seconds for the whole measurement.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Use this many CPU threads. Default: one for each core.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe.")
]

# Formats measured unless others are named, shortest first; a format that needs gigabytes is left out.
_FORMATS = {
    "multiplication": "direct,columns,linear,terms,joins",
    "addition": "direct,linear,joins",
    "parity": "0,6,4,3,2,1",
}


@bench_app.command()
def step(
    context: Context = 64,
    width: Width = 256,
    vocabulary: Vocabulary = 50_258,
    batch: BatchSize = 128,
    data: Annotated[
        Path | None, typer.Option(help="The real text to measure on. Default: a small text, as in train.")
    ] = None,
    text: Annotated[bool, typer.Option(help="Measure a step on real text too.")] = True,
    seconds: Seconds = 270,
    threads: Threads = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """Time one training step: the packed map, fused cross-entropy and fused AdamW against the dense masked layer.

    The baseline multiplies its weight by the mask in each forward pass and uses PyTorch's own F.cross_entropy and AdamW.
    """
    speed = _checkout("step")
    size = _size(quick, context, width, vocabulary, batch, threads)
    result = speed.bench_step(size, seconds, data, text and (not quick or data is not None), _tell)
    print(json.dumps(result) if as_json else speed.describe(result))


@bench_app.command("generate")
def generate_(
    context: Context = 64,
    width: Width = 256,
    vocabulary: Vocabulary = 50_258,
    seconds: Seconds = 60,
    threads: Threads = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """Time the writing of T tokens, one sequence at a time, against the dense masked layer.

    The dense layer is run again for every token.
    """
    speed = _checkout("generation")
    result = speed.bench_generate(_size(quick, context, width, vocabulary, 1, threads), seconds, _tell)
    print(json.dumps(result) if as_json else speed.describe(result))


@bench_app.command()
def maps(
    context: Context = 64,
    width: Width = 128,
    vocabulary: Vocabulary = 2048,
    batch: BatchSize = 64,
    seconds: Seconds = 60,
    threads: Threads = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """Time one training step with a block for each pair of positions against one with a block for each distance."""
    speed = _checkout("maps")
    result = speed.bench_maps(_size(quick, context, width, vocabulary, batch, threads), seconds, _tell)
    print(json.dumps(result) if as_json else speed.describe(result))


@bench_app.command()
def program(quick: Quick = False, as_json: Json = False) -> None:
    """Time compiled programs on one core: a busy beaver, 4-digit multiplication, and a universal machine."""
    speed = _checkout("programs")
    result = speed.bench_programs(quick, _tell)
    print(json.dumps(result) if as_json else speed.describe(result))


@bench_app.command()
def estimate(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or a TOML file.")],
    gpus: Annotated[str, typer.Option(help="Estimate for this many GPUs. Separate several numbers by commas.")] = "1,8",
    changes: Changes = None,
    vocabulary: Annotated[
        int | None,
        typer.Option(
            min=2, help="The size of the vocabulary. Needed if the recipe names one that is not on this machine."
        ),
    ] = None,
    tokens: Annotated[
        float | None,
        typer.Option(min=1, help="The number of tokens in an epoch. Needed for a recipe that is limited by epochs."),
    ] = None,
    tflops: Annotated[float, typer.Option(min=0.001, help="A GPU's dense peak in bfloat16, in TFLOP/s.")] = 312,
    tflops32: Annotated[float, typer.Option(min=0.001, help="A GPU's dense peak in float32, in TFLOP/s.")] = 19.5,
    utilisation: Annotated[
        float, typer.Option(min=0.001, max=1, help="The share of the peak that a run reaches.")
    ] = 0.4,
    memory: Annotated[float, typer.Option(min=0.001, help="A GPU's memory, in GB.")] = 80,
    bandwidth: Annotated[float, typer.Option(min=0.001, help="The memory's bandwidth, in GB/s.")] = 2039,
    link: Annotated[
        float, typer.Option(min=0.001, help="The bandwidth between GPUs in each direction, in GB/s.")
    ] = 300,
    as_json: Json = False,
) -> None:
    """Estimate a recipe's memory, operations and time on GPUs. The defaults come from the data sheet of an A100 80 GB.

    The numbers of weights and operations are exact. Memory and time rest on assumptions, which are printed.
    """
    from arlearn.training.recipe import load_recipe
    from arlearn.training.scaling import ASSUMPTIONS, Gpu
    from arlearn.training.scaling import estimate as on_paper

    loaded = load_recipe(recipe).with_changes(changes or [])
    sheet = Gpu(tflops * 1e12, tflops32 * 1e12, memory * 1e9, bandwidth * 1e9, link * 1e9, utilisation)
    rows = [on_paper(loaded, number, sheet, vocabulary, tokens) for number in _numbers("--gpus", gpus)]
    if as_json:
        print(json.dumps({"recipe": loaded.name, "estimates": rows, "assumptions": ASSUMPTIONS}))
    else:
        _print_estimate(rows, ASSUMPTIONS)


@bench_app.command()
def processes(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or a TOML file.")] = "tinystories-cpu",
    counts: Annotated[
        str, typer.Option("--processes", help="Measure with this many processes. Separate several numbers by commas.")
    ] = "1,2",
    updates: Annotated[
        int, typer.Option(min=4, help="Make this many updates in each run. The first quarter of them is not timed.")
    ] = 40,
    changes: Changes = None,
    data: Annotated[Path | None, typer.Option(help="The training text, as in train.")] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Give each process this many threads. Default: the cores are shared out equally."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how many tokens a second one process and several processes learn, and whether their losses agree.

    torchrun starts the processes, which exchange gradients over gloo. The recipe's batch is that of all processes
    together, so all runs learn from the same examples.
    """
    from arlearn.training.recipe import load_recipe
    from arlearn.training.scaling import bench_processes

    loaded = load_recipe(recipe).with_changes(changes or []).with_inputs(data, None)
    result = bench_processes(loaded, _numbers("--processes", counts), updates, threads, _tell)
    if as_json:
        print(json.dumps(result))
        return
    for row in result["runs"]:
        print(
            f"{row['processes']} x {row['threads']} threads  {row['tokens_per_second']:10,.0f} tokens/s  "
            f"{row['speedup']:5.2f}x  losses differ by {row['loss_difference']:.1e}"
        )


@bench_app.command("length-complexity")
def length_complexity(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Write the figure, the table and the measurements to this folder.")
    ],
    task: Annotated[
        str, typer.Option(help="The task to learn: multiplication, addition or parity.")
    ] = "multiplication",
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The number of digits of each number (default 3). For parity, the number of bits (default 16), of which three quarters count.",
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            help="Learn these formats of the task, separated by commas. For parity, a format is the number of bits that a step takes in, or 0 for no steps. Default: all formats."
        ),
    ] = "",
    heads: Annotated[
        str,
        typer.Option(
            help="Use these output layers, separated by commas: structured (it is given the form of the tokens) or one-hot (it is given nothing)."
        ),
    ] = "structured",
    seconds: Annotated[float, typer.Option(min=0.1, help="Give up a run after this many seconds.")] = 45.0,
    target: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Learn until this share of held-out answers is right.")
    ] = 0.999,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat each format and output layer with this many seeds.")] = 1,
    as_json: Json = False,
) -> None:
    """Learn one task in several formats, from short and hard to long and easy. This takes a few minutes.

    DIR gets length-complexity.svg, .md (table and paragraph), .json, and cells/, one file for each run. A run that the
    same command has measured before is not measured again.
    """
    from arlearn.evaluation.length_complexity import Learner, draw, measure_all, paragraph, table
    from arlearn.files import write_atomically
    from arlearn.tasks import load_task
    from arlearn.tasks.base import SequenceTask
    from arlearn.text import percent
    from arlearn.training.processes import keep_freed_memory

    keep_freed_memory()
    if task not in _FORMATS:
        raise ArlearnError(f"--task must be one of {', '.join(_FORMATS)}, not {task!r}")
    tasks: list[tuple[str, SequenceTask]] = []
    for name in _names(formats) or _names(_FORMATS[task]):
        if task == "parity" and not name.isdigit():
            raise ArlearnError(f"--formats {name}: for parity a format is a step, a whole number")
        bits = size or 16
        parity = {"bits": bits, "subset": max(1, bits * 3 // 4), "step": int(name) if name.isdigit() else 0}
        built = load_task(task, parity if task == "parity" else {"digits": size or 3, "format": name})
        assert isinstance(built, SequenceTask)
        tasks.append((f"step {name}" if task == "parity" else name, built))
    learners = [Learner(head=head, seconds=seconds, target=target) for head in _names(heads)]
    cells = measure_all(tasks, learners, range(seeds), out, lambda line: print(line, file=sys.stderr))
    what = f"{size or 3}-digit numbers"
    if task == "parity":
        what = f"{max(1, (size or 16) * 3 // 4)} of {size or 16} bits"
    title = f"{task} of {what} by a linear predictor, to {percent(target, None)} exact match"
    words = paragraph(cells, target)
    report = {
        "task": task,
        "configurations": {name: built.configuration() for name, built in tasks},
        "target": target,
        "cells": [asdict(cell) for cell in cells],
        "paragraph": words,
        "figure": str(out / "length-complexity.svg"),
    }
    draw(cells, out / "length-complexity.svg", title)
    write_atomically(out / "length-complexity.md", f"# {title}\n\n{table(cells)}\n\n{words}\n")
    write_atomically(out / "length-complexity.json", json.dumps(report, indent=1))
    print(json.dumps(report) if as_json else f"{table(cells)}\n\n{words}\n\n{report['figure']}")


def _checkout(module: str) -> Any:
    """A module of the checkout's ``benchmarks/speed``. Raises ArlearnError if only the package is installed."""
    place = Path(arlearn.__file__).parents[2] / "benchmarks"
    if not (place / "speed" / f"{module}.py").is_file():
        raise ArlearnError(
            "this measurement is not in the installed package: clone the repository, run "
            "`pip install -e arlearn` in it, and try again"
        )
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))
    return importlib.import_module(f"speed.{module}")


def _size(quick: bool, context: int, width: int, vocabulary: int, batch: int, threads: int | None) -> Any:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    machine = _checkout("machine")
    return machine.QUICK if quick else machine.Size(context, width, vocabulary, batch)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(option: str, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise ArlearnError(f"{option} {text}: give whole numbers separated by commas, such as 1,8")
    return [int(part) for part in parts]


def _tell(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def _print_estimate(rows: list[dict[str, Any]], assumptions: tuple[str, ...]) -> None:
    first = rows[0]
    layers = ", ".join(f"{name} {number:,}" for name, number in first["parameters_by_layer"].items())
    print(f"{first['parameters']:,} weights ({layers})")
    token, update = first["operations_per_token"] / 1e9, first["operations_per_update"] / 1e12
    print(f"{token:,.3f} GFLOP a counted token, {update:,.1f} TFLOP an update\n")
    lines: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("memory of each, GB", lambda r: f"{r['memory_bytes'] / 1e9:,.1f}{'' if r['fits'] else ' (too much)'}"),
        ("  weights, gradients, moments", lambda r: f"{16 * r['parameters'] / 1e9:,.1f}"),
        ("  activations", lambda r: f"{r['memory_by_part']['activations'] / 1e9:,.1f}"),
        ("seconds an update", lambda r: f"{r['seconds_per_update']:,.4f}"),
        ("  operations", lambda r: f"{r['seconds_by_part']['operations']:,.4f}"),
        ("  optimiser", lambda r: f"{r['seconds_by_part']['optimiser']:,.4f}"),
        ("  exchange of gradients", lambda r: f"{r['seconds_by_part']['exchange']:,.4f}"),
        ("tokens a second", lambda r: f"{r['tokens_per_second']:,.0f}"),
        ("speed-up", lambda r: f"{r['tokens_per_second'] / first['tokens_per_second']:,.2f}"),
        ("updates", lambda r: f"{r['updates']:,.0f}"),
        ("hours", lambda r: f"{r['hours']:,.2f}"),
    ]
    print(f"{'GPUs':32}" + "".join(f"{row['gpus']:>18}" for row in rows))
    for name, show in lines:
        print(f"{name:32}" + "".join(f"{show(row):>18}" for row in rows))
    print(f"\nThe run is limited by its {first['limited_by']}. Assumptions:")
    for each in assumptions:
        print(f"- {each}")
