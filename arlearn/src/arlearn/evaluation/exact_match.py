"""Whether answers are right: choosing questions, comparing a predictor's own answers with the right ones, and the checks
of ``compile --check``.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from arlearn.decoding.generate import generate
from arlearn.errors import ArlearnError
from arlearn.files import read_text
from arlearn.predictors.base import Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.programs.arithmetic import identity
from arlearn.programs.proving import prove
from arlearn.programs.python_prompts import PythonInterface
from arlearn.programs.steps import Program
from arlearn.programs.universal_prompts import UniversalInterface, disagreement, prompt_of, random_machine
from arlearn.tasks import load_task
from arlearn.tasks.base import SequenceTask
from arlearn.tasks.program import ProgramTask

SMALL = 2_000_000  # weights
SHOWN = 20  # bad lines of a file that are spelled out


@dataclass(frozen=True)
class ExactMatch:
    """How often the whole answer was right, and how often each of its places was.

    Attributes:
        count: prompts answered.
        wrong: those with any token of the answer wrong.
        digit_accuracy: share of the answers' tokens that were right, over all places.
        places: the same for each place, most significant first.
        seconds: time spent generating.
        generated_tokens: tokens written for each prompt; the most, where chains differ in length.
        failures: the first wrong ones: inputs, the answer given, the right one.
    """

    count: int
    wrong: int
    digit_accuracy: float
    places: list[float]
    seconds: float
    generated_tokens: int
    failures: list[tuple[list[int], str, str]] = field(default_factory=list)

    @property
    def exact_match(self) -> float:
        return 1 - self.wrong / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the exact match."""
        return wilson(self.count - self.wrong, self.count)

    def summary(self) -> dict[str, Any]:
        """JSON-ready figures."""
        return {
            "exact_match": self.exact_match,
            "wrong": self.wrong,
            "count": self.count,
            "interval": list(self.interval),
            "digit_accuracy": self.digit_accuracy,
            "place_accuracy": self.places,
            "products_per_second": self.count / self.seconds if self.seconds > 0 else math.inf,
            "seconds": self.seconds,
            "generated_tokens": self.generated_tokens,
            "failures": [
                {"inputs": inputs, "answer": answer, "expected": expected} for inputs, answer, expected in self.failures
            ],
        }


def wilson(successes: int, count: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion, 95 % by default (Wilson 1927). Raises ArlearnError for count < 1."""
    if count < 1 or not 0 <= successes <= count:
        raise ArlearnError(f"there is no interval for {successes} successes in {count} trials")
    share, extra = successes / count, z * z / count
    middle = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * math.sqrt(share * (1 - share) / count + extra / (4 * count))
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    return low, 1.0 if successes == count else min(1.0, middle + half)


@contextmanager
def _few_threads(predictor: Predictor) -> Iterator[None]:
    """One thread for a small predictor: its products take microseconds, so that on a busy machine two threads would
    mostly wait for one another (measured: 18 times slower)."""
    before = torch.get_num_threads()
    if predictor.parameter_count() < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_out(
    predictor: Predictor, task: SequenceTask, inputs: Int[Tensor, "count arity"]
) -> Int[Tensor, "count length"]:
    """Each prompt and the predictor's greedy continuation of it, (count, length)."""
    prompts = task.encode_prompts(inputs)
    with _few_threads(predictor):
        made = generate(predictor, prompts, task.generated, stop=task.stop)
    return torch.cat([prompts, made.cpu()], dim=1)


def exact_match(
    predictor: Predictor,
    task: SequenceTask,
    inputs: Int[Tensor, "count arity"],
    *,
    batch_size: int = 2048,
    kept_failures: int = 10,
    on_progress: Callable[[int], None] | None = None,
) -> ExactMatch:
    """Let the predictor answer these prompts by greedy decoding, and compare with the right answers.

    ``on_progress`` is called with the number of prompts done since the last call. Raises ArlearnError if there are
    none, or if predictor and task do not fit together.
    """
    if len(inputs) == 0:
        raise ArlearnError("there is nothing to evaluate: no inputs")
    if predictor.vocabulary != task.vocabulary:
        raise ArlearnError(
            f"the predictor knows {predictor.vocabulary} tokens, the task {task.vocabulary}; they do not fit together"
        )
    right_places = torch.zeros(len(task.answer_positions), dtype=torch.float64)
    wrong, generated, seconds = 0, 0, 0.0
    failures: list[tuple[list[int], str, str]] = []
    for start in range(0, len(inputs), batch_size):
        part = inputs[start : start + batch_size]
        started = time.perf_counter()
        tokens = write_out(predictor, task, part)
        seconds += time.perf_counter() - started
        generated = max(generated, tokens.shape[1] - task.prompt_length)
        expected = task.expected(part)
        right: Bool[Tensor, "part places"] = task.answer(tokens) == expected
        right_places += right.sum(0)
        bad = (~right.all(dim=1)).nonzero()[:, 0].tolist()
        wrong += len(bad)
        for row in bad[: kept_failures - len(failures)]:
            failures.append(
                (
                    part[row].tolist(),
                    task.final_answer(tokens[row]),
                    task.final_answer(task.encode(part[row : row + 1])[0]),
                )
            )
        if on_progress is not None:
            on_progress(len(part))
    places = (right_places / len(inputs)).tolist()
    return ExactMatch(len(inputs), wrong, sum(places) / len(places), places, seconds, generated, failures)


def choose_questions(task: SequenceTask, count: int, hard: bool, seed: int) -> tuple[Tensor, str]:
    """Held-out inputs of a task, and what they are called; a task without a split has only one side.

    Raises ArlearnError for hard questions where the task has none.
    """
    everything = None if hard else task.everything("held-out")
    if everything is not None and len(everything) == 0:
        raise ArlearnError(f"the split leaves no held-out questions for {task.description()}")
    if everything is not None and len(everything) <= count:
        return everything, "held-out (all there are)"
    return task.draw(count, (seed, 1), "held-out", hard), "hard held-out" if hard else "held-out"


def read_pairs(path: Path, task: SequenceTask, allow_training: bool = False) -> Tensor:
    """The questions in a file, one a line; blank lines and lines from # on do not count.

    Raises ArlearnError if the file cannot be read or holds none, and for every line at once that is no question of
    this task or, unless ``allow_training``, belongs to the training split.
    """
    lines = read_text(path, "a file of pairs").splitlines()
    numbers, rows, bad = [], [], []
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        try:
            rows.append(task.parse_prompt(text))
            numbers.append(number)
        except ArlearnError as error:
            bad.append(f"line {number}: {error}")
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise ArlearnError(f"{path} has {len(bad)} bad line(s): {'; '.join(bad[:SHOWN])}{more}")
    if not rows:
        raise ArlearnError(f"{path} holds no questions; write one per line, as two numbers `a b`")
    inputs = torch.cat(rows)
    training = task.is_training(inputs).tolist()
    found = [number for number, is_training in zip(numbers, training, strict=True) if is_training]
    if found and not allow_training:
        shown = ", ".join(str(number) for number in found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
        raise ArlearnError(
            f"{len(found)} of {len(rows)} questions in {path} belong to the training split (lines {shown}); "
            "remove them, or give --allow-training-pairs"
        )
    if found:
        print(f"{len(found)} of {len(rows)} questions belong to the training split", file=sys.stderr)
    return inputs


def measure_task(
    folder: Path,
    predictor: Predictor,
    card: Mapping[str, Any],
    *,
    count: int = 100_000,
    hard: bool = False,
    pairs: Path | None = None,
    allow_training_pairs: bool = False,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[ExactMatch, dict[str, Any]]:
    """Ask the model questions. Returns the result, and what ``arlearn evaluate --json`` prints of it.

    Questions are held-out ones, drawn with ``seed``, or all of them if there are no more than ``count``; or those of
    the file ``pairs``. ``on_progress(more, all)`` is called with the numbers answered since the last call and in
    all. Raises ArlearnError if the card's task has no answers, the questions cannot be used, or the model does not fit
    its task.
    """
    task = load_task(card["task"]["kind"], card["task"].get("configuration") or {})
    if not isinstance(task, SequenceTask):
        raise ArlearnError(f"{folder} was made for a {task.kind} task, which has no questions to answer")
    if pairs is not None and hard:
        raise ArlearnError("--hard and --pairs exclude each other; give one of them")
    if pairs is not None:
        inputs, drawn = read_pairs(pairs, task, allow_training_pairs), "given"
    else:
        inputs, drawn = choose_questions(task, count, hard, seed)
    predictor.eval()
    heard = None if on_progress is None else lambda more: on_progress(more, len(inputs))
    result = exact_match(predictor, task, inputs, on_progress=heard)
    return result, result.summary() | {
        "questions": drawn,
        "distinct": len({tuple(row) for row in inputs.tolist()}),
        "task": task.kind,
        "configuration": task.description(),
        "parameters": predictor.parameter_count(),
        "frozen": predictor.frozen(),
        "training_seconds": card.get("seconds"),
        "model": str(folder),
    }


RUN = 4_000_000  # tokens that running all inputs may take
INPUTS, DRAWN = 1 << 16, 1_000  # inputs of a Python function that are all run; random ones if there are more
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
