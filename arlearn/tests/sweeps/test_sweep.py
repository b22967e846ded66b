from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

pytest.importorskip("optuna", reason="optuna is not installed (extra sweep)")

import arlearn.sweeps.sweep as sweeping
from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.sweeps.trials import TrialOutcome
from arlearn.training.progress import Reporter
from arlearn.training.recipe import load_recipe
from arlearn.training.run import run

TASK = """description = "parity, small enough for a test"
[task]
kind = "parity"
bits = 5
subset = 3
step = 1
[predictor]
width = 4
[training]
steps = 20
batch = 16
learning_rate = 0.05
checkpoint_steps = 4
"""


@pytest.fixture
def here(monkeypatch):
    """Trials are trained in this process, and counted; one with a width of 3 fails."""
    trained = []

    def run_here(recipe, directory, show):
        trained.append(recipe)
        show(0.5, "half")
        if recipe.predictor.width == 3:
            return TrialOutcome(0.1, "it does not like threes")
        card = run(recipe, directory, Reporter(quiet=True), resume=True)
        return TrialOutcome(card["seconds"], "", card["parameters"], card["metrics"])

    monkeypatch.setattr(sweeping, "run_trial", run_here)
    return trained


def call(*arguments) -> dict:
    result = CliRunner().invoke(app, ["sweep", *map(str, arguments), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def table(out) -> list[dict[str, str]]:
    with (out / "sweep.csv").open() as opened:
        return list(csv.DictReader(opened))


def test_a_grid_of_a_text(tiny_recipe, story_file, tmp_path, here) -> None:
    out = tmp_path / "sweep"
    given = [tiny_recipe, "--data", story_file, "--set", "steps=15", "--over", "learning_rate=0.001,0.03"]
    told = call(*given, "--over", "map=packed,shift", "--out", out)
    assert (told["measure"], told["finished"], told["failed"]) == ("bits_per_byte", 4, 0)
    rows = table(out)
    assert [(row["learning_rate"], row["map"]) for row in rows] == [
        ("0.001", "packed"),
        ("0.001", "shift"),
        ("0.03", "packed"),
        ("0.03", "shift"),
    ]
    assert told["best"]["bits_per_byte"] == min(float(row["bits_per_byte"]) for row in rows)
    assert told["best"]["learning_rate"] == "0.03"
    assert json.loads((out / "sweep.json").read_text()) == told
    assert (out / "sweep.png").read_bytes()[:4] == b"\x89PNG"
    assert len({recipe.task["tokenizer"] for recipe in here}) == 1  # learned once
    best = load_recipe(out / "best.toml")
    assert (best.training.learning_rate, best.training.steps) == (0.03, 15)
    run(best, tmp_path / "again", Reporter(quiet=True))
    # what ended is not repeated, whatever is asked for besides
    assert call(*given, "--over", "map=packed,shift", "--out", out) == told
    assert len(here) == 4
    with pytest.raises(ArlearnError, match="a sweep with a different over"):
        call(*given, "--out", out)


def test_a_search_goes_on_as_if_it_had_not_stopped(tmp_path, here, monkeypatch) -> None:
    recipe = tmp_path / "task.toml"
    recipe.write_text(TASK)
    given = [recipe, "--over", "learning_rate=1e-3..1e-1", "--over", "batch=8..16", "--trials", 5]
    call(*given, "--out", tmp_path / "whole")
    real = sweeping.run_trial

    def dying(recipe, directory, show):
        if directory.name == "0003":
            raise KeyboardInterrupt
        return real(recipe, directory, show)

    with monkeypatch.context() as patched:
        patched.setattr(sweeping, "run_trial", dying)
        CliRunner().invoke(app, ["sweep", *map(str, given), "--out", str(tmp_path / "broken")])
    assert [row["state"] for row in table(tmp_path / "broken")] == ["finished", "finished"]
    call(*given, "--out", tmp_path / "broken")
    shown = ("trial", "state", "learning_rate", "batch", "exact_match", "loss")
    whole, broken = ([{key: row[key] for key in shown} for row in table(tmp_path / n)] for n in ("whole", "broken"))
    assert whole == broken
    assert all(1e-3 <= float(row["learning_rate"]) <= 1e-1 and 8 <= int(row["batch"]) <= 16 for row in whole)
    assert len({row["learning_rate"] for row in whole}) == 5


def test_a_trial_that_fails_is_a_row(tmp_path, here, monkeypatch) -> None:
    recipe, out = tmp_path / "task.toml", tmp_path / "sweep"
    recipe.write_text(TASK)
    told = call(recipe, "--over", "width=2,3,4", "--out", out)
    assert [row["state"] for row in table(out)] == ["finished", "failed", "finished"]
    assert table(out)[1]["error"] == "it does not like threes"
    assert (told["finished"], told["failed"]) == (2, 1)
    call(recipe, "--over", "width=2,3,4", "--out", out)
    assert len(here) == 3
    call(recipe, "--over", "width=2,3,4", "--out", out, "--retry")
    assert [recipe.predictor.width for recipe in here] == [2, 3, 4, 3]
    with pytest.raises(ArlearnError, match="none of 1 trials has a result in exact_match: it does not like threes"):
        call(recipe, "--over", "width=3", "--out", tmp_path / "bad")


def test_a_real_sweep_killed_and_run_again(tmp_path) -> None:
    """The whole command, killed with -9 in its second trial, which lives on; the next call waits for it."""
    recipe, out = tmp_path / "task.toml", tmp_path / "sweep"
    recipe.write_text(TASK)
    command = [sys.executable, "-m", "arlearn.cli", "sweep", str(recipe), "--over", "batch=16,0x20", "--out", str(out)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not (out / "trials" / "0002.log").exists() and first.poll() is None:
            time.sleep(0.05)
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert [row["state"] for row in table(out)] == ["finished"]
    model = out / "trials" / "0001" / "model.safetensors"
    before = os.stat(model).st_mtime_ns
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [row["state"] for row in table(out)] == ["finished", "finished"]
    assert os.stat(model).st_mtime_ns == before
    assert json.loads(done.stdout)["best"]["exact_match"] >= 0
    assert not (out / "trials" / "0001" / "checkpoints").exists()


def test_other_peoples_directories_are_left_alone(tmp_path, here) -> None:
    recipe, out = tmp_path / "task.toml", tmp_path / "letters"
    recipe.write_text(TASK)
    out.mkdir()
    (out / "dear.txt").write_text("x")
    for more in ([], ["--overwrite"]):
        with pytest.raises(ArlearnError, match="holds no sweep"):
            call(recipe, "--over", "width=2,3", "--out", out, *more)
    with pytest.raises(ArlearnError, match="grid needs lists"):
        call(recipe, "--over", "learning_rate=1e-3..1e-1", "--sampler", "grid", "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "sweep.db").write_text("junk")
    with pytest.raises(ArlearnError, match="not a database"):
        call(recipe, "--over", "width=2,3", "--out", tmp_path / "junk")
    assert not here
