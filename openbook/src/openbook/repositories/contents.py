"""The files of a repository, and what stands in them: machine paths, secrets, seeds, notebooks out of order, large binaries.

Files are read without following a link, running a filter or trusting a name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.record.model import CodeFinding

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
        """The first megabyte of a file as UTF-8; empty if it cannot be read or is binary."""
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
    """List the files of a folder, links not followed. Raises OpenbookError if it is not a folder or holds no file."""
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


LARGE: Final = 10_000_000
_MACHINE_PATH: Final = re.compile(
    r"(?<![\w.~:/-])(?:/home/(?!user\b|runner\b)[A-Za-z][\w.-]*|/Users/[A-Za-z][\w.-]*|/(?:scratch|mnt|gpfs|lustre|nfs)/[\w.-]+)(?=/)[\w./-]*"
    r"|\b[A-Z]:\\\\?Users\\\\?[\w.-]+"
)
_CONTAINER: Final = re.compile(r"(?:docker-)?compose(?:\.[\w-]+)*\.ya?ml$|devcontainer\.json$|.*\.def$")
_SECRETS: Final[tuple[tuple[str, str], ...]] = (
    ("a private key", r"-----BEGIN (?:RSA |EC |OPENSSH |DSA |PGP )?PRIVATE KEY"),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{40,}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b"),
    ("an OpenAI or Anthropic key", r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
    ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a Weights & Biases key", r"WANDB_API_KEY\W{1,4}[0-9a-f]{40}\b"),
    (
        "a password",
        r"(?i)\b(?:password|passwd|secret_key|api_key)\s*[=:]\s*[\"'](?!x+[\"']|\*+[\"']|<|\$|your|change|example|test|pass)[^\"'\s]{8,}[\"']",
    ),
)
_SECRET: Final = re.compile(
    "|".join(f"(?P<s{number}>{pattern.removeprefix('(?i)')})" for number, (_, pattern) in enumerate(_SECRETS))
)
_RANDOM: Final = re.compile(
    r"\b(?:np|numpy)\.random\.|\brandom\.(?:random|choice|shuffle|sample|randint|gauss)\b|\btorch\.(?:rand|randn|randperm)\b|"
    r"\bDataLoader\(|\btrain_test_split\(|\bshuffle\s*=\s*True|\brnorm\(|\brunif\(|\bsample\(|\.dropout\b|\bjax\.random\."
)
_SEED: Final = re.compile(
    r"manual_seed|\bseed_everything\b|\bset_(?:random_)?seed\b|\brandom\.seed\b|\brandom_state\s*=\s*\w|\bPRNGKey\(|"
    r"\bdefault_rng\(\s*[\w.]+|\bSeedSequence\b|\bset\.seed\(|\bRandom\.seed!\(|\bseed\s*=\s*\d|--seed\b|\brandom\.key\("
)


def content_findings(repository: Repository) -> Iterator[CodeFinding]:
    """Everything that one pass over the files finds."""
    random_file: RepositoryFile | None = None
    seeded = False
    for file in repository.files:
        if file.size > LARGE and not file.is_text:
            message = f"{file.size / 1e6:.0f} MB of data or weights in the repository; a release or an archive keeps it citable."
            yield CodeFinding(kind="large_binary", severity="low", file=shown(file.path), message=message)
        if (
            not file.path.isprintable()
            or any(ord(letter) < 32 for letter in file.path)
            or (" " in file.path.strip(" ") and file.is_code)
        ):
            message = "The file's name has spaces or letters that scripts stumble over."
            yield CodeFinding(kind="odd_name", severity="low", file=shown(file.path), message=message)
        if not (file.is_text or file.suffix in (".pem", ".key")):
            continue
        text = repository.text(file)
        yield from _secrets(file, text)
        if not file.is_code and file.suffix not in (".yml", ".yaml", ".json", ".toml", ".cfg", ".ini", ".env"):
            continue
        seeded = seeded or bool(_SEED.search(text))
        if file.is_code and random_file is None and not _is_test(file) and _RANDOM.search(text):
            random_file = file
        yield from _machine_paths(file, text)
        if file.suffix == ".ipynb":
            yield from _notebook(file, text)
    if random_file is not None and not seeded:
        message = "The code draws random numbers, and no seed is set anywhere."
        yield CodeFinding(kind="no_seeds", severity="medium", file=shown(random_file.path), message=message)
    for path in repository.outside:
        message = "A symbolic link leads out of the repository; it was not followed."
        yield CodeFinding(kind="link_outside", severity="medium", file=shown(path), message=message)
    if repository.cut:
        message = f"There are more files than are looked at; only the first {len(repository.files):,} were."
        yield CodeFinding(kind="too_many_files", severity="low", message=message)
    if not any(file.is_code for file in repository.files):
        yield CodeFinding(kind="no_code", severity="high", message="There is no source code among the files.")


def shown(path: str) -> str:
    """A path as one printable line."""
    return path if path.isprintable() else ascii(path)[1:-1]


def _is_test(file: RepositoryFile) -> bool:
    return "test" in file.path.lower()


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _secrets(file: RepositoryFile, text: str) -> Iterator[CodeFinding]:
    """The first thing in a file that looks like a secret. Its value is never repeated."""
    found = _SECRET.search(text)
    if found is not None and not _is_test(file):
        what = _SECRETS[int(str(found.lastgroup)[1:])][0]
        message = f"This looks like {what}; revoke it, and remove it from the history too."
        yield CodeFinding(
            kind="secret", severity="high", file=shown(file.path), line=_line(text, found.start()), message=message
        )


def _machine_paths(file: RepositoryFile, text: str) -> Iterator[CodeFinding]:
    inside = _CONTAINER.match(file.name)  # its paths are those of the container, which comes with it
    found = None if inside or _is_test(file) else _MACHINE_PATH.search(text)
    if found is not None:
        message = f"A path of one machine ({found[0][:60]}): elsewhere the code will not find it."
        yield CodeFinding(
            kind="machine_path",
            severity="medium",
            file=shown(file.path),
            line=_line(text, found.start()),
            message=message,
        )


def _notebook(file: RepositoryFile, text: str) -> Iterator[CodeFinding]:
    """Whether a notebook's cells were run in their order and their outputs kept."""
    try:
        notebook: Any = json.loads(text)
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    except (ValueError, KeyError, TypeError, RecursionError):
        if file.size < 1_000_000:
            message = "This notebook is not valid JSON and will not open."
            yield CodeFinding(kind="broken_notebook", severity="medium", file=shown(file.path), message=message)
        return
    counts = [cell.get("execution_count") for cell in cells]
    run = [count for count in counts if isinstance(count, int)]
    if run != sorted(run) or (run and None in counts):
        message = "The cells of this notebook were not run in their order, or not all of them."
        yield CodeFinding(kind="notebook_order", severity="low", file=shown(file.path), message=message)
    if cells and not any(cell.get("outputs") for cell in cells):
        message = "This notebook holds no output: a reader cannot compare."
        yield CodeFinding(kind="notebook_outputs", severity="low", file=shown(file.path), message=message)
