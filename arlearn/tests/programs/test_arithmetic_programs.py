"""Compiled multiplication and addition, free-running, against Python's own arithmetic."""

import pytest
import torch

from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import exact_match, write_out
from arlearn.programs.arithmetic import addition, multiplication
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.tasks.program import ProgramTask


@pytest.mark.parametrize("operation", [multiplication, addition])
@pytest.mark.parametrize("digits", [1, 2])
def test_all_pairs(operation, digits: int) -> None:  # type: ignore[no-untyped-def]
    task = ProgramTask(operation(digits))
    everything = task.everything()
    assert everything is not None
    assert len(everything) == 100**digits
    result = exact_match(compile_program(task.program), task, everything)
    assert result.wrong == 0


@pytest.mark.parametrize("operation", [multiplication, addition])
@pytest.mark.parametrize(("digits", "count"), [(3, 1000), (4, 1000), (12, 40)])
@pytest.mark.parametrize("hard", [False, True])
def test_drawn_pairs(operation, digits: int, count: int, hard: bool) -> None:  # type: ignore[no-untyped-def]
    task = ProgramTask(operation(digits))
    predictor = compile_program(task.program)
    inputs = task.draw(count, seed=digits, hard=hard)
    tokens = write_out(predictor, task, inputs)
    for row, given in zip(tokens, inputs.tolist(), strict=True):
        a, b = given
        assert task.final_answer(row) == str(a * b if operation is multiplication else a + b)
    assert torch.equal(task.answer(tokens), task.expected(inputs))


def test_numbers_beyond_64_bits() -> None:
    task = ProgramTask(addition(25))
    row = task.parse_prompt("1234567890123456789012345 + 9999999999999999999999999")
    made = write_out(compile_program(task.program), task, row)
    assert task.final_answer(made[0]) == str(1234567890123456789012345 + 9999999999999999999999999)
    assert torch.equal(task.answer(made), task.expected(row))
    assert task.draw(3, 0).shape == (3, 50)


def test_the_largest_numbers_and_zero() -> None:
    task = ProgramTask(multiplication(12))
    predictor = compile_program(task.program)
    for text, product in (("999999999999 x 999999999999", 999999999999**2), ("0 x 5", 0), ("12*12", 144)):
        assert task.final_answer(write_out(predictor, task, task.parse_prompt(text))[0]) == str(product)


def test_the_documented_chain() -> None:
    task = ProgramTask(multiplication(2))
    words = task.render(task.encode(task.parse_prompt("12 x 34"))[0])
    assert " ".join(words) == "1 2 x 3 4 = 2*4 s8 1*4 s4 2*3 s10 1*3 s4 s0 0 4 0 8"
    words = ProgramTask(addition(2))
    assert " ".join(words.render(words.encode(words.parse_prompt("95 + 17"))[0])) == "9 5 + 1 7 = s12 s11 1 1 2"


def test_size_of_the_chain() -> None:
    for digits in (1, 4, 9):
        assert len(multiplication(digits).steps) == 2 * digits**2 + 2 * digits + 1
        assert len(addition(digits).steps) == 2 * digits + 1


def test_twelve_digits_are_proved() -> None:
    program = multiplication(12)
    proof = prove(program, compile_program(program))
    assert proof.proved
    assert proof.minimum_margin == 1
    assert proof.generated_tokens == 313
    assert "float32" in proof.safe_in
    assert "bfloat16" not in proof.safe_in
    assert "bfloat16" in prove(program, compile_program(program, centred=True)).safe_in


@pytest.mark.parametrize("text", ["", "12", "1 x", "12345 x 1", "-1 x 2", "1 x 2 x 3", "a x b", "1.5 x 2"])
def test_prompts_that_are_no_two_numbers(text: str) -> None:
    with pytest.raises(ArlearnError):
        ProgramTask(multiplication(4)).parse_prompt(text)


@pytest.mark.parametrize("digits", [0, -1, 100])
def test_digits_out_of_range(digits: int) -> None:
    with pytest.raises(ArlearnError, match="digits must be"):
        multiplication(digits)
