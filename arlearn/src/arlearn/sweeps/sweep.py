"""A sweep: trials of one recipe, asked of Optuna, each trained in a directory of its own, ranked by one measure.

``OUT/sweep.db`` (Optuna's SQLite storage) is what a sweep knows; the table, the figure and ``best.toml`` are made from
it. It is written before a trial begins and when it ends, so a sweep that was killed goes on with the trial it was in,
from that trial's own checkpoint, and repeats none that ended.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlearn.errors import ArlearnError
from arlearn.sweeps.report import BEST, FIGURE, LESS_IS_BETTER, RECORD, TABLE, Row, ranked, replace, write_report
from arlearn.sweeps.space import Over, as_changes, combinations
from arlearn.sweeps.trials import Outcome, run_trial
from arlearn.tasks.text_files import TextFile
from arlearn.training.directory import LOCK, DirectoryLock
from arlearn.training.preparation import TOKENIZER, vocabulary_for
from arlearn.training.processes import terminable
from arlearn.training.recipe import Recipe
from arlearn.training.reporting import Reporter, Work

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import Trial

STORAGE, TRIALS = "sweep.db", "trials"
FILES = (STORAGE, TABLE, RECORD, FIGURE, BEST, TOKENIZER)
SEARCHED = 20  # trials of a sweep over ranges, unless told
STATES = {"COMPLETE": "finished", "FAIL": "failed", "RUNNING": "running"}


@dataclass(frozen=True)
class Sweep:
    """What is asked for.

    Attributes:
        base: the recipe as it would be trained (its text and its measurements included).
        plain: the recipe as ``best.toml`` shows it.
        measure: what ranks the trials.
        trials: how many at most; None: all of a grid, 20 of a search.
        sampler: grid, tpe or random.
    """

    base: Recipe
    plain: Recipe
    space: list[Over]
    measure: str
    trials: int | None
    sampler: str
    seed: int

    def check(self) -> None:
        """Raises ArlearnError that lists what does not go together."""
        problems = []
        ranges = [over for over in self.space if not over.choices]
        if not self.space:
            problems.append("a sweep goes over something: give --over key=a,b,c")
        if self.sampler == "grid" and ranges:
            told = ", ".join(str(over) for over in ranges)
            problems.append(f"--sampler grid takes lists, and {told} is a range; take tpe or random")
        if problems:
            raise ArlearnError("; ".join(problems))

    @property
    def count(self) -> int:
        """How many trials make it whole."""
        if self.sampler == "grid":
            whole = sum(1 for _ in combinations(self.space))
            return whole if self.trials is None else min(whole, self.trials)
        return self.trials or SEARCHED

    def identity(self) -> dict[str, Any]:
        """What must be the same for a sweep to go on."""
        recipe = self.base.to_mapping()
        recipe.pop("description")
        over = [str(each) for each in self.space]
        return {"recipe": recipe, "over": over, "sampler": self.sampler, "seed": self.seed, "measure": self.measure}

    def build_sampler(self, number: int) -> BaseSampler:
        """The sampler that chooses trial ``number``: the same whether or not the sweep was stopped before it.

        The trials of a grid are not chosen but listed beforehand.
        """
        from optuna import samplers

        if self.sampler != "tpe":
            return samplers.RandomSampler(seed=self.seed * 100_003 + number)
        return samplers.TPESampler(seed=self.seed * 100_003 + number, multivariate=len(self.space) > 1)


def sweep(
    asked: Sweep, out: Path, reporter: Reporter, *, overwrite: bool = False, retry: bool = False
) -> dict[str, Any]:
    """Run what is missing of the sweep in ``out``; what ``--json`` prints.

    ``retry``: trials that failed are tried again. Raises ArlearnError if nothing was learned, or if ``out`` holds
    something else.
    """
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    asked.check()
    lock = DirectoryLock(out)
    try:
        _open(out, overwrite, lock)
        study = _study(asked, out)
        ready = _with_vocabulary(asked, out, reporter)
        with terminable(), reporter.work("sweep") as work:
            _Going(ready, out, study, work, reporter).all(retry)
        rows = _rows(asked, out, study)
    except (OptunaError, SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise ArlearnError(f"{out / STORAGE} cannot be used: {reason}; --overwrite starts anew") from error
    finally:
        lock.release()
    best = next(iter(ranked(rows, asked.measure)), None)
    if best is None:
        errors = [row.error for row in rows if row.error]
        told = f": {errors[0]}" if errors else ""
        raise ArlearnError(f"none of {len(rows)} trials came to a {asked.measure}{told}; see {out / TABLE}")
    return _report(asked, out, rows, draw=True)


class _Going:
    def __init__(self, asked: Sweep, out: Path, study: Study, work: Work, reporter: Reporter) -> None:
        self.asked, self.out, self.study, self.work, self.reporter = asked, out, study, work, reporter

    def all(self, retry: bool) -> None:
        from optuna.trial import Trial

        for frozen in self.study.get_trials(deepcopy=False):
            if frozen.state.name == "RUNNING":  # the sweep was killed in it
                self.one(Trial(self.study, frozen._trial_id))
        if self.asked.sampler == "grid":  # in order, so that a table that is not whole can be read as well
            for values in itertools.islice(combinations(self.asked.space), self.asked.count):
                self.study.enqueue_trial(values, skip_if_exists=True)
        if retry:
            self._enqueue_failed()
        while self._waiting() or self._tried() < self.asked.count:
            self.study.sampler = self.asked.build_sampler(len(self.study.get_trials(deepcopy=False)))
            self.one(self.study.ask())

    def one(self, trial: Trial) -> None:
        values = {over.key: over.suggest(trial) for over in self.asked.space}
        directory = self.out / TRIALS / f"{trial.number + 1:04d}"
        told = ", ".join(as_changes(values))
        done, count = self._tried(), max(self.asked.count, 1)

        def show(share: float, detail: str) -> None:
            self.work.show((done + share) / count, f"trial {trial.number + 1}/{count}: {told}; {detail}")

        try:
            recipe = self.asked.base.with_changes(as_changes(values))
            outcome = self._same(trial) or run_trial(recipe, directory, show)
        except ArlearnError as error:  # a combination of a search that the recipe does not allow
            outcome = Outcome(0.0, str(error))
        self._end(trial, outcome, told)

    def _same(self, trial: Trial) -> Outcome | None:
        """What an earlier trial with the same values came to; a search may ask twice."""
        for other in self.study.get_trials(deepcopy=False):
            if other.state.name == "COMPLETE" and other.params == trial.params:
                about = other.user_attrs
                return Outcome(about["seconds"], "", about["parameters"], about["metrics"])
        return None

    def _end(self, trial: Trial, outcome: Outcome, told: str) -> None:
        from optuna.trial import TrialState

        measured = outcome.seconds if self.asked.measure == "seconds" else outcome.metrics.get(self.asked.measure)
        error = outcome.error or ("" if measured is not None else f"it was not measured in {self.asked.measure}")
        trial.set_user_attr("error", error)
        trial.set_user_attr("seconds", outcome.seconds)
        trial.set_user_attr("parameters", outcome.parameters)
        trial.set_user_attr("metrics", outcome.metrics)
        if error or measured is None:
            self.study.tell(trial, state=TrialState.FAIL)
            self.reporter.note(f"trial {trial.number + 1}: {told}: failed: {error}")
        else:
            self.study.tell(trial, float(measured))
            self.reporter.note(f"trial {trial.number + 1}: {told}: {self.asked.measure} {float(measured):.4f}")
        _report(self.asked, self.out, _rows(self.asked, self.out, self.study), draw=False)

    def _tried(self) -> int:
        """Trials that ended, retries left out."""
        trials = self.study.get_trials(deepcopy=False)
        return sum(t.state.name in ("COMPLETE", "FAIL") and "retry" not in t.user_attrs for t in trials)

    def _waiting(self) -> bool:
        return any(trial.state.name == "WAITING" for trial in self.study.get_trials(deepcopy=False))

    def _enqueue_failed(self) -> None:
        trials = self.study.get_trials(deepcopy=False)
        newest = {tuple(sorted(trial.params.items())): trial for trial in trials}
        for trial in newest.values():
            if trial.state.name == "FAIL" and trial.params:
                self.study.enqueue_trial(trial.params, user_attrs={"retry": True})


def _open(out: Path, overwrite: bool, lock: DirectoryLock) -> None:
    try:
        if out.exists() and not out.is_dir():
            raise ArlearnError(f"{out} is a file; --out names a directory")
        there = (out / STORAGE).exists()
        if out.is_dir() and not there and any(path.name != LOCK for path in out.iterdir()):
            raise ArlearnError(f"{out} is not empty and holds no sweep; give another --out")
        out.mkdir(parents=True, exist_ok=True)
        lock.take()
        if overwrite:
            for name in FILES:
                (out / name).unlink(missing_ok=True)
            shutil.rmtree(out / TRIALS, ignore_errors=True)
    except OSError as error:
        raise ArlearnError(f"cannot use {out}: {error.strerror or error}") from error


def _study(asked: Sweep, out: Path) -> Study:
    """The sweep in ``out``, or a new one. Raises ArlearnError if another one lies there."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = out / STORAGE
    direction = "minimize" if LESS_IS_BETTER[asked.measure] else "maximize"
    study = optuna.create_study(
        storage=f"sqlite:///{path.resolve()}", study_name="sweep", direction=direction, load_if_exists=True
    )
    before, now = study.user_attrs.get("identity"), asked.identity()
    if before is None:
        study.set_user_attr("identity", now)
    if before is not None and before != now:
        different = [key for key in now if before.get(key) != now[key]]
        raise ArlearnError(f"{out} holds a sweep of another {', '.join(different)}; give another --out or --overwrite")
    return study


def _with_vocabulary(asked: Sweep, out: Path, reporter: Reporter) -> Sweep:
    """A text's vocabulary is learned once, where no trial changes what it is learned from."""
    task = asked.base.task
    swept = {over.key.rpartition(".")[2] for over in asked.space}
    if task["kind"] != "text" or task["tokenizer"] or swept & {"vocabulary", "span", "tokenizer", "data"}:
        return asked
    vocabulary_for(asked.base, TextFile.at(task["data"]), out, reporter)
    return replace_fields(asked, base=asked.base.with_inputs(None, str((out / TOKENIZER).resolve())))


def _rows(asked: Sweep, out: Path, study: Study) -> list[Row]:
    rows = []
    for trial in study.get_trials(deepcopy=False):
        if trial.state.name not in STATES:  # of a grid, not begun
            continue
        about = trial.user_attrs
        rows.append(
            Row(
                trial.number + 1,
                STATES[trial.state.name],
                {over.key: over.written(trial.params.get(over.key, "")) for over in asked.space},
                str(out / TRIALS / f"{trial.number + 1:04d}"),
                about.get("seconds"),
                about.get("parameters"),
                about.get("error", ""),
                about.get("metrics", {}),
            )
        )
    return rows


def _report(asked: Sweep, out: Path, rows: Sequence[Row], draw: bool) -> dict[str, Any]:
    best = next(iter(ranked(rows, asked.measure)), None)
    if best is not None:
        told = ", ".join(as_changes(best.values))
        described = f"{asked.plain.description.rstrip('.')}. Best of {len(rows)} trials: {told}".lstrip(". ")
        recipe = asked.plain.with_changes(as_changes(best.values))
        recipe = Recipe(recipe.name, described, recipe.task, recipe.predictor, recipe.training)
        replace(out / BEST, recipe.to_toml().encode())
    about = {
        "base": asked.plain.name,
        "measure": asked.measure,
        "less_is_better": LESS_IS_BETTER[asked.measure],
        "sampler": asked.sampler,
        "title": f"{asked.plain.name}: {len(ranked(rows, asked.measure))} trials",
    }
    return write_report(out, asked.space, rows, about, draw)
