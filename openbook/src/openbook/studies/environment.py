"""What decides a result and where it was measured: hashes of inputs, hardware, versions, seeds."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openbook.errors import OpenbookError
from openbook.files import file_sha256, sha256

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
    return sha256(json.dumps([list(command), hashes], sort_keys=True))[:16]


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
        total.update(f"{path.relative_to(base)}\0{file_sha256(path)}\n".encode())
    return total.hexdigest()


DATA = "OPENBOOK_DATA"


def data_folder(root: Path) -> Path:
    """Where shared data is: OPENBOOK_DATA, otherwise ``../shared/data`` beside the repository."""
    given = os.environ.get(DATA)
    return Path(given).absolute() if given else root.parent / "shared" / "data"


def missing(needs: Sequence[str], root: Path, url: str | None) -> str | None:
    """The first requirement that is not met, in words; None if all are met.

    ``data`` and ``data:FOLDER`` look for shared data, ``gpu`` for an NVIDIA GPU, ``network`` for the paper's own server.
    """
    for need in needs:
        kind, _, part = need.partition(":")
        if kind == "data" and not (data_folder(root) / part).is_dir():
            return f"needs data: no {part or 'shared data'} at hand; set {DATA}"
        if kind == "gpu" and gpu() is None:
            return "needs a GPU: none at hand"
        if kind == "network" and not _reaches(urlsplit(url or "").hostname or "arxiv.org"):
            return "needs the network: out of reach"
    return None


@cache
def gpu() -> str | None:
    """The NVIDIA GPUs of this machine, or None."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    names = _said([program, "--query-gpu=name", "--format=csv,noheader"], Path.cwd())
    return ", ".join(names.splitlines()) if names else None


@cache
def _reaches(host: str) -> bool:
    try:
        with socket.create_connection((host, 443), timeout=3):
            return True
    except OSError:
        return False


def commit(root: Path) -> tuple[str | None, bool]:
    """The commit of the repository at ``root`` and whether files differ from it; (None, True) if there is none."""
    if shutil.which("git") is None or _said(["git", "rev-parse", "--show-prefix"], root) != "":
        return None, True  # no repository, or root is a folder deep inside another one
    head = _said(["git", "rev-parse", "--verify", "--quiet", "HEAD"], root)
    return (head, _said(["git", "status", "--porcelain"], root) != "") if head else (None, True)


def _said(command: list[str], folder: Path) -> str | None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Python's version, and that of each installed distribution."""
    found = {"python": platform.python_version()}
    for name in ("openbook", *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """The machine: processor, cores, memory in bytes, operating system, GPU or None."""
    import psutil

    return {
        "processor": _processor(),
        "cores": len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count(),
        "memory_bytes": int(psutil.virtual_memory().total),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "gpu": gpu(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named and named[0] not in ("", "unknown") else platform.processor() or platform.machine()
