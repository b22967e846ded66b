"""What a repository offers as a whole: a README and what it covers, a licence, dependencies, commands, tests, CI."""

from __future__ import annotations

import posixpath
import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Final

from openbook.record.model import CodeFinding
from openbook.repositories.contents import Repository, RepositoryFile

#: What reviewers look for in a README, and the words that tell that it is there.
TOPICS: Final[dict[str, str]] = {
    "install": r"\binstall|\brequirements?\b|\bdependenc|\bset-?up\b|\bconda\b|\bpip\b|\bdocker\b",
    "data": r"\bdata ?sets?\b|\bdata\b|\bcorpus\b|\bdownload",
    "training": r"\btrain(?:ing)?\b|\bfit(?:ting)?\b|\boptimi[sz]e\b",
    "evaluation": r"\bevaluat|\btest(?:ing)? the model|\bbenchmark|\bscores?\b|\binference\b",
    "results": r"\bresults?\b|\btables? \d|\bfigures? \d|\breproduc",
    "pretrained models": r"\bpre-?trained\b|\bcheckpoints?\b|\bweights\b",
}
_LICENCES: Final = (
    ("Apache-2.0", r"Apache License,?\s+Version 2\.0"),
    ("MIT", r"\bMIT License\b|Permission is hereby granted, free of charge"),
    ("GPL-3.0", r"GNU GENERAL PUBLIC LICENSE\s+Version 3"),
    ("GPL-2.0", r"GNU GENERAL PUBLIC LICENSE\s+Version 2"),
    ("LGPL", r"GNU LESSER GENERAL PUBLIC LICENSE"),
    ("BSD", r"Redistribution and use in source and binary forms"),
    ("CC-BY-NC", r"Attribution-NonCommercial"),
    ("CC-BY", r"Creative Commons Attribution"),
    ("MPL-2.0", r"Mozilla Public License"),
    ("Unlicense", r"free and unencumbered software"),
)
_LOCKS: Final = frozenset(
    """
    poetry.lock uv.lock pdm.lock pipfile.lock conda-lock.yml pixi.lock renv.lock manifest.toml package-lock.json
    yarn.lock cargo.lock pylock.toml constraints.txt requirements.lock requirements-lock.txt
    """.split()
)
_CONTAINERS: Final = frozenset("dockerfile containerfile singularity apptainer.def devcontainer.json flake.nix".split())
_DEPENDENCIES: Final = frozenset(
    """
    requirements.txt pyproject.toml setup.py setup.cfg environment.yml environment.yaml pipfile conda.yml conda.yaml
    description project.toml package.json cargo.toml go.mod pom.xml build.gradle cmakelists.txt
    """.split()
)
_CI: Final = re.compile(
    r"^(?:\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml|\.travis\.yml|\.circleci/config\.yml|azure-pipelines\.yml|"
    r"jenkinsfile|\.woodpecker\.ya?ml|\.ci/[^/]+)$",
    re.IGNORECASE,
)
_TEST: Final = re.compile(
    r"(?:^|/)(?:tests?|testing)/|(?:^|/)test_[^/]+\.\w+$|_test\.\w+$|(?:^|/)[^/]+\.test\.\w+$", re.IGNORECASE
)
_DOI: Final = re.compile(r"\b10\.\d{4,9}/\S+|zenodo\.org/(?:badge|record|doi)|\bswh:1:", re.IGNORECASE)


def readme_of(repository: Repository) -> RepositoryFile | None:
    """The README nearest to the top, if it is within two folders of it."""
    found = [file for file in repository.files if re.fullmatch(r"read_?me(?:\.\w+)?", file.name)]
    return found[0] if found and found[0].path.count("/") < 2 else None


def readme_findings(repository: Repository, covers: dict[str, bool]) -> Iterator[CodeFinding]:
    """Whether there is a README and what it covers; ``covers`` is filled in."""
    readme = readme_of(repository)
    text = repository.text(readme) if readme else ""
    covers.update({topic: bool(re.search(words, text, re.IGNORECASE)) for topic, words in TOPICS.items()})
    if readme is None:
        yield CodeFinding(kind="missing_readme", severity="high", message="There is no README at the top.")
        return
    if len(text.split()) < 30:
        message = "The README has fewer than 30 words; say what the code is and how to run it."
        yield CodeFinding(kind="readme_lacks", severity="medium", file=readme.path, message=message)
    for topic, covered in covers.items():
        if not covered:
            grave = topic in ("install", "training", "data")
            yield CodeFinding(
                kind="readme_lacks",
                severity="medium" if grave else "low",
                file=readme.path,
                message=f"The README says nothing of: {topic}.",
            )


def licence_of(repository: Repository) -> tuple[str | None, RepositoryFile | None]:
    """The licence by its own words (``other`` where they are not known), and its file."""
    pattern = re.compile(r"(?:licen[cs]e|copying|unlicense)(?:[.-][\w.-]+)?")
    file = next((one for one in repository.files if pattern.fullmatch(one.name) and one.path.count("/") < 2), None)
    if file is None:
        return None, None
    text = repository.text(file)
    return next((name for name, words in _LICENCES if re.search(words, text, re.IGNORECASE)), "other"), file


def dependency_findings(repository: Repository) -> Iterator[CodeFinding]:
    """Whether dependencies are listed, with versions, and whether they are locked or in a container."""
    listed = [file for file in repository.files if is_dependency_file(file) and file.path.count("/") < 3]
    locked = [file for file in repository.files if file.name in _LOCKS]
    contained = [file for file in repository.files if file.name in _CONTAINERS or file.suffix == ".def"]
    if not listed and not locked and not contained:
        if any(file.is_code for file in repository.files):
            message = "No file lists what has to be installed (requirements.txt, pyproject.toml, environment.yml ...)."
            yield CodeFinding(kind="missing_dependencies", severity="high", message=message)
        return
    if not locked:
        for file in listed:
            loose = [name for name, version in dependencies_in(file, repository.text(file)) if not version]
            if loose:
                shown = ", ".join(loose[:6]) + (f" and {len(loose) - 6} more" if len(loose) > 6 else "")
                yield CodeFinding(
                    kind="unpinned_versions",
                    severity="medium",
                    file=file.path,
                    message=f"Without a fixed version: {shown}.",
                )
        if not contained:
            message = "Neither a lock file nor a container fixes the whole environment."
            yield CodeFinding(kind="no_lock_file", severity="low", message=message)


def is_dependency_file(file: RepositoryFile) -> bool:
    """Whether a file lists dependencies, by its name."""
    return file.name in _DEPENDENCIES or bool(
        re.fullmatch(r"(?:requirements|environment)[\w.-]*\.(?:txt|ya?ml|in)", file.name)
    )


def dependencies_in(file: RepositoryFile, text: str) -> list[tuple[str, str | None]]:
    """Name and fixed version of each dependency that a file lists. None: the version is open. Only Python's formats."""
    if file.suffix in (".txt", ".in"):
        return [found for line in text.splitlines() if (found := _requirement(line))]
    if file.suffix in (".yml", ".yaml"):
        lines = re.findall(
            r"^\s*-\s+(?:[\w-]+::)?([A-Za-z][\w.-]*(?:\[[^\]]*\])?\s*(?:[=<>~!]=?[^#\n]*)?)$", text, re.MULTILINE
        )
        parsed = [_requirement(re.sub(r"(?<![=<>~!])=(?!=)", "==", line, count=1)) for line in lines]
        return [one for one in parsed if one and one[0] not in ("pip", "defaults", "conda-forge", "pytorch", "nvidia")]
    if file.name == "pyproject.toml":
        try:
            project = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return []
        listed = project.get("project", {}).get("dependencies", [])
        poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
        given = [
            f"{name}=={v}" if isinstance(v, str) and re.fullmatch(r"\d[\w.]*", v) else name
            for name, v in poetry.items()
        ]
        return [found for line in [*listed, *given] if isinstance(line, str) and (found := _requirement(line))]
    if file.name == "setup.py":
        block = re.search(r"install_requires\s*=\s*\[(.*?)\]", text, re.DOTALL)
        lines = re.findall(r"[\"']([^\"']+)[\"']", block[1]) if block else []
        return [found for line in lines if (found := _requirement(line))]
    return []


_REQUIREMENT: Final = re.compile(r"([A-Za-z][\w.-]*)(?:\[[^\]]*\])?\s*(?:\(?\s*(===?|@|[<>~!]=?)\s*([^\s;,)]+))?")


def _requirement(line: str) -> tuple[str, str | None] | None:
    line = line.split("#")[0].strip()
    if not line or line.startswith(("-", "http:", "https:", "git+", "./")):
        return None
    found = _REQUIREMENT.match(line)
    if found is None:
        return None
    fixed = found[2] in ("==", "===", "@") and "*" not in (found[3] or "")
    return found[1], found[3] if fixed else None


def command_findings(repository: Repository) -> Iterator[CodeFinding]:
    """Files and make targets that the README's commands name and the repository does not have."""
    readme = readme_of(repository)
    if readme is None:
        return
    seen: set[str] = set()
    here = posixpath.dirname(readme.path)
    for number, command in shown_commands(repository.text(readme)):
        wanted = _named_file(command)
        if wanted is None or wanted in seen:
            continue
        seen.add(wanted)
        if wanted.startswith("make "):
            missing = not _has_target(repository, wanted[5:])
        else:
            places = {posixpath.normpath(posixpath.join(here, wanted)), posixpath.normpath(wanted)}
            missing = not any(
                file.path in places or file.path.endswith(f"/{posixpath.normpath(wanted)}") for file in repository.files
            )
        if missing:
            message = f"The README runs `{command[:100]}`, but there is no {wanted}."
            yield CodeFinding(
                kind="missing_entry_point", severity="high", file=readme.path, line=number, message=message
            )


def shown_commands(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a README's code blocks, fenced or indented, with their line numbers; prompts taken off."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*(?:```|~~~)", line):
            fenced = not fenced
        elif fenced or re.match(r"(?: {4}|\t)\S", line):
            yield number, re.sub(r"^\s*(?:[$>%#]\s+|\(\w+\)\s*\$\s*)?", "", line).strip()


_PLACEHOLDER: Final = re.compile(r"[<>{}\[\]*$]|\bpath/to\b|\byour\b", re.IGNORECASE)


def _named_file(command: str) -> str | None:
    """The file of the repository that a command needs: a script, a list of requirements, or ``make TARGET``."""
    try:
        words = shlex.split(command.split("&&")[-1].split("|")[0].split("#")[0])
    except ValueError:
        return None
    while words and (re.fullmatch(r"\w+=\S*", words[0]) or words[0] in ("sudo", "time", "nohup", "env")):
        words = words[1:]
    if not words:
        return None
    program, rest = posixpath.basename(words[0]), words[1:]
    name: str | None = None
    if re.fullmatch(r"python[\d.]*|bash|sh|zsh|Rscript|julia|node|perl", program):
        name = next((word for word in rest if not word.startswith("-")), None)
        if rest[:1] in (["-m"], ["-c"]):
            return None
        if name and not re.search(r"\.\w+$", name):
            return None
    elif words[0].startswith("./"):
        name = words[0]
    elif program in ("pip", "pip3") and "-r" in rest[:-1]:
        name = rest[rest.index("-r") + 1]
    elif program in ("conda", "mamba") and "-f" in rest[:-1]:
        name = rest[rest.index("-f") + 1]
    elif program == "make":
        target = next((word for word in rest if re.fullmatch(r"[A-Za-z][\w-]*", word)), None)
        return f"make {target}" if target else None
    if name is None or _PLACEHOLDER.search(name) or name.startswith(("/", "~", "http", "..")):
        return None
    return name.removeprefix("./")


def _has_target(repository: Repository, target: str) -> bool:
    makefiles = repository.named("makefile", "gnumakefile")
    pattern = re.compile(rf"^{re.escape(target)}\s*:(?!=)|^\.PHONY:.*\b{re.escape(target)}\b", re.MULTILINE)
    return any(pattern.search(repository.text(file)) for file in makefiles)


def upkeep_findings(repository: Repository) -> Iterator[CodeFinding]:
    """Tests, continuous integration, and an identifier under which this state of the code stays findable."""
    if not any(_TEST.search(file.path) for file in repository.files):
        yield CodeFinding(kind="no_tests", severity="low", message="There are no tests.")
    if not any(_CI.match(file.path) for file in repository.files):
        yield CodeFinding(kind="no_ci", severity="low", message="No continuous integration runs the code.")
    cited = [file for file in repository.files if file.name in ("citation.cff", "codemeta.json", ".zenodo.json")]
    readme = readme_of(repository)
    texts = [repository.text(file) for file in [*cited, *([readme] if readme else [])]]
    if not any(_DOI.search(text) for text in texts):
        message = "Neither the README nor a CITATION.cff names a DOI or a Software Heritage id of the code."
        yield CodeFinding(kind="no_doi", severity="low", message=message)
