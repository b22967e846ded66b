"""``arlearn evaluate``: measure a model on held-out text, or on the questions of its task."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from arlearn.cli import app


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Directory of a model: what train or compile wrote.")],
    data: Annotated[Path | None, typer.Option(help="Text to measure on: plain, .xz or .gz.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    context: Annotated[
        int | None, typer.Option(min=1, help="Text: tokens that may be seen, if fewer (or other) than in training.")
    ] = None,
    slide: Annotated[bool, typer.Option(help="Text: measure with a sliding window too.")] = True,
    stride: Annotated[int, typer.Option(min=1, help="Text: tokens the window slides by.")] = 1,
    score_padding: Annotated[
        bool, typer.Option("--score-padding", help="Text: also the protocol that scores pads (for comparison only).")
    ] = False,
    count: Annotated[int, typer.Option(min=1, help="Tasks: held-out questions to ask.")] = 100_000,
    hard: Annotated[bool, typer.Option("--hard", help="Tasks: questions rich in 0, 1, 7, 8, 9.")] = False,
    pairs: Annotated[Path | None, typer.Option(help="Tasks: ask the questions in this file, one `a b` a line.")] = None,
    allow_training_pairs: Annotated[
        bool, typer.Option("--allow-training-pairs", help="Tasks: do not refuse pairs of the training split.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Tasks: of the questions drawn.")] = 0,
    harness: Annotated[
        str | None,
        typer.Option(
            metavar="TASK,...", help="Text: tasks of the lm-evaluation-harness instead, which fetches their data."
        ),
    ] = None,
    harness_tasks: Annotated[
        Path | None, typer.Option(help="With --harness: a folder of YAML tasks of your own.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="With --harness: questions of each task.")] = None,
    shots: Annotated[int | None, typer.Option(min=0, help="With --harness: examples before each question.")] = None,
) -> None:
    """Measure a model: bits per byte on a text, or right answers on its task."""
    from arlearn.errors import ArlearnError
    from arlearn.predictors.saving import load_predictor

    if harness is not None:
        _harness(model, harness, harness_tasks, limit, shots, as_json)
        return
    predictor, card = load_predictor(model)
    task = card.get("task") or {}
    if task.get("kind") not in (None, "text"):
        from arlearn.cli.evaluate_task import evaluate_task

        if data is not None:
            raise ArlearnError(f"{model} answers {task['kind']} questions; --data is for models of text")
        evaluate_task(
            model,
            predictor,
            card,
            as_json=as_json,
            count=count,
            hard=hard,
            pairs=pairs,
            allow_training_pairs=allow_training_pairs,
            seed=seed,
        )
        return
    if data is None:
        raise ArlearnError(f"{model} is a model of text; give the text to measure it on with --data FILE")
    result = evaluate_text(model, predictor, card, data, context, slide, stride, score_padding)
    if as_json:
        print(json.dumps(result))
        return
    print(f"{data} (sha256 {result['data_sha256'][:16]}...): {result['tokens']:,} tokens, {result['bytes']:,} bytes")
    print(f"  at context {result['context']:4}:  {result['bits_per_byte']:.4f} bits per byte, "
          f"perplexity {result['perplexity']:.3f} a token")  # fmt: skip
    if slide:
        print(f"  sliding window:   {result['sliding_bits_per_byte']:.4f} bits per byte, "
              f"perplexity {result['sliding_perplexity']:.3f} a token (stride {result['sliding_stride']})")  # fmt: skip
    if score_padding:
        print(f"  pads scored too:  perplexity {result['padded_perplexity']:.3f} (the reference's protocol)")


def _harness(
    model: Path, tasks: str, include: Path | None, limit: int | None, shots: int | None, as_json: bool
) -> None:
    from arlearn.errors import ArlearnError
    from arlearn.predictors.saving import load_card

    load_card(model)  # what is wrong with the model is told before anything heavy is imported
    try:
        from arlearn.evaluation.harness import run
    except ImportError as error:
        raise ArlearnError(
            f"the lm-evaluation-harness is not installed ({error}): pip install 'arlearn[eval]'"
        ) from error
    found, table = run(model, [task.strip() for task in tasks.split(",") if task.strip()], include, limit, shots)
    print(json.dumps(found) if as_json else table)


def evaluate_text(
    model: Path,
    predictor: Any,
    card: dict[str, Any],
    data: Path,
    context: int | None = None,
    slide: bool = True,
    stride: int = 1,
    score_padding: bool = False,
) -> dict[str, Any]:
    """What ``arlearn evaluate --json`` prints for a text. Raises ArlearnError if the text or the card is no use."""
    from dataclasses import replace

    from arlearn.errors import ArlearnError
    from arlearn.evaluation.perplexity import at_context, sliding, with_padding
    from arlearn.tasks.text import TextTask
    from arlearn.tasks.text_files import TextFile
    from arlearn.tasks.token_cache import tokenise_in_memory
    from arlearn.tokens.bytepair import recorded_vocabulary
    from arlearn.training.reporting import Reporter

    if not card.get("task") or not card.get("tokenizer"):
        raise ArlearnError(f"{model / 'card.json'} names no text task and tokenizer, so text cannot be put to it")
    began = time.monotonic()
    file = TextFile.at(data)
    vocabulary = recorded_vocabulary(model, card)
    layout = TextTask.from_configuration(card["task"]["configuration"]).layout
    if context is not None:
        layout = replace(layout, context=context)
    text = tokenise_in_memory(file, vocabulary)
    reporter = Reporter()
    predictor.eval()
    with reporter.work("at context") as work:
        score = at_context(predictor, text, layout, work.show)
    result: dict[str, Any] = {
        "bits_per_byte": score.bits_per_byte,
        "perplexity": score.perplexity,
        "tokens": score.tokens,
        "bytes": score.bytes,
        "stories": text.stories,
        "context": layout.context,
        "boundaries": layout.boundaries,
    }
    if slide:
        with reporter.work("sliding window") as work:
            slid = sliding(predictor, text, layout, stride, work.show)
        result |= {
            "sliding_bits_per_byte": slid.bits_per_byte,
            "sliding_perplexity": slid.perplexity,
            "sliding_stride": stride,
        }
    if score_padding:
        padded = with_padding(predictor, text, layout)
        result |= {"padded_perplexity": padded.perplexity, "padded_tokens": padded.tokens}
    return result | {
        "model": str(model),
        "parameters": predictor.parameter_count(),
        "data": file.path.name,
        "data_sha256": text.sha256,
        "seconds": round(time.monotonic() - began, 2),
    }
