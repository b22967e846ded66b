"""``arlearn generate`` writes text, answers a question, or runs a program; ``demo`` does the main job from end to end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from arlearn.cli import app, read_prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from arlearn.predictors.base import Predictor
    from arlearn.tasks.base import SequenceTask


Show = Literal["nothing", "tokens", "samples"]
TEXT_TOKENS, TEXT_TEMPERATURE = 120, 0.5  # the temperature is the paper's


@app.command()
def generate(
    model: Annotated[Path, typer.Argument(help="Directory of a model: what train or compile wrote.")],
    prompt: Annotated[
        str | None,
        typer.Option(
            help='Continue this text, or answer a question such as "1234 x 5678". A - reads it from standard input.'
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after this many tokens. Default: 120 for text, the whole chain for a task."),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0, help="Draw at this temperature; 0 takes the most likely token. Default: 0.5 for text, 0 for tasks."
        ),
    ] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw from the k most likely tokens only.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Draw from the fewest tokens that together have this probability."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draw with this seed. The same seed gives the same text.")] = 0,
    samples: Annotated[int, typer.Option(min=1, max=10_000, help="Write this many continuations.")] = 1,
    stream: Annotated[bool, typer.Option(help="Show a single sample while it is written.")] = True,
    trace: Annotated[
        bool,
        typer.Option(
            "--trace", help="For a compiled program, show which step wrote each token and which tokens it read."
        ),
    ] = False,
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine",
            help="Run this Turing machine on a universal model: a TOML file, an example (busy-beaver-4) or a line such as"
            " 1RB1LB_1LA1RH.",
        ),
    ] = None,
    tape: Annotated[
        str | None,
        typer.Option(
            "--tape", help="Begin the machine's tape with these symbols, the head on the first. Default: a blank tape."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Continue a prompt, one token at a time.

    A model of a task writes its chain of thought, and then the answer alone on the last line.
    """
    from arlearn.decoding.generate import check_sampling
    from arlearn.errors import ArlearnError
    from arlearn.predictors.saving import load_predictor

    check_sampling(temperature or 0.0, top_k, top_p)
    predictor, card = load_predictor(model)
    prompt = read_prompt(prompt)
    task = card.get("task") or {}
    of_text = task.get("kind") in (None, "text")
    if trace and task.get("kind") != "program":
        raise ArlearnError(f"{model} was not compiled from a program, so there are no steps to trace")
    if tape is not None and machine is None:
        raise ArlearnError("--tape gives the input of a Turing machine; name the machine with --machine")
    if machine is not None and (prompt is not None or task.get("kind") != "program"):
        why = "give --machine or --prompt, not both" if prompt is not None else f"{model} is not a universal machine"
        raise ArlearnError(f"{why} (arlearn compile universal --out DIR makes one that runs any small machine)")
    settings = {
        "temperature": temperature if temperature is not None else (TEXT_TEMPERATURE if of_text else 0.0),
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
    }
    # with --json nothing but the object is printed; a single sample is shown as it comes, several when all are there
    show: Show = "nothing" if as_json else ("tokens" if stream and samples == 1 else "samples")
    predictor.eval()
    if of_text:
        result = _text(model, predictor, card, prompt, tokens or TEXT_TOKENS, samples, show, settings)
    else:
        result = _task(model, predictor, task, prompt, tokens, samples, show, settings, trace, (machine, tape or ""))
    if as_json:
        print(json.dumps(result | settings, ensure_ascii=False))
    else:
        rate = f"{result['tokens_per_second']:,.0f} tokens/s"
        print(f"{result['tokens']} tokens, {rate}", file=sys.stderr)


def _text(
    model: Path,
    predictor: Predictor,
    card: dict[str, Any],
    prompt: str | None,
    count: int,
    samples: int,
    show: Show,
    settings: dict[str, Any],
) -> dict[str, Any]:
    import torch

    from arlearn.decoding.generate import TextStream
    from arlearn.decoding.generate import generate as decode
    from arlearn.predictors.base import ABSENT
    from arlearn.tokens.bytepair import recorded_vocabulary

    vocabulary = recorded_vocabulary(model, card)
    prompt = prompt or ""
    given = vocabulary.prompt(prompt)
    if (read := vocabulary.decode(given)) != prompt:
        print(f"the vocabulary does not preserve the prompt; the model reads {read!r}", file=sys.stderr)
    stream = TextStream(vocabulary.decode, given)

    def print_token(_rows: torch.Tensor, token: torch.Tensor) -> None:
        if int(token) != vocabulary.end_of_text:
            print(stream.feed(int(token)), end="", flush=True)

    if show == "tokens":
        print(prompt, end="", flush=True)
    began = time.perf_counter()
    made = decode(
        predictor,
        torch.tensor([given]).expand(samples, -1),
        count,
        stop=[vocabulary.end_of_text],
        callback=print_token if show == "tokens" else None,
        **settings,
    )
    seconds = time.perf_counter() - began
    if show == "tokens":
        print(stream.end())
    written = [[token for token in row if token not in (ABSENT, vocabulary.end_of_text)] for row in made.tolist()]
    texts = [vocabulary.added(given, row) for row in written]
    if show == "samples":
        for place, text in enumerate(texts):
            _print_sample(prompt + text, place, samples, settings)
    total = int((made >= 0).sum())
    return {
        "prompt": prompt,
        "text": texts[0],
        "samples": [{"text": text, "tokens": len(row)} for text, row in zip(texts, written, strict=True)],
        "tokens": total,
        "tokens_per_second": total / seconds,
    }


def _print_sample(text: str, place: int, samples: int, settings: dict[str, Any]) -> None:
    if samples > 1:
        print(f"--- {place + 1} of {samples}, seed {settings['seed']} ---")
    print(text)


def _task(
    model: Path,
    predictor: Predictor,
    described: dict[str, Any],
    prompt: str | None,
    count: int | None,
    samples: int,
    show: Show,
    settings: dict[str, Any],
    trace: bool,
    machine: tuple[str | None, str],
) -> dict[str, Any]:
    """Answer a task's question, or run ``machine`` (a universal model's: name or file, and tape)."""
    import torch

    from arlearn.decoding.generate import generate as decode
    from arlearn.errors import ArlearnError
    from arlearn.tasks import load_task
    from arlearn.tasks.base import SequenceTask
    from arlearn.tasks.program import ProgramTask

    task = load_task(described["kind"], described.get("configuration") or {})
    if not isinstance(task, SequenceTask):
        raise ArlearnError(f"{model} is a model of {described['kind']}, which has no questions to answer")
    answer: Callable[[torch.Tensor], str] = task.final_answer
    if machine[0] is not None:
        prompt, inputs, answer = _machine(model, task, machine[0], machine[1])
    else:
        prompt = getattr(task, "default_prompt", None) if prompt is None else prompt
        hint = task.interface.hint if isinstance(task, ProgramTask) else None
        if prompt is None and hint is not None:
            raise ArlearnError(f"{model} runs machines: {hint}")
        if prompt is None:
            example = " ".join(task.render(task.encode_prompts(task.draw(1, 0))[0]))
            raise ArlearnError(f"{model} answers questions: give one with --prompt (tokens of one: {example})")
        inputs = task.parse_prompt(prompt)
    count = task.generated if count is None else min(count, task.generated)
    given = task.encode_prompts(inputs).expand(samples, -1)
    asked = task.render(given[0])

    def print_token(_rows: torch.Tensor, token: torch.Tensor) -> None:
        print(task.render(token)[0], end=" ", flush=True)

    if show == "tokens":
        print(*asked, end=" ", flush=True)
    began = time.perf_counter()
    stop = list(task.stop)
    made = decode(predictor, given, count, stop=stop, callback=print_token if show == "tokens" else None, **settings)
    seconds = time.perf_counter() - began
    if show == "tokens":
        print()
    rows = [row[row >= 0] for row in made]
    ended = [int(row[-1]) in stop if stop else count == task.generated for row in rows]
    partial = isinstance(task, ProgramTask) and task.interface.partial
    answers = [
        answer(torch.cat([given[0], row])) if end or partial else None for row, end in zip(rows, ended, strict=True)
    ]
    chains = [task.render(row) for row in rows]
    origins = (
        [task.trace(torch.cat([given[0], row])) for row in rows] if isinstance(task, ProgramTask) and trace else []
    )
    for place, (chain, said) in enumerate(zip(chains, answers, strict=True)):
        if show == "samples":
            _print_sample(" ".join([*asked, *chain]), place, samples, settings)
        if trace and show != "nothing":
            print(*origins[place], sep="\n")
        if said is not None and show != "nothing":
            print(said)
    if not all(ended) and not partial:
        whole = "its end is not known beforehand" if stop else f"the chain has {task.generated} tokens"
        print(f"{whole}; after {count} there is no answer yet", file=sys.stderr)
    return {
        "prompt": prompt,
        "answer": answers[0],
        "chain": chains[0],
        **({"trace": [origin.as_json() for origin in origins[0]]} if origins else {}),
        "samples": [{"answer": a, "chain": c} for a, c in zip(answers, chains, strict=True)],
        "tokens": sum(map(len, chains)),
        "tokens_per_second": sum(map(len, chains)) / seconds if seconds > 0 else 0.0,
    }


def _machine(
    model: Path, task: SequenceTask, name: str, tape: str
) -> tuple[str, torch.Tensor, Callable[[torch.Tensor], str]]:
    """A machine's prompt as text and as inputs, and what tells from the tokens how its run ended, in its own names."""
    import torch

    from arlearn.errors import ArlearnError
    from arlearn.programs.text import example_text
    from arlearn.programs.turing import is_notation, parse
    from arlearn.programs.universal_prompts import UniversalInterface, prompt_of, read_run
    from arlearn.tasks.program import ProgramTask

    interface = task.interface if isinstance(task, ProgramTask) else None
    if not isinstance(interface, UniversalInterface):
        raise ArlearnError(
            f"{model} is not a universal machine (arlearn compile universal --out DIR makes one that runs any small machine)"
        )
    parsed = parse(name, "machine") if is_notation(name) else parse(*example_text(name, ".toml"))
    prompted = prompt_of(parsed, tape, interface.sizes)

    def answer(tokens: torch.Tensor) -> str:
        return prompted.answer(read_run(task.render(tokens[tokens >= 0]), interface.sizes))

    return " ".join(prompted.words), torch.tensor([interface.inputs(prompted)]), answer


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Write the model to this folder.")] = Path("demo"),
    data: Annotated[
        Path | None,
        typer.Option(help="Learn from this text. A twentieth of it is held out. Default: the same text as in train."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Train for this many minutes.")] = 1.5,
    words: Annotated[int, typer.Option(min=1, help="Write a story of this many tokens.")] = 120,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model in the folder.")] = False,
) -> None:
    """Train a small linear predictor on real text, measure it on text it has not seen, and let it write a story."""
    import torch

    from arlearn.decoding.generate import generate
    from arlearn.evaluation.perplexity import measure_text
    from arlearn.files import cache_directory
    from arlearn.predictors.base import ABSENT
    from arlearn.predictors.saving import load_predictor
    from arlearn.tasks.text_files import find_text, split_off
    from arlearn.tokens import BytePair
    from arlearn.training.progress import Reporter
    from arlearn.training.recipe import load_recipe
    from arlearn.training.run import run

    reporter = Reporter()
    source = find_text(data, small=True)
    print(source.told)
    if source.held_out is None:
        source = split_off(source.text, cache_directory() / f"demo-{source.text.sha256()[:16]}")
        print(source.told)
    assert source.held_out is not None
    recipe = load_recipe("tinystories-cpu")
    size = sum(len(story.encode()) for story in source.text.stories())
    # a small text has no room for many words: each should be met about a hundred times
    vocabulary = min(recipe.task["vocabulary"], max(300, size // 400))
    changes = [f"max_minutes={minutes}", f"vocabulary={vocabulary}", "tokenizer=''"]
    recipe = recipe.with_changes(changes).with_inputs(source.text.path, None)
    card = run(recipe, out, reporter, overwrite=overwrite)
    predictor, card = load_predictor(out)
    measured = measure_text(out, predictor, card, source.held_out.path, stride=None)
    weights = f"{card['parameters']:,} weights, {card['seconds']:.0f} s, {card['metrics']['tokens']:,} tokens learned"
    print(f"\na linear next-token predictor ({weights}) on {measured['data']}, which it has not seen:")
    print(f"  {measured['bits_per_byte']:.3f} bits per byte over {measured['bytes']:,} bytes\n")
    letters = BytePair.load(out / card["tokenizer"]["file"])
    beginning = "Once upon a time" if "TinyStories" in source.told else _beginning(next(source.held_out.stories()))
    prompt = letters.prompt(beginning)
    made = generate(predictor, torch.tensor([prompt]), words, temperature=0.5, stop=[letters.end_of_text])
    tokens = [token for token in made[0].tolist() if token not in (ABSENT, letters.end_of_text)]
    print(f"it continues {beginning!r}:\n\n{beginning}{letters.added(prompt, tokens)}\n")
    print(f'next: arlearn generate {out} --prompt "{beginning}" --tokens 120')


def _beginning(story: str) -> str:
    """The first few words, on one line."""
    return " ".join(story.split()[:4])
