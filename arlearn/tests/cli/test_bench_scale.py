"""The formulas of ``bench estimate`` against weights and operations that were counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.tasks import load_task
from arlearn.training.optimisation import build_predictor
from arlearn.training.recipe import load_recipe
from arlearn.training.scaling import Gpu, estimate, shape_of


def product(_total, a, b, out_shape=None, **kwargs) -> int:
    return 2 * a[0] * a[1] * b[1]


# torch counts products, but not the ones that add in place
IN_PLACE = {torch.ops.aten.addmm_: product}


@pytest.mark.parametrize("kind", ["linear", "mlp"])
@pytest.mark.parametrize(("map", "context"), [("packed", 5), ("packed", 19), ("shift", 6), ("shift", 19)])
@pytest.mark.parametrize("bias", [False, True])
def test_weights_and_operations_are_what_is_counted(kind, map, context, bias) -> None:
    changes = [f"predictor.kind={kind}", f"map={map}", f"context={context}", "width=7", f"bias={str(bias).lower()}"]
    recipe = load_recipe("tinystories-cpu").with_changes([*changes, "vocabulary=301", "tokenizer=''"])
    shape = shape_of(recipe, None)

    class Task:
        vocabulary = 301

        def token_counts(self) -> None:
            return None

    task = Task()
    task.context = context
    predictor = build_predictor(recipe.predictor, task, 0)
    assert sum(shape.weights.values()) == predictor.parameter_count()
    tokens = torch.randint(301, (4, context + 1))
    with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
        predictor.loss(tokens).backward()
    assert sum(shape.operations(4).values()) == counter.get_total_flops()


def test_a_task_counts_what_it_generates() -> None:
    recipe = load_recipe("multiplication-paper-2")
    shape = shape_of(recipe, None)
    task = load_task("multiplication", {key: value for key, value in recipe.task.items() if key != "kind"})
    assert shape.counted == task.generated
    assert (shape.context, shape.vocabulary) == (task.context, task.vocabulary)


def test_the_paper_s_mlp() -> None:
    """774.7 M weights at T = 307, as its authors count; ours has no use for the last of these positions."""
    recipe = load_recipe("multiplication-paper")
    shape = shape_of(recipe, None)
    assert shape.context == 306
    assert sum(replace(shape, context=307).weights.values()) == pytest.approx(774.7e6, rel=1e-4)
    one, eight = (estimate(recipe, gpus, Gpu(), None, None) for gpus in (1, 8))
    assert one["exchanged_bytes_per_update"] == 0
    assert eight["exchanged_bytes_per_update"] == pytest.approx(2 * 7 / 8 * 4 * one["parameters"])
    assert one["seconds_by_part"]["operations"] == pytest.approx(8 * eight["seconds_by_part"]["operations"])
    assert 1 < eight["tokens_per_second"] / one["tokens_per_second"] < 8
    assert one["memory_bytes"] > eight["memory_bytes"] > 16 * one["parameters"]
    assert one["hours"] == pytest.approx(5.5)


def test_what_must_be_told_is_asked_for() -> None:
    recipe = load_recipe("tinystories-paper")
    with pytest.raises(ArlearnError, match="--vocabulary"):
        estimate(recipe, 1, Gpu(), None, None)
    with pytest.raises(ArlearnError, match="--tokens"):
        estimate(recipe, 1, Gpu(), 50_258, None)
    found = estimate(recipe, 1, Gpu(), 50_258, 64 * 128 * 8 * 10)
    assert found["parameters"] == 136_314_880 + 2 * 50_258 * 256
    assert found["updates"] == pytest.approx(10)
    with pytest.raises(ArlearnError, match="only linear and mlp can be estimated"):
        estimate(load_recipe("multiplication-linear"), 1, Gpu(), None, None)


def test_the_command() -> None:
    result = CliRunner().invoke(app, ["bench", "estimate", "multiplication-paper", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [row["gpus"] for row in found["estimates"]] == [1, 8]
    assert found["assumptions"]
    shown = CliRunner().invoke(app, ["bench", "estimate", "multiplication-paper"])
    assert "exchange of gradients" in shown.stdout
    bad = CliRunner().invoke(app, ["bench", "estimate", "multiplication-paper", "--gpus", "1,x"])
    assert "whole numbers" in str(bad.exception)


@pytest.mark.slow
def test_processes(tiny_recipe, story_file) -> None:
    command = ["bench", "processes", str(tiny_recipe), "--data", str(story_file), "--updates", "8", "--threads", "1"]
    result = CliRunner().invoke(app, [*command, "--json"])
    assert result.exit_code == 0, result.exception
    one, two = json.loads(result.stdout)["runs"]
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["loss_difference"] < 1e-5
    assert min(one["tokens_per_second"], two["speedup"]) > 0
