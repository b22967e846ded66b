"""Python functions compiled to weights, against Python itself."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.decoding.generate import generate
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.python_functions import python_program
from arlearn.programs.python_prompts import PythonInterface, parse_ranges
from arlearn.programs.python_reading import read_source
from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import Program, ProgramError, lay_out
from arlearn.programs.text import example_text
from arlearn.tasks.program import ProgramTask

sys.path.insert(0, str(Path(__file__).parent))
from random_functions import random_function


def program_of(text: str, ranges: str, name: str = "f", numbers: tuple[int, int] = (-99_999, 99_999)) -> Program:
    return python_program(read_source(text, "f.py", name), parse_ranges(ranges), numbers)


def answers(program: Program, inputs: list[list[int]]) -> list[str]:
    """What the steps say, by the interpreter (the weights do the same, which ``prove`` shows)."""
    semantics = Semantics(lay_out(program))
    interface = PythonInterface(semantics, program.interface)
    rows = semantics.run(interface.prompt(np.array(inputs)), 100_000)
    told = []
    for row in semantics.tokens(rows):
        told.append(interface.answer([semantics.words[token] for token in row if token >= 0]))
    return told


EXAMPLES = {
    "gcd": ("a:0..255,b:0..255", 300),
    "collatz": ("n:1..30", 30),
    "is_prime": ("n:0..200", 201),
    "isqrt": ("n:0..200", 201),
    "days": ("year:1890..2010,month:1..12", 300),
    "search": ("x:0..60", 61),
    "sort4": ("a:0..1,b:0..1,c:0..1,d:0..1", 16),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_weights_of_every_example_answer_as_python_does(name: str) -> None:
    ranges, count = EXAMPLES[name]
    text, _ = example_text(f"{name}.py", ".py")
    program = python_program(read_source(text, f"{name}.py", name), parse_ranges(ranges))
    task = ProgramTask(program)
    listed = task.everything()
    assert listed is not None
    inputs = listed if len(listed) <= count else task.draw(count, 0)
    prompts = task.encode_prompts(inputs)
    made = generate(compile_program(program), prompts, 20_000, stop=task.stop)
    space: dict[str, object] = {}
    exec(text, space)
    for row, prompt, tokens in zip(inputs.tolist(), prompts, made, strict=True):
        assert task.final_answer(torch.cat([prompt, tokens])) == str(space[name](*row))  # type: ignore[operator]


@pytest.mark.parametrize(("name", "ranges"), [("gcd", "a:0..9,b:0..9"), ("sort4", EXAMPLES["sort4"][0])])
def test_weights_are_proved_for_any_number_of_passes(name: str, ranges: str) -> None:
    text, _ = example_text(f"{name}.py", ".py")
    program = python_program(read_source(text, f"{name}.py", name), parse_ranges(ranges))
    proof = prove(program, compile_program(program))
    assert proof.proved
    assert proof.passes == "any"


SIGNED = "def f(a, b):\n    return a // b, a % b, a * b, a - b, abs(a), min(a, b), max(a, b), -a\n"


def test_signed_arithmetic_is_pythons() -> None:
    inputs = [[a, b] for a in range(-12, 13) for b in (-11, -3, -1, 1, 2, 7, 12)]
    expected = [str((a // b, a % b, a * b, a - b, abs(a), min(a, b), max(a, b), -a)) for a, b in inputs]
    assert answers(program_of(SIGNED, "a:-12..12,b:-12..12"), inputs) == expected


LOOPS = """
def rest(a, b):
    while a >= b:
        a -= b
        if a == 7:
            break
    return a

def f(n, m):
    total = 0
    for i in range(n):
        if i == m:
            continue
        for j in range(i, 0, -2):
            total += j
        if total > 60 and rest(total, 9) == 2:
            return total, i
    for item in (3, n, m):
        total += item
    return total, rest(n + m, m + 1) if n else -1
"""


def test_nested_loops_calls_and_tuples() -> None:
    space: dict[str, object] = {}
    exec(LOOPS, space)
    inputs = [[n, m] for n in range(12) for m in range(0, 10, 3)]
    expected = [str(space["f"](n, m)) for n, m in inputs]  # type: ignore[operator]
    assert answers(program_of(LOOPS, "n:0..11,m:0..9"), inputs) == expected


def test_a_run_that_cannot_go_on_says_why() -> None:
    text = "def f(a, b):\n    t = (5, 6, 7)\n    return t[a] // b * 60\n"
    told = answers(program_of(text, "a:0..5,b:0..3", numbers=(0, 400)), [[0, 1], [1, 0], [4, 1], [2, 1], [2, 3]])
    assert told == [
        "300",
        "division by zero",
        "an index is outside its tuple",
        "overflow: a number left 0..400 (--numbers)",
        "120",
    ]


def test_an_index_counts_from_the_end_where_it_is_negative() -> None:
    text = "def f(a):\n    t = (5, 6, 7)\n    return t[a] * 10 + t[-1]\n"
    told = answers(program_of(text, "a:-4..3"), [[a] for a in range(-4, 4)])
    outside = "an index is outside its tuple"
    assert told == [outside, "57", "67", "77", "57", "67", "77", outside]


def test_a_truth_value_of_a_call_can_be_joined_with_another() -> None:
    text = "def h(x):\n    return x % 2 == 1\n\ndef f(a):\n    flag, n = h(a) and a > 2, a\n    return flag or n == 0\n"
    assert answers(program_of(text, "a:0..5"), [[a] for a in range(6)]) == [
        "True",
        "False",
        "False",
        "True",
        "False",
        "True",
    ]


@pytest.mark.parametrize("seed", range(int(os.environ.get("ARLEARN_RANDOM_FUNCTIONS", "12"))))
def test_random_functions_of_the_whole_subset_answer_as_python_does(seed: int) -> None:
    text = random_function(seed)
    try:
        program = program_of(text, "a:-3..4,b:0..5", numbers=(-9999, 9999))
    except ProgramError as error:
        if not all(re.search("there is no element|always divides by zero", fault) for fault in error.faults):
            raise
        return
    space: dict[str, object] = {}
    exec(text, space)
    inputs = [[a, b] for a in range(-3, 5) for b in range(6)]
    for (a, b), told in zip(inputs, answers(program, inputs), strict=True):
        try:
            expected = str(space["f"](a, b))  # type: ignore[operator]
        except ZeroDivisionError:
            expected = "division by zero"
        except IndexError:
            expected = "an index is outside its tuple"
        assert told == expected or told.startswith("overflow")


def test_a_negative_input_can_grow_by_a_digit() -> None:
    text = "def f(a, b):\n    for i in range(b):\n        t = a\n        a = 7 + i\n        if i > 4:\n            a = 12\n    return a, b\n"
    inputs = [[a, b] for a in range(-3, 4) for b in (0, 1, 6)]
    space: dict[str, object] = {}
    exec(text, space)
    expected = [str(space["f"](a, b)) for a, b in inputs]  # type: ignore[operator]
    assert answers(program_of(text, "a:-3..4,b:0..6"), inputs) == expected


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "c", "0", "1", "3", "17"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(["<", "==", "!=", ">="]), inner, inner, inner).map(
            lambda t: f"({t[3]} if {t[0]} {t[1]} {t[2]} else {t[4]})"
        ),
    ),
    max_leaves=4,
)
CONDITIONS = st.tuples(EXPRESSIONS, st.sampled_from(["<", "<=", "==", "!=", ">"]), EXPRESSIONS, st.booleans()).map(
    lambda t: f"{t[0]} {t[1]} {t[2]}" + (" and not a == b" if t[3] else "")
)


@st.composite
def functions(draw: st.DrawFn) -> str:
    """A small function: assignments, a bounded while loop, an if, a for loop."""
    lines = ["def f(a, b):", "    c = 1", f"    c = {draw(EXPRESSIONS)}", "    n = 0"]
    lines += [
        f"    while n < 4 and ({draw(CONDITIONS)}):",
        f"        {draw(st.sampled_from('abc'))} = {draw(EXPRESSIONS)}",
    ]
    lines += [f"        if {draw(CONDITIONS)}:", f"            {draw(st.sampled_from(['break', 'b = a', 'return c']))}"]
    lines += ["        n += 1", f"    for i in range({draw(st.sampled_from(['2', 'n', 'n, 3', '3, 0, -1']))}):"]
    lines += [f"        c = {draw(EXPRESSIONS)}", "        a = i", f"    return {draw(EXPRESSIONS)}"]
    return "\n".join(lines) + "\n"


@settings(max_examples=15, deadline=None)
@given(functions(), st.integers(0, 2**32 - 1))
def test_random_functions_answer_as_python_does(text: str, seed: int) -> None:
    try:
        program = program_of(text, "a:-9..9,b:0..12", numbers=(-999, 999))
    except ProgramError as error:
        if "divides by zero" not in str(error):
            raise
        return
    space: dict[str, object] = {}
    exec(text, space)
    random = np.random.default_rng(seed)
    inputs = [[int(random.integers(-9, 10)), int(random.integers(0, 13))] for _ in range(12)]
    for (a, b), told in zip(inputs, answers(program, inputs), strict=True):
        try:
            expected = str(space["f"](a, b))  # type: ignore[operator]
        except ZeroDivisionError:
            expected = "division by zero"
        assert told == expected or told.startswith("overflow")


REFUSED = """
def f(a, b):
    x = 2.5
    y = a / b
    print(a)
    z = [1, 2]
    for i in range(a, b, b):
        t[0] = 1
    if a:
        u = 1
    return u ** 2

def g(a):
    return g(a - 1)

def h(a):
    global COUNT
    while a:
        a -= 1
"""


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("f", [(3, "float"), (4, "//"), (5, "print"), (6, "tuple"), (7, "step of a range"), (8, "tuple"), (11, "'u'")]),
        ("g", [(13, "recursion")]),
        ("h", [(17, "side effect"), (18, "without a value")]),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_all_lines(name: str, lines: list[tuple[int, str]]) -> None:
    with pytest.raises(ProgramError) as caught:
        read_source(REFUSED, "f.py", name)
    for line, what in lines:
        assert any(fault.startswith(f"f.py:{line}:") and what in fault for fault in caught.value.faults), (line, what)


@pytest.mark.parametrize(
    ("text", "ranges", "what"),
    [
        ("def f(a):\n    return a\n", "b:0..1", "a has no range"),
        ("def f(a):\n    while True:\n        a = a % 7 + 1\n", "a:0..1", "f.py:1: f never returns"),
        ("def f(a):\n    return (a, a)[2]\n", "a:0..1", "f.py:2: the tuple has 2 elements"),
        ("def f(a):\n    t = (a, a)\n    return t + 1\n", "a:0..1", "f.py:3: a tuple stands where a number"),
        ("def f(a):\n    return a // 0\n", "a:0..1", "f.py:2: this always divides by zero"),
        ("def f(a):\n    return a and 3\n", "a:0..1", "f.py:2: 'and' and 'or' of numbers"),
        (
            "def g(x):\n    return x\n\ndef f(a):\n    return g(a) or a > 1\n",
            "a:0..1",
            "f.py:5: 'and' and 'or' of numbers stand only in conditions, and g(a) is a number; write g(a) != 0",
        ),
        ("def f(a):\n    return a\n", "a:0..100000", "five digits"),
        ("def f(a):\n    return (\n", "a:0..1", "this is not Python"),
        ("def f(a):\n    break\n    return a\n", "a:0..1", "f.py:2: this is not Python"),
        ("def f(a):\n    x: int\n    return x\n", "a:0..1", "f.py:3: 'x' may be read before"),
        ("N = 1\nN += 1\ndef f(a):\n    return N\n", "a:0..1", "f.py:4: 'N' is no variable"),
        ("def f(a):\n    return " + "-" * 200 + "a\n", "a:0..1", "f.py:2: this is nested more than"),
    ],
)
def test_faults_of_a_function_say_where(text: str, ranges: str, what: str) -> None:
    with pytest.raises(ProgramError) as caught:
        program_of(text, ranges)
    assert any(what in fault for fault in caught.value.faults)
