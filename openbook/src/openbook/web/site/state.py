"""The folder of a site: how its files are written, and what a build remembers for the next one in ``.openbook``.

It remembers a row per paper and a hash per file. While pages are rendered, rows are appended to a journal, so that an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from openbook.errors import OpenbookError
from openbook.files import write_atomically
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
    """What was left; a damaged or older one counts as none, and everything is built again."""
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


def write_fast(path: str, content: bytes, whole: bool = True) -> None:
    """Write a file with as few calls as that takes, ``whole`` or not at all. It is not flushed to the disk: after a power
    failure the same command builds it again. Raises OSError."""
    beside = path + ".part" if whole else path
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
    finally:
        os.close(handle)
    if whole:
        os.rename(beside, path)


class Folder:
    """The folder of a site. It remembers what it wrote in this build, and writes only what changed.

    ``hashes`` maps paths to the hashes of what an earlier build wrote there.
    """

    def __init__(self, root: Path, hashes: dict[str, tuple[str, int]]) -> None:
        self.root = root
        self.before = hashes
        self.written: dict[str, tuple[str, int]] = {}
        self.changed = 0

    def put(self, path: str, content: str | bytes) -> None:
        """Write a file at a path from the root of the site. Raises OpenbookError when that is impossible."""
        data = content.encode() if isinstance(content, str) else content
        known = (hashlib.blake2b(data, digest_size=16).hexdigest(), len(data))
        self.written[path] = known
        place = self.root / path
        if self.before.get(path) == known and place.exists():
            return
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_fast(str(place), data)
        except OSError as error:
            raise unwritable(place, error) from error
        self.changed += 1

    def tell(self, path: str) -> None:
        """Note a file that something else wrote, so that it counts and stays."""
        self.written[path] = ("", (self.root / path).stat().st_size)

    def clean(self) -> None:
        """Remove what an earlier build wrote and this one did not."""
        for path in self.before.keys() - self.written.keys():
            (self.root / path).unlink(missing_ok=True)
            for parent in (self.root / path).parents:
                if parent == self.root or any(parent.iterdir() if parent.is_dir() else ()):
                    break
                if parent.is_dir():
                    parent.rmdir()


def unwritable(place: Path | str, error: OSError) -> OpenbookError:
    """The error for a file that cannot be written."""
    return OpenbookError(
        f"cannot write {place}: {error.strerror or error}; free the space or choose another folder with --out "
        "(the same command continues where this one stopped)"
    )


def digest(parts: Iterable[str]) -> str:
    """One hash of many texts."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        total.update(part.encode("utf-8", "replace") + b"\0")
    return total.hexdigest()
