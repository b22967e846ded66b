"""The inspection of a whole repository, and its comparison with the paper's record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from openbook.record.model import CodeFinding, CodeReport, Record
from openbook.repositories.cloning import MEGABYTES, SECONDS, cloned, git_output, is_address
from openbook.repositories.contents import Repository, content_findings, read_repository
from openbook.repositories.structure import (
    command_findings,
    dependencies_in,
    dependency_findings,
    is_dependency_file,
    licence_of,
    readme_findings,
    upkeep_findings,
)

#: Kind of a finding -> what it means, in the order of reports.
KINDS: Final[dict[str, str]] = {
    "missing_readme": "no README at the top",
    "readme_lacks": "something a README should cover",
    "missing_licence": "no licence: others may not use the code",
    "missing_dependencies": "nothing lists what has to be installed",
    "unpinned_versions": "dependencies without a fixed version",
    "no_lock_file": "neither a lock file nor a container",
    "missing_entry_point": "a command of the README names a file or target that is not there",
    "no_code": "no source code",
    "no_seeds": "random numbers without a seed",
    "machine_path": "a path that exists on one machine only",
    "secret": "a key, token or password",
    "broken_notebook": "a notebook that does not open",
    "notebook_order": "a notebook whose cells were not run in order",
    "notebook_outputs": "a notebook without outputs",
    "large_binary": "a large binary file",
    "odd_name": "a file name that scripts stumble over",
    "link_outside": "a symbolic link out of the repository",
    "too_many_files": "more files than were looked at",
    "no_tests": "no tests",
    "no_ci": "no continuous integration",
    "no_tag": "no tag or release of this state",
    "no_doi": "no DOI or Software Heritage id",
    "paper_only": "stated in the paper, not found in the repository",
    "version_differs": "another version in the paper than in the repository",
    "repository_only": "fixed in the repository, not stated in the paper",
}
_GRAVITY: Final = {"high": 0, "medium": 1, "low": 2}


def inspect_code(
    source: str, record: Record | None = None, *, seconds: float = SECONDS, megabytes: float = MEGABYTES
) -> CodeReport:
    """Look at the repository in a folder or at an https address, and compare it with a paper's record if one is given.

    Raises OpenbookError if there is nothing to look at.
    """
    if not is_address(source):
        return inspect_folder(Path(source), Path(source).resolve().name, record)
    with cloned(source, seconds=seconds, megabytes=megabytes) as folder:
        return inspect_folder(folder, source, record, fetched=True)


def inspect_folder(folder: Path, source: str, record: Record | None = None, *, fetched: bool = False) -> CodeReport:
    """The report on a folder. ``fetched``: it is a shallow clone, whose tags are not known."""
    repository = read_repository(folder)
    covers: dict[str, bool] = {}
    findings = list(readme_findings(repository, covers))
    licence, _ = licence_of(repository)
    if licence is None:
        message = "There is no licence file: without one nobody may reuse the code."
        findings.append(CodeFinding(kind="missing_licence", severity="high", message=message))
    findings += dependency_findings(repository)
    findings += command_findings(repository)
    findings += content_findings(repository)
    findings += upkeep_findings(repository)
    tags = git_output(folder, "tag", "--points-at", "HEAD").split() or git_output(folder, "tag").split()
    if not tags and not fetched and (folder / ".git").exists():
        message = "No tag marks the state that the paper used."
        findings.append(CodeFinding(kind="no_tag", severity="low", message=message))
    report = CodeReport(
        source=source,
        commit=git_output(folder, "rev-parse", "HEAD") or None,
        last_change=git_output(folder, "log", "-1", "--format=%cs") or None,
        tags=tags[:20],
        files=len(repository.files),
        size=sum(file.size for file in repository.files),
        licence=licence,
        covers=covers,
        findings=_in_order(findings),
    )
    return report if record is None else compared(report, repository, record)


def compared(report: CodeReport, repository: Repository, record: Record) -> CodeReport:
    """A report with the comparison of the paper's record and the repository."""
    findings = [*report.findings, *compare(repository, record)]
    return report.model_copy(update={"findings": _in_order(findings)})


def _in_order(findings: list[CodeFinding]) -> list[CodeFinding]:
    """The gravest first."""
    return sorted(findings, key=lambda item: (_GRAVITY[item.severity], list(KINDS).index(item.kind), item.file or ""))


_VERSION: Final = re.compile(
    r"\b([A-Za-z][A-Za-z+#-]*(?:[- ]learn)?)\s*(?:\(?v(?:ersion|er\.?)?\s*)?[ =-]{0,2}(\d+(?:\.\d+)+)\b"
)
_SETTING: Final = re.compile(
    r"\b(learning rate|batch size|weight decay|dropout(?: rate)?|momentum|epochs?|hidden (?:size|units|dimension)|temperature|"
    r"number of (?:layers|heads|epochs))\b(?:\s+(?:of|to|is|was|=|size|rate)){0,3}\s*[=:]?\s*(\d+(?:\.\d+)?(?:e-?\d+)?|10\^?[-−]\d)",
    re.IGNORECASE,
)
_DATA: Final = re.compile(r"\b([A-Z][A-Za-z]*[A-Z0-9][\w-]*|[A-Z]{3,}[\w-]*)\b")
_SAME: Final = {"torch": "pytorch", "sklearn": "scikit-learn", "tensorflow-gpu": "tensorflow", "cudatoolkit": "cuda"}


def compare(repository: Repository, record: Record) -> Iterator[CodeFinding]:
    """Versions, settings and data sets that the paper's quotes state, against the repository, and the other way round."""
    pinned = {
        _SAME.get(name.lower(), name.lower()): (version, file.path)
        for file in repository.files
        if is_dependency_file(file)
        for name, version in dependencies_in(file, repository.text(file))
    }
    everything = "\n".join(repository.text(file) for file in repository.files if file.is_text)
    lower = everything.lower()
    letters = re.sub(r"[^a-z0-9\n]", "", lower)
    stated: set[str] = set()
    for name, version in _VERSION.findall(_quotes(record, "software_dependencies")):
        key = _SAME.get(name.lower(), name.lower())
        stated.add(key)
        fixed, file = pinned.get(key, (None, None))
        if fixed and not (fixed + ".").startswith(version + ".") and not (version + ".").startswith(fixed + "."):
            message = f"The paper states {name} {version}; the repository fixes {fixed}."
            yield CodeFinding(kind="version_differs", severity="medium", file=file, message=message)
        elif not fixed and key not in lower:
            message = f"The paper states {name} {version}; the repository does not mention it."
            yield CodeFinding(kind="paper_only", severity="low", message=message)
    for name, value in _SETTING.findall(_quotes(record, "experiment_setup")):
        if not any(form in lower for form in _forms(value)):
            message = f"The paper states {name.lower()} {value}; no file holds this value."
            yield CodeFinding(kind="paper_only", severity="medium", message=message)
    for name in dict.fromkeys(_DATA.findall(_quotes(record, "open_datasets"))):
        if re.sub(r"\W", "", name.lower()) not in letters:
            message = f"The paper names {name} in its answer about data; the repository does not mention it."
            yield CodeFinding(kind="paper_only", severity="low", message=message)
    unsaid = [f"{name} {version}" for name, (version, _) in pinned.items() if version and name not in stated]
    if unsaid and record.answers["software_dependencies"].result != "yes":
        shown = ", ".join(unsaid[:5]) + (f" and {len(unsaid) - 5} more" if len(unsaid) > 5 else "")
        message = f"The repository fixes versions that the paper does not state: {shown}."
        yield CodeFinding(kind="repository_only", severity="low", message=message)


def _quotes(record: Record, variable: str) -> str:
    answer = record.answers.get(variable)
    return "\n".join(item.quote for item in answer.evidence if item.match != "absent") if answer else ""


def _forms(value: str) -> set[str]:
    """How a number may be written in code: 0.001, .001, 1e-3, 1e-03."""
    value = value.replace("−", "-")
    power = re.fullmatch(r"10\^?-(\d)", value)
    number = 10.0 ** -int(power[1]) if power else float(value)
    forms = {value, f"{number:g}", f"{number:f}".rstrip("0").rstrip(".")}
    if 0 < number < 1:
        mantissa, exponent = f"{number:e}".split("e")
        short = mantissa.rstrip("0").rstrip(".")
        forms |= {f"{short}e{int(exponent)}", f"{short}e{exponent}", f"{number:f}".rstrip("0")[1:]}
    return forms
