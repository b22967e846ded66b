from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.training.optimisation import decay, rate
from arlearn.training.recipe import Recipe, field_help, load_recipe
from arlearn.training.settings import PredictorSettings, TextSettings, TrainingSettings

PAPER = load_recipe("tinystories-paper")


def test_the_papers_settings() -> None:
    training, predictor = PAPER.training, PAPER.predictor
    assert (PAPER.task["context"], predictor.width, predictor.map, predictor.kind) == (64, 256, "packed", "linear")
    assert (training.learning_rate, training.weight_decay, training.clip) == (5e-4, 0.1, 1.0)
    assert (training.batch, training.accumulation, training.epochs, training.schedule) == (128, 8, 1.0, "linear")
    assert (PAPER.task["tokenizer"], PAPER.task["padding"]) == ("EleutherAI/gpt-neo-125M", "ignored")


def test_changes_find_their_section() -> None:
    changed = PAPER.with_changes(
        ["max_minutes=5", "task.context = 32", "epochs=none", "map=shift", "betas=[0.8, 0.9]", "data=a b.txt"]
    )
    assert changed.training.max_minutes == 5.0
    assert changed.training.epochs is None
    assert (changed.task["context"], changed.task["data"]) == (32, "a b.txt")
    assert changed.predictor.map == "shift"
    assert changed.training.betas == (0.8, 0.9)
    assert PAPER.training.max_minutes is None


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (["lerning_rate=1"], ["did you mean learning_rate"]),
        (["kind=text"], ["task.kind or predictor.kind"]),
        (["x.y=1", "nothing"], ["no section x", "write key=value"]),
        (["learning_rate=-1", "batch=many", "map=ring", "context=0"], ["learning_rate", "batch", "map", "context"]),
        (["epochs=none"], ["no end"]),
        (["checkpoint_minutes=0", "schedule=constant", "final=0.1"], ["never writes", "final has no meaning"]),
        (["predictor.kind=task", "evaluate_every=5"], ["no predictor of its own", "evaluate_data"]),
        (["predictor.head=structured"], ["has no head"]),
        (["betas=[1.5, 0.9]"], ["betas"]),
        (["weight_decay=0", "decay_until=0.5"], ["decay_until has no meaning without weight_decay"]),
    ],
)
def test_everything_wrong_is_told_at_once(changes: list[str], messages: list[str]) -> None:
    with pytest.raises(ArlearnError) as caught:
        PAPER.with_changes(changes)
    for message in messages:
        assert message in str(caught.value)


@given(
    st.floats(1e-9, 10, allow_nan=False),
    st.integers(1, 10**6),
    st.sampled_from(["linear", "cosine"]),
    st.floats(0, 0.9),
    st.none() | st.floats(0.01, 1e5),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
)
def test_recipes_survive_toml(learning_rate, steps, schedule, warmup, minutes, text) -> None:
    content = {
        "description": text,
        "task": {"kind": "text", "data": text},
        "training": {"learning_rate": learning_rate, "steps": steps, "schedule": schedule, "warmup": warmup},
    }
    if minutes is not None:
        content["training"]["max_minutes"] = minutes
    recipe = Recipe.from_mapping(content, "made")
    assert Recipe.from_toml(recipe.to_toml(), "made") == recipe


def test_other_tasks_keep_their_own_settings() -> None:
    content = {
        "task": {"kind": "multiplication", "digits": 3},
        "predictor": {"kind": "task", "head": "structured"},
        "training": {"steps": 5},
    }
    recipe = Recipe.from_mapping(content, "made")
    assert recipe.with_changes(["digits=4"]).task["digits"] == 4
    assert recipe.with_changes(["head=learned"]).predictor.options == {"head": "learned"}
    assert Recipe.from_toml(recipe.to_toml(), "made") == recipe
    with pytest.raises(ArlearnError, match="for text"):
        recipe.with_inputs("a.txt", None)


def test_every_setting_is_explained() -> None:
    for settings in (TextSettings, PredictorSettings, TrainingSettings):
        assert all(description for _, _, description in field_help(settings))


@pytest.mark.parametrize("content", ["task = 3", "[task", "[surprise]\nx = 1", "[task]\ncontext = 3"])
def test_bad_files(tmp_path, content: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(ArlearnError, match="bad"):
        load_recipe(path)


def test_names() -> None:
    with pytest.raises(ArlearnError, match="did you mean tinystories-cpu"):
        load_recipe("tinystories-cpus")
    with pytest.raises(ArlearnError, match="cannot read"):
        load_recipe("missing.toml")


@given(st.sampled_from(["linear", "cosine", "constant"]), st.floats(0, 0.5), st.floats(0, 1))
def test_rates_rise_then_fall_to_final(schedule, warmup, final) -> None:
    settings = TrainingSettings(steps=1, schedule=schedule, warmup=warmup, final=final, learning_rate=2.0)
    rates = [rate(settings, step / 100) for step in range(101)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) <= 2.0 + 1e-12
    if schedule != "constant":
        assert rates[-1] == pytest.approx(2.0 * final, abs=1e-12)


def test_weight_decay_falls_to_nothing_or_stays() -> None:
    falls = TrainingSettings(steps=1, weight_decay=0.4, decay_until=0.5)
    assert [decay(falls, progress) for progress in (0, 0.25, 0.5, 1)] == pytest.approx([0.4, 0.2, 0, 0])
    assert decay(TrainingSettings(steps=1, weight_decay=0.4), 0.9) == 0.4
