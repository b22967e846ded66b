"""Learning rate and weight decay as functions of how much of the run is done."""

from __future__ import annotations

import math

from arlearn.training.settings import TrainingSettings


def rate(settings: TrainingSettings, progress: float) -> float:
    """The learning rate at ``progress``, from 0 at the first update to 1 after the last.

    A run that is limited by updates has progress = updates done / updates in all, so that the rate depends on the
    number of the update alone; one that is limited by time takes the larger of that share and the share of the time,
    so that it, too, ends at the schedule's end.
    """
    if progress < settings.warmup:
        # not from zero: the first update would be lost
        return settings.learning_rate * max(progress / settings.warmup, 0.01)
    left = (1 - min(progress, 1.0)) / (1 - settings.warmup)
    share = {"constant": 1.0, "linear": left, "cosine": 0.5 * (1 - math.cos(math.pi * left))}[settings.schedule]
    return settings.learning_rate * (settings.final + (1 - settings.final) * share)


def decay(settings: TrainingSettings, progress: float) -> float:
    """The weight decay at ``progress``: that of the recipe, or what is left of it on its way to 0 at ``decay_until``.

    Decay takes back what a run's first, large updates put on weights that no right answer needs. It also pulls on those
    that are needed, so a run that wants exact scores ends without it.
    """
    if settings.decay_until is None:
        return settings.weight_decay
    return settings.weight_decay * max(0.0, 1 - progress / settings.decay_until)
