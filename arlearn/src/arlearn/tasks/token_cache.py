"""Tokenised text on disk, memory-mapped: made once for each pair of text file and vocabulary.

A folder named by the two hashes holds ``tokens.npy`` (E story E story ... E, as ``layout.Rows`` takes them),
``starts.npy`` and ``about.json``. It is written beside its place and then renamed, so it is whole or not there.
Folders lie under ``ARLEARN_CACHE``, else ``XDG_CACHE_HOME``/arlearn, else ``~/.cache/arlearn``, and may be deleted.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arlearn.errors import ArlearnError
from arlearn.files import cache_directory
from arlearn.tasks.text_files import TextFile
from arlearn.tokens.bytepair import BytePair

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
    text: TextFile, vocabulary: BytePair, progress: Callable[[int], None] | None = None, cache: Path | None = None
) -> TokenisedText:
    """The text in tokens, from the cache if it is there.

    ``progress`` is told how many more characters were done. Raises ArlearnError if the text cannot be used or the cache
    cannot be written.
    """
    cache = cache or cache_directory()
    sha256 = text.sha256()
    place = cache / f"tokens-{FORMAT}-{sha256[:16]}-{vocabulary.sha256[:16]}"
    if not (place / "about.json").is_file():
        _write(place, text, sha256, vocabulary, progress)
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
        raise ArlearnError(f"{text.path} holds no story: nothing but white space and separators")


def _collect(
    stories: Iterator[str], vocabulary: BytePair, progress: Callable[[int], None] | None
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

    for story in vocabulary.encode_many(counted(), progress=progress):
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
    place: Path, text: TextFile, sha256: str, vocabulary: BytePair, progress: Callable[[int], None] | None
) -> None:
    tokens, starts, size = _collect(text.stories(), vocabulary, progress)
    _check(text, starts)
    about = {
        "file": text.path.name,
        "sha256": sha256,
        "tokenizer": vocabulary.sha256,
        "tokens": len(tokens),
        "stories": len(starts) - 1,
        "bytes": size,
    }
    beside = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        np.save(beside / "tokens.npy", tokens.astype(_dtype(vocabulary)), allow_pickle=False)
        np.save(beside / "starts.npy", starts, allow_pickle=False)
        (beside / "about.json").write_text(json.dumps(about, indent=2) + "\n")
        try:
            os.rename(beside, place)
        except OSError:
            if not (place / "about.json").is_file():  # unless another process was faster
                raise
    except OSError as error:
        raise ArlearnError(
            f"cannot keep the tokenised text in {place.parent}: {error.strerror or error}; "
            f"set ARLEARN_CACHE to a folder with room"
        ) from error
    finally:
        if beside is not None and beside.exists():
            shutil.rmtree(beside, ignore_errors=True)
