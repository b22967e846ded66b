"""Files and hashes: how this package writes a file whole and hashes bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arlearn.errors import ArlearnError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path`` to write; rename it over ``path`` at the end of the block.

    The file is flushed to the disk and gets the rights that the umask allows. An exception inside the block, or a
    failing disk, removes the temporary file and leaves the old ``path`` as it was. Raises ArlearnError on an OSError.
    """
    beside = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL, 0o666))
        rights = beside.stat().st_mode & 0o666
        yield beside
        _flush(beside)
        os.chmod(beside, rights)  # a library may have put a file of its own there, with other rights
        os.replace(beside, path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            advice = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another place"
            raise ArlearnError(f"cannot write {path}: {error.strerror or error}; {advice}") from error
        raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` to fill with files; rename it to ``path`` at the end of the block.

    Where ``path`` is a folder already, each file is renamed into it instead, and its other files stay. The files are
    flushed to the disk and get the rights that the umask allows. An exception inside the block removes the temporary
    folder and leaves ``path`` as it was. Raises OSError.
    """
    beside = path.parent / f".{path.name}-{secrets.token_hex(8)}"
    try:
        beside.mkdir(parents=True)
        rights = beside.stat().st_mode & 0o666
        yield beside
        for file in beside.iterdir():
            _flush(file)
            os.chmod(file, rights)
        _flush(beside)
        try:
            os.rename(beside, path)
        except OSError:
            if not path.is_dir():
                raise
            for file in beside.iterdir():
                os.replace(file, path / file.name)
            _flush(path)
        _flush(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a whole file or nothing: readers see the old file or the new one. Raises ArlearnError."""
    with replacing(path) as beside:
        beside.write_bytes(data.encode() if isinstance(data, str) else data)


def read_text(path: Path, what: str) -> str:
    """A whole text file without its byte-order mark; ``what`` says in errors what was expected. Raises ArlearnError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArlearnError(f"{path} is not {what}: it is not UTF-8 text") from error
    except OSError as error:
        raise ArlearnError(f"cannot read {path} as {what}: {error.strerror or error}") from error


def sha256(data: bytes | str) -> str:
    """The SHA-256 of bytes, or of a text as UTF-8 (lone surrogates allowed), in hexadecimal."""
    return hashlib.sha256(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data).hexdigest()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def cache_directory() -> Path:
    """The cache of texts and vocabularies. All of it can be made again, so it may be deleted."""
    if given := os.environ.get("ARLEARN_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arlearn"


def _flush(path: Path) -> None:
    """Make what was written last through a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
