"""What a recipe can say: one dataclass for each of its sections. The descriptions become the help."""

from __future__ import annotations

import importlib.util
from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from arlearn.errors import ArlearnError

STRICT = ConfigDict(extra="forbid")
# name -> the library it needs, and the extra that installs it
LIBRARIES = {"tensorboard": ("tensorboard", "track"), "wandb": ("wandb", "wandb")}


@dataclass(config=STRICT)
class TextSettings:
    """``[task]`` with kind = "text". Other tasks take their own settings; see each task's documentation."""

    kind: Literal["text"] = Field("text", description="what is learned: text")
    context: int = Field(64, ge=1, description="T: the longest input, in tokens")
    boundaries: Literal["story", "joined"] = Field(
        "story", description="story: no prediction sees another story. joined: stories follow one another in a stream"
    )
    padding: Literal["ignored", "scored"] = Field(
        "ignored",
        description="ignored: pad tokens are neither trained nor scored. scored: they are, as in the paper's public "
        "code (for comparison)",
    )
    vocabulary: int = Field(4096, ge=258, description="the size of a vocabulary that is trained on the data, in tokens")
    span: Literal["word", "sentence"] = Field(
        "word", description="what one token of a trained vocabulary may span: a word, or several words of a sentence"
    )
    tokenizer: str = Field(
        "", description="tokenizer.json or Hugging Face Hub id; empty: train one on the data. --tokenizer overrides it"
    )
    data: str = Field("", description="training text; empty: see arlearn train --data, which overrides it")


@dataclass(config=STRICT)
class PredictorSettings:
    """``[predictor]``."""

    kind: str = Field(
        "linear",
        description="linear, mlp, transformer (takes layers, heads), ngram (takes order: it counts the text once, and of "
        "[training] only epochs = 1 applies), or task: the one that the task itself supplies",
    )
    map: Literal["packed", "shift"] = Field(
        "packed",
        description="packed: a block for each pair of positions, the paper's. shift: a block for each distance",
    )
    width: int = Field(256, ge=1, description="d: how many numbers stand for one token")
    bias: bool = Field(
        False,
        description="whether the output embedding has a bias for each token; of a text it begins at the logarithm of "
        "how often the token occurs",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="further settings of the section, for kinds that take them"
    )


@dataclass(config=STRICT)
class TrainingSettings:
    """``[training]``."""

    steps: int | None = Field(None, ge=1, description="stop after this many updates")
    epochs: float | None = Field(None, gt=0, description="stop after this many passes over the data")
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="stop after this many minutes, preparing the data included; the limit reached first ends the run",
    )
    batch: int = Field(128, ge=1, description="sequences in one forward and backward pass, over all processes")
    accumulation: int = Field(1, ge=1, description="forward and backward passes in one update")
    optimiser: Literal["adamw", "adam"] = Field("adamw", description="adamw decays weights apart from the gradient")
    learning_rate: float = Field(1e-3, gt=0, description="the learning rate at its highest")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="how the rate falls from its highest to final over the run, stepped once an update"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run in which the rate rises from 0")
    final: float = Field(0.0, ge=0, le=1, description="share of the rate that is left at the end")
    weight_decay: float = Field(0.0, ge=0, description="the optimiser's weight decay")
    decay_until: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the run in which weight_decay falls to 0, linearly; left out: it stays as it is",
    )
    betas: tuple[float, float] = Field((0.9, 0.999), description="Adam's two decay rates")
    eps: float = Field(1e-8, gt=0, description="Adam's epsilon")
    clip: float = Field(0.0, ge=0, description="clip the gradient to this norm; 0: never")
    average: float | None = Field(
        None,
        gt=0,
        le=1,
        description="the model is the mean of the weights over this last share of the run; left out: the last weights",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="the precision of the arithmetic; weights and optimiser stay in float32"
    )
    device: Literal["auto", "cpu"] = Field("auto", description="auto: a GPU if there is one; or cpu")
    seed: int = Field(0, ge=0, description="the seed of the first weights and of the data's order")
    checkpoint_steps: int = Field(
        0, ge=0, description="write a checkpoint each time after this many updates; 0: by time alone"
    )
    checkpoint_minutes: float = Field(
        1.0, ge=0, description="write a checkpoint each time after this many minutes; 0: by updates alone"
    )
    keep: int = Field(2, ge=1, description="keep this many checkpoints, the newest ones")
    evaluate_every: int = Field(
        0, ge=0, description="measure each time after this many updates, and at the end; 0: never"
    )
    evaluate_count: int = Field(2000, ge=1, description="held-out sequences to measure on, for tasks with answers")
    track: tuple[Literal["tensorboard", "wandb"], ...] = Field(
        (), description="where else the curves go while the run lasts: tensorboard, wandb; --track NAME adds one"
    )
    evaluate_data: str = Field("", description="held-out text to measure on, for text")


def check_trackers(settings: TrainingSettings) -> None:
    """Raise ArlearnError, naming all of them, where a tracker's library is not installed."""
    missing = [name for name in settings.track if importlib.util.find_spec(LIBRARIES[name][0]) is None]
    if missing:
        extras = ",".join(LIBRARIES[name][1] for name in missing)
        raise ArlearnError(f"track: {', '.join(missing)} is not installed; pip install 'arlearn[{extras}]'")
