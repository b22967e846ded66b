"""One run from a recipe to a saved model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from arlearn.errors import ArlearnError
from arlearn.predictors.saving import load_card, save_predictor
from arlearn.training.counting import count
from arlearn.training.directory import DirectoryLock, clear_unstarted, open_directory, resumed_recipe
from arlearn.training.loop import Trained, train
from arlearn.training.memory import keep_freed_memory
from arlearn.training.metrics import draw_loss, read_metrics
from arlearn.training.preparing import Prepared, check_inputs, prepare
from arlearn.training.processes import Processes
from arlearn.training.recipe import Recipe
from arlearn.training.reporting import Reporter
from arlearn.training.tracking import check_trackers


def run(
    recipe: Recipe, out: Path, reporter: Reporter, *, resume: bool = False, overwrite: bool = False
) -> dict[str, Any]:
    """Train by ``recipe`` in ``out`` and save the model there; its card.

    The recipe's seconds count from here, the preparation of the data included. Raises ArlearnError if anything that was
    given cannot be used; what lies in ``out`` is then as good as it was.
    """
    began = time.monotonic()
    keep_freed_memory()
    check_trackers(recipe.training)
    processes = Processes(recipe.training)
    if not processes.first:
        reporter = Reporter(quiet=True)
    with processes.together():
        whole = processes.in_turn(lambda: resumed_recipe(out, recipe, resume))
        lock = DirectoryLock(out)
        try:
            if not resume:
                processes.in_turn(lambda: check_inputs(whole))
            processes.first_alone(lambda: open_directory(out, whole, resume, overwrite, lock))
            prepared = _prepared(processes, whole, out, reporter)
            if recipe.predictor.kind == "ngram":
                trained = count(whole, prepared, reporter, began)
            else:
                trained = train(whole, prepared, out, reporter, began, processes)
            processes.first_alone(lambda: _save(whole, prepared, trained, out, processes.count))
            card = load_card(out)
            processes.end()
        finally:
            lock.release()
    return card


def _prepared(processes: Processes, recipe: Recipe, out: Path, reporter: Reporter) -> Prepared:
    try:
        return processes.in_turn(lambda: prepare(recipe, out, reporter))
    except ArlearnError:
        if processes.first:
            clear_unstarted(out)
        raise


def _save(recipe: Recipe, prepared: Prepared, trained: Trained, out: Path, processes: int) -> None:
    card = {
        "recipe": {"name": recipe.name, **recipe.to_mapping()},
        "task": {"kind": prepared.task.kind, "configuration": prepared.task.configuration()},
        "data": prepared.data,
        "tokenizer": prepared.tokenizer,
        "seconds": round(trained.seconds, 2),
        "processes": processes,
        "metrics": {"loss": trained.loss, "steps": trained.steps, "tokens": trained.tokens, **trained.measured},
    }
    save_predictor(trained.predictor, out, card)
    if updates := read_metrics(out / "metrics.csv"):  # none where nothing is learned step by step
        draw_loss(updates, out / "loss.png", f"{recipe.name}: {out.name}")
