"""The proof fails for weights that are wrong, and what it says of number formats is what happens in them."""

import dataclasses

import pytest
import torch

from arlearn.decoding.generate import generate
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.packed import PackedMap
from arlearn.programs.arithmetic import addition, identity, multiplication
from arlearn.programs.circuits import CircuitBuilder, parity_circuit
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.steps import Add, ProgramError, Term
from arlearn.tasks.program import ProgramTask


def test_every_single_weight_that_matters_is_caught() -> None:
    program = parity_circuit(3).program()
    predictor = compile_program(program)
    task = ProgramTask(program)
    everything = task.everything()
    assert everything is not None
    right = task.encode(everything)
    broken, missed = 0, []
    with torch.no_grad():
        for parameter in (predictor.map.weight, predictor.head, predictor.embedding):
            flat = parameter.view(-1)
            for i in range(len(flat)):
                before = float(flat[i])
                flat[i] = before + 3
                made = generate(predictor, right[:, : task.prompt_length], task.generated)
                wrong = not torch.equal(made, right[:, task.prompt_length :])
                broken += wrong
                if wrong and prove(program, predictor).proved:
                    missed.append(i)
                flat[i] = before
    assert broken > 20
    assert missed == []
    assert prove(program, predictor).proved


def test_a_broken_weight_is_named_with_its_step() -> None:
    program = multiplication(2)
    predictor = compile_program(program)
    place = next(i for i, step in enumerate(program.steps) if step.name == "s1_0")
    row = len(program.slots) + place - 1
    block = predictor.map.block(row, row)
    assert block is not None
    with torch.no_grad():
        block[block != 0] *= 0.5
    proof = prove(program, predictor)
    assert not proof.proved
    assert proof.minimum_margin <= 0
    assert any(fault.startswith("step s1_0: ") for fault in proof.faults)
    assert "float32" not in proof.safe_in


def test_a_stray_weight_outside_the_program_is_seen() -> None:
    """On a packed map every block exists: the proof must read those the program has no use for."""
    program = addition(1)
    compiled = compile_program(program)
    packed = PackedMap(program.length - 1, compiled.map.inputs, compiled.map.outputs)
    predictor = LinearPredictor(compiled.embedding, packed, compiled.head)
    with torch.no_grad():
        predictor.map.weight.zero_()
        for to, frm in compiled.map.pairs:  # type: ignore[union-attr]
            packed.block(to, frm).copy_(compiled.map.block(to, frm))  # type: ignore[union-attr, arg-type]
        assert prove(program, predictor).proved
        packed.block(4, 1)[:, 0] += 2.0  # type: ignore[index]  # the same for every token: it moves all scores of a kind
        harmless = prove(program, predictor)
        packed.block(4, 2)[:, :] += 2.0  # type: ignore[index]
        assert not prove(program, predictor).proved
    assert harmless.steps_checked == len(program.steps)


def test_small_noise_keeps_the_proof_and_its_margin_shrinks() -> None:
    program = addition(2)
    predictor = compile_program(program)
    with torch.no_grad():
        predictor.head += 1e-4 * torch.randn(predictor.head.shape, generator=torch.Generator().manual_seed(0))
    proof = prove(program, predictor)
    assert proof.proved
    assert 0.9 < proof.minimum_margin < 1
    assert not proof.formats["float32"].exact


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_safe_formats_are_those_that_work(kind: torch.dtype, centred: bool) -> None:
    program = multiplication(2)
    predictor = compile_program(program, centred=centred)
    safe = str(kind).removeprefix("torch.") in prove(program, predictor).safe_in
    task = ProgramTask(program)
    everything = task.everything()
    assert everything is not None
    right = task.encode(everything)
    made = generate(predictor.to(kind), right[:, : task.prompt_length], task.generated)
    assert torch.equal(made, right[:, task.prompt_length :]) == safe
    assert safe == (centred or kind != torch.bfloat16)


def test_a_comparison_too_wide_to_enumerate() -> None:
    build = CircuitBuilder("wide", [f"x{i}" for i in range(22)])
    build.weighted("z", {f"x{i}": 2**i for i in range(22)}, 3_000_001)  # every input has a sum of its own
    build.output("z")
    program = build.circuit().program()
    predictor = compile_program(program)
    proof = prove(program, predictor)
    assert proof.proved
    assert (proof.combinations, proof.minimum_margin) == (2**22, 1)
    task = ProgramTask(program)
    near = torch.tensor([[n >> i & 1 for i in range(22)] for n in range(2_999_980, 3_000_020)])
    assert torch.equal(generate(predictor, task.encode_prompts(near), 1), task.encode(near)[:, 22:])
    with torch.no_grad():
        predictor.map.weight[3] *= 1.5
    assert not prove(program, predictor).proved


def test_large_numbers_are_not_safe_in_float32() -> None:
    build = CircuitBuilder("large", ["x", "y"])
    build.weighted("z", {"x": 2**25 + 1, "y": -(2**25)}, 1)
    build.output("z")
    program = build.circuit().program()
    proof = prove(program, compile_program(program))
    assert not proof.proved
    assert proof.safe_in == []


def test_a_predictor_of_another_shape() -> None:
    with pytest.raises(ProgramError, match="tokens, not"):
        prove(addition(1), compile_program(multiplication(1)))
    with pytest.raises(ProgramError, match="context"):
        prove(addition(3), compile_program(addition(2)))


@pytest.mark.parametrize("digits", [1, 2, 5, 12])
def test_the_identity_holds(digits: int) -> None:
    assert identity(multiplication(digits)) is None
    assert identity(addition(digits)) is None


def test_the_identity_fails_for_every_dropped_term() -> None:
    program = multiplication(3)
    for place, step in enumerate(program.steps):
        if isinstance(step, Add) and len(step.terms) > 1:
            for k in range(len(step.terms)):
                less = dataclasses.replace(step, terms=step.terms[:k] + step.terms[k + 1 :])
                steps = (*program.steps[:place], less, *program.steps[place + 1 :])
                assert identity(dataclasses.replace(program, steps=steps)) is not None
    twice = dataclasses.replace(program.steps[1], terms=(Term("p0_0", "product_ones", 2),))
    assert identity(dataclasses.replace(program, steps=(program.steps[0], twice, *program.steps[2:]))) is not None
