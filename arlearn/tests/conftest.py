"""Shared by all of arlearn's tests."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for the commands that tests start


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tokenised texts must not pile up in the user's cache."""
    before = os.environ.get("ARLEARN_CACHE")
    os.environ["ARLEARN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["ARLEARN_CACHE"]
    else:
        os.environ["ARLEARN_CACHE"] = before


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data; tests that need it are skipped where it is absent."""
    place = Path(os.environ.get("OPENBOOK_DATA", ROOT / ".." / "shared" / "data"))
    if not place.is_dir():
        pytest.skip(f"the development data is not at {place} (set OPENBOOK_DATA)")
    return place


def invent_stories(count: int, seed: int = 0) -> list[str]:
    """Little stories from a few words: real enough to learn from, and ours."""
    draw = random.Random(seed)
    names, things = ["Ana", "Bob", "Cleo", "Dan"], ["kite", "boat", "drum", "pear", "lamp", "coat"]
    verbs, colours = ["saw", "made", "lost", "found", "hid"], ["red", "old", "big", "tiny", "wet"]
    stories = []
    for _ in range(count):
        name = draw.choice(names)
        sentences = [f"One day {name} {draw.choice(verbs)} a {draw.choice(colours)} {draw.choice(things)}."]
        for _ in range(draw.randrange(2, 9)):
            sentences.append(
                f"Then {name} {draw.choice(verbs)} the {draw.choice(things)}, and it was {draw.choice(colours)}."
            )
        stories.append(" ".join([*sentences, f'"Good night," said {name}.']))
    return stories


@pytest.fixture(scope="session")
def story_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 invented stories in a text file."""
    path = tmp_path_factory.mktemp("stories") / "stories.txt"
    path.write_text("\n<|endoftext|>\n".join(invent_stories(300)) + "\n<|endoftext|>\n", encoding="utf-8")
    return path


TINY = """description = "small enough for a test"
[task]
kind = "text"
context = 12
vocabulary = 300
[predictor]
map = "packed"
width = 8
bias = true
[training]
steps = 40
batch = 8
learning_rate = 0.01
warmup = 0.1
clip = 1.0
checkpoint_steps = 5
"""


@pytest.fixture
def tiny_recipe(tmp_path: Path) -> Path:
    """A recipe of 40 updates that takes a second."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path
