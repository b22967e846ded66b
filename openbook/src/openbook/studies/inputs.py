"""What a command's result depends on, as hashes: a result is kept as long as they are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.studies.surroundings import data_folder

_BUILT = {"results", "report", "__pycache__"}


def input_hashes(folder: Path, root: Path, inputs: Sequence[str]) -> dict[str, str]:
    """SHA-256 of the study's own programs and of each of ``inputs``; folders by the names and contents of their files.

    The study's programs are the files of its folder without ``study.toml`` (a claim's command is part of its key
    already), tests, results and report. Raises OpenbookError for an input that is not there, unless it is data.
    """
    own = [path for path in _files(folder) if path.name != "study.toml" and not path.name.startswith("test_")]
    found = {"{study}": _hash(folder, own)}
    for given in inputs:
        path = Path(given.replace("{data}", str(data_folder(root))))
        path = path if path.is_absolute() else root / path
        if path.is_dir():
            found[given] = _hash(path, _files(path))
        elif path.is_file():
            found[given] = _hash(path.parent, [path])
        elif given.startswith("{data}"):
            found[given] = "absent"
        else:
            raise OpenbookError(f"{folder / 'study.toml'}: the input {given} is not in {root}")
    return found


def key_of(command: Sequence[str], hashes: dict[str, str]) -> str:
    """The name of a result: a hash of the command and its inputs."""
    return hashlib.sha256(json.dumps([list(command), hashes], sort_keys=True).encode()).hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _BUILT or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _hash(base: Path, files: Sequence[Path] | Iterator[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(f"{path.relative_to(base)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
