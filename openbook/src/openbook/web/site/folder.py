"""The folder of a site: files beside their place, then renamed; nothing is written that is there already."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from openbook.errors import OpenbookError


def write_fast(path: str, content: bytes, whole: bool = True) -> None:
    """Write a file with as few calls as that takes, ``whole`` or not at all. It is not flushed to the disk: after a power
    failure the same command builds it again. Raises OSError."""
    beside = path + ".part" if whole else path
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
    finally:
        os.close(handle)
    if whole:
        os.rename(beside, path)


class Folder:
    """The folder of a site. It remembers what it wrote in this build, and writes only what changed.

    ``hashes`` maps paths to the hashes of what an earlier build wrote there.
    """

    def __init__(self, root: Path, hashes: dict[str, tuple[str, int]]) -> None:
        self.root = root
        self.before = hashes
        self.written: dict[str, tuple[str, int]] = {}
        self.changed = 0

    def put(self, path: str, content: str | bytes) -> None:
        """Write a file at a path from the root of the site. Raises OpenbookError when that is impossible."""
        data = content.encode() if isinstance(content, str) else content
        known = (hashlib.blake2b(data, digest_size=16).hexdigest(), len(data))
        self.written[path] = known
        place = self.root / path
        if self.before.get(path) == known and place.exists():
            return
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_fast(str(place), data)
        except OSError as error:
            raise unwritable(place, error) from error
        self.changed += 1

    def tell(self, path: str) -> None:
        """Note a file that something else wrote, so that it counts and stays."""
        self.written[path] = ("", (self.root / path).stat().st_size)

    def clean(self) -> None:
        """Remove what an earlier build wrote and this one did not."""
        for path in self.before.keys() - self.written.keys():
            (self.root / path).unlink(missing_ok=True)
            for parent in (self.root / path).parents:
                if parent == self.root or any(parent.iterdir() if parent.is_dir() else ()):
                    break
                if parent.is_dir():
                    parent.rmdir()


def unwritable(place: Path | str, error: OSError) -> OpenbookError:
    """What to say when a file cannot be written."""
    return OpenbookError(
        f"cannot write {place}: {error.strerror or error}; free the space or choose another folder with --out "
        "(the same command goes on where this one stopped)"
    )


def digest(parts: Iterable[str]) -> str:
    """One hash of many texts."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        total.update(part.encode("utf-8", "replace") + b"\0")
    return total.hexdigest()
