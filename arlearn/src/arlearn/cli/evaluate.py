"""``arlearn evaluate``: measure a model on held-out text, or on the questions of its task."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arlearn.cli import app

if TYPE_CHECKING:
    from arlearn.evaluation.comparison import Compared
    from arlearn.predictors.base import Predictor


# what the options are for, by their parameters' names
TEXT = ("data", "context", "slide", "stride", "score_padding", "compare")
TASK = ("count", "hard", "pairs", "allow_training_pairs", "seed")
HARNESS = ("harness_tasks", "limit", "shots")


@app.command()
def evaluate(
    call: typer.Context,
    model: Annotated[Path, typer.Argument(help="Directory of a model: what train or compile wrote.")],
    data: Annotated[Path | None, typer.Option(help="Measure on this text: a plain, .xz or .gz file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    context: Annotated[
        int | None,
        typer.Option(min=1, help="Text: let the model see this many tokens. Default: as many as in training."),
    ] = None,
    slide: Annotated[bool, typer.Option(help="Text: measure with a sliding window as well.")] = True,
    stride: Annotated[int, typer.Option(min=1, help="Text: slide the window by this many tokens.")] = 1,
    score_padding: Annotated[
        bool,
        typer.Option(
            "--score-padding",
            help="Text: measure also with padding scored, as the paper's code does. This is for comparison only.",
        ),
    ] = False,
    compare: Annotated[
        bool | None,
        typer.Option(
            help="Text: measure a bigram, a 5-gram and the other runs in the same folder on this text too. Done by default "
            "unless --json is given."
        ),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Tasks: ask this many held-out questions.")
    ] = 100_000,
    hard: Annotated[
        bool, typer.Option("--hard", help="Tasks: ask harder questions, rich in the digits 0, 1, 7, 8 and 9.")
    ] = False,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Tasks: ask the questions in this file, which has two numbers `a b` on each line."),
    ] = None,
    allow_training_pairs: Annotated[
        bool,
        typer.Option(
            "--allow-training-pairs", help="Tasks: accept pairs of the training split, which are refused otherwise."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Tasks: draw the questions with this seed.")] = 0,
    harness: Annotated[
        str | None,
        typer.Option(
            metavar="TASK,...",
            help="Text: run these tasks of the lm-evaluation-harness instead. It fetches their data.",
        ),
    ] = None,
    harness_tasks: Annotated[
        Path | None, typer.Option(help="With --harness: look for tasks in this folder of YAML files too.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --harness: ask this many questions of each task.")
    ] = None,
    shots: Annotated[
        int | None, typer.Option(min=0, help="With --harness: give this many examples before each question.")
    ] = None,
) -> None:
    """Measure a model: bits per byte on a text, or right answers on its task."""
    from arlearn.errors import ArlearnError
    from arlearn.evaluation.perplexity import measure_text
    from arlearn.predictors.saving import load_predictor
    from arlearn.training.progress import Reporter

    if harness is not None:
        _refuse(call, {"--harness asks its own questions": TEXT + TASK})
        _harness(model, harness, harness_tasks, limit, shots, as_json)
        return
    predictor, card = load_predictor(model)
    task = card.get("task") or {}
    if task.get("kind") not in (None, "text"):
        fixed = {"--pairs names the questions": ("count", "hard", "seed")} if pairs is not None else {}
        own = f"{model} answers {task['kind']} questions"
        _refuse(call, {own: TEXT, **fixed, "there is no --harness": HARNESS})
        _task(model, predictor, card, as_json, count, hard, pairs, allow_training_pairs, seed)
        return
    window = {} if slide else {"--no-slide leaves the sliding window out": ("stride",)}
    _refuse(call, {f"{model} is a model of text": TASK, **window, "there is no --harness": HARNESS})
    if data is None:
        raise ArlearnError(f"{model} is a model of text; give the text to measure it on with --data FILE")
    result = measure_text(
        model,
        predictor,
        card,
        data,
        context=context,
        stride=stride if slide else None,
        score_padding=score_padding,
        work=Reporter().work,
    )
    others, missing = _compared(model, card, data) if compare or (compare is None and not as_json) else ([], [])
    if as_json:
        print(json.dumps(result | ({"compared": [asdict(each) for each in others]} if compare else {})))
        return
    print(f"{data} (sha256 {result['data_sha256'][:16]}...): {result['tokens']:,} tokens, {result['bytes']:,} bytes")
    bits, perplexity = result["bits_per_byte"], result["perplexity"]
    print(f"  at context {result['context']:4}:  {bits:.4f} bits per byte, perplexity {perplexity:.3f} per token")
    if slide:
        bits, perplexity = result["sliding_bits_per_byte"], result["sliding_perplexity"]
        print(
            f"  sliding window:   {bits:.4f} bits per byte, perplexity {perplexity:.3f} per token "
            f"(stride {result['sliding_stride']})"
        )
    if score_padding:
        print(f"  with padding:     perplexity {result['padded_perplexity']:.3f} (the reference's protocol)")
    if others:
        print("for comparison, on the same text:")
    for each in others:
        print(f"  {each.bits_per_byte:.4f}  {each.name} ({each.about})")
    for why in missing:
        print(f"  not measured: {why}")


def _refuse(call: typer.Context, inapplicable: Mapping[str, Collection[str]]) -> None:
    """Raise ArlearnError if an option was changed that does not apply; ``inapplicable`` gives options for each reason."""
    from arlearn.errors import ArlearnError

    faults = []
    for reason, names in inapplicable.items():
        changed = [
            each for each in call.command.params if each.name in names and call.params[each.name] != each.default
        ]
        if changed:
            options = [(each.secondary_opts if call.params[each.name] is False else each.opts)[0] for each in changed]
            faults.append(f"{', '.join(options)} (because {reason})")
    if faults:
        raise ArlearnError(f"options that do not apply: {'; '.join(faults)}")


def _compared(model: Path, card: dict[str, Any], data: Path) -> tuple[list[Compared], list[str]]:
    from arlearn.evaluation.comparison import compare
    from arlearn.training.progress import Reporter

    return compare(model, card, data, Reporter().work)


def _task(
    model: Path,
    predictor: Predictor,
    card: dict[str, Any],
    as_json: bool,
    count: int,
    hard: bool,
    pairs: Path | None,
    allow_training_pairs: bool,
    seed: int,
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from arlearn.evaluation.exact_match import measure_task
    from arlearn.text import percent

    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        work = bar.add_task("asking", total=None)
        result, summary = measure_task(
            model,
            predictor,
            card,
            count=count,
            hard=hard,
            pairs=pairs,
            allow_training_pairs=allow_training_pairs,
            seed=seed,
            on_progress=lambda more, all: bar.update(work, advance=more, total=all),
        )
    if as_json:
        print(json.dumps(summary))
        return
    low, high = result.interval
    given = ", ".join(predictor.frozen()) or "none"
    print(f"{model}: {predictor.kind} predictor, {predictor.parameter_count():,} weights; fixed, not learned: {given}")
    print(
        f"  {result.count:,} {summary['questions']} questions, {result.wrong:,} wrong: exact match "
        f"{percent(result.exact_match, 4)} [{100 * low:.4f}, {100 * high:.4f}], single places "
        f"{percent(result.digit_accuracy, 4)}"
    )
    print(
        f"  {result.generated_tokens} generated tokens per question, {summary['products_per_second']:,.0f} questions/s"
    )
    for question, answer, expected in result.failures[:5]:
        print(f"  wrong: {question} -> {answer}; the right answer is {expected}")


def _harness(
    model: Path, tasks: str, include: Path | None, limit: int | None, shots: int | None, as_json: bool
) -> None:
    from arlearn.errors import ArlearnError
    from arlearn.predictors.saving import load_card

    load_card(model)  # what is wrong with the model is told before anything heavy is imported
    try:
        from arlearn.hub.harness import run
    except ImportError as error:
        raise ArlearnError(
            f"the lm-evaluation-harness is not installed ({error}): pip install 'arlearn[eval]'"
        ) from error
    found, table = run(model, [task.strip() for task in tasks.split(",") if task.strip()], include, limit, shots)
    print(json.dumps(found) if as_json else table)
