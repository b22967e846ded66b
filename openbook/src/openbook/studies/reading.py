"""Reads studies: the file, with all that is wrong with it said at once, and the verdicts beside it."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from openbook.errors import OpenbookError
from openbook.studies.results import ClaimResult, Run, read_run, read_verdicts
from openbook.studies.schema import VERDICTS, Claim, StudyFile, Verdict
from openbook.variables import SCORED

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
        """The id of its paper in the published index, or None where the paper is not there."""
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
        """What became of each claim; *not run* for those never tried. Raises OpenbookError for a damaged file."""
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

    def run_of(self, claim: str) -> Run | None:
        """The run that measured a claim, with commit, machine and versions; None where there is none."""
        key = self.verdicts[claim].run
        return read_run(self.folder, key) if key else None

    def counts(self, ours: bool | None = None) -> dict[Verdict, int]:
        """How many claims have each verdict; ``ours`` True or False counts what we add, or the paper's own, alone."""
        wanted = (name for name, claim in self.claims.items() if ours is None or claim.ours == ours)
        found = Counter(self.verdicts[name].verdict for name in wanted)
        return {verdict: found[verdict] for verdict in VERDICTS}

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
        raise OpenbookError(f"{path} is no study: " + "; ".join(_faults(error, claims or []))) from error
    faults = (
        [] if file.name == folder.resolve().name else [f"name is {file.name!r}, its folder {folder.resolve().name!r}"]
    )
    for claim in file.claims:
        unknown = [variable for variable in claim.variables if variable not in SCORED]
        faults += [f"claim {claim.id}: {variable!r} is none of the seven variables" for variable in unknown]
    if faults:
        raise OpenbookError(f"{path} is no study: " + "; ".join(faults))
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
    """Every study in a folder, by name; none where the folder is absent. Raises as ``load_study``."""
    return [load_study(path.parent) for path in sorted(folder.glob("*/study.toml"))]


def find_study(folder: Path, name: str) -> Study:
    """The study of that name. Raises OpenbookError that says which there are."""
    if not (folder / name / "study.toml").is_file() or "/" in name:
        there = ", ".join(path.parent.name for path in sorted(folder.glob("*/study.toml"))) or "none"
        raise OpenbookError(f"there is no study {name!r} in {folder} (there: {there}); --studies DIR names the folder")
    return load_study(folder / name)
