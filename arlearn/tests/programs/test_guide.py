"""What docs/programs.md shows is what arlearn reads."""

import re
from pathlib import Path

import pytest

from arlearn.programs.circuits import parse as parse_circuit
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.text import parse_program
from arlearn.programs.turing import find_bounds
from arlearn.programs.turing import parse as parse_machine
from arlearn.programs.turing_programs import looped_program, unrolled_program

GUIDE = Path(__file__).parents[3] / "docs" / "programs.md"


def blocks(language: str) -> list[str]:
    if not GUIDE.exists():
        pytest.skip("the guide is not beside the package")
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_python() -> None:
    for block in blocks("python"):
        exec(block, {})


def test_text_forms() -> None:
    program, loop, machine = blocks("toml")
    (circuit,) = blocks("circuit")
    programs = [
        parse_program(program),
        parse_program(loop),
        parse_circuit(circuit).program(),
        unrolled_program(parse_machine(machine), find_bounds(parse_machine(machine), length=3)),
        looped_program(parse_machine(machine), find_bounds(parse_machine(machine), length=3, looped=True)),
    ]
    for each in programs:
        assert prove(each, compile_program(each)).proved
