"""``arlearn demo``: the main job from end to end in under three minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli import app


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder of the model.")] = Path("demo"),
    data: Annotated[
        Path | None, typer.Option(help="Text to learn from; a twentieth of it is held out. Default: as in train.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Train for this many minutes.")] = 1.5,
    words: Annotated[int, typer.Option(min=1, help="Write a story of this many tokens.")] = 120,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model that is there.")] = False,
) -> None:
    """Train a small linear predictor on real text, measure it on text it has not seen, let it write a story."""
    import torch

    from arlearn.decoding.generate import generate
    from arlearn.evaluation.perplexity import measure_text
    from arlearn.files import cache_directory
    from arlearn.predictors.saving import load_predictor
    from arlearn.tasks.text_files import find_text, split_off
    from arlearn.tokens import BytePair
    from arlearn.training.recipe import load_recipe
    from arlearn.training.reporting import Reporter
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
    tokens = [token for token in made[0].tolist() if token not in (-1, letters.end_of_text)]
    print(f"it goes on from {beginning!r}:\n\n{beginning}{letters.added(prompt, tokens)}\n")
    print(f'next: arlearn generate {out} --prompt "{beginning}" --tokens 120')


def _beginning(story: str) -> str:
    """The first few words, on one line."""
    return " ".join(story.split()[:4])
