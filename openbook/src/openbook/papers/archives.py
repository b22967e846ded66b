"""Archives of LaTeX sources (tar, gzip, zip), read in memory: nothing is written, bombs are cut off."""

from __future__ import annotations

import io
import json
import posixpath
import re
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from openbook.papers.blocks import Unreadable
from openbook.papers.formats import decode

MOST_BYTES: Final = 100 << 20
MOST_FILES: Final = 3000
_WANTED: Final = frozenset(
    [
        *".tex .bbl .ltx .latex .sty .cls .def .pdf .txt .md .html .xml .nxml .json .yaml .yml .toml .xxx".split(),
        "",
    ]
)
_INPUT: Final = re.compile(
    r"\\(?:input|include|subfile|import\s*\{[^{}]*\}|subimport\s*\{[^{}]*\})\s*\{([^{}]{1,300})\}"
)
#: Names of documents that stand beside a paper.
_BESIDE: Final = re.compile(
    r"supp|append|rebuttal|response|cover|letter|template|sample|example|poster|slides|diff", re.I
)


def is_archive(data: bytes) -> bool:
    """Whether these bytes are a gzip, zip or tar file."""
    return data[:2] == b"\x1f\x8b" or data[:4] == b"PK\x03\x04" or data[257:262] == b"ustar"


def unpack(data: bytes, limit: int = MOST_BYTES) -> dict[str, bytes]:
    """The files in an archive that may hold a paper: path in it -> content. A lone gzipped file has the path ``""``.

    Raises ``Unreadable`` for damaged archives and for those that unpack to more than ``limit`` bytes.
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
        raise Unreadable(f"damaged: the archive cannot be unpacked ({str(error)[:150]})") from None
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"damaged: the archive is not well-formed ({str(error)[:150]})") from None


def _gunzip(data: bytes, limit: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    while data:
        engine = zlib.decompressobj(wbits=31)
        piece = engine.decompress(data, limit + 1 - total)
        total += len(piece)
        pieces.append(piece)
        if total > limit:
            raise Unreadable(f"too large: the archive unpacks to more than {limit >> 20} MB")
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
                raise Unreadable(f"too large: more than {MOST_FILES} files in the archive")
            path = _name(member.name)
            if path is None or not member.isreg() or not _wanted(path) or path in files:
                continue
            total += member.size
            if total > limit:
                raise Unreadable(f"too large: the archive unpacks to more than {limit >> 20} MB")
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
            raise Unreadable(f"too large: more than {MOST_FILES} files in the archive")
        names = {member.filename for member in members}
        if "[Content_Types].xml" in names:
            raise Unreadable("not a paper format: an Office document; save it as PDF")
        if "mimetype" in names and b"epub" in archive.read("mimetype")[:60]:
            raise Unreadable("not a paper format: an EPUB book; save it as PDF")
        if "mimetype" in names and b"opendocument" in archive.read("mimetype")[:60]:
            raise Unreadable("not a paper format: an OpenDocument text; save it as PDF")
        for member in members:
            path = _name(member.filename)
            if path is None or member.is_dir() or not _wanted(path) or path in files:
                continue
            if member.flag_bits & 1:
                raise Unreadable("encrypted: the archive needs a password")
            with archive.open(member) as file:
                content = file.read(limit + 1 - total)  # what is there, not what the header promises
            total += len(content)
            if total > limit:
                raise Unreadable(f"too large: the archive unpacks to more than {limit >> 20} MB")
            files[path] = content
    return files


def main_files(files: dict[str, bytes]) -> list[str]:
    """The paths of the documents in an archive: those its manifest names, else the most likely one; empty if there is none.

    The manifest is arXiv's ``00README`` (``.XXX``, ``.json``, ``.yaml``, ``.toml``); several documents follow one another.
    """
    named, ignored = _manifest(files)
    if named:
        return named
    texts = {
        path: decode(data)
        for path, data in files.items()
        if posixpath.splitext(path)[1].lower() in (".tex", ".ltx", ".latex", "") and path not in ignored
    }
    mains = [path for path, text in texts.items() if re.search(r"\\document(?:class|style)|\\begin\{document\}", text)]
    included = {name for path, text in texts.items() for name in _included(path, text)}

    def rank(path: str) -> tuple[bool, bool, bool, bool, bool, int]:
        text = texts[path]
        return (
            path not in included and path.removesuffix(".tex") not in included,
            "\\begin{document}" in text,
            _BESIDE.search(posixpath.basename(path)) is None,
            "\\title" in text or "\\input" in text,
            "/" not in path,
            len(text),
        )

    return [max(mains, key=rank)] if mains else []


def _included(path: str, text: str) -> Iterator[str]:
    """The paths, with or without ending, of what a file puts in."""
    for name in _INPUT.findall(text):
        yield posixpath.normpath(name)
        yield posixpath.normpath(posixpath.join(posixpath.dirname(path), name))


_IMPORT: Final = re.compile(r"\\(?:sub)?(?:import|inputfrom|includefrom)\s*\{([^{}]{1,200})\}\s*\{([^{}]{1,200})\}")
_NAMED: Final = re.compile(r"\\(?:usepackage|RequirePackage|documentclass)\s*(?:\[[^\]]*\])?\s*\{([^{}]{1,300})\}")


def with_inputs(main: Path, data: bytes) -> dict[str, bytes]:
    """A LaTeX file and the files beside or below it that it reads: path from its folder -> content.

    Only files that it names (\\input, \\include, \\import, \\usepackage and the like), its own ``.bbl``, and what those name
    in turn. Links and paths that lead out of the folder are not followed.
    """
    home = main.resolve().parent
    files = {main.name: data}
    waiting, size = [main.name], len(data)
    while waiting and len(files) < MOST_FILES:
        path = waiting.pop()
        text = decode(files[path])
        named = [
            *_included(path, text),
            *(posixpath.normpath(folder + "/" + name) for folder, name in _IMPORT.findall(text)),
        ]
        names = [f"{name}{end}" for name in named for end in ("", ".tex")] + [f"{posixpath.splitext(path)[0]}.bbl"]
        names += [
            f"{name.strip()}{end}"
            for found in _NAMED.findall(text)
            for name in found.split(",")
            for end in (".sty", ".cls")
        ]
        for name in names:
            place = home / name
            inside = home in place.resolve().parents and not place.is_symlink()
            if name in files or not inside or not place.is_file() or size + place.stat().st_size > MOST_BYTES:
                continue
            files[name] = place.read_bytes()
            size += len(files[name])
            waiting.append(name)
    return files


def _manifest(files: dict[str, bytes]) -> tuple[list[str], set[str]]:
    """The documents that the archive's manifest names, and the files that it says to ignore."""
    roles: list[tuple[str, str]] = []
    for path, data in files.items():
        stem, ending = posixpath.splitext(posixpath.basename(path))
        if stem.lower() == "00readme":
            roles = _roles(decode(data[:200_000]), ending.lower())
            folder = posixpath.dirname(path)
            roles = [(posixpath.normpath(posixpath.join(folder, name)), role) for name, role in roles]
            break
    named = [name for name, role in roles if role in ("toplevel", "toplevelfile") and name in files]
    return (
        [name for name in named if posixpath.splitext(name)[1].lower() in (".tex", ".ltx", ".latex", "")],
        {name for name, role in roles if role == "ignore"},
    )


def _roles(text: str, ending: str) -> list[tuple[str, str]]:
    """(file, role) of each line of a manifest; nothing for one that cannot be understood."""
    try:
        if ending in (".json", ".toml"):
            loaded: Any = json.loads(text) if ending == ".json" else tomllib.loads(text)
            sources = loaded.get("sources", []) if isinstance(loaded, dict) else []
            entries = [entry for entry in sources if isinstance(entry, dict)]
            return [(str(entry.get("filename", "")), str(entry.get("usage", "")).lower()) for entry in entries]
    except (ValueError, RecursionError, tomllib.TOMLDecodeError):
        return []
    if ending in (".yaml", ".yml"):
        found = []
        for entry in re.split(r"^\s*-\s+", text, flags=re.MULTILINE)[1:]:
            values = dict(re.findall(r"^\s*[\"']?(\w+)[\"']?\s*:\s*[\"']?(.*?)[\"']?\s*$", entry, re.MULTILINE))
            found.append((values.get("filename", ""), values.get("usage", "").lower()))
        return found
    pairs = [line.rsplit(None, 1) for line in text.splitlines()]
    return [(pair[0].strip(), pair[1].lower()) for pair in pairs if len(pair) == 2]
