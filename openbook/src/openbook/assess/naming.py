"""Names of records: the file's stem; where two files share it, the later ones get a hash."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from openbook.errors import OpenbookError
from openbook.record.files import read_record
from openbook.record.model import PaperInfo, Record

_UNSAFE = re.compile(r"[\x00-\x1f/\\]+")


@dataclass(frozen=True, slots=True)
class Named:
    """A source, the name of its record, and what is known of the paper beforehand."""

    source: str
    name: str
    known: PaperInfo | None = None


def stem_of(source: str) -> str:
    """The stem of a path, of the last part of an address, or an arXiv id as it is; never with a separator in it."""
    if source.lower().startswith(("http://", "https://")):
        parts = urlsplit(source)
        last = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1]) or parts.netloc
        stem = last if re.fullmatch(r"\d{4}\.\d{4,5}(?:v\d+)?", last) else Path(last).stem
        if parts.query and not parts.path.lower().endswith(".pdf"):
            stem = f"{stem}_{_digest(parts.query)}"
    elif Path(source).is_file() or "." in Path(source).name.lstrip("."):
        is_arxiv = re.fullmatch(r"(?:arxiv:)?\d{4}\.\d{4,5}(?:v\d+)?", source, re.IGNORECASE)
        stem = source.split(":")[-1] if is_arxiv and not Path(source).is_file() else Path(source).stem
    else:
        stem = source.replace("arxiv:", "")
    return _UNSAFE.sub("_", stem).strip() or "paper"


def name_all(
    sources: Sequence[str], folder: Path, known: Mapping[str, PaperInfo] | None = None, digests: Digests | None = None
) -> list[Named]:
    """A name for each source, none twice.

    The first source of a stem gets the stem, later ones ``stem__`` and eight hexadecimal digits that come from the
    source. A record of another paper that is in ``folder`` already keeps its name; a source that has a record there
    gets the name it had, so that a batch taken up again finds its own.
    """
    known = known or {}
    taken: set[str] = set()
    names: list[Named] = []
    seen: set[str] = set()
    for source in sources:
        if source in seen:
            continue
        seen.add(source)
        stem = known[source].id if source in known else stem_of(source)
        name = stem
        if name.casefold() in taken or _belongs_to_another(folder / f"{stem}.json", source, digests):
            name = f"{stem}__{_digest(_absolute(source))}"
        taken.add(name.casefold())
        names.append(Named(source, name, known.get(source)))
    return names


class Digests:
    """The SHA-256 of files, each computed once."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def of(self, source: str) -> str | None:
        """The hash of a file, hexadecimal; None where there is no such file."""
        if source not in self._known:
            try:
                with open(source, "rb") as file:
                    self._known[source] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                self._known[source] = None
        return self._known[source]


def _belongs_to_another(path: Path, source: str, digests: Digests | None) -> bool:
    if not path.exists():
        return False
    record = existing(path)
    if record is None or record.paper.source is None:
        return False
    if _absolute(record.paper.source) == _absolute(source):
        return False
    sha256 = digests.of(source) if digests else None
    return sha256 is None or record.paper.sha256 != sha256


def existing(path: Path) -> Record | None:
    """The record at a path; None where there is none that can be read."""
    try:
        return read_record(path)
    except OpenbookError:
        return None


def _absolute(source: str) -> str:
    return source if "://" in source else str(Path(source).absolute())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
