"""From a recipe to the task it names: for text, the file, the vocabulary and the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arlearn.tasks import load_task
from arlearn.tasks.base import Task
from arlearn.tasks.text import Layout, TextTask
from arlearn.tasks.text_files import TextFile, find_text
from arlearn.tasks.token_cache import tokenise
from arlearn.tokens.bytepair import BytePair
from arlearn.training.recipe import Recipe
from arlearn.training.reporting import Reporter

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Prepared:
    """What a run learns from.

    Attributes:
        data, tokenizer: what the card says of them; None for tasks without.
        vocabulary: of a text.
    """

    task: Task
    data: dict[str, Any] | None = None
    tokenizer: dict[str, Any] | None = None
    vocabulary: BytePair | None = None


def check_inputs(recipe: Recipe) -> None:
    """Find a text's file and vocabulary, before a run that is there is replaced. Raises ArlearnError if one cannot be."""
    if recipe.task["kind"] == "text":
        find_text(recipe.task["data"] or None)
        if recipe.task["tokenizer"]:
            BytePair.load(recipe.task["tokenizer"])


def prepare(recipe: Recipe, out: Path, reporter: Reporter) -> Prepared:
    """The task, ready to give batches; a text's vocabulary is written to ``out``, or read from there if it is.

    Raises ArlearnError if data, vocabulary or settings cannot be used.
    """
    if recipe.task["kind"] != "text":
        rest = {key: value for key, value in recipe.task.items() if key != "kind"}
        return Prepared(load_task(recipe.task["kind"], rest))
    source = find_text(recipe.task["data"] or None)
    reporter.note(source.told)
    vocabulary = vocabulary_for(recipe, source.text, out, reporter)
    # how long a compressed text is, only its end tells: stories shrink to about a fifth
    expected = source.text.size() * (5 if source.text.compressed() else 1)
    with reporter.work("tokenising") as work:
        done = 0

        def progress(characters: int) -> None:
            nonlocal done
            done += characters
            work.show(min(done / expected, 0.99), f"{done / 1e6:.0f} M characters")

        text = tokenise(source.text, vocabulary, progress)
        work.show(1.0, f"{len(text.tokens) / 1e6:.2f} M tokens")
    layout = Layout(recipe.task["context"], recipe.task["boundaries"], recipe.task["padding"], vocabulary.pad)
    task = TextTask(layout, vocabulary.size, vocabulary.end_of_text, text)
    data = {"file": source.text.path.name, "sha256": text.sha256, "bytes": text.bytes, "stories": text.stories}
    tokens = len(text.tokens) - text.stories - 1
    reporter.note(
        f"{text.stories:,} stories, {text.bytes / 1e6:.1f} MB, {tokens:,} tokens of {vocabulary.size:,} "
        f"({text.bytes / tokens:.2f} bytes a token)"
    )
    tokenizer = {"file": TOKENIZER, "sha256": vocabulary.sha256}
    return Prepared(task, data | {"tokens": tokens}, tokenizer, vocabulary)


def vocabulary_for(recipe: Recipe, text: TextFile, out: Path, reporter: Reporter) -> BytePair:
    """The vocabulary kept in ``out``; where there is none, the recipe's or one learned from the text, which is kept."""
    kept = out / TOKENIZER
    if kept.is_file():
        return BytePair.load(kept)
    if recipe.task["tokenizer"]:
        vocabulary = BytePair.load(recipe.task["tokenizer"])
    else:
        reporter.note(f"learning a vocabulary of {recipe.task['vocabulary']:,} tokens from the text ...")
        terminal = reporter.console.is_terminal and not reporter.console.quiet
        vocabulary = BytePair.train(text.stories(), recipe.task["vocabulary"], recipe.task["span"], progress=terminal)
    vocabulary.save(kept)
    return vocabulary
