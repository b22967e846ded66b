"""The front door: load, generate, compile and train in one line each.

    model = arlearn.load("runs/a")
    arlearn.generate(model, "Once upon a time")
    arlearn.train("tinystories-cpu", "runs/b", data="stories.txt", changes=["max_minutes=5"])
    arlearn.compile("parity.toml", "runs/c")

``import arlearn`` gives these names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from arlearn.decoding.generate import generate as generate_tokens
from arlearn.errors import ArlearnError
from arlearn.evaluation.saved_model import SavedModel
from arlearn.files import read_text
from arlearn.predictors.base import ABSENT, Predictor
from arlearn.predictors.saving import load_predictor, save_predictor

if TYPE_CHECKING:
    from arlearn.programs.steps import Program

TEXT_TOKENS, TEXT_TEMPERATURE = (
    120,
    0.5,
)  # what text is written with unless told otherwise; the temperature is the paper's
# where the predictors of this module are from: folder and card
_SOURCES: WeakKeyDictionary[Predictor, tuple[Path, dict[str, Any]]] = WeakKeyDictionary()


def load(folder: str | Path) -> Predictor:
    """The predictor that ``train``, ``compile`` or ``arlearn import-reference`` saved in this folder, on the CPU.

    Raises ArlearnError if there is no model, or it is damaged.
    """
    predictor, card = load_predictor(folder)
    _SOURCES[predictor] = (Path(folder), card)
    return predictor.eval()


def generate(
    model: Predictor | str | Path,
    prompt: str | None = None,
    tokens: int | None = None,
    *,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> str:
    """The text that the model writes after the prompt, or its answer to a task's question.

    Args:
        model: from ``load``, ``train`` or ``compile``, or the folder of a saved model.
        prompt: text to go on from, or a question such as ``12 x 34``; a program may have one of its own.
        tokens: the most tokens to write; by default 120 of text, or a task's whole chain of thought.
        temperature: 0 takes the most likely token each time; by default 0.5 for text and 0 for tasks.
        top_k: draw from the k most likely tokens only.
        top_p: draw from the fewest tokens that hold this share of the probability.
        seed: the same seed gives the same text.

    Raises ArlearnError if the prompt or a setting is invalid, or a task's chain does not end within ``tokens``.
    """
    if not isinstance(model, Predictor):
        model = load(model)
    if model not in _SOURCES:
        raise ArlearnError(
            "this predictor has no vocabulary, so it cannot read or write text; use one from arlearn.load"
        )
    saved = SavedModel(*_SOURCES[model], predictor=model)
    of_text = saved.task is None
    given = saved.prompt(prompt)
    most = TEXT_TOKENS if saved.longest is None else saved.longest
    made = generate_tokens(
        model,
        given[None],
        most if tokens is None else (tokens if of_text else min(tokens, most)),
        temperature=(TEXT_TEMPERATURE if of_text else 0.0) if temperature is None else temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=saved.stop,
    )[0]
    made = made[made != ABSENT]
    if saved.vocabulary is not None:
        return saved.vocabulary.added(given.tolist(), [t for t in made.tolist() if t not in saved.stop])
    answer = saved.answer(torch.cat([given, made]))
    if answer is None:
        raise ArlearnError(f"the chain of thought has not ended after {len(made)} tokens; give more tokens")
    return answer


def compile(  # it is arlearn.compile; the built-in is not used here
    program: Program | str | Path,
    out: str | Path | None = None,
    *,
    centred: bool = False,
    context: int | None = None,
    check: bool = True,
) -> Predictor:
    """A linear predictor that runs the program, one generated token for each step.

    Args:
        program: a ``Program``, or a TOML file that holds one.
        out: the folder to save it in; None: it is only returned.
        centred: count from the middle of each alphabet, so that scores stay small.
        context: refuse a program that needs a longer context, in tokens.
        check: prove the weights right for every input, and raise ArlearnError if they are not.

    Raises ArlearnError that lists all faults of the program.
    """
    from arlearn.programs.compiling import compile_program
    from arlearn.programs.proving import prove
    from arlearn.programs.text import parse_program
    from arlearn.tasks.program import ProgramTask

    if isinstance(program, str | Path):
        path = Path(program)
        program = parse_program(read_text(path, "a program"), path.stem)
    task = ProgramTask(program)
    predictor = compile_program(program, centred=centred, context=context)
    if check:
        proof = prove(program, predictor)
        if not proof.proved:
            raise ArlearnError(f"{program.name} is not proved: {'; '.join(proof.faults[:5])}")
    card = {"task": {"kind": task.kind, "configuration": task.configuration()}}
    if out is not None:
        save_predictor(predictor, out, card)
    _SOURCES[predictor] = (Path(out or program.name), card)
    return predictor.eval()


def train(
    recipe: str | Path,
    out: str | Path,
    *,
    data: str | Path | None = None,
    tokenizer: str | None = None,
    changes: Iterable[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
) -> Predictor:
    """Train by a recipe, save the model in ``out``, and return it.

    Args:
        recipe: a recipe's name (``arlearn recipes`` lists them) or a TOML file.
        out: the folder of the run.
        data: training text; by default what ``arlearn train`` takes without ``--data``.
        tokenizer: a ``tokenizer.json``, a Hugging Face Hub id, or "train" to learn one from the text.
        changes: settings as ``--set`` takes them, such as ``max_minutes=5``.
        resume: go on from the newest intact checkpoint. overwrite: replace the run that is there.
        quiet: show no progress on stderr.

    Raises ArlearnError that lists everything wrong with recipe, changes and inputs.
    """
    from arlearn.training.progress import Reporter
    from arlearn.training.recipe import recipe_for_training
    from arlearn.training.run import run

    loaded = recipe_for_training(recipe, changes, data, tokenizer)
    run(loaded, Path(out), Reporter(quiet=quiet), resume=resume, overwrite=overwrite)
    return load(out)
