from __future__ import annotations

import pytest

from arlearn.errors import ArlearnError
from arlearn.sweeps.space import SweptSetting, combinations, read_space
from arlearn.training.recipe import load_recipe


@pytest.fixture
def recipe(tiny_recipe):
    return load_recipe(tiny_recipe)


def test_lists_and_ranges(recipe) -> None:
    batch, betas, rate, steps = read_space(
        ["batch=4, 8", "betas=[0.9,0.99],[0.8,0.999]", "learning_rate=1e-4..1e-2", "training.steps=5..9"], recipe
    )
    assert batch == SweptSetting("batch", ("4", "8"))
    assert betas.choices == ("[0.9,0.99]", "[0.8,0.999]")
    assert (rate.low, rate.high, rate.whole, rate.wide) == (1e-4, 1e-2, False, True)
    assert (steps.low, steps.high, steps.whole, steps.wide) == (5, 9, True, False)
    assert [str(setting) for setting in (batch, rate, steps)] == [
        "batch=4,8",
        "learning_rate=0.0001..0.01",
        "training.steps=5..9",
    ]


def test_combinations_come_in_order() -> None:
    found = list(combinations([SweptSetting("a", ("1", "2")), SweptSetting("b", ("x", "y"))]))
    assert found == [{"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "2", "b": "x"}, {"a": "2", "b": "y"}]


BAD = [
    ("batch", "write key=a,b,c"),
    ("batch=", "write key=a,b,c"),
    ("batch=1,,2", "empty value"),
    ("batch=8,8", "given twice"),
    ("batch=0,8", "greater than or equal to 1"),
    ("bath=1,2", "did you mean batch"),
    ("learning_rate=1e-2..1e-4", "from a smaller number"),
    ("learning_rate=1e-4..x", "ends of a range are numbers"),
    ("learning_rate=-1..1", "greater than 0"),
    ("final=0.5,0.1 ", None),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_makes_no_sense_is_told(recipe, text, message) -> None:
    if message is None:
        read_space([text], recipe)
        return
    with pytest.raises(ArlearnError, match=message):
        read_space([text], recipe)


def test_all_of_it_at_once_and_combinations_too(recipe) -> None:
    with pytest.raises(ArlearnError) as caught:
        read_space(["batch=x..y", "width=0,1", "width=2,3"], recipe)
    assert all(part in str(caught.value) for part in ("batch=x..y", "width: given twice", "width = 0"))
    with pytest.raises(ArlearnError, match=r"schedule=constant, final=0\.1: .*no meaning with a constant schedule"):
        read_space(["schedule=linear,constant", "final=0,0.1"], recipe)
