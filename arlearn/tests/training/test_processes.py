"""Two real processes, started by torchrun and talking over gloo, against one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import safetensors.torch
import torch

from arlearn.errors import ArlearnError
from arlearn.training.loop import TrainingRun, random_seed
from arlearn.training.progress import Reporter, read_metrics
from arlearn.training.recipe import load_recipe
from arlearn.training.run import run

QUIET = Reporter(quiet=True)
TOLERANCE = 1e-5  # relative: the sums of float32 come in another order
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def command(recipe: Path, text: Path, out: Path, *more: str) -> list[str]:
    return [*TORCHRUN, "-m", "arlearn.cli", "train", str(recipe), "--data", str(text), "--out", str(out), *more]


def curve(out: Path) -> list[float]:
    return [number for update in read_metrics(out / "metrics.csv") for number in (update.loss, update.gradient_norm)]


def weights(out: Path) -> torch.Tensor:
    tensors = safetensors.torch.load_file(out / "model.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3])
def test_two_processes_are_one(tiny_recipe, story_file, tmp_path, monkeypatch, batch) -> None:
    """Two that lose one by kill -9, then one; and one that dies, then two. Rows do not divide evenly: of a batch of one
    the second process has none. Clipping bites."""
    changes = [f"batch={batch}", "accumulation=2", "clip=0.3", "checkpoint_steps=4"]
    recipe = load_recipe(tiny_recipe).with_changes(changes).with_inputs(story_file, None)
    tiny_recipe.write_text(recipe.to_toml())
    run(recipe, tmp_path / "whole", QUIET)
    broken = tmp_path / "broken"
    if batch == 1:
        _kill_one_of_two(command(tiny_recipe, story_file, broken), broken)
        run(recipe, broken, QUIET, resume=True)
    else:
        _die_after(monkeypatch, 10, lambda: run(recipe, broken, QUIET))
        done = subprocess.run(
            command(tiny_recipe, story_file, broken, "--resume"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("40 updates") == 1  # the first alone tells
        assert '"processes": 2' in (broken / "card.json").read_text()
    one, two = curve(tmp_path / "whole"), curve(broken)
    assert max(one[1::2]) > 0.3
    assert two == pytest.approx(one, rel=TOLERANCE)
    torch.testing.assert_close(weights(broken), weights(tmp_path / "whole"), rtol=1e-3, atol=1e-5)
    left = {path.name for path in broken.rglob("*") if path.name.startswith(".")}
    assert left <= {".lock"}


def _kill_one_of_two(started: list[str], out: Path) -> None:
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True) as launcher:
        assert launcher.stderr is not None
        try:
            while len(read_metrics(out / "metrics.csv")) < 6 and launcher.poll() is None:
                time.sleep(0.02)
            workers = psutil.Process(launcher.pid).children()
            assert len(workers) == 2
            workers[1].kill()
            told = launcher.stderr.read()
            launcher.wait(60)
        finally:
            launcher.kill()
    assert launcher.returncode != 0
    assert 'training/loop.py", line' not in told, told  # the one that is left ends in a line, not in a traceback
    assert not (out / "model.safetensors").exists()


def _die_after(monkeypatch, updates: int, work) -> None:
    real = TrainingRun._update

    def dying(self):
        if self.step == updates:
            raise SystemExit
        return real(self)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "_update", dying)
        with pytest.raises(SystemExit):
            work()


@pytest.mark.slow
def test_bad_input_is_told_once(tiny_recipe, story_file, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("x")
    done = subprocess.run(
        command(tiny_recipe, story_file, tmp_path / "run"), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if line.startswith("arlearn:")]
    assert told == [f"arlearn: {tmp_path / 'run'} is not empty and holds no run; give another --out"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["letter.txt"]


def test_two_commands_do_not_write_in_one_directory(tiny_recipe, story_file, tmp_path, monkeypatch) -> None:
    recipe = load_recipe(tiny_recipe).with_inputs(story_file, None)

    def other() -> None:
        with pytest.raises(ArlearnError, match="another command is writing in"):
            run(recipe, tmp_path / "run", QUIET, resume=True)
        raise SystemExit

    real = TrainingRun.go
    monkeypatch.setattr(TrainingRun, "go", lambda self: (monkeypatch.setattr(TrainingRun, "go", real), other()))
    with pytest.raises(SystemExit):
        run(recipe, tmp_path / "run", QUIET)
    run(recipe, tmp_path / "run", QUIET, resume=True)


def test_every_update_and_process_draws_its_own_numbers() -> None:
    seeds = {random_seed(seed, step, process) for seed in (0, 1) for step in range(50) for process in range(4)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)
