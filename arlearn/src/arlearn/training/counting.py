"""Making a predictor by counting instead of descent: one pass over the text, no updates."""

from __future__ import annotations

import time

import numpy as np
import torch

from arlearn.errors import ArlearnError
from arlearn.predictors.kneser_ney import estimate
from arlearn.predictors.ngram import NGramPredictor
from arlearn.tasks.text import TextTask
from arlearn.training.loop import Trained
from arlearn.training.preparing import Prepared
from arlearn.training.recipe import Recipe
from arlearn.training.reporting import Reporter

SAMPLE = 65_536  # training tokens that the reported loss is the mean over


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
