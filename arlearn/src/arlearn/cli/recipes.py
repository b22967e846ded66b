"""``arlearn recipes``: what can be trained, and every setting."""

from __future__ import annotations

from typing import Annotated

import typer

from arlearn.cli import app


@app.command()
def recipes(
    name: Annotated[
        str | None, typer.Argument(help="A recipe's name or a TOML file; without it, all are listed.")
    ] = None,
    fields: Annotated[bool, typer.Option("--fields", help="Every setting, its default and what it means.")] = False,
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
