"""The folder where uploads lie: random names, readable by this user only, and one server to a folder.

A file appears under its final name whole and flushed, or not at all. Nothing that an uploader says is part of a path.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final

from openbook.errors import OpenbookError
from openbook.web.server.problems import Problem

#: Endings that tell readers what a file is. One of these, or none, is kept of an upload's name.
ENDINGS: Final = (
    ".pdf", ".xml", ".tei", ".tex", ".ltx", ".html", ".htm", ".xhtml", ".md", ".markdown", ".txt", ".gz", ".tgz", ".tar",
    ".zip",
)  # fmt: skip
_NAME: Final = re.compile(r"[0-9a-f]{32}(?:\.[a-z]{2,8})?")
#: Disk space that an upload must leave, in bytes.
RESERVE: Final = 200_000_000


class Spool:
    """One folder of uploads, held by this process until ``close``. Raises OpenbookError when it cannot be had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OpenbookError(f"cannot use the folder {folder}: {error.strerror}; choose another --spool") from error
        if not _locked(self._lock):
            os.close(self._lock)
            raise OpenbookError(
                f"another openbook serve holds the folder {folder}; stop it, or give this one a --spool of its own"
            )
        self.id = self._kept("id", 16)
        #: What forms and sessions are signed with.
        self.secret = bytes.fromhex(self._kept("secret", 32))

    def close(self) -> None:
        """Let another server have the folder."""
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def receive(self) -> Incoming:
        """A place for the bytes of one upload. Raises Problem 507 when the disk has no room."""
        if shutil.disk_usage(self.folder).free < RESERVE:
            raise Problem(507, "The disk is full", "There is no room for uploads at the moment; tell the operator.")
        return Incoming(self.folder)

    def path(self, name: str) -> Path:
        """Where a file lies."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of this spool")
        return self.folder / name

    def another(self, name: str) -> str | None:
        """A second name of a file, for a job of its own; None when it is gone."""
        _, dot, ending = name.partition(".")
        new = secrets.token_hex(16) + dot + ending
        try:
            os.link(self.path(name), self.path(new))
        except FileNotFoundError:
            return None
        _flush(self.folder)
        return new

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""
        self.path(name).unlink(missing_ok=True)

    def sweep(self, known: set[str]) -> int:
        """Delete what no job knows: uploads that were cut off. Returns how many."""
        count = 0
        for path in self.folder.iterdir():
            unknown = _NAME.fullmatch(path.name) and path.name not in known
            if unknown or path.name.endswith(".part"):
                path.unlink(missing_ok=True)
                count += 1
        return count

    def _kept(self, name: str, size: int) -> str:
        """A random value (hexadecimal) that stays the same for this folder."""
        path = self.folder / name
        with contextlib.suppress(OSError):
            value = path.read_text(encoding="ascii").strip()
            if re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", value):
                return value
        value = secrets.token_hex(size)
        beside = path.with_suffix(".part")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        return value


class Incoming:
    """An upload that is arriving. Use it as a context manager: what was not kept is deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = secrets.token_hex(16)
        self._beside = folder / f"{self._name}.part"
        self._file = os.fdopen(os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._digest = hashlib.sha256()
        self.head = b""
        self.size = 0

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)
        if len(self.head) < 4096:
            self.head += data[: 4096 - len(self.head)]

    @property
    def sha256(self) -> str:
        """The hash of what came so far, hexadecimal."""
        return self._digest.hexdigest()

    def keep(self, ending: str) -> str:
        """Flush the file to the disk under its final name, which is returned."""
        name = self._name + (ending if ending in ENDINGS else "")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._beside, self._folder / name)
        _flush(self._folder)
        return name

    def __enter__(self) -> Incoming:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            with contextlib.suppress(OSError):
                self._file.close()
        self._beside.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Flush a folder, or a power cut could undo what was renamed in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock is ours now. Where there are no such locks, it always is."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
