"""What a recipe optimises and how: the predictor, the optimiser, its learning rate and weight decay, and the weights' mean.

The mean of the weights over the last part of a run (Polyak and Juditsky 1992) can be taken as the model. An update
follows the few examples of its batch, so the weights never stop moving about the place where the loss is least; their
mean lies nearer to it. The mean is taken beside the training and does not change it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.tasks.base import Task
from arlearn.training.settings import PredictorSettings, TrainingSettings


def build_predictor(settings: PredictorSettings, task: Task, seed: int) -> Predictor:
    """A predictor to be trained from scratch on this task. Raises ArlearnError if the settings do not fit it."""
    if settings.kind == "task":
        configuration = {"map": settings.map, "width": settings.width, "bias": settings.bias, **settings.options}
        supplied = task.predictor(configuration, seed)
        if supplied is None:
            raise ArlearnError(f'[predictor] kind = "task": the task {task.kind} supplies no predictor of its own')
        return supplied
    if settings.kind == "linear":
        from arlearn.predictors.linear import LinearPredictor as Built
    elif settings.kind == "mlp":
        from arlearn.predictors.mlp import MLPPredictor as Built  # type: ignore[assignment]
    elif settings.kind == "transformer":
        from arlearn.predictors.transformer import TransformerPredictor as Built  # type: ignore[assignment]
    else:
        raise ArlearnError(
            f"[predictor] kind = {settings.kind!r}: the kinds are linear, mlp, transformer, ngram and task"
        )
    more = settings.options if settings.kind == "transformer" else {"map": settings.map}
    predictor = Built.build(task.vocabulary, task.context, settings.width, seed=seed, bias=settings.bias, **more)
    counts = task.token_counts() if settings.bias else None
    if counts is not None and predictor.head_bias is not None:
        # descent finds the frequencies in its first hundred updates or so; this saves them
        with torch.no_grad():
            predictor.head_bias.copy_(((counts + 1) / (counts.sum() + len(counts))).log())
    return predictor


def build_optimiser(settings: TrainingSettings, predictor: Predictor, device: torch.device) -> torch.optim.Optimizer:
    """Adam or AdamW over the weights that are learned, fused where the device has it.

    Raises ArlearnError if everything is frozen.
    """
    learned = [parameter for parameter in predictor.parameters() if parameter.requires_grad]
    if not learned:
        raise ArlearnError("all weights of this predictor are fixed, so there is nothing to train")
    kind: type[torch.optim.Optimizer] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.optimiser]
    more: dict[str, Any] = {"fused": True} if device.type in ("cpu", "cuda", "xpu", "mps") else {}
    betas = (settings.betas[0], settings.betas[1])
    more |= {"lr": settings.learning_rate, "betas": betas, "eps": settings.eps, "weight_decay": settings.weight_decay}
    return kind(learned, **more)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's moments and counters by name; ``restore_optimiser`` takes them back."""
    state: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
    return {
        f"optimiser.{number}.{name}": torch.as_tensor(value).detach().cpu().contiguous()
        for number, values in state.items()
        for name, value in values.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Raises ArlearnError if the tensors are not this optimiser's."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, number, key = name.split(".", 2)
            state.setdefault(int(number), {})[key] = tensor
    try:
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                for key, value in optimiser.state[parameter].items():
                    if key != "step" and value.shape != parameter.shape:
                        raise ValueError(f"a moment {tuple(value.shape)} for a weight {tuple(parameter.shape)}")
    except (ValueError, KeyError, RuntimeError) as error:
        raise ArlearnError(f"the checkpoint's optimiser does not fit this recipe: {error}") from error


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


PREFIX = "average."


class WeightAverage:
    """The running mean of a predictor's learned weights after each update, of equal weight, in float32.

    Attributes:
        count: updates that it is the mean of.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._learned = {name: weight for name, weight in predictor.named_parameters() if weight.requires_grad}
        self._mean: dict[str, Tensor] = {}
        self.count = 0

    @torch.no_grad()
    def add(self) -> None:
        """Take the weights as they are now into the mean."""
        self.count += 1
        if self.count == 1:
            self._mean = {name: weight.detach().clone() for name, weight in self._learned.items()}
        for name, weight in self._learned.items():
            self._mean[name].lerp_(weight, 1 / self.count)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The predictor has the mean as its weights until the end of the block; its own ones come back then."""
        own = {name: weight.detach().clone() for name, weight in self._learned.items()} if self.count else {}
        self.apply()
        try:
            yield
        finally:
            self._set(own)

    def apply(self) -> None:
        """Make the mean the predictor's weights, if there is one."""
        self._set(self._mean)

    @torch.no_grad()
    def _set(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._learned[name].copy_(value)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps, with ``count``; ``restore`` takes both back."""
        return {PREFIX + name: value.cpu().contiguous() for name, value in self._mean.items()}

    def restore(self, tensors: Mapping[str, Tensor], count: int) -> None:
        """Raises ArlearnError if the tensors are no mean of this predictor's weights."""
        found = {name[len(PREFIX) :]: value for name, value in tensors.items() if name.startswith(PREFIX)}
        wanted = self._learned if count else {}
        if {name: value.shape for name, value in found.items()} != {n: w.shape for n, w in wanted.items()}:
            raise ArlearnError("the checkpoint's mean of the weights does not fit this recipe")
        self.count = count
        self._mean = {name: value.to(self._learned[name].device) for name, value in found.items()}
