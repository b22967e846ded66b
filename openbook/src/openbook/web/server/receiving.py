"""Taking an upload: its bytes go straight from the network into the spool, by a form's file field or as the whole body.

The framework's own forms would first write the file to the machine's common temporary folder, without a limit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from openbook.papers.formats import detect
from openbook.web.server.problems import Problem
from openbook.web.server.spool import ENDINGS, Incoming

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
#: Characters of one field of a form.
_FIELD: Final = 4096
_FIELDS: Final = 20


@dataclass(slots=True)
class Upload:
    """What arrived: the file's name as its owner calls it, its ending, and the other fields of the form."""

    name: str = ""
    ending: str = ""
    files: int = 0
    fields: dict[str, str] = field(default_factory=dict)


async def receive_upload(request: Request, incoming: Incoming) -> Upload:
    """Take the paper of a request into ``incoming``.

    Raises Problem: 415 for what is no paper, 422 for a form without one, 400 for a broken form.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    said = kind.decode("latin-1")
    upload = Upload()
    if said == FORM:
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise Problem(400, "Broken form", "The form's Content-Type names no boundary.")
        try:
            form = _Form(boundary, upload, incoming)
            await _pour(request, form.write)
            form.end()
        except FormParserError as error:
            raise Problem(400, "Broken form", f"The form cannot be taken apart: {error}.") from error
        if not upload.files:
            raise Problem(422, "No paper", "Send the paper as the form's field named file.")
    elif said in BODIES:
        name = request.query_params.get("name", "")
        upload.name, upload.ending = shown_name(name), ending_of(name) or BODIES[said]
        await _pour(request, incoming.write)
    else:
        raise Problem(
            415, "Not a paper",
            f"A body of type {said[:80] or 'unknown'} is not taken. Send {FORM} with a field named file, or a paper as "
            f"{', '.join(BODIES)}.",
        )  # fmt: skip
    if not incoming.size:
        raise Problem(422, "Empty", "There is nothing in the file.")
    if detect(incoming.head, upload.ending) == "binary":
        raise Problem(
            415,
            "Not a paper",
            "The file is binary data of an unknown kind; give PDF, TEI, LaTeX, HTML, Markdown or text.",
        )
    return upload


async def _pour(request: Request, take: object) -> None:
    assert callable(take)
    try:
        async for piece in request.stream():
            if piece:
                await run_in_threadpool(take, piece)
    except ClientDisconnect:
        raise Problem(400, "Cut off", "The upload ended before its end.") from None
    except OSError as error:
        raise Problem(507, "The disk is full", f"The upload could not be kept ({error.strerror}).") from error


class _Form:
    """A form as it arrives: the field ``file`` into the spool, short fields into the upload."""

    def __init__(self, boundary: bytes, upload: Upload, incoming: Incoming) -> None:
        self._upload = upload
        self._incoming = incoming
        self._header = [b"", b""]
        self._headers: dict[str, bytes] = {}
        self._field = ""
        self._is_file = False
        self._value = b""
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._all,
            },
        )

    def write(self, piece: bytes) -> None:
        self._parser.write(piece)

    def end(self) -> None:
        self._parser.finalize()
        if not self._ended:
            raise Problem(400, "Broken form", "The form ends before its last boundary.")

    def _all(self) -> None:
        self._ended = True

    def _begin(self) -> None:
        self._headers, self._value, self._field, self._is_file = {}, b"", "", False

    def _add(self, part: int, data: bytes) -> None:
        self._header[part] += data

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value
        self._header = [b"", b""]

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._field == "file"
        if not self._is_file:
            return
        self._upload.files += 1
        if self._upload.files > 1:
            raise Problem(422, "Several papers", "Send one paper with each request.")
        # browsers send the name in UTF-8
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        said, _ = parse_options_header(self._headers.get("content-type", b""))
        self._upload.name = shown_name(name)
        self._upload.ending = ending_of(name) or BODIES.get(said.decode("latin-1"), "")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._incoming.write(data[start:end])
        else:
            self._value += data[start:end]
            if len(self._value) > _FIELD:
                raise Problem(413, "Too large", f"A field of a form has at most {_FIELD} bytes.")

    def _end(self) -> None:
        if not self._is_file:
            if len(self._upload.fields) >= _FIELDS:
                raise Problem(413, "Too large", f"A form has at most {_FIELDS} fields.")
            self._upload.fields[self._field] = self._value.decode("utf-8", "replace")


def shown_name(name: str) -> str:
    """What to call an upload: the last part of the name it came with, cleaned, at most 120 characters.

    It is shown and kept in the record; it is never part of a path.
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    plain = " ".join(plain.split()).strip(". ")
    return plain if len(plain) <= 120 else plain[:100] + "…" + plain[-19:]


def ending_of(name: str) -> str:
    """The ending of a name, when it is one that says what a paper is; else nothing."""
    lowered = name.lower()
    return next((ending for ending in ENDINGS if lowered.endswith(ending)), "")
