"""Machines as loops: one set of weights for any time, against the simulator row by row."""

import pytest
import torch

from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import exact_match, write_out
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.text import example_text
from arlearn.programs.turing import find_bounds, from_mapping, parse
from arlearn.programs.turing_programs import TapeInterface, looped_program, unrolled_program
from arlearn.tasks.program import ProgramTask


def rows_of(task: ProgramTask, tokens: torch.Tensor) -> list[list[str]]:
    words, wide = task.render(tokens[tokens >= 0]), task.prompt_length
    return [words[i : i + wide] for i in range(0, len(words) - 1, wide + 1)]


@pytest.mark.parametrize(("name", "length"), [("busy-beaver-4", 0), ("binary-increment", 5), ("palindromes", 5)])
def test_looped_runs_follow_the_simulator_and_need_fewer_weights(name: str, length: int) -> None:
    machine = parse(*example_text(name, ".toml"))
    task = ProgramTask(looped_program(machine, find_bounds(machine, length=length, looped=True)))
    predictor = compile_program(task.program)
    proof = prove(task.program, predictor)
    assert proof.proved
    assert (proof.passes, proof.period) == ("any", task.prompt_length + 1)
    everything = task.everything()
    assert everything is not None
    assert isinstance(task.interface, TapeInterface)
    for row, cells in zip(write_out(predictor, task, everything), everything.tolist(), strict=True):
        assert rows_of(task, row) == task.interface.rows(cells)
    assert exact_match(predictor, task, everything).wrong == 0
    unrolled = compile_program(unrolled_program(machine, find_bounds(machine, length=length)))
    assert predictor.parameter_count() < unrolled.parameter_count()


def test_the_time_does_not_matter_but_the_tape_does() -> None:
    machine = parse("1RB1LC_1RC1RB_1RD0LE_1LA1LD_1RH0LA")
    with pytest.raises(ArlearnError, match=r"does not halt within 100000 steps.*give --tape"):
        find_bounds(machine, looped=True)
    sizes = []
    for cells in (20, 40):
        task = ProgramTask(looped_program(machine, find_bounds(machine, cells=cells, looped=True)))
        predictor = compile_program(task.program)
        sizes.append(predictor.parameter_count())
        assert task.final_answer(write_out(predictor, task, task.parse_prompt(""))[0]).startswith("ran off the tape: ")
    assert sizes[0] == sizes[1]


def test_a_machine_that_halts_at_once() -> None:
    entry = {"start": "go", "blank": "_", "input": "xy", "halt": [], "transitions": {"go": {"x": "y S go"}}}
    machine = from_mapping(entry)  # halts on y and on a blank, where it has no transition
    task = ProgramTask(looped_program(machine, find_bounds(machine, length=2, looped=True)))
    made = write_out(compile_program(task.program), task, task.parse_prompt("yx"))
    assert task.render(made[0]) == ["go:y", "x", "end"]
    assert task.final_answer(made[0]) == "halted: 0 steps, 0 ones"


def test_a_run_that_goes_on() -> None:
    machine = parse("1RB0LA_0LA1RB", "swing")
    task = ProgramTask(looped_program(machine, find_bounds(machine, cells=8, looped=True)))
    row = torch.from_numpy(
        task.semantics.tokens(task.semantics.run(task.interface.prompt(task.parse_prompt("").numpy()), 30))
    )
    said = task.final_answer(row[0])
    assert said.startswith(("not halted: 3 steps", "ran off the tape"))
