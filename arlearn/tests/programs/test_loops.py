"""Loops: what they mean, how they are laid out, compiled, proved for any number of passes, and refused."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arlearn.decoding.generate import generate
from arlearn.predictors.maps import PeriodicMap
from arlearn.programs.builder import Builder
from arlearn.programs.checking import check, faults
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.steps import Program, ProgramError, lay_out
from arlearn.programs.text import from_json, parse_program, to_json
from arlearn.tasks.program import ProgramTask

sys.path.insert(0, str(Path(__file__).parent))
from program_strategies import looped_programs, run_loop_by_words


def countdown() -> Program:
    """Takes one from x until nothing is left; z is a copy of y in every pass."""
    build = Builder("countdown")
    digit = build.numbers("digit", range(10))
    flag = build.words("flag", ("go", "stop"))
    down = build.word_table("down", digit, digit, lambda word: str(max(int(word) - 1, 0)))
    x, y = build.slot("x", digit), build.slot("y", digit)
    build.loop(halt=["stop"])
    left = build.lookup("left", digit, down, build.before("left", x))
    z = build.copy("z", digit, y)
    build.compare("end", flag, -left, at_least=0)
    build.output(left, z)
    return build.program()


def test_a_loop_is_proved_for_any_number_of_passes() -> None:
    program = countdown()
    predictor = compile_program(program)
    proof = prove(program, predictor)
    assert proof.proved
    assert (proof.passes, proof.period, proof.context, proof.generated_tokens) == ("any", 4, None, None)
    assert proof.minimum_margin == 1
    assert isinstance(predictor.map, PeriodicMap)
    task = ProgramTask(program)
    everything = task.everything()
    assert everything is not None
    right = task.encode(everything)
    made = generate(predictor, right[:, :2], task.generated, stop=task.stop)
    assert torch.equal(made, right[:, 2:])
    assert [task.final_answer(row) for row in right[[75, 8]]] == ["0 5", "0 8"]
    assert torch.equal(task.answer(right), torch.stack([torch.zeros(100).long(), torch.arange(100) % 10], dim=1))


def test_what_the_layout_adds() -> None:
    program = lay_out(countdown())
    assert [step.name for step in program.steps] == ["first.keep.y", "first.left", "first.z", "first.end"]
    assert [step.name for step in program.body] == ["keep.y", "left", "z", "end"]
    assert lay_out(program) == program
    assert faults(program) == []


def test_a_prompt_that_already_lies_as_a_pass_needs_no_copies() -> None:
    build = Builder("rotate")
    bit = build.words("bit", ("0", "1"))
    flag = build.words("flag", ("go", "stop"))
    end = build.word_table("end", bit, flag, lambda word: "stop" if word == "1" else "go")
    a, b, _ = (build.slot(name, bit) for name in "abc")
    build.loop(halt=["stop"])
    build.copy("x", bit, build.before("y", b))
    build.copy("y", bit, build.before("x", a))
    build.output(build.lookup("z", flag, end, build.before("x", a)))
    program = build.program()
    assert check(program).program == program


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_random_loops_are_compiled_as_they_mean(data: st.DataObject) -> None:
    """Interpreter, dictionaries, forward on the stored weights, steps one by one, look-ups: all say the same."""
    program = data.draw(looped_programs())
    assert from_json(to_json(program)) == program
    semantics = check(program)
    predictor = compile_program(program)
    assert prove(program, predictor).proved
    prompt = [data.draw(st.sampled_from(semantics.allowed(i).tolist())) for i in range(len(program.slots))]
    row = semantics.run(np.array([prompt]), 60)
    tokens = torch.from_numpy(semantics.tokens(row))
    words = [semantics.words[int(token)] for token in tokens[0]]
    assert words == run_loop_by_words(semantics.program, words[: len(prompt)], len(words))
    slots = len(program.slots)
    assert torch.equal(predictor(tokens[:, :-1]).argmax(-1)[:, slots - 1 :], tokens[:, slots:])
    state = predictor.start(1)
    logits, state = predictor.prefill(state, tokens[:, :slots])
    for position in range(slots, tokens.shape[1]):
        assert int(logits.argmax()) == int(tokens[0, position])
        logits, state = predictor.step(state, tokens[:, position])
    made = generate(predictor, tokens[:, :slots], 60, stop=sorted(semantics.halting))
    assert torch.equal(made, tokens[:, slots : slots + 60])
    twice = generate(predictor, tokens[:, :slots].expand(2, -1), 60, stop=sorted(semantics.halting))
    assert torch.equal(twice, made.expand(2, -1))


def test_every_single_weight_that_matters_is_caught() -> None:
    program = countdown()
    predictor = compile_program(program)
    task = ProgramTask(program)
    everything = task.everything()
    assert everything is not None
    right = task.encode(everything)
    broken, missed = 0, []
    with torch.no_grad():
        for parameter in (predictor.map.weight, predictor.head):
            flat = parameter.view(-1)
            for i in range(0, len(flat), 7):
                before = float(flat[i])
                flat[i] = before + 3
                made = generate(predictor, right[:, :2], right.shape[1] - 2, stop=task.stop)
                wrong = made.shape != right[:, 2:].shape or not torch.equal(made, right[:, 2:])
                broken += wrong
                if wrong and prove(program, predictor).proved:
                    missed.append(i)
                flat[i] = before
    assert broken > 10
    assert missed == []


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_changed_weight_that_changes_a_run_is_never_proved(data: st.DataObject) -> None:
    program = data.draw(looped_programs())
    semantics, predictor = check(program), compile_program(program)
    parameter = data.draw(st.sampled_from([predictor.map.weight, predictor.head, predictor.embedding]))
    with torch.no_grad():
        flat = parameter.view(-1)
        flat[data.draw(st.integers(0, len(flat) - 1))] += data.draw(st.sampled_from([-3, -2, -1, 1, 2, 3]))
    slots = len(program.slots)
    allowed = [semantics.allowed(i) for i in range(slots)]
    prompts = np.stack([each.ravel() for each in np.meshgrid(*allowed, indexing="ij")], axis=1)
    right = torch.from_numpy(semantics.tokens(semantics.run(prompts, 60)))
    made = generate(predictor, right[:, :slots], 60, stop=sorted(semantics.halting))
    if made.shape != right[:, slots:].shape or not torch.equal(made, right[:, slots:]):
        assert not prove(program, predictor).proved


def test_a_map_of_another_period_is_refused() -> None:
    program = countdown()
    predictor = compile_program(program)
    assert isinstance(predictor.map, PeriodicMap)
    predictor.map.period += 1
    with pytest.raises(ProgramError, match="does not repeat as the program does"):
        prove(program, predictor)


LOOP = """
name = "down"
outputs = ["left"]
slots = [{ name = "x", alphabet = "digit" }]

[loop]
halt = ["stop"]
initial = { left = "x" }
steps = '''
left : digit = lookup down(before.left)
end  : flag  = compare -left >= 0        # nothing is left
'''

[[alphabets]]
name = "digit"
words = ["0", "1", "2"]
values = [0, 1, 2]

[[alphabets]]
name = "flag"
words = ["go", "stop"]

[[tables]]
name = "down"
source = "digit"
target = "digit"
entries = ["0", "0", "1"]
"""


def test_a_loop_as_text() -> None:
    program = parse_program(LOOP)
    assert prove(program, compile_program(program)).proved
    assert from_json(to_json(program)) == program
    task = ProgramTask(program)
    assert task.render(task.encode(task.parse_prompt("2"))[0]) == ["2", "2", ".", "1", "go", "0", "stop"]


def test_a_trace_names_the_pass_before() -> None:
    task = ProgramTask(parse_program(LOOP))
    origins = task.trace(task.encode(task.parse_prompt("2"))[0])
    assert str(origins[5]).split(maxsplit=2)[2] == "left = lookup down(before.left)   [before.left = 1 at 3]"
    assert origins[6].sources == ((5, "left", "0"),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('halt = ["stop"]', "", "no end: the loop names no word at which it halts"),
        ('halt = ["stop"]', 'halt = ["0", "halt"]', "halting words halt are in no alphabet"),
        ("compare -left >= 0", "compare -left >= 1", "no step of the loop can write a halting word (stop)"),
        ('halt = ["stop"]\ninitial = { left = "x" }', 'halt = ["stop"]', "does not exist in the first pass"),
        ('left = "x"', 'left = "y"', "is y, which is no slot or step before the loop"),
        ('left = "x"', 'left = "x", right = "x"', "initial token for right, which is not one of its steps"),
        ('left = "x"', 'left = "x", end = "x"', "is x, of digit, but end is of flag"),
        ("down(before.left)", "down(end)", "refers to end, which comes after it; before.end would be"),
        ("down(before.left)", "down(before.x)", "x stands before the loop; read x"),
        ("down(before.left)", "down(before.gone)", "refers to before.gone, which is not defined"),
        ("compare -left >= 0", "copy before.left", "copies a token of digit, but its own alphabet is flag"),
        ('entries = ["0", "0", "1"]', 'entries = { "2" = "1" }', "gap: no entry for 0, 1, which before.left can be"),
        ("end  : flag", "before.x : flag", "reserved for the pass before"),
        ("steps = '''", "pace = 3\nsteps = '''", "unknown entry 'pace' of the loop"),
    ],
)
def test_each_fault_of_a_loop(old: str, new: str, said: str) -> None:
    assert old in LOOP
    with pytest.raises(ProgramError) as error:
        check(parse_program(LOOP.replace(old, new)))
    assert said in str(error.value)


def test_a_step_before_the_loop_has_no_pass_before_and_cannot_halt() -> None:
    text = LOOP.replace("outputs", "steps = 'early : flag = constant stop'\noutputs", 1)
    with pytest.raises(ProgramError, match="step early stands before the loop but can write a halting word"):
        check(parse_program(text))
    text = LOOP.replace("outputs", "steps = 'early : digit = copy before.left'\noutputs", 1)
    with pytest.raises(ProgramError, match="stands in no loop"):
        check(parse_program(text))
    with pytest.raises(ProgramError, match="the loop has no steps"):
        check(dataclasses.replace(parse_program(LOOP), loop=dataclasses.replace(parse_program(LOOP).loop, steps=())))  # type: ignore[type-var]


def test_a_looped_program_is_not_trained_on() -> None:
    with pytest.raises(Exception, match="no fixed length to train on"):
        ProgramTask(countdown()).batch(0, 2, 0)
