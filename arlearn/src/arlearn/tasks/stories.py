"""Text files as stories: plain, ``.xz`` or ``.gz``, UTF-8, separated by ``<|endoftext|>``.

The separator takes one line break on each side with it, so that ``...the end.\\n<|endoftext|>\\nOnce...`` are the
stories ``...the end.`` and ``Once...``. What is left is the text, byte for byte: its length in UTF-8 is what *bytes*
means in bits per byte. Stories of nothing but white space are no stories. A file without separators is one story.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arlearn.errors import ArlearnError
from arlearn.tokens.bytepair import END_OF_TEXT

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
        digest = hashlib.sha256()
        with self.path.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def size(self) -> int:
        """Bytes on the disk."""
        return self.path.stat().st_size

    def compressed(self) -> bool:
        with self._open() as opened:
            return isinstance(opened, lzma.LZMAFile | gzip.GzipFile)

    def stories(self) -> Iterator[str]:
        """The stories in order. Raises ArlearnError if the file is damaged or is not UTF-8 text."""
        decoder = codecs.getincrementaldecoder("utf-8")()
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
