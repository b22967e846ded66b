"""Before a run's first update: its directory, its checkpoints, and the task that its recipe names.

recipe.toml     the recipe with every change            model.safetensors   the weights at the end
tokenizer.json  a text's vocabulary                     card.json           what they are and where they are from
metrics.csv     one row an update                       loss.png            the same as a picture
evaluations.csv measurements on the way, if asked for   checkpoints/        to resume from
tensorboard/    wandb/  what trackers were told, if asked for
report.html     what `arlearn report` wrote

``DIR/checkpoints/00001200/`` holds ``state.safetensors`` (weights, the optimiser's moments, random state) and
``about.json`` (the number of the update, which is the position in the schedule and in the data, the run it belongs to,
and the SHA-256 of the other file). A checkpoint is written beside its place, flushed to the disk and renamed: it is
whole or not there. Nothing is ever unpickled.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from filelock import FileLock, Timeout
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.files import file_sha256, replacing_folder, sha256, write_atomically
from arlearn.tasks import load_task
from arlearn.tasks.base import Task
from arlearn.tasks.text import Layout, TextTask
from arlearn.tasks.text_files import TextFile, find_text, tokenise
from arlearn.tokens.bytepair import BytePair
from arlearn.training.progress import DIRECTORIES as TRACKED
from arlearn.training.progress import Reporter
from arlearn.training.recipe import Recipe

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
    """Held by the one command that may write in a directory. The system releases it when that command dies."""

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


def claim_directory(
    out: Path,
    lock: DirectoryLock,
    kind: str,
    marks: Collection[str],
    remove: Collection[str] = (),
    others: bool = False,
) -> None:
    """Make the directory ``out``, take its lock and remove what is named there.

    Args:
        kind: what such a directory holds, for messages: a run, a sweep.
        marks: names of files of which one at least is there if it holds one.
        remove: names of files and folders to remove.
        others: whether ``out`` may hold something else.

    Raises:
        ArlearnError: ``out`` is a file, holds something else or cannot be written, or another command has the lock.
    """
    try:
        if out.exists() and not out.is_dir():
            raise ArlearnError(f"{out} is a file; --out names a directory")
        known = others or any((out / name).exists() for name in marks)
        if not known and out.is_dir() and any(path.name != LOCK for path in out.iterdir()):
            raise ArlearnError(f"{out} is not empty and holds no {kind}; give another --out")
        out.mkdir(parents=True, exist_ok=True)
        lock.take()
        for left in out.glob(".*.part"):  # of a process that was killed while it wrote: the lock is ours
            left.unlink()
        for name in remove:
            if (out / name).is_dir():
                shutil.rmtree(out / name, ignore_errors=True)
            else:
                (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise ArlearnError(f"cannot use {out}: {error.strerror or error}") from error


def open_directory(out: Path, recipe: Recipe, resume: bool, overwrite: bool, lock: DirectoryLock) -> None:
    """Make ``out`` ready for this recipe, and take its lock.

    Raises ArlearnError if a run lies there and neither ``resume`` nor ``overwrite`` is asked for, if the run there has
    another recipe, if another command is writing there, or if ``out`` cannot be written.
    """
    if resume and overwrite:
        raise ArlearnError("--resume continues the run that is there, --overwrite removes it: choose one")
    try:
        if not resume and not overwrite and any((out / name).exists() for name in (*FILES, CHECKPOINTS)):
            raise ArlearnError(f"{out} already holds a run; continue it with --resume, or replace it with --overwrite")
        remove = (*FILES, CHECKPOINTS, *TRACKED) if overwrite else ()
        claim_directory(out, lock, "run", (*FILES, CHECKPOINTS), remove, others=resume)
        if resume and (out / "recipe.toml").is_file():
            _check_same(Recipe.from_toml((out / "recipe.toml").read_text(encoding="utf-8"), recipe.name), recipe, out)
        write_atomically(out / "recipe.toml", recipe.to_toml())
    except (OSError, UnicodeDecodeError) as error:
        raise ArlearnError(f"cannot use {out}: {getattr(error, 'strerror', None) or error}") from error


def clear_unstarted(out: Path) -> None:
    """Remove the files of a run that could not start, so that ``out`` is free. A run that has started stays."""
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
    """The recipe with the text and vocabulary that the run in ``out`` was given, if none are given now."""
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
    """A hash of all that decides a run's numbers. Where the data lies does not matter, but what it contains does."""
    content = recipe.to_mapping()
    content.pop("description")
    content["training"] = {key: value for key, value in content["training"].items() if key not in FREE}
    content["task"] = {key: value for key, value in content["task"].items() if key not in ("data", "tokenizer")}
    parts = [content, (data or {}).get("sha256"), (tokenizer or {}).get("sha256")]
    return sha256(json.dumps(parts, sort_keys=True))


FORMAT = 1
STATE, ABOUT = "state.safetensors", "about.json"


@dataclass(frozen=True)
class Checkpoint:
    """One state of a run.

    Attributes:
        step: updates done.
        run: what the run is (a hash of recipe, data and vocabulary); another run's checkpoints are not taken.
        tensors: weights, moments, random state, by name.
        about: everything else, JSON-ready.
    """

    step: int
    run: str
    tensors: dict[str, Tensor]
    about: dict[str, Any]


def write_checkpoint(directory: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint under ``directory`` and delete all but the newest ``keep``.

    Raises ArlearnError if that fails, for instance because the disk is full: older checkpoints are then untouched.
    """
    place = directory / f"{checkpoint.step:08d}"
    try:
        with replacing_folder(place) as beside:
            safetensors.torch.save_file(checkpoint.tensors, beside / STATE, {"format": "pt"})
            about = {
                "format": FORMAT,
                "step": checkpoint.step,
                "run": checkpoint.run,
                "sha256": file_sha256(beside / STATE),
                **checkpoint.about,
            }
            (beside / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except (OSError, safetensors.SafetensorError) as error:
        full = _is_full(error)
        older = sorted(_steps(directory))
        last = f"the last good checkpoint is that of update {older[-1][0]}" if older else "there is no earlier one"
        raise ArlearnError(
            f"cannot write the checkpoint of update {checkpoint.step} to {directory}: "
            f"{'the disk is full' if full else error}; {last}; make room, then continue with --resume"
        ) from error
    for _, path in sorted(_steps(directory))[:-keep]:
        gone = (
            directory / f".{path.name}-{os.getpid()}"
        )  # renamed first: killed while it deletes, it leaves no torn one
        with suppress(OSError):
            os.rename(path, gone)
        shutil.rmtree(gone, ignore_errors=True)
    return place


def newest_checkpoint(directory: Path, run: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest intact checkpoint of this run, or None, and what was wrong with newer ones, in plain words."""
    for stale in directory.glob(".*-*"):  # of a process that was killed while writing
        shutil.rmtree(stale, ignore_errors=True)
    wrong: list[str] = []
    for _, path in sorted(_steps(directory), reverse=True):
        try:
            return read_checkpoint(path, run), wrong
        except ArlearnError as error:
            wrong.append(str(error))
    return None, wrong


def read_checkpoint(path: Path, run: str | None = None) -> Checkpoint:
    """The checkpoint in this folder. Raises ArlearnError if it is damaged, or belongs to another run."""
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        step, owner, sha256, version = int(about["step"]), str(about["run"]), about["sha256"], about["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArlearnError(f"checkpoint {path} is damaged or not a checkpoint: {ABOUT}: {error!r}") from error
    if version != FORMAT:
        raise ArlearnError(f"checkpoint {path} has format {version}; this version reads format {FORMAT}")
    if run is not None and owner != run:
        raise ArlearnError(f"checkpoint {path} belongs to another run (other recipe, data or vocabulary)")
    try:
        if file_sha256(path / STATE) != sha256:
            raise ArlearnError(f"checkpoint {path} is damaged: {STATE} does not have the hash that {ABOUT} gives")
        tensors = safetensors.torch.load_file(path / STATE)
    except (OSError, safetensors.SafetensorError) as error:
        raise ArlearnError(f"checkpoint {path} is damaged: {STATE}: {error}") from error
    return Checkpoint(step, owner, tensors, about)


def _is_full(error: Exception) -> bool:
    """Whether a write failed for want of room; safetensors tells the system's number in its message only."""
    number = getattr(error, "errno", None)
    if number is None and (told := re.search(r"os error (\d+)", str(error))):
        number = int(told[1])
    return number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _steps(directory: Path) -> Iterator[tuple[int, Path]]:
    for path in directory.glob("[0-9]*"):
        if path.is_dir() and path.name.isdigit():
            yield int(path.name), path


TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Prepared:
    """The task of a run and its data.

    Attributes:
        data, tokenizer: what the card says of them; None for tasks without.
        vocabulary: of a text.
    """

    task: Task
    data: dict[str, Any] | None = None
    tokenizer: dict[str, Any] | None = None
    vocabulary: BytePair | None = None


def check_inputs(recipe: Recipe) -> None:
    """Find a text's file and vocabulary, before a run that is there is replaced. Raises ArlearnError if one cannot be."""
    if recipe.task["kind"] == "text":
        find_text(recipe.task["data"] or None)
        if recipe.task["tokenizer"]:
            BytePair.load(recipe.task["tokenizer"])


def prepare(recipe: Recipe, out: Path, reporter: Reporter) -> Prepared:
    """The task, ready to give batches. A text's vocabulary is read from ``out``, or written there if it is not.

    Raises ArlearnError if data, vocabulary or settings cannot be used.
    """
    if recipe.task["kind"] != "text":
        rest = {key: value for key, value in recipe.task.items() if key != "kind"}
        return Prepared(load_task(recipe.task["kind"], rest))
    source = find_text(recipe.task["data"] or None)
    reporter.note(source.told)
    vocabulary = vocabulary_for(recipe, source.text, out, reporter)
    # how long a compressed text is, only its end tells: stories shrink to about a fifth
    expected = source.text.size() * (5 if source.text.compressed() else 1)
    with reporter.work("tokenising") as work:
        done = 0

        def on_progress(characters: int) -> None:
            nonlocal done
            done += characters
            work.show(min(done / expected, 0.99), f"{done / 1e6:.0f} M characters")

        text = tokenise(source.text, vocabulary, on_progress)
        work.show(1.0, f"{len(text.tokens) / 1e6:.2f} M tokens")
    layout = Layout(recipe.task["context"], recipe.task["boundaries"], recipe.task["padding"], vocabulary.pad)
    task = TextTask(layout, vocabulary.size, vocabulary.end_of_text, text)
    data = {"file": source.text.path.name, "sha256": text.sha256, "bytes": text.bytes, "stories": text.stories}
    tokens = len(text.tokens) - text.stories - 1
    reporter.note(
        f"{text.stories:,} stories, {text.bytes / 1e6:.1f} MB, {tokens:,} tokens of {vocabulary.size:,} "
        f"({text.bytes / tokens:.2f} bytes a token)"
    )
    tokenizer = {"file": TOKENIZER, "sha256": vocabulary.sha256}
    return Prepared(task, data | {"tokens": tokens}, tokenizer, vocabulary)


def vocabulary_for(recipe: Recipe, text: TextFile, out: Path, reporter: Reporter) -> BytePair:
    """The vocabulary kept in ``out``; if there is none, the recipe's or one learned from the text, which is kept."""
    kept = out / TOKENIZER
    if kept.is_file():
        return BytePair.load(kept)
    if recipe.task["tokenizer"]:
        vocabulary = BytePair.load(recipe.task["tokenizer"])
    else:
        reporter.note(f"learning a vocabulary of {recipe.task['vocabulary']:,} tokens from the text ...")
        terminal = reporter.console.is_terminal and not reporter.console.quiet
        vocabulary = BytePair.train(text.stories(), recipe.task["vocabulary"], recipe.task["span"], progress=terminal)
    vocabulary.save(kept)
    return vocabulary
