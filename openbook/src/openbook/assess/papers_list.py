"""The papers of a batch: the lists that name them, the names of their records, and where their files are."""

from __future__ import annotations

import csv
import json
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from openbook.errors import OpenbookError
from openbook.files import NAMED, file_sha256, kind_of, replacing, sha256
from openbook.record.model import PaperInfo

COLUMNS: Final = ("Conference", "Year", "Filename", "Title", "Authors", "Category", "PDF_URL")
_NEEDED: Final = ("Conference", "Year", "Filename", "Title", "Authors", "PDF_URL")
_UNSAFE: Final = re.compile(r"[\x00-\x1f/\\]+")
_PUTS_IN: Final = re.compile(rb"\\(?:input|include|subfile)\b\s*\{([^{}\n]+)\}")


@dataclass(frozen=True, slots=True)
class PaperSource:
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


def name_sources(
    sources: Sequence[str], folder: Path, known: Mapping[str, PaperInfo] | None = None
) -> list[PaperSource]:
    """A name for each source, none twice.

    The first source of a stem gets the stem, later ones ``stem__`` and eight hexadecimal digits that come from the
    source. A record of another paper that is in ``folder`` already keeps its name; a source that has a record there
    gets the name it had, so that a batch taken up again finds its own.
    """
    known = known or {}
    taken: set[str] = set()
    named: list[PaperSource] = []
    for source in dict.fromkeys(sources):
        name = stem = known[source].id if source in known else stem_of(source)
        if name.casefold() in taken or _belongs_to_another(folder / f"{stem}.json", source):
            name = f"{stem}__{_digest(_absolute(source))}"
        taken.add(name.casefold())
        named.append(PaperSource(source, name, known.get(source)))
    return named


def with_venue_and_year(
    sources: Sequence[str], known: Mapping[str, PaperInfo], venue: str | None, year: int | None
) -> dict[str, PaperInfo]:
    """What is known of the papers, with this venue and year where a list gives none."""
    given = {"venue": venue, "year": year}
    found = dict(known)
    for source in sources:
        info = found.get(source) or PaperInfo(id=stem_of(source))
        missing = {name: value for name, value in given.items() if value and not getattr(info, name)}
        if missing:
            found[source] = info.model_copy(update=missing)
    return found


def _belongs_to_another(path: Path, source: str) -> bool:
    """Whether a record at this path is about another paper than the source."""
    try:
        paper: dict[str, Any] = json.loads(path.read_bytes())["paper"]  # not checked as a record: that takes longer
        before = paper["source"]
        if not before or _absolute(before) == _absolute(source):
            return False
        return bool(paper["sha256"] != file_sha256(Path(source)))
    except FileNotFoundError:
        return path.exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _absolute(source: str) -> str:
    return source if "://" in source else str(Path(source).absolute())


def _digest(text: str) -> str:
    return sha256(text)[:8]


def papers_in(folder: Path) -> list[str]:
    """The papers of a folder by their endings, in the order of their names. A part of a LaTeX paper is no paper."""
    from openbook.papers.formats import ENDINGS  # the readers' rules, which a single paper does not need here

    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS and path.is_file()]
    parts = _parts([path for path in found if path.suffix.lower() == ".tex"])
    return [str(path) for path in found if path not in parts]


def _parts(sources: Sequence[Path]) -> set[Path]:
    """The LaTeX files that another one of them puts in, as with ``\\input``, and that begin no document of their own."""
    texts = {path: path.read_bytes() for path in sources} if len(sources) > 1 else {}
    named: set[bytes] = set()
    for text in texts.values():
        named.update(name.strip().removeprefix(b"./").removesuffix(b".tex") for name in _PUTS_IN.findall(text))
    return {path for path, text in texts.items() if path.stem.encode() in named and b"\\documentclass" not in text}


def read_list(path: Path, folder: Path | None = None) -> tuple[list[str], dict[str, PaperInfo]]:
    """The files that a list names (in ``folder``, by default a folder of the list's name beside it), and what it says.

    Returns their paths in order, and title, authors, venue, year and address by path. Raises OpenbookError if the
    list cannot be read, lacks a column, or has a row that cannot be right.
    """
    folder = folder or path.with_suffix("")
    if folder == path:
        folder = path.with_name(f"{path.name}_papers")
    sources: list[str] = []
    known: dict[str, PaperInfo] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [name for name in _NEEDED if name not in (rows.fieldnames or [])]
            if missing:
                raise OpenbookError(f"{path} lacks the column {', '.join(missing)}; a list has {', '.join(COLUMNS)}")
            for row in rows:
                source, info = _entry(row, folder, f"{path}, line {rows.line_num}")
                sources.append(source)
                known[source] = info
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        kind = kind_of(path)
        reason = str(error) if isinstance(error, csv.Error) else f"it is {NAMED[kind]}"
        hint = f"; assess papers with: openbook assess {path}" if kind in ("PDF", "folder") else ""
        raise OpenbookError(
            f"cannot read the list {path}: {reason}; give a CSV file with {', '.join(COLUMNS)}{hint}"
        ) from error
    return sources, known


def _entry(row: dict[str, str | None], folder: Path, where: str) -> tuple[str, PaperInfo]:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    name, address = values["Filename"], values["PDF_URL"]
    if not name or Path(name).name != name or name.startswith("."):
        raise OpenbookError(f"{where}: {name!r} is not a file name; give a name without folders")
    if values["Year"] and not re.fullmatch(r"\d{4}", values["Year"]):
        raise OpenbookError(f"{where}: {values['Year']!r} is not a year; give four digits")
    info = PaperInfo(
        id=Path(name).stem,
        title=values["Title"],
        authors=_authors(values["Authors"]),
        venue=values["Conference"] or None,
        year=int(values["Year"]) if values["Year"] else None,
        url=address or None,
    )
    return str(folder / name), info


def _authors(text: str) -> list[str]:
    """Names between semicolons, or between commas if there is no semicolon; the index writes Unknown for none."""
    names = [name.strip() for name in re.split(r";" if ";" in text else r",", text)]
    return [name for name in names if name and name.casefold() not in ("unknown", "none", "nan")]


def check_paper(path: Path) -> None:
    """Raise OpenbookError if a file is clearly no paper: it is not there, empty, a table, a database or a record."""
    kind = kind_of(path)
    if kind == "missing":
        raise OpenbookError(f"there is no file {str(path)!r}: give the path of a paper, or a folder of papers")
    if kind in ("empty", "Parquet table", "SQLite database", "binary file", "JSON"):
        hint = f"; openbook show {path} shows a record" if kind == "JSON" else ""
        raise OpenbookError(
            f"{path} is {NAMED[kind]}, not a paper; give a PDF, LaTeX, HTML, Markdown or text file{hint}"
        )


class PaperFiles:
    """Finds the file of each paper: as it is, downloaded to where its list wants it, or from the cache of downloads."""

    def __init__(self, *, download: bool = True, pause: float = 3.0) -> None:
        self.download = download
        self.pause = pause
        self._one_at_a_time = threading.Lock()

    def __call__(self, named: PaperSource) -> Path:
        """The file. Raises OpenbookError if there is none and it cannot be downloaded."""
        from openbook.papers.fetch import local_path

        path = Path(named.source)
        address = named.known.url if named.known else None
        if path.is_file() or not address:
            if "://" in named.source:
                with self._one_at_a_time:
                    return local_path(named.source)
            return local_path(named.source)
        if not self.download:
            raise OpenbookError(f"there is no file {str(path)!r}, and downloads are switched off")
        with self._one_at_a_time:  # one polite request after the other; reading goes on meanwhile
            if not path.is_file():
                from openbook.papers.fetch import fetch

                _place(fetch(address, pause=self.pause), path)
        return path


def _place(cached: Path, path: Path) -> None:
    """Copy a download to its place, whole or not at all."""
    with replacing(path) as beside:
        shutil.copyfile(cached, beside)
