"""Where the text comes from: a file that is given, the development data, the Hub, or Python's own documentation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import arlearn
from arlearn.errors import ArlearnError
from arlearn.tasks.stories import TextFile
from arlearn.tasks.token_cache import cache_directory
from arlearn.tokens.bytepair import END_OF_TEXT
from arlearn.tokens.hub import fetch

HUB_DATA = "roneneldan/TinyStories"
HUB_TRAINING, HUB_SMALL = "TinyStories-train.txt", "TinyStories-valid.txt"  # 1.9 GB and 19 MB


@dataclass(frozen=True)
class Source:
    """A text and what to tell the user about it.

    Attributes:
        held_out: a text of the same kind that was kept apart; None where there is none yet.
    """

    text: TextFile
    told: str
    held_out: TextFile | None = None


def find_text(given: str | Path | None, small: bool = False) -> Source:
    """The training text: ``given`` if any, else TinyStories under ``OPENBOOK_DATA`` (default ``../shared/data``), else
    TinyStories from the Hugging Face Hub, else the documentation text inside the Python standard library.

    ``small`` asks the Hub for a part that downloads in seconds. Raises ArlearnError if a given file cannot be used.
    """
    if given:
        return Source(TextFile.at(given), f"text: {given}")
    for place in _data_directories():
        path = place / "tinystories" / "train.txt.xz"
        if path.is_file():
            held_out = path.with_name("valid.txt")
            told = f"text: TinyStories, {path}"
            return Source(TextFile.at(path), told, TextFile.at(held_out) if held_out.is_file() else None)
    try:
        name = HUB_SMALL if small else HUB_TRAINING
        return Source(TextFile.at(fetch(HUB_DATA, name, "dataset")), f"text: TinyStories from the Hub, {name}")
    except ArlearnError as error:
        return Source(_documentation(), f"text: Python's own documentation (pydoc_data.topics), because {error}")


def _data_directories() -> list[Path]:
    if given := os.environ.get("OPENBOOK_DATA"):
        return [Path(given)]
    checkout = Path(arlearn.__file__).parents[3]  # of a source tree: arlearn/src/arlearn/__init__.py
    roots = [Path.cwd(), *([checkout] if (checkout / "arlearn" / "pyproject.toml").is_file() else [])]
    return [root / ".." / "shared" / "data" for root in roots]


def _documentation() -> TextFile:
    """``pydoc_data.topics`` as a story file in the cache, one story a topic."""
    from pydoc_data import topics

    stories = [text.strip() for _, text in sorted(topics.topics.items())]
    return _keep(cache_directory() / "python-documentation.txt", stories)


def split_off(text: TextFile, directory: Path, every: int = 20) -> Source:
    """Training and held-out parts of one text, written to ``directory``: every 20th story is held out; of a text that
    is fewer stories than that, the last twentieth of each story.

    Raises ArlearnError if the files cannot be written.
    """
    stories = list(text.stories())
    if len(stories) >= every:
        kept = [story for number, story in enumerate(stories) if number % every != every - 1]
        held = stories[every - 1 :: every]
    else:
        cuts = [len(story) - len(story) // every for story in stories]
        kept = [story[:cut] for story, cut in zip(stories, cuts, strict=True)]
        held = [story[cut:] for story, cut in zip(stories, cuts, strict=True) if story[cut:].strip()]
    if not held:
        raise ArlearnError(f"{text.path} is too short to hold a part of it out")
    training, held_out = _keep(directory / "training.txt", kept), _keep(directory / "held-out.txt", held)
    return Source(training, f"{len(kept)} stories to learn from, {len(held)} held out", held_out)


def _keep(path: Path, stories: list[str]) -> TextFile:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(f"\n{END_OF_TEXT}\n".join(stories), encoding="utf-8", newline="")
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ArlearnError(f"cannot write {path}: {error.strerror or error}") from error
    return TextFile.at(path)
