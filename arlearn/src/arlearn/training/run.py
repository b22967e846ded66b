"""One run from a recipe to a saved model: prepare the task, train or count, save.

For text the task is prepared from the file, the vocabulary and the tokens. An n-gram predictor is made by counting, in
one pass over the text; all others are trained by ``loop.train``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arlearn.errors import ArlearnError
from arlearn.predictors.ngram import NGramPredictor, estimate
from arlearn.predictors.saving import load_card, save_predictor
from arlearn.tasks.text import TextTask
from arlearn.training.directory import (
    DirectoryLock,
    Prepared,
    check_inputs,
    clear_unstarted,
    open_directory,
    prepare,
    resumed_recipe,
)
from arlearn.training.loop import Trained, train
from arlearn.training.processes import Processes, keep_freed_memory
from arlearn.training.progress import Reporter, draw_loss, read_metrics
from arlearn.training.recipe import Recipe
from arlearn.training.settings import check_trackers

SAMPLE = 65_536  # training tokens that the reported loss is the mean over


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


def count(recipe: Recipe, prepared: Prepared, reporter: Reporter, began: float) -> Trained:
    """The n-gram predictor of the recipe's text. ``began`` and the result are as in ``loop.train``.

    Raises ArlearnError if the task is no text, or the text has no n-grams of the recipe's order.
    """
    task = prepared.task
    if not isinstance(task, TextTask) or task.text is None:
        raise ArlearnError(f'[predictor] kind = "ngram" counts the n-grams of a text; the task is {task.kind}')
    order = int(recipe.predictor.options.get("order", 5))
    starts = task.text.starts
    if task.layout.boundaries == "joined":
        starts = starts[[0, -1]]
    with reporter.work("counting") as work:
        levels = estimate(np.asarray(task.text.tokens), starts, task.vocabulary, order, work.show)
        work.show(1.0, f"{sum(len(level.keys) for level in levels):,} n-grams")
    for length, level in enumerate(levels, 1):
        shown = ", ".join(f"{discount:.3f}" for discount in level.discounts)
        reporter.note(f"{len(level.keys):,} {length}-grams, discounts {shown}")
    predictor = NGramPredictor.from_levels(levels, task.vocabulary)
    batch = task.batch(0, max(1, SAMPLE // task.context), recipe.training.seed)
    with torch.no_grad():
        loss = float(predictor.loss(batch.tokens, batch.counted))
    tokens = len(task.text.tokens) - 1
    return Trained(predictor, 1, tokens, loss, time.monotonic() - began, {})
