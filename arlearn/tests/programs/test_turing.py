"""Machines: the simulator on known runs, and compiled runs against it row by row."""

import pytest
import torch

from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import exact_match, write_out
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.steps import ProgramError
from arlearn.programs.text import example_names, example_text
from arlearn.programs.turing import Machine, find_bounds, from_mapping, parse, simulate
from arlearn.programs.turing_programs import TapeInterface, unrolled_program
from arlearn.tasks.program import ProgramTask


def shipped(name: str) -> Machine:
    return parse(*example_text(name, ".toml"))


def rows_of(task: ProgramTask, tokens: torch.Tensor) -> list[list[str]]:
    words, wide = task.render(tokens), task.prompt_length
    return [words[i : i + wide] for i in range(0, len(words), wide)]


@pytest.mark.parametrize(
    ("notation", "steps", "ones"),
    [
        ("1RB1LB_1LA1RH", 6, 4),  # Rado 1962
        ("1RB1RH_1LB0RC_1LC1LA", 21, 5),  # Lin and Rado 1965: the longest run of three states
        ("1RB1RH_0RC1RB_1LC1LA", 14, 6),  # and the one with the most ones
        ("1RB1LB_1LA0LC_1RH1LD_1RD0RA", 107, 13),  # Brady 1983
    ],
)
def test_the_simulator_on_busy_beavers(notation: str, steps: int, ones: int) -> None:
    run = simulate(parse(notation), "")
    assert run.halted
    assert (run.steps, len(run.history[-1].tape)) == (steps, ones)


@pytest.mark.parametrize("number", range(40))
def test_the_simulator_increments(number: int) -> None:
    last = simulate(shipped("binary-increment"), f"{number:b}").history[-1]
    assert int("".join(last.tape[i] for i in sorted(last.tape)), 2) == number + 1


@pytest.mark.parametrize("number", range(64))
def test_the_simulator_knows_palindromes(number: int) -> None:
    text = f"{number:b}"
    assert (simulate(shipped("palindromes"), text).history[-1].state == "accept") == (text == text[::-1])


@pytest.mark.parametrize(("name", "length"), [("busy-beaver-4", 0), ("binary-increment", 5), ("palindromes", 5)])
def test_compiled_runs_follow_the_simulator_step_by_step(name: str, length: int) -> None:
    machine = shipped(name)
    task = ProgramTask(unrolled_program(machine, find_bounds(machine, length=length)))
    predictor = compile_program(task.program)
    everything = task.everything()
    assert everything is not None
    assert len(everything) == (1 if not length else 2 ** (length + 1) - 1)
    interface = task.interface
    assert isinstance(interface, TapeInterface)
    made = write_out(predictor, task, everything)
    for row, cells in zip(made, everything.tolist(), strict=True):
        assert rows_of(task, row) == interface.rows(cells)
        tape = "".join(machine.symbols[c] for c in cells).strip(machine.blank)
        run = simulate(machine, tape)
        assert task.final_answer(row).startswith(f"halted: {run.steps} steps, ")
    assert exact_match(predictor, task, everything).wrong == 0
    assert prove(task.program, predictor).proved


def test_the_busy_beaver_says_so() -> None:
    machine = shipped("busy-beaver-4")
    task = ProgramTask(unrolled_program(machine, find_bounds(machine)))
    assert task.default_prompt == ""
    made = write_out(compile_program(task.program), task, task.parse_prompt(""))
    assert task.final_answer(made[0]) == "halted: 107 steps, 13 ones"


@pytest.mark.parametrize(
    ("name", "tape", "answer"),
    [
        ("binary-increment", "1011", "halted: 8 steps, 2 ones, tape 1100"),
        ("binary-increment", "", "halted: 2 steps, 1 ones, tape 1"),
        ("palindromes", "0110", "halted: 15 steps, 0 ones, accept"),
        ("palindromes", "01", "halted: 4 steps, 1 ones, reject"),
    ],
)
def test_answers(name: str, tape: str, answer: str) -> None:
    machine = shipped(name)
    task = ProgramTask(unrolled_program(machine, find_bounds(machine, length=4)))
    made = write_out(compile_program(task.program), task, task.parse_prompt(tape))
    assert task.final_answer(made[0]) == answer


def test_one_input_alone() -> None:
    machine = shipped("palindromes")
    bounds = find_bounds(machine, tape="0100010")
    task = ProgramTask(unrolled_program(machine, bounds))
    assert task.default_prompt == "0100010"
    assert task.parse_prompt("").tolist() == task.parse_prompt("0100010").tolist()
    with pytest.raises(ArlearnError, match="for the input '0100010' alone"):
        task.parse_prompt("11")


def test_time_and_tape_that_run_out() -> None:
    machine = shipped("busy-beaver-4")
    short = ProgramTask(unrolled_program(machine, find_bounds(machine, steps=20)))
    predictor = compile_program(short.program)
    made = write_out(predictor, short, short.parse_prompt(""))
    ones = len(simulate(machine, "", 20).history[-1].tape)
    assert short.final_answer(made[0]) == f"not halted: 20 steps, {ones} ones"
    narrow = ProgramTask(unrolled_program(machine, find_bounds(machine, cells=6)))
    predictor = compile_program(narrow.program)
    everything = narrow.everything()
    assert everything is not None
    assert narrow.final_answer(write_out(predictor, narrow, everything)[0]).startswith("ran off the tape: ")
    assert exact_match(predictor, narrow, everything).wrong == 0
    wide = ProgramTask(unrolled_program(machine, find_bounds(machine, cells=30, steps=110)))
    assert wide.final_answer(wide.encode(wide.parse_prompt(""))[0]) == "halted: 107 steps, 13 ones"


def test_machines_that_stay_and_machines_that_never_halt() -> None:
    entry = {
        "start": "go",
        "blank": "_",
        "input": "x",
        "halt": [],
        "transitions": {"go": {"x": "y S go", "y": "y R go"}},
    }
    machine = from_mapping(entry)  # halts on a blank, where it has no transition
    task = ProgramTask(unrolled_program(machine, find_bounds(machine, length=3)))
    made = write_out(compile_program(task.program), task, task.parse_prompt("xxx"))
    assert task.final_answer(made[0]) == "halted: 6 steps, 0 ones"
    endless = parse("1RA1RA_0LB0LB")
    with pytest.raises(ArlearnError, match="does not halt within"):
        find_bounds(endless)


def test_too_many_inputs_to_simulate() -> None:
    machine = shipped("binary-increment")
    with pytest.raises(ArlearnError, match="give --max-steps and --tape"):
        find_bounds(machine, length=20)
    bounds = find_bounds(machine, length=20, steps=45, cells=24)
    assert (bounds.cells, bounds.start) == (24, 2)
    for wrong in ({"cells": 0}, {"steps": 0}, {"length": -1}, {"length": 5, "cells": 3}, {"tape": "012"}):
        with pytest.raises(ArlearnError):
            find_bounds(machine, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", example_names(".toml"))
def test_shipped_machines_read_back(name: str) -> None:
    machine = shipped(name)
    assert from_mapping(machine.as_json()).rules == machine.rules


def test_all_faults_of_a_machine() -> None:
    text = """
    start = "a"
    blank = "01"
    halt = ["b"]
    input = "x:"
    report = "loudly"
    speed = 3
    [transitions.a]
    "x" = "x R"
    "y" = "y U c"
    "z" = "z R off"
    [transitions.b]
    "x" = "x R d"
    """
    with pytest.raises(ProgramError) as error:
        parse(text, "bad")
    said = "; ".join(error.value.faults)
    for fault in (
        "unknown entry 'speed'",
        "transition a 'x'",
        "transition a 'y'",
        "symbol '01' must be one character",
        "symbol ':' must be one character",
        "the state name 'off' is reserved",
        "state d has no transitions",
        "the halting state b has transitions",
        "report must be",
    ):
        assert fault in said, fault
    with pytest.raises(ProgramError, match="neither TOML"):
        parse("1RB 1LC", "bad")
    with pytest.raises(ProgramError, match="no start state"):
        parse("", "empty")
