"""Text files as stories, and where a text comes from when none is given.

A file is plain, ``.xz`` or ``.gz``, UTF-8, its stories separated by ``<|endoftext|>``. The separator takes one line
break on each side with it, so that ``...the end.\\n<|endoftext|>\\nOnce...`` are the stories ``...the end.`` and
``Once...``. What is left is the text, byte for byte: its length in UTF-8 is what *bytes* means in bits per byte.
Stories of nothing but white space are no stories. A file without separators is one story. A byte-order mark at the
beginning of a file is no text.
"""

from __future__ import annotations

import codecs
import gzip
import lzma
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import arlearn
from arlearn.errors import ArlearnError
from arlearn.files import cache_directory, file_sha256, write_atomically
from arlearn.tokens.bytepair import END_OF_TEXT
from arlearn.tokens.hub import fetch

CHUNK = 1 << 20


@dataclass(frozen=True)
class TextFile:
    """A file of stories. Nothing is read before it is asked for, and never the whole file at once."""

    path: Path

    @classmethod
    def at(cls, path: str | Path) -> TextFile:
        """The file at ``path``. Raises ArlearnError unless it is a file that is not empty."""
        path = Path(path).expanduser()
        if path.is_dir():
            raise ArlearnError(f"{path} is a directory; give a text file (.txt, .txt.xz or .txt.gz)")
        if not path.exists():
            raise ArlearnError(f"there is no file {path}")
        try:
            with path.open("rb") as opened:
                if not opened.read(1):
                    raise ArlearnError(f"{path} is empty")
        except OSError as error:
            raise ArlearnError(f"cannot read {path}: {error.strerror or error}") from error
        return cls(path)

    def sha256(self) -> str:
        """SHA-256 of the file as it lies on the disk, compressed or not: what ``sha256sum`` prints."""
        return file_sha256(self.path)

    def size(self) -> int:
        """Bytes on the disk."""
        return self.path.stat().st_size

    def compressed(self) -> bool:
        with self._open() as opened:
            return isinstance(opened, lzma.LZMAFile | gzip.GzipFile)

    def stories(self) -> Iterator[str]:
        """The stories in order. Raises ArlearnError if the file is damaged or is not UTF-8 text."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        pending, seam, read, first = [""], "", 0, True
        try:
            with self._open() as opened:
                while True:
                    chunk = opened.read(CHUNK)
                    if b"\0" in chunk:
                        raise ArlearnError(f"{self.path} is not text: byte {read + chunk.index(0)} is zero")
                    text = decoder.decode(chunk, final=not chunk)
                    read += len(chunk)
                    # only the seam and the new chunk are searched: a long story costs no more than its length
                    seam += text
                    if END_OF_TEXT in seam:
                        *ended, seam = ("".join(pending) + text).split(END_OF_TEXT)
                        pending = [seam]
                    else:
                        ended = []
                        pending.append(text)
                    seam = seam[1 - len(END_OF_TEXT) :]
                    for story in ended:
                        # the line break after a separator belongs to it; before the first story there is none
                        yield from _story(story, after=not first, before=True)
                        first = False
                    if not chunk:
                        break
        except UnicodeDecodeError as error:
            raise ArlearnError(f"{self.path} is not UTF-8 text (near byte {read + error.start})") from error
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise ArlearnError(f"cannot read {self.path}: {error}") from error
        yield from _story("".join(pending), after=not first, before=False)

    def _open(self) -> IO[bytes] | gzip.GzipFile | lzma.LZMAFile:
        # by content, not by name: a renamed archive must not be taken for broken text
        opened = self.path.open("rb")
        magic = opened.read(6)
        opened.seek(0)
        if magic == b"\xfd7zXZ\0":
            return lzma.open(opened)
        if magic[:2] == b"\x1f\x8b":
            return gzip.open(opened)
        return opened


def _story(text: str, after: bool, before: bool) -> Iterator[str]:
    if after:
        text = text[2:] if text.startswith("\r\n") else text.removeprefix("\n")
    if before:
        text = text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
    if text.strip():
        yield text


HUB_DATA = "roneneldan/TinyStories"
HUB_TRAINING, HUB_SMALL = "TinyStories-train.txt", "TinyStories-valid.txt"  # 1.9 GB and 19 MB


@dataclass(frozen=True)
class TextSource:
    """A text and what to tell the user about it.

    Attributes:
        held_out: a text of the same kind that was kept apart; None where there is none yet.
    """

    text: TextFile
    told: str
    held_out: TextFile | None = None


def find_text(given: str | Path | None, small: bool = False) -> TextSource:
    """The training text: ``given`` if any, else TinyStories under ``OPENBOOK_DATA`` (default ``../shared/data``), else
    TinyStories from the Hugging Face Hub, else the documentation text inside the Python standard library.

    ``small`` asks the Hub for a part that downloads in seconds. Raises ArlearnError if a given file cannot be used.
    """
    if given:
        return TextSource(TextFile.at(given), f"text: {given}")
    for place in _data_directories():
        path = place / "tinystories" / "train.txt.xz"
        if path.is_file():
            held_out = path.with_name("valid.txt")
            told = f"text: TinyStories, {path}"
            return TextSource(TextFile.at(path), told, TextFile.at(held_out) if held_out.is_file() else None)
    try:
        name = HUB_SMALL if small else HUB_TRAINING
        return TextSource(TextFile.at(fetch(HUB_DATA, name, "dataset")), f"text: TinyStories from the Hub, {name}")
    except ArlearnError as error:
        return TextSource(_documentation(), f"text: Python's own documentation (pydoc_data.topics), because {error}")


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


def split_off(text: TextFile, directory: Path, every: int = 20) -> TextSource:
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
    return TextSource(training, f"{len(kept)} stories to learn from, {len(held)} held out", held_out)


def _keep(path: Path, stories: list[str]) -> TextFile:
    write_atomically(path, f"\n{END_OF_TEXT}\n".join(stories))
    return TextFile.at(path)
