"""Text files as stories, where a text comes from when none is given, and a text in tokens.

A file is plain, ``.xz`` or ``.gz``, UTF-8, its stories separated by ``<|endoftext|>``. The separator takes one line
break on each side with it, so that ``...the end.\n<|endoftext|>\nOnce...`` are the stories ``...the end.`` and
``Once...``. What is left is the text, byte for byte: its length in UTF-8 is what *bytes* means in bits per byte.
Stories of nothing but white space are no stories. A file without separators is one story. A byte-order mark at the
beginning of a file is no text.

Tokens are kept on disk, memory-mapped, made once for each pair of text file and vocabulary.

A folder named by the two hashes holds ``tokens.npy`` (E story E story ... E, as ``Rows`` takes them),
``starts.npy`` and ``about.json``. It is written beside its place and then renamed, so it is whole or not there.
Folders lie under ``ARLEARN_CACHE``, else ``XDG_CACHE_HOME``/arlearn, else ``~/.cache/arlearn``, and may be deleted.
"""

from __future__ import annotations

import codecs
import gzip
import json
import lzma
import os
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

import arlearn
from arlearn.errors import ArlearnError
from arlearn.files import cache_directory, file_sha256, replacing_folder, write_atomically
from arlearn.tokens.bytepair import END_OF_TEXT, BytePair, fetch

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
        held_out: a text of the same kind that was kept apart; None if there is none yet.
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
        raise ArlearnError(f"{text.path} is too short to hold out a part of it")
    training, held_out = _keep(directory / "training.txt", kept), _keep(directory / "held-out.txt", held)
    return TextSource(training, f"{len(kept)} stories to learn from, {len(held)} held out", held_out)


def _keep(path: Path, stories: list[str]) -> TextFile:
    write_atomically(path, f"\n{END_OF_TEXT}\n".join(stories))
    return TextFile.at(path)


FORMAT = 2  # 1 did not check that the tokens give back the text
CHECKED = 256  # stories that are decoded together


@dataclass(frozen=True)
class TokenisedText:
    """One text file in tokens.

    Attributes:
        tokens: E, the first story's tokens, E, ..., E.
        starts: positions of every E, (stories + 1).
        bytes: of the stories' text in UTF-8, separators left out.
        sha256: of the text file as it lies on the disk.
    """

    tokens: NDArray[np.unsignedinteger]
    starts: NDArray[np.int64]
    bytes: int
    sha256: str

    @property
    def stories(self) -> int:
        return len(self.starts) - 1


def tokenise(
    text: TextFile, vocabulary: BytePair, on_progress: Callable[[int], None] | None = None, cache: Path | None = None
) -> TokenisedText:
    """The text in tokens, from the cache if it is there.

    ``on_progress`` is called with the number of characters done since the last call. Raises ArlearnError if the text
    cannot be used or the cache cannot be written.
    """
    cache = cache or cache_directory()
    sha256 = text.sha256()
    place = cache / f"tokens-{FORMAT}-{sha256[:16]}-{vocabulary.sha256[:16]}"
    if not (place / "about.json").is_file():
        _write(place, text, sha256, vocabulary, on_progress)
    try:
        about = json.loads((place / "about.json").read_text())
        tokens = np.load(place / "tokens.npy", mmap_mode="r", allow_pickle=False)
        starts = np.load(place / "starts.npy", allow_pickle=False)
        if len(tokens) != about["tokens"] or len(starts) != about["stories"] + 1:
            raise ValueError("lengths differ from what about.json says")
    except (OSError, ValueError, KeyError) as error:
        raise ArlearnError(f"the tokenised text in {place} is damaged ({error}); delete that folder") from error
    return TokenisedText(tokens, starts, int(about["bytes"]), sha256)


def tokenise_in_memory(text: TextFile, vocabulary: BytePair) -> TokenisedText:
    """The same without a cache, for texts read once."""
    tokens, starts, size = _collect(text.stories(), vocabulary, None)
    _check(text, starts)
    return TokenisedText(np.asarray(tokens, dtype=_dtype(vocabulary)), starts, size, text.sha256())


def _dtype(vocabulary: BytePair) -> type[np.unsignedinteger]:
    return np.uint16 if vocabulary.size <= 1 << 16 else np.uint32


def _check(text: TextFile, starts: NDArray[np.int64]) -> None:
    if len(starts) < 2:
        raise ArlearnError(f"{text.path} holds no story, only white space and separators")


def _collect(
    stories: Iterator[str], vocabulary: BytePair, on_progress: Callable[[int], None] | None
) -> tuple[NDArray[np.uint32], NDArray[np.int64], int]:
    # array: four bytes a token while the text is read, where a list would take eight and an object each
    tokens, starts, size = array("I"), array("q"), 0

    waiting: list[str] = []
    encoded: list[list[int]] = []

    def counted() -> Iterator[str]:
        nonlocal size
        for story in stories:
            size += len(story.encode())
            waiting.append(story)
            yield story

    def check() -> None:
        done = waiting[: len(encoded)]
        vocabulary.check_kept(done, encoded, "a story")
        del waiting[: len(encoded)]
        encoded.clear()

    for story in vocabulary.encode_many(counted(), on_progress=on_progress):
        starts.append(len(tokens))
        tokens.append(vocabulary.end_of_text)
        tokens.extend(story)
        encoded.append(story)
        if len(encoded) >= CHECKED:
            check()
    check()
    starts.append(len(tokens))
    tokens.append(vocabulary.end_of_text)
    return np.frombuffer(tokens, dtype=np.uint32), np.frombuffer(starts, dtype=np.int64), size


def _write(
    place: Path, text: TextFile, sha256: str, vocabulary: BytePair, on_progress: Callable[[int], None] | None
) -> None:
    tokens, starts, size = _collect(text.stories(), vocabulary, on_progress)
    _check(text, starts)
    about = {
        "file": text.path.name,
        "sha256": sha256,
        "tokenizer": vocabulary.sha256,
        "tokens": len(tokens),
        "stories": len(starts) - 1,
        "bytes": size,
    }
    try:
        with replacing_folder(place) as beside:
            np.save(beside / "tokens.npy", tokens.astype(_dtype(vocabulary)), allow_pickle=False)
            np.save(beside / "starts.npy", starts, allow_pickle=False)
            (beside / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    except OSError as error:
        raise ArlearnError(
            f"cannot keep the tokenised text in {place.parent}: {error.strerror or error}; "
            f"set ARLEARN_CACHE to a folder with room"
        ) from error
