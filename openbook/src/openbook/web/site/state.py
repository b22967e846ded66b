"""The folder of a site: how its files are written, what a build remembers for the next one, which pages are stale.

A build remembers in ``.openbook`` a row per paper and a hash per file. While pages are rendered, rows are appended to a
journal, so that an interrupted build goes on where it stopped. A page is stale when its record changed, or what else decides
how it looks: the modules, templates and data files that really make it. They are found, not listed by hand: the modules
that the page maker imports, directly or not, the templates that these modules name with all that those extend, import or
include, and the TOML and JSON files beside the modules.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, Final

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.web.site.rows import Listed

FOLDER: Final = ".openbook"
_JSON: Final = json.JSONEncoder(ensure_ascii=False)  # json.dumps makes a new one at each call


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
            self.file.writelines(_JSON.encode(row) + "\n" for row in rows)
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
    except OSError:
        os.unlink(beside)
        raise
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
        """Write a file at a path from the root of the site. Raises OpenbookError if that is impossible."""
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


ENTRY: Final = "openbook.web.site.rendering"
#: Libraries that write markup and records.
_LIBRARIES: Final = ("jinja2", "markupsafe", "pydantic")
#: An import of a module of the package, or of names from one: its indentation, the module, the names.
_IMPORT: Final = re.compile(r"^([ \t]*)(?:from|import) (openbook[\w.]*)(?: import (\([^)]*\)|.*))?", re.MULTILINE)
_NAME: Final = re.compile(r"\w+")
_TEMPLATE: Final = re.compile(r"""["']([\w/.-]+\.jinja)["']""")


def seal(*settings: object, root: Path | None = None) -> str:
    """A hash of everything besides a record that its page depends on; ``root`` is the package's folder."""
    root = root or Path(str(files("openbook")))
    named = [*map(repr, settings), *(version(name) for name in _LIBRARIES)]
    total = hashlib.sha256(json.dumps(named).encode())
    for path in page_files(root):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def page_files(root: Path) -> list[Path]:
    """Every file of the package that makes papers' pages, in order."""
    modules = _modules(root)
    data = {
        one for folder in {path.parent for path in modules} for one in (*folder.glob("*.toml"), *folder.glob("*.json"))
    }
    named = {name for text in modules.values() for name in _template_names(text)}
    return sorted(modules.keys() | data | _templates(root / "web" / "templates", named))


def _modules(root: Path) -> dict[Path, str]:
    """The page maker and all modules of the package that it imports, directly or not, with their texts."""
    found: dict[Path, str] = {}
    waiting = [ENTRY]
    while waiting:
        name = waiting.pop()
        path = _path(root, name)
        if path is None or path in found:
            continue
        found[path] = path.read_text(encoding="utf-8")
        waiting += [name.rsplit(".", 1)[0]] if name.count(".") else []
        waiting += _imported(found[path], path.name == "__init__.py")
    return found


def _path(root: Path, name: str) -> Path | None:
    """The path of a module of the package; None for any other name."""
    place = root.joinpath(*name.split(".")[1:])
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


def _imported(text: str, is_package: bool) -> Iterator[str]:
    """What a module imports of the package. In an ``__init__`` only imports without indentation count: it passes on what
    its functions import.

    This reads text, because a syntax tree takes thirty times as long: a name too many makes a page anew once too often.
    """
    for indent, module, names in _IMPORT.findall(text):
        if not (indent and is_package):
            yield module
            yield from (f"{module}.{name}" for name in _NAME.findall(names))


def _template_names(text: str) -> Iterator[str]:
    """The templates that a module or a template names: a name without a folder is one of the site's."""
    return (name if "/" in name else f"site/{name}" for name in _TEMPLATE.findall(text))


def _templates(folder: Path, named: set[str]) -> set[Path]:
    """Templates and all that they refer to."""
    found: set[Path] = set()
    waiting = list(named)
    while waiting:
        path = folder / waiting.pop()
        if path.is_file() and path not in found:
            found.add(path)
            waiting += _template_names(path.read_text(encoding="utf-8"))
    return found
