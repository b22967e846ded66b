"""What a build remembers for the next one, in the folder ``.openbook`` of the site: a row per paper and a hash per file.

While pages are rendered, rows are appended to a journal, so that an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.web.site.folder import unwritable
from openbook.web.site.rows import Listed

FOLDER: Final = ".openbook"


@dataclass
class State:
    """What earlier builds left: papers by id (of the same seal only), hashes and sizes of the other files."""

    papers: dict[str, Listed] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)


def check_ours(out: Path) -> None:
    """Refuse a folder that holds something else. Raises OpenbookError."""
    if out.exists() and not out.is_dir():
        raise OpenbookError(f"{out} is a file; give a folder for the site with --out")
    if out.is_dir() and not (out / FOLDER).is_dir() and any(out.iterdir()):
        raise OpenbookError(f"{out} is not empty and not a site that openbook made; give another folder with --out")
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error


def read_state(out: Path, current: str) -> State:
    """What was left; a damaged or older one counts as none, and everything is built anew."""
    state = State()
    folder = out / FOLDER
    try:
        noted = json.loads((folder / "build.json").read_text(encoding="utf-8"))
        state.files = {path: (digest, size) for path, (digest, size) in noted["files"].items()}
        state.search = noted["search"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        noted = {}
    try:
        made_with, rows = json.loads((folder / "papers.json").read_bytes())
        _add(state, rows, made_with == current)
    except (OSError, ValueError, TypeError):
        pass
    try:
        lines = (folder / "journal.jsonl").read_bytes().split(b"\n")
    except OSError:
        return state
    for line in lines[1:]:
        try:
            _add(state, [json.loads(line)], lines[0] == json.dumps(current).encode())
        except (ValueError, TypeError):
            continue  # the last line of a killed build may be half written
    return state


def _add(state: State, rows: list[list[Any]], same: bool) -> None:
    for values in rows:
        row = Listed(*values)
        state.seen[row.id] = row.seen
        state.folders[row.id] = row.folder
        if same:
            state.papers[row.id] = row
        else:
            state.papers.pop(row.id, None)


class Journal:
    """Rows of papers whose pages are written, appended as they come."""

    def __init__(self, out: Path, current: str) -> None:
        self.path = out / FOLDER / "journal.jsonl"
        self.current = current
        self.file: IO[str] | None = None

    def add(self, rows: Iterable[Listed]) -> None:
        """Append rows. Raises OpenbookError."""
        try:
            if self.file is None:
                head = json.dumps(self.current)
                goes_on = (
                    self.path.exists() and self.path.open(encoding="utf-8", errors="replace").readline().strip() == head
                )
                self.file = self.path.open("a" if goes_on else "w", encoding="utf-8", errors="replace")
                self.file.write("\n" if goes_on else head + "\n")
            self.file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            self.file.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def write_papers(out: Path, current: str, papers: Sequence[Listed]) -> None:
    """Remember the papers of a finished build; its journal is no longer needed."""
    content = json.dumps([current, papers], ensure_ascii=False, separators=(",", ":"))
    write_atomically(out / FOLDER / "papers.json", content.encode("utf-8", "replace"))
    (out / FOLDER / "journal.jsonl").unlink(missing_ok=True)


def write_build(out: Path, put: dict[str, tuple[str, int]], search: dict[str, Any]) -> None:
    """Remember the other files, and what the search index was made from."""
    write_atomically(out / FOLDER / "build.json", json.dumps({"files": put, "search": search}))
