"""From a recipe's sections to a predictor and an optimiser."""

from __future__ import annotations

from typing import Any

import torch

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
        raise ArlearnError(f"[predictor] kind = {settings.kind!r}: there are linear, mlp, transformer, ngram and task")
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
        raise ArlearnError("every weight of this predictor is given, so there is nothing to train")
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
