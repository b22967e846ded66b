"""One trial of a sweep: ``arlearn train`` in a process of its own, so that a failure ends that trial only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arlearn.errors import ArlearnError
from arlearn.predictors.saving import load_card
from arlearn.training.directory import CHECKPOINTS, DirectoryLock
from arlearn.training.progress import read_metrics
from arlearn.training.recipe import Recipe

LOOK = 0.5  # seconds between two looks at how far a trial is
PATIENCE = 60.0  # seconds that a trial has to write its checkpoint when the sweep is stopped


@dataclass(frozen=True)
class TrialOutcome:
    """The result of a trial.

    Attributes:
        error: why it failed, in one line; empty if it did not.
        seconds: what its card says, or how long it took to fail.
        metrics: the card's.
    """

    seconds: float
    error: str = ""
    parameters: int | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


def run_trial(recipe: Recipe, directory: Path, show: Callable[[float, str], None]) -> TrialOutcome:
    """Train by ``recipe`` in ``directory``, continuing an earlier run there.

    ``show(share, detail)`` is told how far it is. KeyboardInterrupt lets the trial write a checkpoint first. Raises
    ArlearnError if its files cannot be written.
    """
    began = time.monotonic()
    _wait(directory, show)
    file, log = directory.with_suffix(".toml"), directory.with_suffix(".log")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(recipe.to_toml(), encoding="utf-8")
        with log.open("w", encoding="utf-8") as opened:
            command = [
                sys.executable,
                "-P",
                "-m",
                "arlearn.cli",
                "train",
                str(file),
                "--out",
                str(directory),
                "--resume",
            ]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=opened, stderr=opened, env=_alone())
    except OSError as error:
        raise ArlearnError(f"cannot start a trial in {directory}: {error.strerror or error}") from error
    try:
        while process.poll() is None:
            time.sleep(LOOK)
            _tell(directory, recipe, show)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    try:
        if process.returncode != 0:
            raise ArlearnError(_reason(process.returncode, log))
        card = load_card(directory)
    except ArlearnError as error:
        return TrialOutcome(round(time.monotonic() - began, 2), str(error))
    shutil.rmtree(directory / CHECKPOINTS, ignore_errors=True)  # three times the model, and of no more use
    return TrialOutcome(float(card["seconds"]), "", int(card["parameters"]), dict(card["metrics"]))


def _wait(directory: Path, show: Callable[[float, str], None]) -> None:
    """A sweep that was killed may have left its trial running; what it does then is not done twice."""
    while directory.is_dir():
        lock = DirectoryLock(directory)
        try:
            lock.take()
        except ArlearnError:
            show(0.0, f"waiting for {directory}, which an earlier command is still training")
            time.sleep(LOOK)
        else:
            lock.release()
            return


def _alone() -> dict[str, str]:
    """The environment without what a launcher of several processes says of this one."""
    return {name: value for name, value in os.environ.items() if name not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}


def _tell(directory: Path, recipe: Recipe, show: Callable[[float, str], None]) -> None:
    updates = read_metrics(directory / "metrics.csv")
    if not updates:
        show(0.0, "preparing")
        return
    last, settings = updates[-1], recipe.training
    shares = [last.progress]
    if settings.max_minutes is not None:
        shares.append(last.seconds / 60 / settings.max_minutes)
    show(min(1.0, max(shares)), f"update {last.step:,}, loss {last.loss:.3f}")


def _reason(code: int, log: Path) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        return f"ended by {name}" + (" (for lack of memory?)" if name == "SIGKILL" else "")
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("arlearn: ") if lines else f"ended with code {code}"
