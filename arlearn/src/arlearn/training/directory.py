"""The directory of a run: what lies in it, and when a run may write there.

recipe.toml     the recipe with every change            model.safetensors   the weights at the end
tokenizer.json  a text's vocabulary                     card.json           what they are and where they are from
metrics.csv     one row an update                       loss.png            the same as a picture
evaluations.csv measurements on the way, if asked for   checkpoints/        to resume from
tensorboard/    wandb/  what trackers were told, if asked for
report.html     what `arlearn report` wrote
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from arlearn.errors import ArlearnError
from arlearn.files import sha256, write_atomically
from arlearn.training.recipe import Recipe
from arlearn.training.reporting import DIRECTORIES as TRACKED

FILES = (
    "recipe.toml",
    "tokenizer.json",
    "metrics.csv",
    "evaluations.csv",
    "loss.png",
    "model.safetensors",
    "card.json",
    "report.html",
)
CHECKPOINTS = "checkpoints"
LOCK = ".lock"
# These do not change what is computed, so a run may be resumed with others.
FREE = {"checkpoint_steps", "checkpoint_minutes", "keep", "device", "track"}


class DirectoryLock:
    """Held by the one command that may write in a directory; the system lets go of it when that command dies."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = FileLock(directory / LOCK, timeout=0)

    def take(self) -> None:
        """Raises ArlearnError if another command holds it."""
        try:
            self._lock.acquire()
        except Timeout as error:
            raise ArlearnError(f"another command is writing in {self.directory}; wait for it, or end it") from error

    def release(self) -> None:
        self._lock.release()


def open_directory(out: Path, recipe: Recipe, resume: bool, overwrite: bool, lock: DirectoryLock) -> None:
    """Make ``out`` ready for this recipe, and take its lock.

    Raises ArlearnError if a run lies there and neither ``resume`` nor ``overwrite`` is asked for, if the run there has
    another recipe, if another command is writing there, or if ``out`` cannot be written.
    """
    if resume and overwrite:
        raise ArlearnError("--resume goes on with the run that is there, --overwrite removes it: choose one")
    try:
        if out.exists() and not out.is_dir():
            raise ArlearnError(f"{out} is a file; --out names a directory")
        there = [name for name in (*FILES, CHECKPOINTS) if (out / name).exists()]
        if there and not resume and not overwrite:
            raise ArlearnError(f"{out} already holds a run; go on with it by --resume, or replace it by --overwrite")
        if not there and not resume and out.is_dir() and any(path.name != LOCK for path in out.iterdir()):
            raise ArlearnError(f"{out} is not empty and holds no run; give another --out")
        out.mkdir(parents=True, exist_ok=True)
        lock.take()
        if overwrite:
            for name in FILES:
                (out / name).unlink(missing_ok=True)
            for name in (CHECKPOINTS, *TRACKED):
                shutil.rmtree(out / name, ignore_errors=True)
        if resume and (out / "recipe.toml").is_file():
            _check_same(Recipe.from_toml((out / "recipe.toml").read_text(encoding="utf-8"), recipe.name), recipe, out)
        write_atomically(out / "recipe.toml", recipe.to_toml())
    except (OSError, UnicodeDecodeError) as error:
        raise ArlearnError(f"cannot use {out}: {getattr(error, 'strerror', None) or error}") from error


def clear_unstarted(out: Path) -> None:
    """Take away what a run left that could not begin, so that ``out`` is free; a run that has begun stays."""
    before = ("recipe.toml", "tokenizer.json")  # all that is written before the first update
    if any((out / name).exists() for name in (*FILES, CHECKPOINTS) if name not in before):
        return
    with suppress(OSError):  # what cannot be removed stays
        for name in (*before, LOCK):
            (out / name).unlink(missing_ok=True)
        out.rmdir()


def _check_same(old: Recipe, new: Recipe, out: Path) -> None:
    before, after = old.to_mapping(), new.to_mapping()
    differing = [
        f"{section}.{key} was {before[section].get(key)!r}, now {after[section].get(key)!r}"
        for section in ("task", "predictor", "training")
        for key in sorted({*before[section], *after[section]} - FREE)
        if before[section].get(key) != after[section].get(key)
    ]
    if differing:
        raise ArlearnError(f"{out} holds a run of another recipe: " + "; ".join(differing))


def resumed_recipe(out: Path, recipe: Recipe, resume: bool) -> Recipe:
    """The recipe with the text and vocabulary that the run in ``out`` was given, where none are given now."""
    saved = out / "recipe.toml"
    if not resume or not saved.is_file() or recipe.task["kind"] != "text":
        return recipe
    try:
        before = Recipe.from_toml(saved.read_text(encoding="utf-8"), recipe.name)
    except (OSError, UnicodeDecodeError) as error:
        raise ArlearnError(f"cannot read {saved}: {error}") from error
    given = {key: recipe.task[key] or before.task.get(key, "") for key in ("data", "tokenizer")}
    return Recipe(recipe.name, recipe.description, recipe.task | given, recipe.predictor, recipe.training)


def run_hash(recipe: Recipe, data: dict[str, Any] | None, tokenizer: dict[str, Any] | None) -> str:
    """What a run is: all that decides its numbers. The data's place does not matter, its content does."""
    content = recipe.to_mapping()
    content.pop("description")
    content["training"] = {key: value for key, value in content["training"].items() if key not in FREE}
    content["task"] = {key: value for key, value in content["task"].items() if key not in ("data", "tokenizer")}
    parts = [content, (data or {}).get("sha256"), (tokenizer or {}).get("sha256")]
    return sha256(json.dumps(parts, sort_keys=True))
