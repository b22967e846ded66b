"""Circuits: their text, their gates, and compiled ones on every input."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import exact_match, write_out
from arlearn.programs.circuits import Circuit, CircuitBuilder, parity_circuit, parse
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.steps import ProgramError
from arlearn.programs.text import example_names, example_text
from arlearn.tasks.program import ProgramTask


def all_right(circuit: Circuit) -> bool:
    task = ProgramTask(circuit.program())
    everything = task.everything()
    assert everything is not None
    return exact_match(compile_program(task.program), task, everything, batch_size=16384).wrong == 0


TRUTH = {
    "AND a b c": lambda a, b, c: a and b and c,
    "OR a b c": lambda a, b, c: a or b or c,
    "NAND a b c": lambda a, b, c: not (a and b and c),
    "NOR a b c": lambda a, b, c: not (a or b or c),
    "XOR a b c": lambda a, b, c: (a + b + c) % 2 == 1,
    "XNOR a b c": lambda a, b, c: (a + b + c) % 2 == 0,
    "MAJORITY a b c": lambda a, b, c: a + b + c >= 2,
    "ATLEAST 2 a b c": lambda a, b, c: a + b + c >= 2,
    "NOT b": lambda a, b, c: not b,
    "COPY c": lambda a, b, c: c,
    "TRUE": lambda a, b, c: True,
    "FALSE": lambda a, b, c: False,
    "3*a - 2*b + c >= 2": lambda a, b, c: 3 * a - 2 * b + c >= 2,
    "-a - b >= -1": lambda a, b, c: -a - b >= -1,
    "a + 1 >= 2": lambda a, b, c: a + 1 >= 2,
    "AND a a b": lambda a, b, c: a and b,
    "XOR a a b": lambda a, b, c: b == 1,
}


@pytest.mark.parametrize("gate", TRUTH)
def test_gates_against_python(gate: str) -> None:
    task = ProgramTask(parse(f"inputs a b c\nz = {gate}\noutputs z").program())
    predictor = compile_program(task.program)
    for bits in itertools.product((0, 1), repeat=3):
        made = write_out(predictor, task, torch.tensor([bits]))
        assert task.final_answer(made[0]) == str(int(bool(TRUTH[gate](*bits))))


def test_parity_of_sixteen_bits_on_every_input() -> None:
    circuit = parse(example_text("parity16.txt", ".txt")[0])
    everything = np.array(list(itertools.product((0, 1), repeat=16)))
    assert np.array_equal(circuit.evaluate(everything)[:, 0], everything.sum(axis=1) % 2)
    assert all_right(circuit)
    assert prove(circuit.program(), compile_program(circuit.program())).proved


@pytest.mark.parametrize(("step", "tokens"), [(1, 18), (2, 10), (3, 6), (9, 2), (20, 2)])
def test_more_bits_a_step_fewer_tokens(step: int, tokens: int) -> None:
    circuit = parity_circuit(10, step)
    assert len(circuit.program().steps) == tokens
    assert all_right(circuit)


def test_the_adder_adds() -> None:
    circuit = parse(example_text("adder4", ".txt")[0])
    for a, b in itertools.product(range(16), repeat=2):
        bits = [int(bit) for bit in f"{a:04b}{b:04b}"]
        assert "".join(map(str, circuit.evaluate(np.array([bits]))[0])) == f"{a + b:05b}"
    assert all_right(circuit)


@pytest.mark.parametrize("name", example_names(".txt"))
def test_shipped_circuits_compile_and_read_back(name: str) -> None:
    circuit = parse(example_text(name, ".txt")[0], name)
    assert parse("\n".join(circuit.lines()), name) == circuit
    assert prove(circuit.program(), compile_program(circuit.program())).proved


KINDS = ("AND", "OR", "NOT", "NAND", "NOR", "XOR", "XNOR", "MAJORITY")


@st.composite
def circuits(draw: st.DrawFn) -> Circuit:
    build = CircuitBuilder("random", [f"x{i}" for i in range(draw(st.integers(1, 5)))])
    names = list(build.inputs)
    for i in range(draw(st.integers(1, 8))):
        kind = draw(
            st.sampled_from(["AND", "OR", "NOT", "NAND", "NOR", "XOR", "XNOR", "MAJORITY", "weighted", "atleast"])
        )
        chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=1 if kind == "NOT" else 4))
        if kind == "weighted":
            weights = {name: draw(st.integers(-4, 4)) for name in chosen}
            names.append(build.weighted(f"g{i}", weights, draw(st.integers(-5, 5))))
        elif kind == "atleast":
            names.append(build.at_least(f"g{i}", draw(st.integers(-1, 4)), *chosen))
        else:
            names.append(build.gate(f"g{i}", kind, *chosen))
    build.output(*draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)))
    return build.circuit()


@settings(max_examples=40, deadline=None)
@given(circuits())
def test_random_circuits(circuit: Circuit) -> None:
    assert parse("\n".join(circuit.lines()), "random") == circuit
    assert all_right(circuit)


def test_all_faults_with_their_lines() -> None:
    text = """inputs a b a
    z = AND a nowhere
    y = DANCE a
    = OR a
    x = a + >= 2
    w = 2*a >= much
    v = later
    u = OR v later
    later = NOT a b
    t = ATLEAST many a
    b = OR a b
    s = OR s
    q = AND
    r = OR x9..x3
    outputs z gone z
    """
    with pytest.raises(ProgramError) as error:
        parse(text)
    said = "; ".join(error.value.faults)
    for fault in (
        "line 3: y: there is no gate 'DANCE'",
        "line 4: ",
        "line 5: x: ",
        "line 6: w: the threshold after '>=' must be a whole number",
        "line 7: v: there is no gate 'later'",
        "line 9: later: NOT takes one argument, got 2",
        "line 10: t: ATLEAST takes a whole number",
        "line 13: q: AND takes arguments",
        "line 14: 'x9..x3' is not a range",
        "gate z: nowhere is not defined",
        "gate u: later is defined only later",
        "input a is given twice",
        "b is defined twice",
        "gate s reads itself",
        "output gone is not defined",
        "output z is named twice",
    ):
        assert fault in said, fault


@pytest.mark.parametrize("text", ["", "# nothing", "inputs a", "outputs a", "inputs a\noutputs"])
def test_circuits_that_are_none(text: str) -> None:
    with pytest.raises(ProgramError):
        parse(text)


@pytest.mark.parametrize("text", ["101", "10102", "1 0 1 1 1 1", "abcde"])
def test_prompts_that_are_not_the_right_bits(text: str) -> None:
    with pytest.raises(ArlearnError, match="bits"):
        ProgramTask(parity_circuit(5).program()).parse_prompt(text)


def test_prompts_may_be_spaced() -> None:
    task = ProgramTask(parity_circuit(5).program())
    assert task.parse_prompt("1 0 1 1 0").tolist() == task.parse_prompt("10110").tolist() == [[1, 0, 1, 1, 0]]
    with pytest.raises(ArlearnError, match="no hard inputs"):
        task.draw(3, 0, hard=True)
