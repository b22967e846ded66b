"""Lists of papers in the published index's layout, and the papers they name, downloaded where they are missing."""

from __future__ import annotations

import csv
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Final

from openbook.assess.naming import Named
from openbook.errors import OpenbookError
from openbook.papers.fetch import fetch
from openbook.papers.reading import local_path
from openbook.record.model import PaperInfo

COLUMNS: Final = ("Conference", "Year", "Filename", "Title", "Authors", "Category", "PDF_URL")
_NEEDED: Final = ("Conference", "Year", "Filename", "Title", "Authors", "PDF_URL")


def read_list(path: Path, folder: Path | None = None) -> tuple[list[str], dict[str, PaperInfo]]:
    """The files that a list names (in ``folder``, by default a folder of the list's name beside it), and what it says.

    Returns their paths in order, and title, authors, venue, year and address by path. Raises OpenbookError when the
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
        raise OpenbookError(
            f"cannot read the list {path}: {error}; give a CSV file with {', '.join(COLUMNS)}"
        ) from error
    return sources, known


def _entry(row: dict[str, str | None], folder: Path, where: str) -> tuple[str, PaperInfo]:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    name, address = values["Filename"], values["PDF_URL"]
    if not name or Path(name).name != name or name.startswith("."):
        raise OpenbookError(f"{where}: {name!r} is not a file name; give a name without folders")
    if values["Year"] and not re.fullmatch(r"\d{4}", values["Year"]):
        raise OpenbookError(f"{where}: {values['Year']!r} is not a year")
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
    """Names between semicolons, or between commas where there is no semicolon; the index writes Unknown for none."""
    names = [name.strip() for name in re.split(r";" if ";" in text else r",", text)]
    return [name for name in names if name and name.casefold() not in ("unknown", "none", "nan")]


class Locator:
    """Finds the file of each paper: as it is, downloaded to where its list wants it, or from the cache of downloads."""

    def __init__(self, *, download: bool = True, pause: float = 3.0) -> None:
        self.download = download
        self.pause = pause
        self._one_at_a_time = threading.Lock()

    def __call__(self, named: Named) -> Path:
        """The file. Raises OpenbookError when there is none and it cannot be had."""
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
                _place(fetch(address, pause=self.pause), path)
        return path


def _place(cached: Path, path: Path) -> None:
    """Copy a download to its place, whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cached, beside)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OpenbookError(f"cannot write {path}: {error.strerror}; choose another --papers folder") from error
