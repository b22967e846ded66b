"""Compiled predictors against an interpreter that shares nothing with the compiler."""

import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arlearn.decoding.generate import generate
from arlearn.predictors.maps.blocks import BlocksMap
from arlearn.predictors.saving import load_predictor, save_predictor
from arlearn.programs.arithmetic import multiplication
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.steps import Program, references
from arlearn.programs.text import from_json, to_json
from arlearn.tasks.program import ProgramTask

sys.path.insert(0, str(Path(__file__).parent))
from program_strategies import programs, run_by_words

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(programs(), st.booleans(), st.integers(0, 2**31))
def test_generates_what_the_program_says(program: Program, centred: bool, seed: int) -> None:
    predictor = compile_program(program, centred=centred)
    task = ProgramTask(program)
    inputs = task.draw(8, seed)
    prompts = task.encode_prompts(inputs)
    made = torch.cat([prompts, generate(predictor, prompts, task.generated)], dim=1)
    for row in made:
        words = task.render(row)
        assert words == run_by_words(program, words[: task.prompt_length])
    assert torch.equal(made, task.encode(inputs))


@few
@given(programs())
def test_forward_agrees_with_stepping_and_the_proof_holds(program: Program) -> None:
    predictor = compile_program(program)
    task = ProgramTask(program)
    tokens = task.encode(task.draw(16, 0))
    logits = predictor(tokens[:, :-1])[:, task.prompt_length - 1 :]
    best, second = logits.topk(2, dim=-1).values.unbind(-1)
    assert torch.equal(logits.argmax(-1), tokens[:, task.prompt_length :])
    proof = prove(program, predictor)
    assert proof.proved
    assert float((best - second).min()) >= proof.minimum_margin >= 1


@few
@given(programs())
def test_a_program_survives_its_text(program: Program) -> None:
    assert from_json(to_json(program)) == program


def test_only_the_blocks_that_steps_need_are_stored() -> None:
    program = multiplication(3)
    predictor = compile_program(program)
    assert isinstance(predictor.map, BlocksMap)
    assert len(predictor.map.pairs) == sum(len(references(step)) for step in program.steps)
    assert predictor.head_bias is None
    assert set(predictor.frozen()) == {"embedding", "map.weight", "head"}


def test_saves_and_loads_like_any_other(tmp_path: Path) -> None:
    program = multiplication(2)
    predictor, task = compile_program(program), ProgramTask(program)
    save_predictor(predictor, tmp_path / "m", {"task": {"kind": task.kind, "configuration": task.configuration()}})
    loaded, card = load_predictor(tmp_path / "m")
    again = ProgramTask.from_configuration(card["task"]["configuration"])
    tokens = again.encode(again.draw(50, 3))
    assert again.program == program
    assert torch.equal(loaded(tokens[:, :-1]), predictor(tokens[:, :-1]))
    assert prove(again.program, loaded).proved


@pytest.mark.parametrize("digits", [1, 5])
def test_the_chain_can_be_trained_on(digits: int) -> None:
    task = ProgramTask(multiplication(digits))
    predictor = compile_program(task.program)
    batch = task.batch(2, 16, seed=1)
    assert torch.equal(batch.tokens, task.batch(2, 16, seed=1).tokens)
    assert not batch.counted[:, : task.prompt_length].any()
    loss = predictor.loss(batch.tokens, batch.counted)
    assert float(loss) < torch.log(torch.tensor(float(task.vocabulary)))  # it already knows the chain
