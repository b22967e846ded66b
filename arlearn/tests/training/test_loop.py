from __future__ import annotations

import json
import time

import pytest
import torch

from arlearn.errors import ArlearnError
from arlearn.predictors.saving import load_predictor
from arlearn.training.directory import newest_checkpoint, prepare
from arlearn.training.loop import TrainingRun, step_limit
from arlearn.training.progress import Reporter, read_metrics
from arlearn.training.recipe import load_recipe
from arlearn.training.run import run

QUIET = Reporter(quiet=True)


def losses(out) -> list[float]:
    return [update.loss for update in read_metrics(out / "metrics.csv")]


@pytest.fixture
def recipe(tiny_recipe, story_file):
    return load_recipe(tiny_recipe).with_inputs(story_file, None)


def stop_after(monkeypatch, updates: int) -> None:
    """Let the process die, as it were, in the update after ``updates``."""
    real = TrainingRun._update

    def dying(self):
        if self.step == updates:
            raise SystemExit
        return real(self)

    monkeypatch.setattr(TrainingRun, "_update", dying)


def test_it_learns_and_writes_everything(recipe, tmp_path) -> None:
    out = tmp_path / "run"
    card = run(recipe.with_changes(["steps=150"]), out, QUIET)
    first, last = losses(out)[0], losses(out)[-1]
    assert last < first - 1
    assert len(losses(out)) == 150 == card["metrics"]["steps"]
    assert (out / "loss.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["00000145", "00000150"]
    predictor, again = load_predictor(out)
    assert again == card == json.loads((out / "card.json").read_text())
    assert card["parameters"] == predictor.parameter_count()
    assert card["frozen"] == []
    assert card["seconds"] > 0
    assert {"sha256", "bytes", "stories", "tokens", "file"} <= set(card["data"])


@pytest.mark.parametrize("died", [3, 5, 12, 39])
def test_a_resumed_run_is_the_run(recipe, tmp_path, monkeypatch, died: int) -> None:
    run(recipe, tmp_path / "whole", QUIET)
    with monkeypatch.context() as patched:
        stop_after(patched, died)
        with pytest.raises(SystemExit):
            run(recipe, tmp_path / "broken", QUIET)
    run(recipe, tmp_path / "broken", QUIET, resume=True)
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    one, other = (load_predictor(tmp_path / name)[0].state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_timed_run_repeats_what_was_recorded(recipe, tmp_path, monkeypatch) -> None:
    timed = recipe.with_changes(["max_minutes=0.2", "steps=200", "checkpoint_steps=10"])
    with monkeypatch.context() as patched:
        stop_after(patched, 17)
        with pytest.raises(SystemExit):
            run(timed, tmp_path / "run", QUIET)
    before = read_metrics(tmp_path / "run" / "metrics.csv")
    run(timed, tmp_path / "run", QUIET, resume=True)
    after = read_metrics(tmp_path / "run" / "metrics.csv")
    kept = [(update.step, update.loss, update.learning_rate) for update in after[:17]]
    assert kept == [(update.step, update.loss, update.learning_rate) for update in before]
    assert [update.step for update in after] == list(range(1, len(after) + 1))


def test_a_timed_run_ends_in_time_with_its_schedule(recipe, tmp_path) -> None:
    began = time.monotonic()
    card = run(recipe.with_changes(["max_minutes=0.05", "steps=1000000", "warmup=0"]), tmp_path / "run", QUIET)
    updates = read_metrics(tmp_path / "run" / "metrics.csv")
    assert card["seconds"] >= 3
    assert time.monotonic() - began >= 3
    rates = [update.learning_rate for update in updates]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] / 2 or len(rates) < 4


def test_accumulation_is_one_large_batch(recipe, tmp_path) -> None:
    """Rows of one batch of 8 and of two of 4 are the same, so are the losses, whatever each pass counts."""
    large = recipe.with_changes(["steps=6", "batch=8"])
    run(large, tmp_path / "large", QUIET)
    run(large.with_changes(["batch=4", "accumulation=2"]), tmp_path / "small", QUIET)
    assert losses(tmp_path / "small") == pytest.approx(losses(tmp_path / "large"), rel=1e-5)


@pytest.mark.parametrize("change", ["kind", "optimiser=adam", "schedule=cosine", "precision=bfloat16"])
def test_other_settings_train_too(recipe, tmp_path, change: str) -> None:
    changed = recipe.with_changes(["predictor.kind=mlp"] if change == "kind" else [change])
    run(changed.with_changes(["steps=25"]), tmp_path / "run", QUIET)
    assert losses(tmp_path / "run")[-1] < losses(tmp_path / "run")[0]


def test_measuring_on_the_way_changes_nothing(recipe, story_file, tmp_path) -> None:
    run(recipe, tmp_path / "plain", QUIET)
    measured = recipe.with_changes(["evaluate_every=15", f"evaluate_data='{story_file}'"])
    card = run(measured, tmp_path / "measured", QUIET)
    assert losses(tmp_path / "measured") == losses(tmp_path / "plain")
    rows = (tmp_path / "measured" / "evaluations.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["15", "30", "40"]
    assert card["metrics"]["bits_per_byte"] == float(rows[-1].split(",")[2])


def test_epochs_count_passes(recipe, tmp_path) -> None:
    prepared = prepare(recipe, tmp_path, QUIET)
    rows = len(prepared.task.rows)
    settings = recipe.with_changes(["steps=none", "epochs=2", "batch=7", "accumulation=3"]).training
    assert abs(step_limit(settings, prepared.task) * 21 - 2 * rows) <= 21


def test_another_recipe_or_text_is_not_resumed(recipe, tmp_path) -> None:
    out = tmp_path / "run"
    run(recipe, out, QUIET)
    with pytest.raises(ArlearnError, match="already holds a run"):
        run(recipe, out, QUIET)
    with pytest.raises(ArlearnError, match=r"training\.batch was 8, now 9; training\.steps was 40, now 50"):
        run(recipe.with_changes(["batch=9", "steps=50"]), out, QUIET, resume=True)
    with pytest.raises(ArlearnError, match="choose one"):
        run(recipe, out, QUIET, resume=True, overwrite=True)
    run(recipe.with_changes(["keep=1"]), out, QUIET, resume=True)  # finished: nothing is computed, nothing is lost
    assert len(losses(out)) == 40
    run(recipe.with_changes(["steps=6"]), out, QUIET, overwrite=True)
    assert len(losses(out)) == 6


def test_strangers_files_are_left_alone(recipe, tmp_path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("x")
    for options in ({}, {"overwrite": True}):
        with pytest.raises(ArlearnError, match="holds no run"):
            run(recipe, tmp_path / "letters", QUIET, **options)
    with pytest.raises(ArlearnError, match="is a file"):
        run(recipe, tmp_path / "letters" / "dear.txt", QUIET)
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]


@pytest.mark.parametrize("change", ["data", "tokenizer"])
def test_a_run_that_cannot_begin_leaves_all_as_it_was(recipe, story_file, tmp_path, change: str) -> None:
    absent = str(tmp_path / "absent.json")
    wrong = recipe.with_inputs(absent if change == "data" else story_file, absent if change == "tokenizer" else None)
    with pytest.raises(ArlearnError, match="absent"):
        run(wrong, tmp_path / "new", QUIET)
    assert not (tmp_path / "new").exists()
    run(recipe, tmp_path / "old", QUIET)
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir() if path.is_file()}
    with pytest.raises(ArlearnError, match="absent"):
        run(wrong, tmp_path / "old", QUIET, overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir() if path.is_file()} == before


def test_a_text_without_anything_to_learn_leaves_no_run(recipe, tmp_path) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(ArlearnError):
        run(recipe.with_inputs(tmp_path / "empty.txt", None), tmp_path / "new", QUIET)
    assert not (tmp_path / "new").exists()


def test_a_loss_that_is_no_number_stops_the_run(recipe, tmp_path) -> None:
    with pytest.raises(ArlearnError, match="try a smaller learning_rate"):
        run(recipe.with_changes(["learning_rate=1e30", "clip=0"]), tmp_path / "run", QUIET)
    found, _ = newest_checkpoint(tmp_path / "run" / "checkpoints", "any")
    assert found is None or all(torch.isfinite(tensor).all() for tensor in found.tensors.values())


def test_the_optimiser_decays_by_the_schedule(recipe, tmp_path, monkeypatch) -> None:
    seen: list[float] = []
    real = TrainingRun._update

    def watched(self):
        update = real(self)
        seen.append(self.optimiser.param_groups[0]["weight_decay"])
        return update

    monkeypatch.setattr(TrainingRun, "_update", watched)
    run(recipe.with_changes(["steps=8", "weight_decay=0.4", "decay_until=0.5"]), tmp_path / "run", QUIET)
    assert seen == pytest.approx([0.4, 0.3, 0.2, 0.1, 0, 0, 0, 0])
