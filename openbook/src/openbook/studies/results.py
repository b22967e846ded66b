"""What a study leaves on disk: runs, and the verdict of each claim; and a study read together with them."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.studies.schema import VERDICTS, Claim, Size, SizeName, StudyFile, Verdict
from openbook.variables import SCORED


class _ResultPart(BaseModel):
    """Base of what is kept of a study's runs: a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid")


class SecondaryResult(_ResultPart):
    """A further number of a claim."""

    measured: float | None
    expected: float
    agrees: bool


class ClaimResult(_ResultPart):
    """The result of one claim."""

    verdict: Verdict
    reason: str = Field(default="", description="Why not run, why partly, or what limits the verdict.")
    measured: float | None = None
    interval: tuple[float, float] | None = None
    published: float | None = None
    target: float | None = Field(default=None, description="What the measured number was compared with.")
    seconds: float | None = Field(default=None, description="Wall time of the run; claims may share one.")
    size: SizeName | None = None
    scale: str = ""
    also: dict[str, SecondaryResult] = {}
    run: str | None = Field(default=None, description="The KEY of its run.")


class Verdicts(_ResultPart):
    """``results/verdicts.json``."""

    study: str
    written: str = Field(description="UTC, ISO 8601.")
    claims: dict[str, ClaimResult]


class StudyRun(_ResultPart):
    """``results/runs/KEY.json``: one run of one command."""

    key: str
    command: list[str] = Field(description="As in study.toml, places not filled in.")
    inputs: dict[str, str] = Field(description="What the result depends on: place -> SHA-256.")
    started: str
    seconds: float
    commit: str | None = Field(description="Of the repository; null if there is none.")
    dirty: bool = Field(description="Files differed from the commit, or there was none.")
    versions: dict[str, str]
    hardware: dict[str, Any]
    seeds: list[int] = []
    found: dict[str, Any] = Field(description="The object that the command printed.")


def results_folder(study: Path) -> Path:
    """Where a study's results are."""
    return study / "results"


def run_path(study: Path, key: str) -> Path:
    """The file of a run."""
    return results_folder(study) / "runs" / f"{key}.json"


def read_run(study: Path, key: str) -> StudyRun | None:
    """A kept run, or None if there is none that can be read: then it is run again."""
    try:
        run = StudyRun.model_validate_json(run_path(study, key).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
    return run if run.key == key else None


def write_run(study: Path, run: StudyRun) -> None:
    """Keep a run, whole or not at all."""
    write_atomically(run_path(study, run.key), run.model_dump_json(indent=1) + "\n")


def read_verdicts(study: Path) -> Verdicts | None:
    """The verdicts of a study, or None before its first run. Raises OpenbookError if the file is damaged."""
    path = results_folder(study) / "verdicts.json"
    try:
        return Verdicts.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise OpenbookError(
            f"{path} cannot be read; remove it, then openbook study run {study.name} writes it again"
        ) from error


def write_verdicts(study: Path, verdicts: Verdicts) -> None:
    """Keep the verdicts, whole or not at all."""
    write_atomically(results_folder(study) / "verdicts.json", verdicts.model_dump_json(indent=1) + "\n")


_ROUNDING = 1e-12


def read_number(found: Any, path: str) -> float | None:
    """The number under keys separated by dots; None if there is none."""
    for key in path.split("."):
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        return None
    return float(found)


def _read_interval(found: Any, path: str | None) -> tuple[float, float] | None:
    if path is None:
        return None
    low, high = read_number(found, f"{path}.0"), read_number(found, f"{path}.1")
    return None if low is None or high is None else (low, high)


def distance(measured: float, size: Size) -> float:
    """How far a number is on the wrong side of its target; 0 if it is on the right one."""
    gap = measured - size.target
    match size.direction:
        case "at_least":
            return max(0.0, -gap)
        case "at_most":
            return max(0.0, gap)
        case _:
            return abs(gap)


def judge(size: Size, name: SizeName, run: StudyRun) -> ClaimResult:
    """The verdict of a run on a claim.

    Reproduced within the tolerance, partly within ``partly`` or where a further number (``also``) disagrees. A smaller
    size cannot say better than its ``best`` nor worse than its ``worst``; where that changes the verdict, the reason
    says so.
    """
    measured = read_number(run.found, size.read)
    result = ClaimResult(
        verdict="not run",
        published=size.published,
        target=size.target,
        seconds=run.seconds,
        size=name,
        scale=size.scale,
        run=run.key,
    )
    if measured is None:
        return result.model_copy(update={"reason": f"the command printed no number at {size.read}"})
    also = {
        path: SecondaryResult(
            measured=(value := read_number(run.found, path)),
            expected=expected,
            agrees=value is not None and abs(value - expected) <= size.tolerance + _ROUNDING,
        )
        for path, expected in size.also.items()
    }
    verdict, reason = _verdict(measured, size, also)
    bounded, limit = _bounded(verdict, size)
    return result.model_copy(
        update={
            "verdict": bounded,
            "reason": "; ".join(part for part in (reason, limit) if part),
            "measured": measured,
            "interval": _read_interval(run.found, size.interval),
            "also": also,
        }
    )


def _verdict(measured: float, size: Size, also: dict[str, SecondaryResult]) -> tuple[Verdict, str]:
    gap = distance(measured, size)
    if gap <= size.tolerance + _ROUNDING:
        off = [path for path, one in also.items() if not one.agrees]
        return ("partly", f"{', '.join(off)} differ") if off else ("reproduced", "")
    if size.partly is not None and gap <= size.partly + _ROUNDING:
        return "partly", f"off by {gap:.3g}, within {size.partly:g} but not {size.tolerance:g}"
    return "not reproduced", f"off by {gap:.3g}, tolerance {size.tolerance:g}"


def _bounded(verdict: Verdict, size: Size) -> tuple[Verdict, str]:
    if VERDICTS.index(verdict) < VERDICTS.index(size.best):
        return size.best, "a smaller size than the paper's cannot say more"
    if VERDICTS.index(verdict) > VERDICTS.index(size.worst):
        return size.worst, "says nothing against the paper's size"
    if verdict == "not reproduced" and size.worst == "not run":
        return "not run", "the paper's size was not run; that a smaller one falls short says nothing against it"
    return verdict, ""


_NEVER = "never run here"


@dataclass(frozen=True)
class Study:
    """A study: what its file says, and what its runs have found so far.

    Attributes:
        folder: where its ``study.toml`` is.
        file: what stands there.
    """

    folder: Path
    file: StudyFile

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.file.name

    @property
    def index_id(self) -> str | None:
        """The id of its paper in the published index, or None if the paper is not there."""
        return self.file.paper.index_id

    @property
    def root(self) -> Path:
        """Where its commands run: the folder that holds ``studies``."""
        return self.folder.resolve().parents[1]

    @cached_property
    def claims(self) -> dict[str, Claim]:
        """The claims by id, in the file's order."""
        return {claim.id: claim for claim in self.file.claims}

    @cached_property
    def verdicts(self) -> dict[str, ClaimResult]:
        """The verdict of each claim; *not run* for those never tried. Raises OpenbookError for a damaged file."""
        kept = read_verdicts(self.folder)
        found = kept.claims if kept else {}
        return {
            name: found.get(name) or ClaimResult(verdict="not run", reason=_NEVER, published=claim.published)
            for name, claim in self.claims.items()
        }

    @property
    def was_run(self) -> bool:
        """Whether any claim has ever been tried here."""
        return any(result.reason != _NEVER for result in self.verdicts.values())

    def run_of(self, claim: str) -> StudyRun | None:
        """The run that measured a claim, with commit, machine and versions; None if there is none."""
        key = self.verdicts[claim].run
        return read_run(self.folder, key) if key else None

    def counts(self, ours: bool | None = None) -> dict[Verdict, int]:
        """How many claims have each verdict; ``ours`` True or False counts what we add, or the paper's own, alone."""
        wanted = (name for name, claim in self.claims.items() if ours is None or claim.ours == ours)
        found = Counter(self.verdicts[name].verdict for name in wanted)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def guesses(self) -> dict[str, list[str]]:
        """Scored variable -> the values that the rebuild had to guess because the paper does not state them."""
        found: dict[str, list[str]] = {}
        for value in self.file.values:
            if value.guessed:
                found.setdefault(value.variable, []).append(value.name)
        return {variable: found[variable] for variable in SCORED if variable in found}

    def weighted_score(self) -> float | None:
        """The share of the rubric's weight that is reproduced, half of it where only partly; None without weights."""
        worth = {"reproduced": 1.0, "partly": 0.5}
        weights = {name: claim.weight for name, claim in self.claims.items() if claim.weight is not None}
        total = sum(weights.values())
        if not total:
            return None
        return sum(weight * worth.get(self.verdicts[name].verdict, 0.0) for name, weight in weights.items()) / total

    def unfinished(self) -> list[str]:
        """What is still empty or guessed in the study's file, a line each."""
        found = []
        for name, claim in self.claims.items():
            lacks = [
                what
                for what, there in (("command", claim.command), ("read", claim.read), ("metric", claim.metric))
                if not there
            ]
            lacks += ["published or threshold"] if claim.published is None and claim.threshold is None else []
            if lacks:
                found.append(f"{name}: no {', no '.join(lacks)}")
            if "(guessed)" in claim.metric:
                found.append(f"{name}: the metric {claim.metric!r} is a guess; confirm it")
        return found

    def headline(self) -> str:
        """A line about the paper's own claims, such as ``5 of 7 claims reproduced, 1 partly, 1 not run``."""
        counts = self.counts(ours=False)
        rest = "".join(
            f", {number} {verdict}" for verdict, number in counts.items() if number and verdict != "reproduced"
        )
        return f"{counts['reproduced']} of {sum(counts.values())} claims reproduced{rest}"


def load_study(folder: Path) -> Study:
    """A study. Raises OpenbookError that lists everything that is wrong with its file."""
    path = folder / "study.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OpenbookError(
            f"there is no study {folder}: it has no study.toml; openbook study list shows them"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OpenbookError(f"cannot read {path}: {error}") from error
    try:
        file = StudyFile.model_validate(data)
    except ValidationError as error:
        claims = data.get("claims") if isinstance(data.get("claims"), list) else []
        raise OpenbookError(f"{path} is not a valid study: " + "; ".join(_faults(error, claims or []))) from error
    faults = (
        [] if file.name == folder.resolve().name else [f"name is {file.name!r}, its folder {folder.resolve().name!r}"]
    )
    for claim in file.claims:
        unknown = [variable for variable in claim.variables if variable not in SCORED]
        faults += [f"claim {claim.id}: {variable!r} is none of the seven variables" for variable in unknown]
    if faults:
        raise OpenbookError(f"{path} is not a valid study: " + "; ".join(faults))
    return Study(folder, file)


def _faults(error: ValidationError, claims: list[object]) -> list[str]:
    said = []
    for one in error.errors():
        place = [str(step) for step in one["loc"]]
        if len(place) > 1 and place[0] == "claims" and place[1].isdigit():
            claim = claims[int(place[1])]
            name = claim.get("id", place[1]) if isinstance(claim, dict) else place[1]
            place[:2] = [f"claim {name}"]
        said.append(f"{'.'.join(place) or 'the file'}: {one['msg'].removeprefix('Value error, ')}")
    return said


def load_studies(folder: Path) -> list[Study]:
    """Every study in a folder, by name; none if the folder is absent. Raises as ``load_study``."""
    return [load_study(path.parent) for path in sorted(folder.glob("*/study.toml"))]


def find_study(folder: Path, name: str) -> Study:
    """The study of that name. Raises OpenbookError that lists the studies."""
    if not (folder / name / "study.toml").is_file() or "/" in name:
        there = ", ".join(path.parent.name for path in sorted(folder.glob("*/study.toml"))) or "none"
        raise OpenbookError(f"there is no study {name!r} in {folder} (there: {there}); --studies DIR names the folder")
    return load_study(folder / name)
