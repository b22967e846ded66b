"""The training loop: any predictor on any task, by a recipe, resumable at any update.

Hugging Face ``accelerate`` drives it: device, precision, gradients of several processes. Every process takes its rows
of the same batch, which is a pure function of the update's number, so neither the loss curve nor a checkpoint depends
on how many there are, up to the order of sums. An update's loss is the mean over all its targets that count, whichever
pass and process they are in, and what is clipped is the gradient of that mean. Random numbers, where a predictor draws
any, depend on seed, update and process alone, so there is no state of a generator to save.

A run that is limited by updates or epochs is deterministic: killed at any moment and resumed with the same number of
threads, it writes the very losses it would have written. One that is limited by time has a learning rate that follows
the clock; the share of the run that was done is recorded in ``metrics.csv``, and when such a run is resumed the updates
after the checkpoint are repeated with what was recorded, so what was written once does not change; what follows depends
on the clock again. Time spent killed does not count.
"""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.tasks.base import Batch, Task
from arlearn.training.directory import CHECKPOINTS, Checkpoint, Prepared, newest_checkpoint, run_hash, write_checkpoint
from arlearn.training.optimisation import (
    WeightAverage,
    build_optimiser,
    build_predictor,
    decay,
    optimiser_tensors,
    rate,
    restore_optimiser,
)
from arlearn.training.processes import Processes, StopRequest, build_accelerator, interruptible
from arlearn.training.progress import (
    Measurements,
    MetricsFile,
    Reporter,
    Trackers,
    Update,
    build_measure,
    read_metrics,
)
from arlearn.training.recipe import Recipe
from arlearn.training.settings import TrainingSettings


@dataclass(frozen=True)
class Trained:
    """The result of a run.

    Attributes:
        loss: mean of the last updates (a fiftieth of them), in nats a token.
        seconds: of the whole run, stops left out.
        measured: the newest value of everything that was measured on the way.
    """

    predictor: Predictor
    steps: int
    tokens: int
    loss: float
    seconds: float
    measured: dict[str, float]


class LossModule(nn.Module):
    """A predictor whose ``forward`` is its loss, which is what gradients of several processes are gathered through."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, tokens: Tensor, counted: Tensor) -> Tensor:
        return self.predictor.loss(tokens, counted)


def train(
    recipe: Recipe, prepared: Prepared, out: Path, reporter: Reporter, began: float, processes: Processes
) -> Trained:
    """Train by ``recipe``, from the newest intact checkpoint in ``out`` if there is one.

    ``began`` is the ``time.monotonic()`` from which the run's seconds count. Ctrl-C and SIGTERM write a checkpoint and
    raise KeyboardInterrupt or Terminated. Raises ArlearnError if the recipe cannot be followed, the loss is not finite, or a file
    cannot be written.
    """
    with processes.together():
        return TrainingRun(recipe, prepared, out, reporter, began, processes).go()


class TrainingRun:
    """One run from its first or next update to its last."""

    def __init__(
        self,
        recipe: Recipe,
        prepared: Prepared,
        out: Path,
        reporter: Reporter,
        began: float,
        processes: Processes,
    ) -> None:
        self.processes, self.recipe = processes, recipe
        self.settings, self.task, self.out, self.reporter = recipe.training, prepared.task, out, reporter
        self.accelerator = build_accelerator(self.settings)
        self.predictor = build_predictor(recipe.predictor, prepared.task, self.settings.seed)
        self.predictor.to(self.accelerator.device)
        optimiser = build_optimiser(self.settings, self.predictor, self.accelerator.device)
        self.model, self.optimiser = self.accelerator.prepare(LossModule(self.predictor), optimiser)
        self.identity = run_hash(recipe, prepared.data, prepared.tokenizer)
        processes.check_equal(int(self.identity[:15], 16), "the same recipe, text and vocabulary")
        self.limit = step_limit(self.settings, self.task)
        self.measure = build_measure(self.task, self.settings, prepared.vocabulary)
        self.average = WeightAverage(self.predictor)
        self.step, self.tokens, self.progress = 0, 0, 0.0
        self.interrupted, self.stopping = StopRequest(), False
        self.began = began
        self.saved_at = time.monotonic()
        self.replay: dict[int, float] = {}

    def go(self) -> Trained:
        self._resume()
        self.processes.check_equal(self.step, f"the same checkpoints; {self.out} must be a place that all share")
        self.updates = [update for update in read_metrics(self.out / "metrics.csv") if update.step <= self.step]
        self.accelerator.wait_for_everyone()  # the first process is about to shorten the file the others read
        file = MetricsFile(self.out / "metrics.csv", self.step) if self.processes.first else None
        self.measurements = Measurements(self.out / "evaluations.csv", self.step)
        self.trackers = Trackers(self.recipe, self.out, self.step)
        try:
            with interruptible() as self.interrupted, self.reporter.work("training") as work:
                saved = self.step if self.step else -1
                while not self._ended():
                    update = self._update()
                    self.updates.append(update)
                    if file is not None:
                        file.write(update)
                    self.trackers.update(update, self._speed())
                    work.show(self._share(), self._detail())
                    if self.measure is not None and self.step % self.settings.evaluate_every == 0:
                        self._measure()
                    if self.stopping or self._due():
                        saved = self._save()
                    if self.stopping:
                        self.reporter.note(f"stopped after update {self.step:,}; continue with --resume")
                        raise self.interrupted.exception()
                if saved != self.step and self.updates:
                    self._save()
        finally:
            if file is not None:
                file.close()
        if not self.updates:
            self.processes.fail("the time was up before the first update; give a larger max_minutes")
        if self.measure is not None and not any(step == self.step for step, _, _ in self.measurements.rows):
            self._measure()
        self.trackers.end()
        self.average.apply()
        last = self.updates[-max(1, len(self.updates) // 50) :]
        return Trained(
            self.predictor,
            self.step,
            self.tokens,
            sum(update.loss for update in last) / len(last),
            time.monotonic() - self.began,
            self.measurements.last,
        )

    def _share(self) -> float:
        """How much of the run is done: the share of its updates or of its time, whichever is more."""
        shares = [self.progress]
        if self.limit is not None:
            shares.append(self.step / self.limit)
        if self.settings.max_minutes is not None:
            shares.append((time.monotonic() - self.began) / 60 / self.settings.max_minutes)
        return min(1.0, max(shares))

    def _ended(self) -> bool:
        """Whether the run is over; else ``progress`` is set for the next update, the same in every process."""
        if self.step in self.replay:
            self.progress = self.replay[self.step]
            return False
        share = self._share()
        if self.settings.max_minutes is not None:  # no two clocks agree
            share = self.processes.broadcast(share)
        self.progress = share
        return share >= 1

    def _update(self) -> Update:
        settings, accelerator = self.settings, self.accelerator
        learning_rate = rate(settings, self.progress)
        for group in self.optimiser.param_groups:
            group["lr"], group["weight_decay"] = learning_rate, decay(settings, self.progress)
        passes = [
            self.task.batch(self.step * settings.accumulation + number, settings.batch, settings.seed)
            for number in range(settings.accumulation)
        ]
        targets = sum(int(batch.counted[:, 1:].sum()) for batch in passes)
        if targets == 0:
            self.processes.fail(f"update {self.step + 1}: no token of the batch counts")
        torch.manual_seed(random_seed(settings.seed, self.step, self.processes.index))
        nats = torch.zeros((), dtype=torch.float64, device=accelerator.device)
        for number, batch in enumerate(passes):
            last = number == len(passes) - 1
            with contextlib.nullcontext() if last else accelerator.no_sync(self.model):
                nats += self._backward(batch, targets)
        # one process alone may have heard the signal to stop, and all must stop after the same update
        asked = torch.tensor(float(self.interrupted.asked()), dtype=torch.float64, device=accelerator.device)
        nats, asked = accelerator.reduce(torch.stack([nats, asked]), "sum")
        self.stopping = bool(asked) if self.processes.count > 1 else self.interrupted.asked()
        norm = 0.0
        if settings.clip:
            norm = float(accelerator.clip_grad_norm_(self.predictor.parameters(), settings.clip))
        self.optimiser.step()
        self.optimiser.zero_grad()
        loss = float(nats) / targets
        if not math.isfinite(loss):
            self.processes.fail(
                f"the loss is {loss} at update {self.step + 1}; try a smaller learning_rate, a warmup, or clip"
            )
        self.step += 1
        self.tokens += targets
        if settings.average is not None and self.progress >= 1 - settings.average:
            self.average.add()
        return Update(
            self.step, loss, learning_rate, norm, self.progress, self.tokens, round(time.monotonic() - self.began, 3)
        )

    def _backward(self, batch: Batch, targets: int) -> Tensor:
        """Add this process's rows of one pass to the gradient; their loss in nats, summed."""
        accelerator, world = self.accelerator, self.processes.count
        tokens, counted = batch.tokens[self.processes.index :: world], batch.counted[self.processes.index :: world]
        count = int(counted[:, 1:].sum())
        if count == 0:  # every process must take part in the exchange of gradients, if only with zeros
            tokens = batch.tokens[:1]
            counted = torch.ones_like(tokens, dtype=torch.bool)
        tokens, counted = tokens.to(accelerator.device), counted.to(accelerator.device)
        loss: Tensor = self.model(tokens, counted)
        # the exchange averages over processes, and we want the mean over all targets of the update
        accelerator.backward(loss * (count * world / targets))
        return loss.detach().double() * count

    def _measure(self) -> None:
        if not self.processes.first:
            return
        assert self.measure is not None
        self.predictor.eval()
        with torch.no_grad(), self.average.applied():
            values = self.measure(self.predictor)
        self.predictor.train()
        self.measurements.add(self.step, values)
        self.trackers.measured(self.step, values)
        self.reporter.note(f"update {self.step:,}: " + ", ".join(f"{k} {v:.4f}" for k, v in values.items()))

    def _due(self) -> bool:
        settings = self.settings
        if settings.checkpoint_steps and self.step % settings.checkpoint_steps == 0:
            return True
        since = time.monotonic() - self.saved_at
        return bool(settings.checkpoint_minutes) and since >= 60 * settings.checkpoint_minutes

    def _save(self) -> int:
        """Write a checkpoint; the update it was written after."""
        if self.processes.first:
            tensors = {
                f"weights.{name}": tensor.detach().cpu().contiguous()
                for name, tensor in self.predictor.state_dict().items()
            }
            tensors |= optimiser_tensors(self.optimiser.optimizer) | self.average.tensors()
            about = {"tokens": self.tokens, "progress": self.progress, "seconds": time.monotonic() - self.began}
            about["averaged"] = self.average.count
            checkpoint = Checkpoint(self.step, self.identity, tensors, about)
            write_checkpoint(self.out / CHECKPOINTS, checkpoint, self.settings.keep)
        self.saved_at = time.monotonic()
        return self.step

    def _resume(self) -> None:
        """Go back to the newest intact checkpoint, if there is any."""
        found, wrong = newest_checkpoint(self.out / CHECKPOINTS, self.identity)
        for text in wrong:
            self.reporter.note(f"warning: {text}")
        if found is None:
            if wrong:
                raise ArlearnError(
                    f"no checkpoint in {self.out / CHECKPOINTS} can be used: {wrong[0]}; start again with --overwrite"
                )
            self.replay = self._recorded(0)
            return
        weights = {name[8:]: tensor for name, tensor in found.tensors.items() if name.startswith("weights.")}
        try:
            self.predictor.load_state_dict(weights)
            self.tokens, self.progress = int(found.about["tokens"]), float(found.about["progress"])
            self.began -= float(found.about["seconds"])
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise ArlearnError(f"the checkpoint of update {found.step} does not fit this recipe: {error}") from error
        restore_optimiser(self.optimiser.optimizer, found.tensors)
        self.average.restore(found.tensors, int(found.about.get("averaged", 0)))
        self.step = found.step
        self.replay = self._recorded(found.step)
        self.reporter.note(f"continuing from update {found.step:,}")

    def _recorded(self, step: int) -> dict[int, float]:
        """For runs that follow the clock: progress before each update after ``step`` that was already made once."""
        if self.settings.max_minutes is None:
            return {}
        recorded = read_metrics(self.out / "metrics.csv")
        return {update.step - 1: update.progress for update in recorded if update.step > step}

    def _speed(self) -> float:
        """Targets a second, over the last updates."""
        recent = self.updates[-20:]
        seconds = recent[-1].seconds - recent[0].seconds
        return (recent[-1].tokens - recent[0].tokens) / seconds if seconds > 0 else 0.0

    def _detail(self) -> str:
        recent = self.updates[-20:]
        loss = sum(update.loss for update in recent) / len(recent)
        number = f"{self.step:,}" + (f"/{self.limit:,}" if self.limit is not None else "")
        return f"update {number}, loss {loss:.3f}, {self._speed():,.0f} tokens/s"


def step_limit(settings: TrainingSettings, task: Task) -> int | None:
    """How many updates the recipe allows; None if only time limits it.

    Raises ArlearnError for epochs of a task whose examples never end.
    """
    limits = [] if settings.steps is None else [settings.steps]
    if settings.epochs is not None:
        batches = task.batches(settings.batch)
        if batches is None:
            raise ArlearnError(f"the task {task.kind} has no epochs; give steps or max_minutes")
        limits.append(max(1, round(batches * settings.epochs / settings.accumulation)))
    return min(limits) if limits else None


def random_seed(seed: int, step: int, process: int) -> int:
    """Where the random numbers of one update in one process begin."""
    return int(np.random.SeedSequence([seed, step, process]).generate_state(1, np.uint64)[0] >> 1)
