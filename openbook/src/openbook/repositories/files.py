"""The files of a repository, read without following a link, running a filter or trusting a name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openbook.errors import OpenbookError

#: Folders that hold other people's code, caches or the version history.
_SKIPPED: Final = frozenset(
    ".git .hg .svn node_modules __pycache__ .venv venv .tox .mypy_cache .ruff_cache .pytest_cache .idea .vscode".split()
)
_CODE: Final = frozenset(
    ".py .ipynb .r .jl .m .c .cc .cpp .cu .h .hpp .java .scala .rs .go .js .ts .lua .sh .pl".split()
)
_TEXT: Final = _CODE | frozenset(
    ".md .rst .txt .toml .cfg .ini .yml .yaml .json .lock .env .xml .html .css .tex .bib .def .cmake .mk .properties".split()
)
#: Files without a useful ending that are text all the same.
_TEXT_NAMES: Final = frozenset(
    "readme license licence copying makefile dockerfile containerfile pipfile snakefile justfile citation.cff .env".split()
)
MOST_FILES: Final = 50_000
MOST_BYTES_READ: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """One regular file: its path within the repository, with forward slashes, and its size in bytes."""

    path: str
    size: int

    @property
    def name(self) -> str:
        """The last part of its path, in lower case."""
        return self.path.rsplit("/", 1)[-1].lower()

    @property
    def suffix(self) -> str:
        """Its ending in lower case, such as ``.py``."""
        return os.path.splitext(self.name)[1]

    @property
    def is_code(self) -> bool:
        """Whether its ending is that of source code."""
        return self.suffix in _CODE

    @property
    def is_text(self) -> bool:
        """Whether it is worth reading as text."""
        return self.suffix in _TEXT or os.path.splitext(self.name)[0] in _TEXT_NAMES or self.name in _TEXT_NAMES


@dataclass(slots=True)
class Repository:
    """A folder as a repository: its files, and what was found that is not a plain file.

    ``outside`` lists links that lead out of the folder. ``cut`` says that there are more files than are looked at.
    """

    root: Path
    files: list[RepositoryFile] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    cut: bool = False
    _texts: dict[str, str] = field(default_factory=dict)

    def text(self, file: RepositoryFile) -> str:
        """The first megabyte of a file as UTF-8; empty where it cannot be read or is binary."""
        if file.path not in self._texts:
            self._texts[file.path] = self._read(file)
        return self._texts[file.path]

    def _read(self, file: RepositoryFile) -> str:
        try:
            handle = os.open(self.root / file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return ""
        with os.fdopen(handle, "rb") as source:
            data = source.read(MOST_BYTES_READ)
        return "" if b"\0" in data[:8000] else data.decode("utf-8", "replace")

    def named(self, *names: str) -> list[RepositoryFile]:
        """The files with one of these names (lower case), those nearest to the top first."""
        return [file for file in self.files if file.name in names]


def read_repository(root: Path) -> Repository:
    """List the files of a folder, links not followed. Raises OpenbookError where it is not a folder or holds no file."""
    if not root.exists():
        raise OpenbookError(f"{root} does not exist; give a folder with code, or the https address of a repository")
    if not root.is_dir():
        raise OpenbookError(f"{root} is a file; give the folder that holds the code")
    repository = Repository(root)
    for path, size in _walk(root, repository):
        if len(repository.files) == MOST_FILES:
            repository.cut = True
            break
        repository.files.append(RepositoryFile(path, size))
    if not repository.files:
        raise OpenbookError(f"{root} holds no files: the repository is empty")
    repository.files.sort(key=lambda file: (file.path.count("/"), file.path))
    return repository


def _walk(root: Path, repository: Repository) -> Iterator[tuple[str, int]]:
    folders = [""]
    home = os.path.realpath(root)
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            path = f"{folder}{entry.name}"
            if entry.name in _SKIPPED:
                continue
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                if target != home and not target.startswith(home + os.sep):
                    repository.outside.append(path)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                yield path, entry.stat(follow_symlinks=False).st_size
