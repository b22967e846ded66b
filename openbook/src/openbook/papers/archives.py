"""Archives of LaTeX sources (tar, gzip, zip), read in memory: nothing is written, bombs are cut off."""

from __future__ import annotations

import io
import posixpath
import tarfile
import zipfile
import zlib

MOST_BYTES = 100 << 20
MOST_FILES = 3000
_WANTED = (".tex", ".bbl", ".ltx", ".sty", ".pdf", ".txt", ".md", ".html", ".xml", ".latex", "")


class ArchiveProblem(Exception):
    """This archive cannot be used; the message is the reason, for ``Paper.problem``."""


def is_archive(data: bytes) -> bool:
    """Whether these bytes are a gzip, zip or tar file."""
    return data[:2] == b"\x1f\x8b" or data[:4] == b"PK\x03\x04" or data[257:262] == b"ustar"


def unpack(data: bytes, limit: int = MOST_BYTES) -> dict[str, bytes]:
    """The files in an archive that may hold a paper: path in it -> content. A lone gzipped file has the path ``""``.

    Raises ``ArchiveProblem`` for damaged archives and for those that unpack to more than ``limit`` bytes.
    """
    try:
        if data[:4] == b"PK\x03\x04":
            return _zip(data, limit)
        if data[:2] == b"\x1f\x8b":
            data = _gunzip(data, limit)
        if data[257:262] == b"ustar":
            return _tar(data, limit)
        return {"": data}
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveProblem(f"damaged: the archive cannot be unpacked ({str(error)[:150]})") from None
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise ArchiveProblem(f"damaged: the archive is not well-formed ({str(error)[:150]})") from None


def _gunzip(data: bytes, limit: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    while data:
        engine = zlib.decompressobj(wbits=31)
        piece = engine.decompress(data, limit + 1 - total)
        total += len(piece)
        pieces.append(piece)
        if total > limit:
            raise ArchiveProblem(f"too large: the archive unpacks to more than {limit >> 20} MB")
        if not engine.eof:
            raise EOFError("it is cut off")
        data = engine.unused_data
        if data[:2] != b"\x1f\x8b":
            break
    return b"".join(pieces)


def _name(name: str) -> str | None:
    """The path inside the archive in one form, None if it would leave it."""
    path = posixpath.normpath(name.replace("\\", "/"))
    if path.startswith(("/", "..")) or ":" in path.split("/")[0] or "\x00" in path or len(path) > 500:
        return None
    return path


def _wanted(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in _WANTED


def _tar(data: bytes, limit: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for count, member in enumerate(archive):
            if count > MOST_FILES:
                raise ArchiveProblem(f"too large: more than {MOST_FILES} files in the archive")
            path = _name(member.name)
            if path is None or not member.isreg() or not _wanted(path) or path in files:
                continue
            total += member.size
            if total > limit:
                raise ArchiveProblem(f"too large: the archive unpacks to more than {limit >> 20} MB")
            file = archive.extractfile(member)
            if file is not None:
                files[path] = file.read(member.size)
    return files


def _zip(data: bytes, limit: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MOST_FILES:
            raise ArchiveProblem(f"too large: more than {MOST_FILES} files in the archive")
        names = {member.filename for member in members}
        if "[Content_Types].xml" in names:
            raise ArchiveProblem("not a paper format: an Office document; save it as PDF")
        for member in members:
            path = _name(member.filename)
            if path is None or member.is_dir() or not _wanted(path) or path in files:
                continue
            if member.flag_bits & 1:
                raise ArchiveProblem("encrypted: the archive needs a password")
            with archive.open(member) as file:
                content = file.read(limit + 1 - total)  # what is there, not what the header promises
            total += len(content)
            if total > limit:
                raise ArchiveProblem(f"too large: the archive unpacks to more than {limit >> 20} MB")
            files[path] = content
    return files
