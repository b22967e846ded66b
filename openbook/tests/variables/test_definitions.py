"""The definitions are complete, and their examples answer with words that a record accepts."""

import tomllib
from importlib.resources import files

import pytest

from openbook.record.model import Answer
from openbook.variables import DESCRIPTIVE, SCORED, VARIABLES
from openbook.variables.definitions import definition, definitions


def test_all_nine_stand_in_the_file_and_nothing_else() -> None:
    table = tomllib.loads(files("openbook.variables").joinpath("definitions.toml").read_text(encoding="utf-8"))
    assert set(table) == {*VARIABLES, "near_misses"}
    assert tuple(definitions()) == VARIABLES


@pytest.mark.parametrize("name", VARIABLES)
def test_a_definition_is_complete(name: str) -> None:
    one = definition(name)
    assert one.scored == (name in SCORED)
    assert one.question.endswith("?")
    for text in (one.title, one.yes, one.no, one.good_sentence, one.where):
        assert text.strip() == text
        assert text
    assert bool(one.advice) == one.scored
    assert len({example.answer for example in one.borderline}) >= 2, "both sides of the border need an example"


@pytest.mark.parametrize("name", VARIABLES)
def test_examples_answer_with_results_of_the_record(name: str) -> None:
    one = definition(name)
    for example in one.borderline:
        assert example.answer in one.results
        Answer(result=example.answer, evidence=[])  # type: ignore[arg-type]


def test_an_unknown_variable_is_refused() -> None:
    with pytest.raises(KeyError):
        definition("colour")
    assert set(DESCRIPTIVE).isdisjoint(SCORED)
