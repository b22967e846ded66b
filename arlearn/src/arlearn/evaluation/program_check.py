"""Everything that ``compile --check`` does for a program: its proof, its algebra, and runs of all its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.decoding.generate import generate
from arlearn.evaluation.exact_match import exact_match
from arlearn.predictors.linear import LinearPredictor
from arlearn.programs.algebra import identity
from arlearn.programs.proving import prove
from arlearn.programs.python_prompts import PythonInterface
from arlearn.programs.steps import Program
from arlearn.programs.universal_prompts import UniversalInterface, disagreement, prompt_of, random_machine
from arlearn.tasks.program import ProgramTask

RUN = 4_000_000  # tokens that running all inputs may take
INPUTS, DRAWN = 1 << 16, 1_000  # inputs of a Python function that are all run; random ones where there are more
TOGETHER, LONG = 1024, 40_000  # of them at once; tokens after which a run is given up
MACHINES, STEPS = 100, 50  # random machines that are run on a universal model, and for how long


def check_program(program: Program, predictor: LinearPredictor, task: ProgramTask) -> dict[str, Any]:
    """The proof as JSON: step by step; by algebra where the program claims arithmetic; by running all inputs if few.

    ``proved`` is true only if none of them found a fault. Raises ProgramError if program and predictor do not fit.
    """
    proof = prove(program, predictor)
    found = proof.as_json()
    faults = list(proof.faults[:5])
    if program.interface.get("kind") == "numbers":
        gap = identity(program)
        found["identity"] = gap is None
        if gap is not None:
            faults.append(f"the identity does not follow: {gap}")
    everything = task.everything()
    if isinstance(task.interface, PythonInterface):
        faults += _run_python(predictor, task, task.interface, found)
    elif program.interface.get("kind") == "universal":
        faults += _run_machines(predictor, task, found)
    elif everything is not None and task.looped:
        faults += _run_loop(predictor, task, everything, found)
    elif everything is not None and len(everything) * task.generated <= RUN:
        result = exact_match(predictor, task, everything, batch_size=8192)
        found |= {"inputs_run": result.count, "inputs_wrong": result.wrong}
        if result.wrong:
            faults.append(
                f"{result.wrong} of all {result.count} inputs give a wrong answer, such as {result.failures[0]}"
            )
    return found | {"proved": proof.proved and not faults, "faults": faults}


def _run_machines(predictor: LinearPredictor, task: ProgramTask, found: dict[str, Any]) -> list[str]:
    """Compare runs of random machines on a universal model with a simulator, step by step; the faults."""
    assert isinstance(task.interface, UniversalInterface)
    random, sizes = np.random.default_rng(0), task.interface.sizes
    wrong = []
    for _ in range(MACHINES):
        machine = random_machine(sizes, random)
        tape = "".join(random.choice(list(machine.symbols), random.integers(0, min(8, sizes.cells) + 1)))
        prompted = prompt_of(machine, tape, sizes)
        prompt = task.encode_prompts(torch.tensor([task.interface.inputs(prompted)]))
        made = generate(predictor, prompt, STEPS * task.semantics.period, stop=task.stop)
        said = disagreement(task.render(torch.cat([prompt[0], made[0]])), prompted, tape, sizes)
        if said is not None:
            wrong.append(f"{machine.as_json()} on {tape!r}: {said}")
    found |= {"machines_run": MACHINES, "machines_wrong": len(wrong)}
    return wrong[:1]


def _run_python(
    predictor: LinearPredictor, task: ProgramTask, interface: PythonInterface, found: dict[str, Any]
) -> list[str]:
    """Compare a Python function's model with Python: on all inputs if they are few, else on random ones; the faults."""
    inputs = task.everything()
    found["inputs_drawn"] = "all"
    if inputs is None or len(inputs) > INPUTS:
        found["inputs_drawn"] = "random"
        inputs = task.draw(DRAWN, 0)
    ran = wrong = unanswered = 0
    example = ""
    for part in torch.split(inputs, TOGETHER):
        prompts = task.encode_prompts(part)
        made = torch.cat([prompts, generate(predictor, prompts, LONG, stop=task.stop)], dim=1)
        last = made.gather(1, (made >= 0).sum(1, keepdim=True) - 1)[:, 0]
        told = [task.render(row[row >= 0]) for row in task.answer(made)]
        result = interface.compare(part.numpy(), task.render(last), told)
        ran, wrong, unanswered = ran + result.ran, wrong + result.wrong, unanswered + result.unanswered
        example = example or result.example
    found |= {"inputs_run": ran, "inputs_wrong": wrong, "inputs_not_halted": unanswered}
    return [f"{wrong} of {ran} inputs give another answer than Python: {example}"] if wrong else []


def _run_loop(
    predictor: LinearPredictor, task: ProgramTask, everything: Int[Tensor, "count arity"], found: dict[str, Any]
) -> list[str]:
    """Run all inputs of a program with a loop, as far as they halt in a fair share of ``RUN`` tokens; the faults."""
    prompts = task.encode_prompts(everything)
    made = torch.cat([prompts, generate(predictor, prompts, max(1, RUN // len(everything)), stop=task.stop)], dim=1)
    last = made.gather(1, (made >= 0).sum(1, keepdim=True) - 1)
    halted = torch.isin(last[:, 0], torch.tensor(task.stop)).nonzero()[:, 0]
    found |= {"inputs_run": len(halted), "inputs_not_halted": len(everything) - len(halted), "inputs_wrong": 0}
    if not len(halted):
        return []
    wrong = (task.answer(made[halted]) != task.expected(everything[halted])).any(dim=1).nonzero()[:, 0]
    found["inputs_wrong"] = len(wrong)
    if not len(wrong):
        return []
    example = task.final_answer(made[halted[wrong[0]]])
    return [f"{len(wrong)} of {len(halted)} inputs give a wrong answer, such as {example}"]
