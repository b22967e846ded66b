"""Checkpoints: everything a run needs to go on as if it had never stopped.

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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.files import file_sha256

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


def write(directory: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint under ``directory`` and delete all but the newest ``keep``.

    Raises ArlearnError if that fails, for instance because the disk is full: older checkpoints are then untouched.
    """
    place = directory / f"{checkpoint.step:08d}"
    beside = directory / f".{place.name}-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        safetensors.torch.save_file(checkpoint.tensors, beside / STATE, {"format": "pt"})
        about = {
            "format": FORMAT,
            "step": checkpoint.step,
            "run": checkpoint.run,
            "sha256": file_sha256(beside / STATE),
            **checkpoint.about,
        }
        (beside / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        for path in (beside / STATE, beside / ABOUT, beside):
            _flush(path)
        if place.exists():  # a damaged one of the same update
            shutil.rmtree(place)
        os.rename(beside, place)
        _flush(directory)
    except (OSError, safetensors.SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        full = _is_full(error)
        older = sorted(_steps(directory))
        last = f"the last good checkpoint is that of update {older[-1][0]}" if older else "there is no earlier one"
        raise ArlearnError(
            f"cannot write the checkpoint of update {checkpoint.step} to {directory}: "
            f"{'the disk is full' if full else error}; {last}; make room and go on with --resume"
        ) from error
    for _, path in sorted(_steps(directory))[:-keep]:
        shutil.rmtree(path, ignore_errors=True)
    return place


def newest(directory: Path, run: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest intact checkpoint of this run, or None, and what was wrong with newer ones, in plain words."""
    for stale in directory.glob(".*-*"):  # of a process that was killed while writing
        shutil.rmtree(stale, ignore_errors=True)
    wrong: list[str] = []
    for _, path in sorted(_steps(directory), reverse=True):
        try:
            return read(path, run), wrong
        except ArlearnError as error:
            wrong.append(str(error))
    return None, wrong


def read(path: Path, run: str | None = None) -> Checkpoint:
    """The checkpoint in this folder. Raises ArlearnError if it is damaged, or belongs to another run."""
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        step, owner, sha256, version = int(about["step"]), str(about["run"]), about["sha256"], about["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArlearnError(f"checkpoint {path} is damaged or no checkpoint: {ABOUT}: {error!r}") from error
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


def _flush(path: Path) -> None:
    """Make what was written last through a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
