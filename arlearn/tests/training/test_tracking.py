"""What trackers were told is read back from the files they wrote."""

from __future__ import annotations

import pytest

from arlearn.errors import ArlearnError
from arlearn.training import settings
from arlearn.training.loop import TrainingRun
from arlearn.training.progress import Reporter, read_metrics
from arlearn.training.recipe import load_recipe
from arlearn.training.run import run

QUIET = Reporter(quiet=True)


@pytest.fixture
def recipe(tiny_recipe, story_file):
    changes = ["steps=12", "evaluate_every=6", f"evaluate_data='{story_file}'"]
    return load_recipe(tiny_recipe).with_inputs(story_file, None).with_changes(changes)


def scalars(out, tag: str) -> list[tuple[int, float]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no tensorboard")
    read = accumulator.EventAccumulator(str(out / "tensorboard"))
    read.Reload()
    return [(event.step, event.value) for event in read.Scalars(tag)]


def test_tensorboard_has_the_curve_even_after_a_kill(recipe, tmp_path, monkeypatch) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    recipe = recipe.with_changes(['track=["tensorboard"]'])
    real = TrainingRun._update

    def dying(self):
        if self.step == 8:
            raise SystemExit
        return real(self)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "_update", dying)
        with pytest.raises(SystemExit):
            run(recipe, tmp_path / "run", QUIET)
    card = run(recipe, tmp_path / "run", QUIET, resume=True)
    updates = read_metrics(tmp_path / "run" / "metrics.csv")
    told = scalars(tmp_path / "run", "training/loss")
    assert [step for step, _ in told] == list(range(1, 13))
    assert [value for _, value in told] == pytest.approx([update.loss for update in updates])
    assert [value for _, value in scalars(tmp_path / "run", "training/tokens")] == [u.tokens for u in updates]
    measured = scalars(tmp_path / "run", "evaluation/bits_per_byte")
    assert [step for step, _ in measured] == [6, 12]
    assert measured[-1][1] == pytest.approx(card["metrics"]["bits_per_byte"])
    run(recipe.with_changes(["track=[]"]), tmp_path / "run", QUIET, overwrite=True)
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_wandb_offline(recipe, tmp_path, monkeypatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed (extra wandb)")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run(recipe.with_changes(['track=["wandb"]']), tmp_path / "run", QUIET)
    files = list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 1
    identity = (tmp_path / "run" / "wandb" / "run-id").read_text()
    assert files[0].name == f"run-{identity}.wandb"
    content = files[0].read_bytes()
    assert b"training/loss" in content
    assert b"evaluation/bits_per_byte" in content


def test_the_run_is_the_same_without(recipe, tmp_path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    run(recipe, tmp_path / "plain", QUIET)
    run(recipe.with_changes(['track=["tensorboard"]']), tmp_path / "tracked", QUIET)
    curves = [[u.loss for u in read_metrics(tmp_path / name / "metrics.csv")] for name in ("plain", "tracked")]
    assert curves[0] == curves[1]


def test_what_is_not_installed_is_told_before_anything_is_done(recipe, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(settings.LIBRARIES, "wandb", ("no_such_library", "wandb"))
    with pytest.raises(ArlearnError, match=r"wandb is not installed; pip install 'arlearn\[wandb\]'"):
        run(recipe.with_changes(['track=["wandb"]']), tmp_path / "run", QUIET)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ArlearnError, match="track"):
        recipe.with_changes(['track=["paper"]'])
