from __future__ import annotations

import pytest
import torch

from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.saving import load_predictor
from arlearn.training.loop import TrainingRun
from arlearn.training.optimisation import WeightAverage
from arlearn.training.progress import Reporter
from arlearn.training.recipe import Recipe
from arlearn.training.run import run

QUIET = Reporter(quiet=True)


@pytest.fixture
def recipe() -> Recipe:
    """One-digit multiplication, 40 updates, the last ten of which count."""
    return Recipe.from_mapping(
        {
            "task": {"kind": "multiplication", "digits": 1, "format": "linear"},
            "predictor": {"kind": "task"},
            "training": {
                "steps": 40,
                "batch": 16,
                "learning_rate": 0.3,
                "schedule": "constant",
                "average": 0.25,
                "checkpoint_steps": 7,
            },
        },
        "one digit",
    )


def weights(out):
    return load_predictor(out)[0].state_dict()["map.weight"]


def test_the_model_is_the_mean_of_the_last_updates(recipe, tmp_path, monkeypatch) -> None:
    seen = []
    real = TrainingRun._update

    def watched(self):
        update = real(self)
        seen.append(self.predictor.state_dict()["map.weight"].clone())
        return update

    monkeypatch.setattr(TrainingRun, "_update", watched)
    run(recipe, tmp_path / "mean", QUIET)
    expected = torch.stack(seen[30:]).mean(0)
    torch.testing.assert_close(weights(tmp_path / "mean"), expected, rtol=1e-5, atol=1e-6)
    # taking the mean changes nothing of the training itself
    seen.clear()
    run(recipe.with_changes(["average=none"]), tmp_path / "last", QUIET)
    assert torch.equal(weights(tmp_path / "last"), seen[-1])
    one, other = ((tmp_path / name / "metrics.csv").read_text() for name in ("mean", "last"))
    assert [row.split(",")[1] for row in one.splitlines()] == [row.split(",")[1] for row in other.splitlines()]


@pytest.mark.parametrize("died", [20, 36])
def test_a_resumed_run_has_the_same_mean(recipe, tmp_path, monkeypatch, died: int) -> None:
    run(recipe, tmp_path / "whole", QUIET)
    real = TrainingRun._update

    def dying(self):
        if self.step == died:
            raise SystemExit
        return real(self)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "_update", dying)
        with pytest.raises(SystemExit):
            run(recipe, tmp_path / "broken", QUIET)
    for _ in range(2):  # the second time there is nothing left to do
        run(recipe, tmp_path / "broken", QUIET, resume=True)
        assert torch.equal(weights(tmp_path / "broken"), weights(tmp_path / "whole"))


def test_measuring_sees_the_mean_and_training_goes_on_from_its_own_weights(recipe, tmp_path) -> None:
    run(recipe, tmp_path / "plain", QUIET)
    measured = recipe.with_changes(["evaluate_every=35", "evaluate_count=50"])
    card = run(measured, tmp_path / "measured", QUIET)
    assert torch.equal(weights(tmp_path / "measured"), weights(tmp_path / "plain"))
    assert 0 < card["metrics"]["digit_accuracy"] <= 1


def test_a_mean_of_other_weights_is_refused() -> None:
    average = WeightAverage(LinearPredictor.build(5, 3, 2))
    average.add()
    kept = average.tensors()
    with pytest.raises(ArlearnError, match="mean of the weights does not fit"):
        WeightAverage(LinearPredictor.build(5, 3, 4)).restore(kept, 1)
    with pytest.raises(ArlearnError, match="mean of the weights does not fit"):
        WeightAverage(LinearPredictor.build(5, 3, 2)).restore({}, 1)


@pytest.mark.parametrize("share", ["0", "1.5"])
def test_a_share_must_be_one(recipe, share: str) -> None:
    with pytest.raises(ArlearnError, match="average"):
        recipe.with_changes([f"average={share}"])
