"""Files and hashes: how this package writes files atomically and hashes bytes."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from openbook.errors import OpenbookError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path`` to write; rename it over ``path`` at the end of the block.

    The file is flushed to the disk and gets the rights that the umask allows. An exception inside the block, or a
    failing disk, removes the temporary file and leaves the old ``path`` as it was. A temporary file is locked as long as
    it is written, so that ``sweep`` knows those of killed processes. Raises OpenbookError on an OSError.
    """
    beside: Path | None = None
    handle = -1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.parent / f".{secrets.token_hex(8)}.part"
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)  # less what the umask takes
        beside = name
        _lock(handle)
        yield beside
        with beside.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(beside, path)
    except BaseException as error:
        if beside is not None:
            with suppress(OSError):
                beside.unlink()
        if isinstance(error, OSError):
            raise OpenbookError(
                f"cannot write {path}: {error.strerror or error}; free the space or choose another folder"
            ) from error
        raise
    finally:
        if handle >= 0:
            os.close(handle)


def sweep(folder: Path, *, older: float = 1.0) -> None:
    """Delete the temporary files that ``replacing`` left in a folder when its process was killed.

    Those of processes that are still writing are locked, and stay; so do those made in the last ``older`` seconds.
    """
    for left in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime < older:
                continue
            handle = os.open(left, os.O_RDWR)
            try:
                if _lock(handle):
                    left.unlink()
            finally:
                os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed or the process ends; whether nobody else has it locked."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks
        return (
            error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
            and time.time() - os.fstat(handle).st_mtime > 3600
        )
    return True


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a whole file or nothing: readers see the old file or the new one. Raises OpenbookError."""
    with replacing(path) as beside:
        beside.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock file ``path`` for the block. Raises OpenbookError: ``busy`` where another process holds it."""
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise OpenbookError(busy) from error
    except OSError as error:
        raise OpenbookError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error
    try:
        yield
    finally:
        lock.release()


def sha256(data: bytes | str) -> str:
    """The SHA-256 of bytes, or of a text as UTF-8 (lone surrogates allowed), in hexadecimal."""
    return hashlib.sha256(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data).hexdigest()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal. Raises OSError when it cannot be read."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def read_csv(path: Path, advice: str = "") -> tuple[list[dict[str, str]], list[str]]:
    """The rows of a CSV file in UTF-8 and the names of its columns. A cell that a row lacks is empty.

    Raises OpenbookError, with ``advice`` at its end, where the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            return list(reader), [name for name in reader.fieldnames or () if name]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OpenbookError(f"{path} cannot be read as CSV in UTF-8 ({reason}){advice}") from error


FileKind = Literal[
    "missing", "folder", "empty", "PDF", "Parquet table", "SQLite database", "archive", "JSON", "text", "binary file"
]

#: The kinds of files with their article.
NAMED: Final[dict[FileKind, str]] = {
    "missing": "not there",
    "folder": "a folder",
    "empty": "empty",
    "PDF": "a PDF",
    "Parquet table": "a Parquet table",
    "SQLite database": "a SQLite database",
    "archive": "an archive",
    "JSON": "a JSON file",
    "text": "a text file",
    "binary file": "a binary file",
}


def kind_of(path: Path) -> FileKind:
    """What stands at a path, told by its content: for messages that say what was given and what was expected."""
    try:
        if path.is_dir():
            return "folder"
        with path.open("rb") as file:
            start = file.read(4096)
    except (OSError, ValueError):
        return "missing"
    if not start.strip():
        return "empty"
    if b"%PDF-" in start[:1024]:
        return "PDF"
    if start.startswith(b"PAR1"):
        return "Parquet table"
    if start.startswith(b"SQLite format 3"):
        return "SQLite database"
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b")) or start[257:262] == b"ustar":
        return "archive"
    if b"\x00" in start:
        return "binary file"
    try:
        start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:  # not only a character that the 4096 bytes cut
            return "binary file"
    return "JSON" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "text"
