"""The loss curve in TensorBoard or Weights & Biases while a run goes on, through accelerate's trackers.

They get what ``metrics.csv`` and ``evaluations.csv`` get, and nothing reads them back: a run is the same without them.
"""

from __future__ import annotations

import importlib.util
import secrets
from pathlib import Path
from typing import Any

from arlearn.errors import ArlearnError
from arlearn.training.metrics import Update
from arlearn.training.recipe import Recipe
from arlearn.training.settings import TrainingSettings

# name -> the library it needs, and the extra that installs it
LIBRARIES = {"tensorboard": ("tensorboard", "track"), "wandb": ("wandb", "wandb")}
# what they leave in the directory of a run
DIRECTORIES = ("tensorboard", "wandb")


def check_trackers(settings: TrainingSettings) -> None:
    """Raise ArlearnError, naming all of them, where a tracker's library is not installed."""
    missing = [name for name in settings.track if importlib.util.find_spec(LIBRARIES[name][0]) is None]
    if missing:
        extras = ",".join(LIBRARIES[name][1] for name in missing)
        raise ArlearnError(f"track: {', '.join(missing)} is not installed; pip install 'arlearn[{extras}]'")


class Trackers:
    """Those a recipe asks for; for most recipes there are none. Only the first process's write anything."""

    def __init__(self, recipe: Recipe, out: Path, step: int) -> None:
        """``step``: the update after which the run goes on; what was tracked of later ones is withdrawn.

        Raises ArlearnError if one cannot be started.
        """
        self._trackers: list[Any] = []
        for name in recipe.training.track:
            tracker = _tensorboard(out, step) if name == "tensorboard" else _wandb(recipe, out)
            try:
                tracker.start()
                if step == 0:
                    tracker.store_init_configuration(_flat(recipe))
            except Exception as error:  # whatever a service and its client may raise
                hint = "; set WANDB_MODE=offline to go without the service" if name == "wandb" else ""
                raise ArlearnError(f"{name} cannot be started: {' '.join(str(error).split())}{hint}") from error
            self._trackers.append(tracker)

    def update(self, update: Update, speed: float) -> None:
        """``speed`` in targets a second."""
        values = {
            "training/loss": update.loss,
            "training/learning_rate": update.learning_rate,
            "training/gradient_norm": update.gradient_norm,
            "training/tokens": update.tokens,
            "training/tokens_per_second": speed,
        }
        self._log(values, update.step)

    def measured(self, step: int, values: dict[str, float]) -> None:
        self._log({f"evaluation/{name}": value for name, value in values.items()}, step)

    def _log(self, values: dict[str, float], step: int) -> None:
        for tracker in self._trackers:
            try:
                tracker.log(values, step=step)
            except OSError as error:
                raise ArlearnError(
                    f"{tracker.name} cannot write: {error.strerror or error}; make room and go on with --resume"
                ) from error

    def end(self) -> None:
        for tracker in self._trackers:
            tracker.finish()


def _tensorboard(out: Path, step: int) -> Any:
    from accelerate.tracking import TensorBoardTracker

    return TensorBoardTracker("tensorboard", out, purge_step=step + 1)


def _wandb(recipe: Recipe, out: Path) -> Any:
    from accelerate.tracking import WandBTracker

    # kept, so that a run that goes on after a kill is one run there too
    kept = out / "wandb" / "run-id"
    if not kept.is_file():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(secrets.token_hex(8), encoding="utf-8")
    identity = kept.read_text(encoding="utf-8").strip()
    return WandBTracker("arlearn", name=f"{recipe.name}: {out.name}", id=identity, resume="allow", dir=str(out))


def _flat(recipe: Recipe) -> dict[str, Any]:
    """section.key -> value, of the kinds that every tracker takes."""
    tables = {key: table for key, table in recipe.to_mapping().items() if isinstance(table, dict)}
    return {
        f"{section}.{key}": value if isinstance(value, bool | int | float | str) else str(value)
        for section, table in tables.items()
        for key, value in table.items()
    }
