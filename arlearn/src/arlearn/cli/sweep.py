"""``arlearn sweep``: one recipe with several values of some settings."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from arlearn.cli import app

if TYPE_CHECKING:
    from arlearn.training.progress import Reporter
    from arlearn.training.recipe import Recipe

END_ONLY = 10**9  # evaluate_every: larger than any run, so that only its end is measured


@app.command()
def sweep(
    recipe: Annotated[str, typer.Argument(help="A recipe's name (see `arlearn recipes`) or a TOML file.")],
    over: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=A,B,C|KEY=LOW..HIGH",
            help="Values of a setting, or a range of numbers (searched by orders of magnitude where its ends differ by a "
            "factor of 10); may be repeated.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Write the sweep to this directory.")],
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Run at most this many trials. Default: all combinations of lists, 20 with ranges."),
    ] = None,
    sampler: Annotated[
        Literal["grid", "tpe", "random"] | None,
        typer.Option(
            help="Choose the values in this way. Default: grid for lists, tpe (Bayesian) if there is a range."
        ),
    ] = None,
    by: Annotated[
        Literal["bits_per_byte", "exact_match", "digit_accuracy", "loss", "seconds"] | None,
        typer.Option(help="Rank the trials by this measure. Default: bits_per_byte for text, exact_match for tasks."),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting in all trials.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The training text, as in train.")] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            help="Text to measure on. Default: the recipe's evaluate_data, else what lies beside the training "
            "text, else a twentieth of it, held out."
        ),
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(metavar="FILE|HUB-ID|train", help="Use this vocabulary, as in train.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Choose the values with this seed. The seed of the training is --set seed=N.")
    ] = 0,
    retry: Annotated[bool, typer.Option("--retry", help="Repeat trials that failed.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the sweep in the directory.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a recipe with several values of some settings and rank the results.

    OUT gets sweep.csv and sweep.json (a row for each trial), sweep.png, best.toml (a recipe for train) and trials/. A
    sweep that was stopped or killed continues with the same command. Trials that ended are not repeated. A trial that
    failed is a row in the table.
    """
    from arlearn.errors import ArlearnError
    from arlearn.sweeps.space import read_space
    from arlearn.sweeps.sweep import Sweep
    from arlearn.sweeps.sweep import sweep as run_sweep
    from arlearn.training.progress import Reporter
    from arlearn.training.recipe import load_recipe

    if importlib.util.find_spec("optuna") is None:
        raise ArlearnError("a sweep needs optuna, which is not installed; pip install 'arlearn[sweep]'")
    reporter = Reporter()
    plain = load_recipe(recipe).with_changes(changes or []).with_inputs(data, tokenizer)
    text = plain.task["kind"] == "text"
    measure = by or ("bits_per_byte" if text else "exact_match")
    if measure in (("exact_match", "digit_accuracy") if text else ("bits_per_byte",)):
        raise ArlearnError(f"--by {measure} is not measured on {'a text' if text else 'a task with answers'}")
    if held_out is not None and not text:
        raise ArlearnError(f"recipe {plain.name} learns {plain.task['kind']}: --held-out is for text")
    base = _measured(plain, measure, held_out, out, reporter)
    space = read_space(over, base)
    ranges = any(not each.choices for each in space)
    asked = Sweep(base, plain, space, measure, trials, sampler or ("tpe" if ranges else "grid"), seed)
    record = run_sweep(asked, out, reporter, overwrite=overwrite, retry=retry)
    print(json.dumps(record)) if as_json else _print(record)


def _measured(plain: Recipe, measure: str, held_out: Path | None, out: Path, reporter: Reporter) -> Recipe:
    """The recipe with what trials are measured on, and with its text where it lies."""
    from arlearn.files import cache_directory
    from arlearn.tasks.text_files import TextFile, find_text, split_off

    changes = []
    if measure not in ("loss", "seconds") and not plain.training.evaluate_every:
        changes.append(f"evaluate_every={END_ONLY}")
    recipe = plain
    if plain.task["kind"] == "text":
        source = find_text(plain.task["data"] or None)
        reporter.note(source.told)
        beside = (
            TextFile.at(held_out or plain.training.evaluate_data) if held_out or plain.training.evaluate_data else None
        )
        if beside is None and source.held_out is None and measure == "bits_per_byte":
            source = split_off(source.text, cache_directory() / f"held-out-{source.text.sha256()[:16]}")
            reporter.note(source.told)
        beside = beside or source.held_out
        recipe = recipe.with_inputs(source.text.path.resolve(), None)
        if beside is not None and measure == "bits_per_byte":
            reporter.note(f"measured on {beside.path}")
            changes.append(f"evaluate_data={json.dumps(str(beside.path.resolve()))}")
    return recipe.with_changes(changes)


def _print(record: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    measure = record["measure"]
    keys = [key for key in record["trials"][0] if key not in ("directory", "tokens", "parameters", "error", "state")]
    table = Table(box=None, header_style="bold")
    for key in (*keys, "state"):
        table.add_column(key, justify="left" if key == "state" else "right")
    best, sign = record["best"], 1 if record["less_is_better"] else -1
    rows = sorted(record["trials"], key=lambda t: (t[measure] is None, sign * (t[measure] or 0), t["trial"]))
    for trial in rows:
        shown = [_shown(trial[key]) for key in keys]
        state = trial["error"] or trial["state"]
        table.add_row(*shown, state, style="bold" if best and trial["trial"] == best["trial"] else None)
    Console(soft_wrap=False).print(table)
    print(f"\n{record['finished']} finished, {record['failed']} failed; {record['table']}, {record['figure']}")
    print(f"next: arlearn train {record['recipe']}")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
