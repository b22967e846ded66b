"""``arlearn train`` makes a model by a recipe, ``recipes`` says what can be trained, ``report`` writes a page about a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli import app, read_prompt


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name (see `arlearn recipes`) or a TOML file.")],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting of the recipe, such as max_minutes=5 or training.batch=64. May be repeated.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Learn from this text: a plain, .xz or .gz file, its stories separated by <|endoftext|>. Default: TinyStories under "
            "OPENBOOK_DATA (default ../shared/data), else from the Hugging Face Hub, else Python's documentation."
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|HUB-ID|train",
            help="Use this vocabulary: a tokenizer.json or a Hugging Face Hub id. The word train learns one from the data.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the run to this directory. Default: runs/RECIPE.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the newest intact checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in the directory.")] = False,
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="tensorboard|wandb",
            help="Send the curves to this service too, while the run lasts. May be repeated. TensorBoard reads DIR/tensorboard.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Train a predictor by a recipe.

    DIR gets model.safetensors, card.json, metrics.csv, loss.png and checkpoints/. A run that was killed continues
    with the same command and --resume.
    """
    from arlearn.training.progress import Reporter
    from arlearn.training.recipe import recipe_for_training
    from arlearn.training.run import run

    wanted = [*(changes or [])]
    if track:
        wanted.append(f"training.track={json.dumps(track)}")
    loaded = recipe_for_training(recipe, wanted, data, tokenizer)
    out = out or Path("runs") / loaded.name
    reporter = Reporter()
    card = run(loaded, out, reporter, resume=resume, overwrite=overwrite)
    if os.environ.get("RANK", "0") != "0":  # of several processes the first tells
        return
    metrics = card["metrics"]
    if as_json:
        print(json.dumps({"out": str(out), "parameters": card["parameters"], "seconds": card["seconds"], **metrics}))
        return
    frozen = f", given: {', '.join(card['frozen'])}" if card["frozen"] else ""
    print(
        f"{out}: {card['parameters']:,} weights{frozen}; {metrics['steps']:,} updates, {metrics['tokens']:,} tokens, "
        f"{card['seconds']:.0f} s; last loss {metrics['loss']:.4f} nats a token"
    )
    print(f"next: arlearn evaluate {out}" + (" --data FILE" if card["task"]["kind"] == "text" else ""))


@app.command()
def recipes(
    name: Annotated[
        str | None, typer.Argument(help="A recipe's name or a TOML file. Without it, all recipes are listed.")
    ] = None,
    fields: Annotated[
        bool, typer.Option("--fields", help="List every setting, its default and what it means.")
    ] = False,
) -> None:
    """List the recipes, show one, or explain every setting that --set takes."""
    from arlearn.training.recipe import field_help, load_recipe, recipe_names
    from arlearn.training.settings import PredictorSettings, TextSettings, TrainingSettings

    if name is not None:
        print(load_recipe(name).to_toml(), end="")
    elif not fields:
        for each in recipe_names():
            print(f"{each:28} {load_recipe(each).description}")
    if fields:
        sections = (("task", TextSettings), ("predictor", PredictorSettings), ("training", TrainingSettings))
        for section, settings in sections:
            print(f"\n[{section}]" + (" of kind text" if section == "task" else ""))
            for key, default, description in field_help(settings):
                print(f"  {key} = {default}\n      {description}")


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="The folder of a model: what train or compile wrote.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Held-out text. Default: the recipe's evaluate_data, or the text beside the training text."),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Show samples and the attribution after this prompt; - reads standard input.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the page here. Default: RUN/report.html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's figures as one JSON object.")] = False,
) -> None:
    """Write one self-contained HTML page about a run, and print its path.

    It shows the loss curve, bits per byte beside a bigram, a 5-gram and other runs on the same text, samples, the
    attribution of one prediction, the settings, versions and times.
    """
    from arlearn.training.progress import Reporter
    from arlearn.training.run_page import write_report

    out = out or run / "report.html"
    figures = write_report(run, out, Reporter(), data, read_prompt(prompt))
    print(json.dumps(figures) if as_json else out)
