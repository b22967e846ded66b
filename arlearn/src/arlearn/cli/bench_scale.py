"""``arlearn bench estimate`` and ``arlearn bench processes``: beyond one machine, on paper and measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from arlearn.cli.bench import bench_app

Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@bench_app.command()
def estimate(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or a TOML file.")],
    gpus: Annotated[str, typer.Option(help="How many GPUs; several numbers separated by commas.")] = "1,8",
    changes: Changes = None,
    vocabulary: Annotated[
        int | None, typer.Option(min=2, help="Tokens, where the recipe names a vocabulary that is not here.")
    ] = None,
    tokens: Annotated[
        float | None, typer.Option(min=1, help="Tokens of an epoch, for a recipe limited by epochs.")
    ] = None,
    tflops: Annotated[float, typer.Option(min=0.001, help="Dense peak in bfloat16, TFLOP/s.")] = 312,
    tflops32: Annotated[float, typer.Option(min=0.001, help="Dense peak in float32, TFLOP/s.")] = 19.5,
    utilisation: Annotated[float, typer.Option(min=0.001, max=1, help="Share of the peak that is reached.")] = 0.4,
    memory: Annotated[float, typer.Option(min=0.001, help="Of one GPU, GB.")] = 80,
    bandwidth: Annotated[float, typer.Option(min=0.001, help="Of its memory, GB/s.")] = 2039,
    link: Annotated[float, typer.Option(min=0.001, help="Between GPUs, each way, GB/s.")] = 300,
    as_json: Json = False,
) -> None:
    """A recipe's memory, operations and time on GPUs, on paper. The defaults are the data sheet of an A100 80 GB.

    Weights and operations are exact; memory and time rest on assumptions, which are printed.
    """
    from arlearn.benchmarks.estimate import ASSUMPTIONS, Gpu
    from arlearn.benchmarks.estimate import estimate as on_paper
    from arlearn.training.recipe import load_recipe

    loaded = load_recipe(recipe).with_changes(changes or [])
    sheet = Gpu(tflops * 1e12, tflops32 * 1e12, memory * 1e9, bandwidth * 1e9, link * 1e9, utilisation)
    rows = [on_paper(loaded, number, sheet, vocabulary, tokens) for number in _numbers("--gpus", gpus)]
    if as_json:
        print(json.dumps({"recipe": loaded.name, "estimates": rows, "assumptions": ASSUMPTIONS}))
        return
    _print_estimate(rows, ASSUMPTIONS)


@bench_app.command()
def processes(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or a TOML file.")] = "tinystories-cpu",
    counts: Annotated[str, typer.Option("--processes", help="How many; several numbers separated by commas.")] = "1,2",
    updates: Annotated[int, typer.Option(min=4, help="Updates of each run; the first quarter is not timed.")] = 40,
    changes: Changes = None,
    data: Annotated[Path | None, typer.Option(help="Training text, as in train.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of each process. Default: the machine's cores shared out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tokens a second by one process and by several on this machine (torchrun, gloo), and whether their losses agree.

    The recipe's batch is that of all processes together, so all runs learn the same from the same.
    """
    from arlearn.benchmarks.processes import bench_processes
    from arlearn.training.recipe import load_recipe

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


def _numbers(option: str, text: str) -> list[int]:
    from arlearn.errors import ArlearnError

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ArlearnError(f"{option} {text}: give whole numbers separated by commas, such as 1,8")
    return [int(part) for part in parts]


def _tell(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def _print_estimate(rows: list[dict[str, Any]], assumptions: tuple[str, ...]) -> None:
    first = rows[0]
    layers = ", ".join(f"{name} {number:,}" for name, number in first["parameters_by_layer"].items())
    print(f"{first['parameters']:,} weights ({layers})")
    print(
        f"{first['operations_per_token'] / 1e9:,.3f} GFLOP a counted token, {first['operations_per_update'] / 1e12:,.1f} TFLOP an update\n"
    )
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
    print(f"\nends by {first['limited_by']}. Assumed:")
    for each in assumptions:
        print(f"- {each}")
