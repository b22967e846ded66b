"""One run from a recipe to a saved model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from arlearn.kernels.memory import keep_freed_memory
from arlearn.predictors.saving import load_card, save_predictor
from arlearn.training.directory import open_directory, resumed_recipe
from arlearn.training.loop import train
from arlearn.training.metrics import draw_loss, read_metrics
from arlearn.training.preparing import prepare
from arlearn.training.recipe import Recipe
from arlearn.training.reporting import Reporter


def run(
    recipe: Recipe, out: Path, reporter: Reporter, *, resume: bool = False, overwrite: bool = False
) -> dict[str, Any]:
    """Train by ``recipe`` in ``out`` and save the model there; its card.

    The recipe's seconds count from here, the preparation of the data included. Raises ArlearnError if anything that was
    given cannot be used; what lies in ``out`` is then as good as it was.
    """
    began = time.monotonic()
    keep_freed_memory()
    recipe = resumed_recipe(out, recipe, resume)
    open_directory(out, recipe, resume, overwrite)
    prepared = prepare(recipe, out, reporter)
    trained = train(recipe, prepared, out, reporter, began)
    if trained.first:
        metrics = {"loss": trained.loss, "steps": trained.steps, "tokens": trained.tokens, **trained.measured}
        card = {
            "recipe": {"name": recipe.name, **recipe.to_mapping()},
            "task": {"kind": prepared.task.kind, "configuration": prepared.task.configuration()},
            "data": prepared.data,
            "tokenizer": prepared.tokenizer,
            "seconds": round(trained.seconds, 2),
            "metrics": metrics,
        }
        save_predictor(trained.predictor, out, card)
        draw_loss(read_metrics(out / "metrics.csv"), out / "loss.png", f"{recipe.name}: {out.name}")
    return load_card(out)
