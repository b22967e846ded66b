"""A sweep: trials of one recipe, asked of Optuna, each trained in a folder of its own, ranked by one measure.

``OUT/sweep.db`` (Optuna's SQLite storage) is what a sweep knows; the table, the figure and ``best.toml`` are made from
it. It is written before a trial begins and when it ends, so a sweep that was killed goes on with the trial it was in,
from that trial's own checkpoint, and repeats none that ended.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import warnings
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlearn.errors import ArlearnError
from arlearn.files import replacing, write_atomically
from arlearn.sweeps.space import SweptSetting, as_changes, combinations
from arlearn.sweeps.trials import TrialOutcome, run_trial
from arlearn.tasks.text_files import TextFile
from arlearn.training.directory import TOKENIZER, DirectoryLock, claim_directory, vocabulary_for
from arlearn.training.processes import terminable
from arlearn.training.progress import Reporter, Work
from arlearn.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

# what can rank trials: whether less is better
LESS_IS_BETTER = {"bits_per_byte": True, "exact_match": False, "digit_accuracy": False, "loss": True, "seconds": True}
STORAGE, TRIALS = "sweep.db", "trials"
TABLE, RECORD, FIGURE, BEST = "sweep.csv", "sweep.json", "sweep.png", "best.toml"
FILES = (STORAGE, TRIALS, TABLE, RECORD, FIGURE, BEST, TOKENIZER)
SEARCHED = 20  # trials of a sweep over ranges, unless another number is given
STATES = {"COMPLETE": "finished", "FAIL": "failed", "RUNNING": "running"}


@dataclass(frozen=True)
class Sweep:
    """The settings of a sweep. Raises ArlearnError if the space and the sampler do not fit together.

    Attributes:
        base: the recipe as it would be trained (its text and its measurements included).
        plain: the recipe as ``best.toml`` shows it.
        measure: what ranks the trials.
        trials: how many at most; None: all of a grid, 20 of a search.
        sampler: grid, tpe or random.
    """

    base: Recipe
    plain: Recipe
    space: list[SweptSetting]
    measure: str
    trials: int | None
    sampler: str
    seed: int

    def __post_init__(self) -> None:
        if not self.space:
            raise ArlearnError("a sweep needs at least one setting: give --over key=a,b,c")
        ranges = ", ".join(str(setting) for setting in self.space if not setting.choices)
        if self.sampler == "grid" and ranges:
            raise ArlearnError(f"--sampler grid needs lists, but {ranges} is a range; use tpe or random")

    @property
    def count(self) -> int:
        """How many trials complete the sweep."""
        if self.sampler != "grid":
            return self.trials or SEARCHED
        whole = sum(1 for _ in combinations(self.space))
        return whole if self.trials is None else min(whole, self.trials)

    def identity(self) -> dict[str, Any]:
        """What must be the same for a sweep to be continued."""
        recipe = self.base.to_mapping()
        recipe.pop("description")
        over = [str(each) for each in self.space]
        return {"recipe": recipe, "over": over, "sampler": self.sampler, "seed": self.seed, "measure": self.measure}

    def build_sampler(self, number: int) -> BaseSampler:
        """The sampler that chooses trial ``number``: the same whether or not the sweep was stopped before it.

        The trials of a grid are not chosen but listed beforehand.
        """
        from optuna import samplers

        seed = self.seed * 100_003 + number
        if self.sampler != "tpe":
            return samplers.RandomSampler(seed=seed)
        return samplers.TPESampler(seed=seed, multivariate=len(self.space) > 1)


def sweep(
    asked: Sweep, out: Path, reporter: Reporter, *, overwrite: bool = False, retry: bool = False
) -> dict[str, Any]:
    """Run the trials that the sweep in ``out`` lacks. Returns what ``--json`` prints.

    ``retry``: trials that failed are tried again. Raises ArlearnError if nothing was learned, or if ``out`` holds
    something else.
    """
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    lock = DirectoryLock(out)
    try:
        claim_directory(out, lock, "sweep", (STORAGE,), FILES if overwrite else ())
        study = _study(asked, out)
        with terminable(), reporter.work("sweep") as work:
            running = _Running(_with_vocabulary(asked, out, reporter), out, study, work, reporter)
            running.run(retry)
        record = running.report()
        if record["best"] is None:
            trials = record["trials"]
            reason = next((f": {row['error']}" for row in trials if row["error"]), "")
            raise ArlearnError(
                f"none of {len(trials)} trials has a result in {asked.measure}{reason}; see {out / TABLE}"
            )
        _draw(asked, study, out / FIGURE)
        return record
    except (OptunaError, SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise ArlearnError(f"{out / STORAGE} cannot be used: {reason}; --overwrite starts again") from error
    finally:
        lock.release()


@dataclass(frozen=True)
class _Running:
    """A sweep under way: asks the study for trials until the sweep is whole, and tells it what they came to."""

    asked: Sweep
    out: Path
    study: Study
    work: Work
    reporter: Reporter

    def run(self, retry: bool) -> None:
        from optuna.trial import Trial

        before = self._trials(*STATES)
        for frozen in self._trials("RUNNING"):  # the sweep was killed in it
            self.study.sampler = self.asked.build_sampler(frozen.number)
            self._train(Trial(self.study, frozen._trial_id))
        if self.asked.sampler == "grid":  # in order, so that a table that is not whole can be read as well
            for values in itertools.islice(combinations(self.asked.space), self.asked.count):
                self.study.enqueue_trial(values, skip_if_exists=True)
        newest = {tuple(sorted(trial.params.items())): trial for trial in before}
        for trial in newest.values() if retry else ():
            if trial.state.name == "FAIL" and trial.params:
                self.study.enqueue_trial(trial.params, user_attrs={"retry": True})
        while self._ended() < self.asked.count or self._trials("WAITING"):
            self.study.sampler = self.asked.build_sampler(len(self.study.get_trials(deepcopy=False)))
            self._train(self.study.ask())

    def _trials(self, *states: str) -> list[FrozenTrial]:
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name in states]

    def _ended(self) -> int:
        """Trials that ended, retries left out."""
        return sum("retry" not in trial.user_attrs for trial in self._trials("COMPLETE", "FAIL"))

    def _train(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        values = as_changes({setting.key: setting.suggest(trial) for setting in self.asked.space})
        name = f"trial {trial.number + 1}: {', '.join(values)}"
        same = [done for done in self._trials("COMPLETE") if done.params == trial.params]
        if same:  # a search may ask twice
            outcome = TrialOutcome(**{each.name: same[0].user_attrs[each.name] for each in fields(TrialOutcome)})
        else:
            ended, count = self._ended(), max(self.asked.count, 1)
            try:
                outcome = run_trial(
                    self.asked.base.with_changes(values),
                    self._directory(trial.number),
                    lambda share, detail: self.work.show((ended + share) / count, f"{name}; {detail}"),
                )
            except ArlearnError as error:  # a combination of a search that the recipe does not allow
                outcome = TrialOutcome(0.0, str(error))
        measured = outcome.seconds if self.asked.measure == "seconds" else outcome.metrics.get(self.asked.measure)
        if not outcome.error and measured is None:
            outcome = replace(outcome, error=f"{self.asked.measure} was not measured")
        for key, value in asdict(outcome).items():
            trial.set_user_attr(key, value)
        if outcome.error:
            self.study.tell(trial, state=TrialState.FAIL)
            self.reporter.note(f"{name}: failed: {outcome.error}")
        else:
            self.study.tell(trial, measured)
            self.reporter.note(f"{name}: {self.asked.measure} {measured:.4f}")
        self.report()

    def _directory(self, number: int) -> Path:
        return self.out / TRIALS / f"{number + 1:04d}"

    def _row(self, trial: FrozenTrial) -> dict[str, Any]:
        about = trial.user_attrs
        metrics = about.get("metrics", {})
        return {
            "trial": trial.number + 1,
            "state": STATES[trial.state.name],
            **{setting.key: setting.written(trial.params.get(setting.key, "")) for setting in self.asked.space},
            self.asked.measure: trial.value,
            "loss": metrics.get("loss"),
            "parameters": about.get("parameters"),
            "tokens": metrics.get("tokens"),
            "seconds": about.get("seconds"),
            "error": about.get("error", ""),
            "directory": str(self._directory(trial.number)),
        }

    def report(self) -> dict[str, Any]:
        """Write the tables and ``best.toml``; what ``--json`` prints. Raises ArlearnError if they cannot be written."""
        asked, out = self.asked, self.out
        rows = [self._row(trial) for trial in self._trials(*STATES)]
        sign = 1 if LESS_IS_BETTER[asked.measure] else -1
        finished = [row for row in rows if row["state"] == "finished"]
        # of equals the faster one
        best = min(finished, key=lambda row: (sign * row[asked.measure], row["seconds"], row["trial"]), default=None)
        if best is not None:
            changes = as_changes({setting.key: best[setting.key] for setting in asked.space})
            told = f"{asked.plain.description.rstrip('.')}. Best of {len(rows)} trials: {', '.join(changes)}"
            recipe = replace(asked.plain.with_changes(changes), description=told.lstrip(". "))
            write_atomically(out / BEST, recipe.to_toml())
        record = {
            "base": asked.plain.name,
            "measure": asked.measure,
            "less_is_better": LESS_IS_BETTER[asked.measure],
            "sampler": asked.sampler,
            "title": f"{asked.plain.name}: {len(finished)} trials",
            "over": [str(setting) for setting in asked.space],
            "finished": len(finished),
            "failed": sum(row["state"] == "failed" for row in rows),
            "best": best,
            "table": str(out / TABLE),
            "figure": str(out / FIGURE),
            "recipe": None if best is None else str(out / BEST),
            "trials": rows,
        }
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(out / TABLE, text.getvalue())
        write_atomically(out / RECORD, json.dumps(record, indent=1) + "\n")
        return record


def _study(asked: Sweep, out: Path) -> Study:
    """The sweep in ``out``, or a new one. Raises ArlearnError if another one lies there."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction = "minimize" if LESS_IS_BETTER[asked.measure] else "maximize"
    storage = f"sqlite:///{(out / STORAGE).resolve()}"
    study = optuna.create_study(storage=storage, study_name="sweep", direction=direction, load_if_exists=True)
    before, now = study.user_attrs.get("identity"), asked.identity()
    if before is None:
        study.set_user_attr("identity", now)
    elif before != now:
        different = ", ".join(key for key in now if before.get(key) != now[key])
        raise ArlearnError(f"{out} holds a sweep with a different {different}; give another --out, or --overwrite")
    return study


def _with_vocabulary(asked: Sweep, out: Path, reporter: Reporter) -> Sweep:
    """A text's vocabulary is learned once, where no trial changes what it is learned from."""
    task = asked.base.task
    swept = {setting.key.rpartition(".")[2] for setting in asked.space}
    if task["kind"] != "text" or task["tokenizer"] or swept & {"vocabulary", "span", "tokenizer", "data"}:
        return asked
    vocabulary_for(asked.base, TextFile.at(task["data"]), out, reporter)
    return replace(asked, base=asked.base.with_inputs(None, str((out / TOKENIZER).resolve())))


def _draw(asked: Sweep, study: Study, path: Path) -> None:
    """Optuna's slice plot: for each setting a panel with every finished trial at its value."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy
    from matplotlib import pyplot
    from optuna.visualization.matplotlib import plot_slice

    better = "less" if LESS_IS_BETTER[asked.measure] else "more"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the function is marked as experimental
        drawn = plot_slice(
            study, [setting.key for setting in asked.space], target_name=f"{asked.measure} ({better} is better)"
        )
    axes = numpy.ravel([drawn])  # one setting gives one panel, several an array
    figure = axes[0].figure
    figure.set_size_inches(4.2 * len(axes) + 1, 3.8)
    figure.suptitle(f"{asked.plain.name}: trials of a sweep")
    with replacing(path) as beside:
        figure.savefig(beside, dpi=150, format="png", bbox_inches="tight")
    pyplot.close(figure)
