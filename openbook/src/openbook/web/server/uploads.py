"""Uploads: taken from a request, kept in a folder under random names, and deleted.

The folder is readable by this user only and belongs to one server. A file appears under its final name whole and
flushed, or not at all. Nothing that an uploader says becomes part of a path.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from filelock import FileLock, Timeout
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.papers.formats import ENDINGS, detect
from openbook.text import one_line, shortened
from openbook.web.server.problems import Problem

#: What a body may be that is a paper itself, and the ending that stands for it where no name is given.
BODIES: Final = {
    "application/pdf": ".pdf",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/tei+xml": ".tei",
    "application/x-tex": ".tex",
    "text/x-tex": ".tex",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "application/gzip": ".gz",
    "application/x-tar": ".tar",
    "application/zip": ".zip",
    "application/octet-stream": "",
}
FORM: Final = "multipart/form-data"
#: Limits of a form beside its file: characters of one field, and fields.
FIELD_SIZE: Final = 4096
FIELDS: Final = 20
#: Disk space that an upload must leave, in bytes.
RESERVE: Final = 200_000_000
_NAME: Final = re.compile(r"[0-9a-f]{32}(?:\.[a-z]{2,8})?")


class UploadFolder:
    """One folder of uploads, held by this process until ``close``. Raises OpenbookError if it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / "lock", mode=0o600)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise OpenbookError(
                f"another openbook serve holds the folder {folder}; stop it, or give this one a --spool of its own"
            ) from None
        except OSError as error:
            raise OpenbookError(f"cannot use the folder {folder}: {error.strerror}; choose another --spool") from error
        self.id = self._constant("id", 16)
        #: What sessions are signed with.
        self.secret = bytes.fromhex(self._constant("secret", 32))

    def close(self) -> None:
        """Let another server use the folder."""
        self._lock.release()

    def receive(self) -> PartialUpload:
        """A place for the bytes of one upload. Raises Problem 507 when the disk has no room."""
        if shutil.disk_usage(self.folder).free < RESERVE:
            raise Problem(507, "The disk is full", "There is no room for uploads at the moment; tell the operator.")
        return PartialUpload(self.folder)

    def path(self, name: str) -> Path:
        """The path of a file."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an upload")
        return self.folder / name

    def second_name(self, name: str) -> str | None:
        """A second name of a file, for a job of its own; None when the file is gone."""
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

    def _constant(self, name: str, size: int) -> str:
        """A random value (hexadecimal) that stays the same for this folder."""
        path = self.folder / name
        with contextlib.suppress(OSError):
            value = path.read_text(encoding="ascii").strip()
            if re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", value):
                return value
        value = secrets.token_hex(size)
        write_atomically(path, value)
        path.chmod(0o600)
        return value


class PartialUpload:
    """An upload that is arriving. Use it as a context manager: what is not kept is deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = secrets.token_hex(16)
        self._part = folder / f"{self._name}.part"
        self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
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
        """The hash of what has arrived, hexadecimal."""
        return self._digest.hexdigest()

    def keep(self, ending: str) -> str:
        """Flush the file to the disk under its final name, which is returned. Raises Problem 507."""
        name = self._name + (ending if ending in ENDINGS else "")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._part, self._folder / name)
            _flush(self._folder)
        except OSError as error:
            raise _disk_full(error) from error
        return name

    def __enter__(self) -> PartialUpload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            with contextlib.suppress(OSError):
                self._file.close()
        self._part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Upload:
    """What arrived: the file's name as its owner calls it, its ending, and the other fields of the form."""

    name: str
    ending: str
    fields: Mapping[str, str] = field(default_factory=dict)


async def receive_upload(request: Request, partial: PartialUpload) -> Upload:
    """Take the paper of a request, from a form's field ``file`` or from the whole body. The guard limits its size.

    Raises Problem: 415 for what is not a paper, 422 for a form without one, 400 for a broken form or a body that was
    cut off, 413 for a long field, 507 where the disk is full.
    """
    content_type, _ = parse_options_header(request.headers.get("content-type"))
    kind = content_type.decode("latin-1")
    try:
        if kind == FORM:
            upload = await _receive_form(request, partial)
        elif kind in BODIES:
            name = request.query_params.get("name", "")
            upload = Upload(shown_name(name), ending_of(name) or BODIES[kind])
            async for piece in request.stream():
                await run_in_threadpool(partial.write, piece)
        else:
            raise Problem(
                415,
                "Not a paper",
                f"A body of type {kind[:80] or 'unknown'} is not accepted. Send {FORM} with a field named file, or a paper "
                f"as {', '.join(BODIES)}.",
            )
    except ClientDisconnect:
        raise Problem(
            400, "Cut off", "The connection ended before the whole upload had arrived; send it again."
        ) from None
    except OSError as error:
        raise _disk_full(error) from error
    if not partial.size:
        raise Problem(422, "Empty", "There is nothing in the file.")
    if detect(partial.head, upload.ending) == "binary":
        raise Problem(
            415,
            "Not a paper",
            "The file is binary data of an unknown kind; give PDF, TEI, LaTeX, HTML, Markdown or text.",
        )
    return upload


async def _receive_form(request: Request, partial: PartialUpload) -> Upload:
    parser = _UploadForm(request.headers, request.stream(), max_files=2, max_fields=FIELDS, max_part_size=FIELD_SIZE)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(400, "Broken form", f"The form cannot be parsed: {error.message}") from error
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(form.close)
        if not parser.ended:
            raise Problem(400, "Broken form", "The form ends before its last boundary.")
        files = [value for name, value in form.multi_items() if name == "file" and isinstance(value, UploadFile)]
        if not files:
            raise Problem(422, "No paper", "Send the paper as the form's field named file.")
        if len(files) > 1:
            raise Problem(422, "Several papers", "Send one paper with each request.")
        paper = files[0]
        while piece := await paper.read(1 << 20):
            await run_in_threadpool(partial.write, piece)
        kind, _ = parse_options_header(paper.content_type)
        name = paper.filename or ""
        ending = ending_of(name) or BODIES.get(kind.decode("latin-1"), "")
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        return Upload(shown_name(name), ending, fields)


class _UploadForm(MultiPartParser):
    """Starlette's parser, which puts files on the disk as they arrive. It also says whether the form came to its end."""

    ended = False

    def on_end(self) -> None:
        self.ended = True

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is None and len(part.data) + end - start > self.max_part_size:
            raise Problem(413, "Too large", f"A field of a form has at most {self.max_part_size} bytes.")
        super().on_part_data(data, start, end)


def shown_name(name: str) -> str:
    """What to call an upload: the last part of the name it came with, cleaned, at most 120 characters.

    It is shown and kept in the record; it is never part of a path.
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    return shortened(one_line(plain).strip(". "), 120, tail=19)


def is_pdf(upload: Path) -> bool:
    """Whether an uploaded file is here and a PDF."""
    try:
        with upload.open("rb") as file:
            return detect(file.read(4096), upload.suffix) == "pdf"
    except OSError:  # it was deleted in this moment
        return False


def ending_of(name: str) -> str:
    """The ending of a name, when it is one that says what a paper is; else nothing."""
    lowered = name.lower()
    return next((ending for ending in ENDINGS if lowered.endswith(ending)), "")


def identifier(name: str, sha256: str) -> str:
    """The id of an upload's record: its name without the ending, as far as it is letters, and eight hex digits."""
    stem = name[: name.rindex(".")] if "." in name[1:] else name
    plain = re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:80]
    return f"{plain or 'paper'}__{sha256[:8]}"


def _disk_full(error: OSError) -> Problem:
    return Problem(507, "The disk is full", f"The upload could not be kept ({error.strerror}).")


def _flush(folder: Path) -> None:
    """Flush a folder, or a power cut could undo what was renamed in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
